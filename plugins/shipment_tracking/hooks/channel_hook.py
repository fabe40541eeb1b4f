"""The channels of each audience from the connections ``notify_<audience>``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from shipment_tracking.errors import ConnectionFieldError
from shipment_tracking.hooks.clock_hook import is_loopback
from shipment_tracking.hooks.connection_hook import extra_of, find

if TYPE_CHECKING:
    from shipment_tracking.channels.destination import Channels, Destination

TYPES = ("webhook",)
FIELDS = ("type", "url", "secret", "name", "language", "statuses")


class ChannelHook(BaseHook):
    """
    Read the channels of one audience.

    :param audience: ``ops``, ``customers`` or an account; its Airflow connection is of type generic
        with the extra ``{"channels": [{"type": "webhook", "url": …, "secret": …}, …]}``. A channel
        may also have a ``name`` (default: its type), a ``language`` (``zh`` or ``en``) and
        ``statuses`` (a list of those it wants; ``stalled`` stands for alarms).
    """

    def __init__(self, audience: str) -> None:
        from shipment_tracking.channels.destination import connection_id

        super().__init__()
        self.audience = audience
        self.conn_id = connection_id(audience)

    def get_conn(self) -> "list[Destination]":
        """
        The destinations; none when there is no such connection.

        :raises ConnectionFieldError: a field is missing, unknown or unusable; the text names it.
        """
        try:
            connection = find(self.conn_id)
        except AirflowNotFoundException:
            return []
        if connection.conn_type != "generic":
            raise self._error(f"is of type {connection.conn_type}; make it of type generic")
        extra = extra_of(connection)
        listed = extra.get("channels")
        if not isinstance(listed, list) or extra.keys() != {"channels"}:
            raise self._error(
                'extra must be {"channels": [{"type": "webhook", "url": "https://...", '
                '"secret": "..."}]} and nothing else'
            )
        found = [self._destination(number, each) for number, each in enumerate(listed, start=1)]
        names = [destination.channel_name for destination in found]
        for name in names:
            if names.count(name) > 1:
                raise self._error(f'two channels are named {name}; give each a "name" of its own')
        return found

    def _destination(self, number: int, fields: Any) -> "Destination":
        from shipment_tracking.channels.destination import LANGUAGES, Destination
        from shipment_tracking.channels.webhook import Webhook

        if not isinstance(fields, dict):
            raise self._error(
                f"channel {number} is not an object with the fields {', '.join(FIELDS)}"
            )
        unknown = sorted(fields.keys() - set(FIELDS))
        if unknown:
            raise self._error(
                f"channel {number} has unknown fields {', '.join(unknown)}; known are "
                f"{', '.join(FIELDS)}"
            )
        kind = fields.get("type")
        if kind not in TYPES:
            raise self._error(
                f"channel {number}: type is {kind!r}; it must be one of {', '.join(TYPES)}"
            )
        name = fields.get("name", kind)
        if not isinstance(name, str) or not name:
            raise self._error(f"channel {number}: name is {name!r}; it must be a text")
        language = fields.get("language", LANGUAGES[0])
        if language not in LANGUAGES:
            raise self._error(
                f"channel {name}: language is {language!r}; it must be one of "
                f"{', '.join(LANGUAGES)}"
            )
        channel: Webhook = Webhook(self._url(name, fields), self._text(name, fields, "secret"))
        return Destination(
            self.audience, name, channel, language, self._statuses(name, fields.get("statuses"))
        )

    def _url(self, name: str, fields: dict[str, Any]) -> str:
        from shipment_tracking.channels.destination import CUSTOMERS, robot_type

        url = self._text(name, fields, "url")
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
            usable = usable and parts.port != 0
        except ValueError:
            usable = False
        # The url itself may carry a token, so no message shows it.
        if not usable:
            raise self._error(f"channel {name}: url is not an http or https address")
        if kind := robot_type(parts.hostname or ""):
            remedy = (
                f'make its type "{kind}"'
                if kind in TYPES
                else f'its type is "{kind}", which this version does not have yet: put a '
                "receiver of your own between"
            )
            raise self._error(
                f"channel {name}: {parts.hostname} is a chat robot, which answers 200 to messages "
                f"of a webhook and drops them; {remedy}"
            )
        safe = parts.scheme == "https" or is_loopback(parts.hostname or "")
        if self.audience == CUSTOMERS and not safe:
            raise self._error(
                f"channel {name}: url must be https, since messages to customers hold their phones"
            )
        return url

    def _statuses(self, name: str, wanted: Any) -> tuple[str, ...] | None:
        from shipment_tracking.domain.statuses import Status
        from shipment_tracking.messages import STALLED

        if wanted is None:
            return None
        known = [*map(str, Status), STALLED]
        if not isinstance(wanted, list) or not wanted or not set(map(str, wanted)) <= set(known):
            raise self._error(
                f"channel {name}: statuses is {wanted!r}; it must be a list of some of "
                f"{', '.join(known)}"
            )
        return tuple(wanted)

    def _text(self, name: str, fields: dict[str, Any], field: str) -> str:
        value = fields.get(field)
        if not isinstance(value, str) or not value:
            raise self._error(f"channel {name}: {field} is missing; it must be a text")
        return value

    def _error(self, problem: str) -> ConnectionFieldError:
        return ConnectionFieldError(f"connection {self.conn_id}: {problem}")


def channels(accounts: Sequence[str]) -> "Channels":
    """
    Every destination that notices of these accounts may have.

    A connection that does not exist gives none; one that cannot be used stops no other.
    """
    from shipment_tracking.channels.destination import CUSTOMERS, OPS, Channels

    found: list[Destination] = []
    broken: dict[str, ConnectionFieldError] = {}
    for audience in dict.fromkeys((OPS, CUSTOMERS, *accounts)):
        try:
            found += ChannelHook(audience).get_conn()
        except ConnectionFieldError as error:
            broken[audience] = error
    return Channels(found, broken)
