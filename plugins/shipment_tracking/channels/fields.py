"""The fields of a channel in its connection: checked, and kept out of every message and log."""

import re
from abc import abstractmethod
from collections.abc import Callable
from datetime import datetime, time
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from shipment_tracking.channels.port import (
    ALERT,
    CUSTOMERS,
    LANGUAGES,
    OPS,
    STALLED,
    STATUSES,
    AccessTokens,
    Channel,
)
from shipment_tracking.domain.hosts import is_loopback
from shipment_tracking.domain.statuses import Status
from shipment_tracking.errors import ConnectionFieldError

OWN_SENTENCE = "own_sentence"
AUDIENCE = "audience"
"""What the validation context must hold: whom the channel notifies."""


CUSTOMERS_STATUSES = tuple(
    map(str, (Status.PICKED_UP, Status.OUT_FOR_DELIVERY, Status.READY_FOR_PICKUP, Status.SIGNED))
)
"""What customers are notified of where a channel names no statuses."""

MOST_PER_PARCEL = 6
"""Messages about one parcel to customers where a channel names no limit."""

REPORT_ONLY = "only"
"""A channel that gets the daily report and nothing else."""

PLAIN = re.compile(r"[\w-]{0,20}")


def is_plain(value: Any) -> bool:
    """Whether a value may be shown: only a short word is surely no secret and no address."""
    return bool(PLAIN.fullmatch(str(value)))


def own_sentence(text: str) -> PydanticCustomError:
    """A field's mistake that is told in these words; the channel is named before them."""
    return PydanticCustomError(OWN_SENTENCE, "{text}", {"text": text})


def need_library(module: str, *, extra: str) -> None:
    """
    Check that what a type needs is installed.

    :raises ConnectionFieldError: it is not; the text says what to install.
    """
    if find_spec(module) is None:
        raise ConnectionFieldError(
            f"its library is missing here: pip install 'shipment-tracking[{extra}]'"
        )


def _web_address(url: SecretStr, info: ValidationInfo) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError
    is_safe = parts.scheme == "https" or is_loopback(parts.hostname)
    if info.context and info.context[AUDIENCE] == CUSTOMERS and not is_safe:
        raise own_sentence("url must be https, since messages to customers hold their phones")
    return url


def robot_address(
    url: SecretStr, *, part: str, is_whole: Callable[[SplitResult], object]
) -> SecretStr:
    """
    The address of a chat robot.

    :param part: what proves who sends, as the address names it.
    :raises PydanticCustomError: it is not https, or without that part.
    """
    parts = urlsplit(url.get_secret_value())
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise own_sentence("url must be https, since it holds the robot's secret")
    if not is_whole(parts):
        raise own_sentence(f"url has no {part}; copy the whole address of the robot")
    return url


def need_both(login: object, password: object) -> None:
    """:raises PydanticCustomError: one is set without the other."""
    if login and not password:
        raise own_sentence("login is set without password")
    if password and not login:
        raise own_sentence("password is set without login")


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError
    return text


