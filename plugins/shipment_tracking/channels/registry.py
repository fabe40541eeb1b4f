"""Every type of channel, and the destinations that a connection's list describes."""

from collections.abc import Iterator, Sequence
from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from shipment_tracking.channels import (
    aliyun_sms,
    dingtalk,
    feishu,
    kafka,
    mail,
    notifier,
    rabbitmq,
    webhook,
    wechat,
    wecom,
)
from shipment_tracking.channels.access_tokens import ProcessTokens
from shipment_tracking.channels.fields import (
    AUDIENCE,
    OWN_SENTENCE,
    REPORT_ONLY,
    ChannelFields,
    is_plain,
    span,
)
from shipment_tracking.channels.port import AccessTokens, Channel, Destination, connection_id
from shipment_tracking.domain.findings import Finding
from shipment_tracking.errors import ConnectionFieldError

TYPES: dict[str, type[ChannelFields]] = {
    "webhook": webhook.WebhookFields,
    "dingtalk": dingtalk.DingTalkFields,
    "wecom": wecom.WeComFields,
    "feishu": feishu.FeishuFields,
    "email": mail.MailFields,
    "aliyun_sms": aliyun_sms.AliyunSmsFields,
    "wechat": wechat.WeChatFields,
    "rabbitmq": rabbitmq.RabbitMQFields,
    "kafka": kafka.KafkaFields,
    "apprise": notifier.NotifierFields,
}


def destinations(
    audience: str, listed: Sequence[Any], tokens: AccessTokens | None = None
) -> list[Destination]:
    """
    The destinations of an audience.

    :param listed: the ``channels`` of its connection, each an object.
    :param tokens: where access tokens are kept; without it in this process only.
    :raises ConnectionFieldError: a field is missing, unknown or unusable; the text names
        connection, channel and field, and shows neither a secret nor an address.
    """
    connection = f"connection {connection_id(audience)}"
    shared = tokens or ProcessTokens()
    found = [
        _destination(audience, connection, number, fields, shared)
        for number, fields in enumerate(listed, start=1)
    ]
    names = [destination.channel_name for destination in found]
    for number, name in enumerate(names, start=1):
        if names.count(name) > 1:
            shown = name if is_plain(name) else f"like channel {number}"
            raise ConnectionFieldError(
                f'{connection}: two channels are named {shown}; give each a "name" of its own'
            )
    return found


def check(audience: str, listed: Sequence[Any]) -> Iterator[Finding]:
    """What ``destinations`` says of each channel by itself, then of all; nothing is sent."""
    connection = f"connection {connection_id(audience)}"
    is_usable = True
    for number, fields in enumerate(listed, start=1):
        try:
            found = _destination(audience, connection, number, fields, ProcessTokens())
        except ConnectionFieldError as error:
            is_usable = False
            yield Finding(f"channel {number}", False, _without(connection, error))
        else:
            named = found.channel_name if is_plain(found.channel_name) else str(number)
            yield Finding(f"channel {named}", True, note="fields are usable; nothing was sent")
    if not listed:
        yield Finding("channels", True, "the list is empty, so nobody is notified")
    if is_usable:
        try:
            destinations(audience, listed)
        except ConnectionFieldError as error:
            yield Finding("names", False, _without(connection, error))


def _without(connection: str, error: ConnectionFieldError) -> str:
    return str(error).removeprefix(f"{connection}: ")


def _destination(
    audience: str, connection: str, number: int, fields: Any, tokens: AccessTokens
) -> Destination:
    if not isinstance(fields, dict):
        raise ConnectionFieldError(
            f'{connection}: channel {number} is not an object such as {{"type": "webhook", …}}'
        )
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        raise ConnectionFieldError(
            f"{connection}: channel {number}: type is {_shown(kind)}; it must be one of "
            f"{', '.join(TYPES)}"
        )
    model = TYPES[kind]
    if unknown := sorted(fields.keys() - model.model_fields.keys()):
        names = [name for name in unknown if is_plain(name)]
        raise ConnectionFieldError(
            f"{connection}: channel {number} has unknown fields "
            f"{', '.join(names) or 'with strange names'}; known are "
            f"{', '.join(_known(model))}"
        )
    name = fields.get("name", kind)
    named = name if name and isinstance(name, str) and is_plain(name) else number
    if said := _other_robot(kind, fields.get("url")):
        raise ConnectionFieldError(f"{connection}: channel {named}: {said}")
    try:
        given = model.model_validate(fields, context={AUDIENCE: audience})
    except ValidationError as error:
        # "from None": the library's own message is not for people.
        raise ConnectionFieldError(
            f"{connection}: channel {named}: {_mistake(model, error.errors()[0])}"
        ) from None
    return Destination(
        audience,
        name,
        _open(given, f"{connection}: channel {named}", tokens),
        given.language,
        _statuses(given),
        span(given.quiet_hours) if given.quiet_hours else None,
        bool(given.digest),
        given.most_per_parcel,
        bool(given.report),
    )


def _statuses(given: ChannelFields) -> tuple[str, ...] | None:
    """What it wants to hear of; nothing where it gets the report only."""
    if given.report == REPORT_ONLY:
        return ()
    return tuple(given.statuses) if given.statuses else None


def _other_robot(kind: str, url: Any) -> str | None:
    """What is wrong where the address is that of a chat robot of another type."""
    try:
        host = (urlsplit(url).hostname or "") if isinstance(url, str) else ""
    except ValueError:
        return None
    right = next((name for name, model in TYPES.items() if _is_below(host, model.hosts)), None)
    if right in (None, kind):
        return None
    return (
        f"{host} is a chat robot, which answers 200 to messages of another form and drops them; "
        f'its type is "{right}"'
    )


def _is_below(host: str, known: Sequence[str]) -> bool:
    host = host.lower().rstrip(".")
    return any(f".{host}".endswith(f".{each}") for each in known)


def _open(given: ChannelFields, channel: str, tokens: AccessTokens) -> Channel:
    try:
        return given.open_with(tokens)
    except ConnectionFieldError as error:
        raise ConnectionFieldError(f"{channel}: {error}") from None


def _known(model: type[ChannelFields]) -> list[str]:
    """The fields of a type, its own before those of every channel."""
    common = [name for name in ChannelFields.model_fields if name != "type"]
    own = [name for name in model.model_fields if name not in ChannelFields.model_fields]
    return ["type", *own, *common]


def _mistake(model: type[ChannelFields], error: ErrorDetails) -> str:
    if error["type"] == OWN_SENTENCE:
        return error["msg"]
    name = str(error["loc"][0])
    field = model.model_fields[name]
    value = None if error["type"] == "missing" else error["input"]
    if field.is_required() and (value is None or (isinstance(value, str) and not value.strip())):
        return f"{name} is missing; it must be {field.description}"
    is_secret = SecretStr in (field.annotation, *get_args(field.annotation))
    if is_secret or not (value == [] or is_plain(value)):
        return f"{name} is not {field.description}"
    return f"{name} is {value!r}; it must be {field.description}"


def _shown(kind: Any) -> str:
    if kind is None:
        return "missing"
    return repr(kind) if is_plain(kind) else "none of this version"
