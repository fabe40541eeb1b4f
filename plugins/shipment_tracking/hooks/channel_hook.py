"""The channels of each audience from the connections ``notify_<audience>``."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from shipment_tracking.errors import ConnectionFieldError
from shipment_tracking.hooks.connection_hook import extra_of, find
from shipment_tracking.hooks.platform_hook import token_cipher
from shipment_tracking.hooks.warehouse_hook import warehouse

if TYPE_CHECKING:
    from shipment_tracking.channels.port import AccessTokens, Channels, Destination
    from shipment_tracking.domain.findings import Finding


class ChannelHook(BaseHook):
    """
    Read the channels of one audience.

    :param audience: ``ops``, ``customers`` or an account; its Airflow connection is of type generic
        with the extra ``{"channels": [{"type": "webhook", "url": …, "secret": …}, …]}``. The types
        and their fields are those of ``channels.registry``.
    """

    def __init__(self, audience: str) -> None:
        from shipment_tracking.channels.port import connection_id

        super().__init__()
        self.audience = audience
        self.conn_id = connection_id(audience)

    def get_conn(self, tokens: "AccessTokens | None" = None) -> "list[Destination]":
        """
        The destinations.

        :param tokens: where their access tokens are kept; without it in this process only.
        :raises AirflowNotFoundException: there is no such connection.
        :raises ConnectionFieldError: a field is missing, unknown or unusable; the text names it.
        """
        from shipment_tracking.channels.registry import destinations

        return destinations(self.audience, self._listed(), tokens)

    def check(self) -> "Iterator[Finding]":
        """
        Read each channel; nothing is sent.

        :raises AirflowNotFoundException: there is no such connection.
        :raises ConnectionFieldError: the connection does not hold a list of channels.
        """
        from shipment_tracking.channels.registry import check

        return check(self.audience, self._listed())

    def _listed(self) -> list[Any]:
        connection = find(self.conn_id)
        if connection.conn_type != "generic":
            raise self._error(f"is of type {connection.conn_type}; make it of type generic")
        extra = extra_of(connection)
        listed = extra.get("channels")
        if not isinstance(listed, list) or extra.keys() != {"channels"}:
            raise self._error(
                'extra must be {"channels": [{"type": "webhook", "url": "https://...", '
                '"secret": "..."}]} and nothing else'
            )
        return listed

    def _error(self, problem: str) -> ConnectionFieldError:
        return ConnectionFieldError(f"connection {self.conn_id}: {problem}")


def channels(accounts: Sequence[str]) -> "Channels":
    """
    Every destination that notices of these accounts may have.

    One connection that does not exist, or cannot be used, stops no other.
    """
    from shipment_tracking.channels.port import CUSTOMERS, OPS, Channels

    found: list[Destination] = []
    broken: dict[str, ConnectionFieldError] = {}
    missing: list[str] = []
    tokens = _access_tokens()
    for audience in dict.fromkeys((OPS, CUSTOMERS, *accounts)):
        try:
            found += ChannelHook(audience).get_conn(tokens)
        except ConnectionFieldError as error:
            broken[audience] = error
        except AirflowNotFoundException:
            missing.append(audience)
    return Channels(found, broken, missing)


def _access_tokens() -> "AccessTokens":
    """Those of all workers; without a Fernet key those of this process."""
    from shipment_tracking.channels.access_tokens import ProcessTokens
    from shipment_tracking.warehouse.access_tokens import LEASE, SharedTokens
    from shipment_tracking.warehouse.tokens import WarehouseTokens

    cipher = token_cipher()
    if cipher is None:
        return ProcessTokens()
    return SharedTokens(lambda: WarehouseTokens(warehouse(), cipher, lease=LEASE))