def _not_empty(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and not secret.get_secret_value():
        raise ValueError
    return secret


def span(text: str) -> tuple[time, time]:
    """
    The two times of day of a span such as ``22:00-08:00``.

    :raises ValueError: it is not one.
    """
    begin, end = (datetime.strptime(part, "%H:%M").time() for part in text.split("-"))  # noqa: DTZ007
    if begin == end:
        raise ValueError
    return begin, end


def _span(text: str) -> str:
    span(text)
    return text


def _is_for_customers(info: ValidationInfo) -> bool:
    return bool((info.context or {}).get(AUDIENCE) == CUSTOMERS)


# A field is described as an error goes on after "it must be".
Text = Annotated[str, AfterValidator(_not_blank), Field(description="a text")]
Secret = Annotated[SecretStr, Field(min_length=1, description="a text")]
OptionalSecret = Annotated[
    SecretStr | None, AfterValidator(_not_empty), Field(description="a text, or left out")
]
Url = Annotated[
    SecretStr, AfterValidator(_web_address), Field(description="an http or https address")
]


class ChannelFields(BaseModel):
    """
    What every channel may have; a kind of channel adds its own.

    :cvar for_customers: whether it can reach one buyer alone.
    :cvar for_staff: whether it can reach anybody else.
    :cvar may_digest: whether many changes may share a message.
    :cvar digests: whether they do unless ``digest`` says otherwise.
    :cvar hosts: hosts, also those below them, that take messages of this type only.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    for_customers: ClassVar[bool] = False
    for_staff: ClassVar[bool] = True
    may_digest: ClassVar[bool] = False
    digests: ClassVar[bool] = False
    hosts: ClassVar[tuple[str, ...]] = ()

    type: Text
    name: Text = Field("", description="a text that is not blank")
    language: Literal["zh", "en"] = Field("zh", description=f"one of {', '.join(LANGUAGES)}")
    statuses: list[str] | None = Field(
        None,
        validate_default=True,
        description=f"a list of some of {', '.join(STATUSES)}",
        min_length=1,
    )
    quiet_hours: Annotated[str, AfterValidator(_span)] | None = Field(
        None, description='a span of a day in Asia/Shanghai such as "22:00-08:00"'
    )
    digest: bool | None = Field(None, validate_default=True, description="true or false")
    most_per_parcel: int | None = Field(
        None, ge=1, validate_default=True, description="a number of messages"
    )
    report: bool | Literal["only"] = Field(False, description='true, false or "only"')

    @field_validator("statuses")
    @classmethod
    def _known(cls, statuses: list[str] | None, info: ValidationInfo) -> list[str] | None:
        for number, status in enumerate(statuses or (), start=1):
            if status not in STATUSES:
                shown = repr(status) if is_plain(status) else f"entry {number}"
                raise own_sentence(f"statuses: {shown} is unknown; known are {', '.join(STATUSES)}")
        if not _is_for_customers(info):
            return statuses
        if for_staff := {STALLED, ALERT} & set(statuses or ()):
            words = ", ".join(sorted(for_staff))
            raise own_sentence(f"statuses: customers are never notified of {words}; leave it out")
        return statuses or list(CUSTOMERS_STATUSES)

    @field_validator("digest")
    @classmethod
    def _has_digests(cls, digest: bool | None, info: ValidationInfo) -> bool:
        if digest and _is_for_customers(info):
            raise own_sentence(
                "digest is true, but customers get one message a change; leave it out"
            )
        if digest and not cls.may_digest:
            raise own_sentence(
                "digest is true, but this type gets one message a change; leave it out"
            )
        return cls.digests if digest is None else digest

    @field_validator("most_per_parcel")
    @classmethod
    def _limits_customers(cls, most: int | None, info: ValidationInfo) -> int | None:
        if _is_for_customers(info):
            return most or MOST_PER_PARCEL
        if most is not None:
            raise own_sentence("most_per_parcel is for customers only; leave it out")
        return None

    @field_validator("report")
    @classmethod
    def _is_for_ops(cls, report: bool | str, info: ValidationInfo) -> bool | str:
        if report and (info.context or {}).get(AUDIENCE) != OPS:
            raise own_sentence("report is for notify_ops only; leave it out")
        if report == REPORT_ONLY and info.data.get("statuses"):
            raise own_sentence(
                'report is "only", so statuses are never sent; leave one of them out'
            )
        return report

    @field_validator("type")
    @classmethod
    def _reaches(cls, kind: str, info: ValidationInfo) -> str:
        is_for_customers = _is_for_customers(info)
        if is_for_customers and not cls.for_customers:
            raise own_sentence(f"type {kind} does not reach a single buyer; use it for ops")
        if not is_for_customers and not cls.for_staff:
            raise own_sentence(f"type {kind} reaches buyers only; use it for customers")
        return kind

    @abstractmethod
    def open(self) -> Channel:
        """The channel that these fields describe; nothing is connected yet."""

    def open_with(self, tokens: AccessTokens) -> Channel:
        """The channel; a type that needs access tokens takes them from there."""
        return self.open()
