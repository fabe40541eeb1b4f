"""Which orders of a buyer changed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from shipment_tracking.errors import ReplyError, RetryableError
from shipment_tracking.platforms.ali1688.api import ORDERS, name_of, print_time, signed_request
from shipment_tracking.platforms.ali1688.errors import raise_for_business, raise_for_gateway
from shipment_tracking.platforms.ali1688.traces import read_time
from shipment_tracking.platforms.gateway import Feeds, Gateway
from shipment_tracking.platforms.ports import Changes, Json

PAGE_SIZE = 50  # the largest in use; the maximum is not documented


class OrderFeed:
    """
    The buyer's orders by the time of their last change.

    An order changes when it is paid, when a parcel of it is shipped, when it is received or
    closed; no scan of a parcel changes it.
    """

    longest = timedelta(hours=1)
    platforms: tuple[str, ...] = ("1688",)
    own_orders = True

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def changed_orders(self, since: datetime, until: datetime) -> Iterator[Changes]:
        """
        Orders whose ``modifyTime`` lies in the time asked for, whatever their status.

        Pages are walked from the last to the first: an order that changes meanwhile leaves the
        list, and those behind it move to pages that are still to come.

        :raises RetryableError: the list is not complete.
        """
        first, total = self._page(since, until, 1)
        yield first
        last = -(-total // PAGE_SIZE)
        for number in range(last, 0 if last > 1 else 1, -1):
            yield self._page(since, until, number)[0]

    def confirm(self, changes: Changes) -> None:
        """Nothing to do: the list is there as long as the orders are."""

    def _page(self, since: datetime, until: datetime, number: int) -> tuple[Changes, int]:
        body = self._gateway.call(
            name_of(ORDERS),
            signed_request(
                self._gateway.account,
                ORDERS,
                {
                    "modifyStartTime": print_time(since),
                    "modifyEndTime": print_time(until),
                    "page": str(number),
                    "pageSize": str(PAGE_SIZE),
                    "isHis": "false",
                    "needBuyerAddressAndPhone": "false",
                    "needMemoInfo": "false",
                },
            ),
            partial(_read_orders, number),
        )
        return Changes(body["orders"]), body["total"]


FEEDS: Feeds = {"orders": OrderFeed}


def _read_orders(number: int, http_status: int, body: Json) -> Json:
    """The times of the listed orders' last changes, and how many orders there are in all."""
    raise_for_gateway(body)
    raise_for_business(http_status, body, frozenset())
    listed, total = body.get("result"), body.get("totalRecord")
    if (
        not isinstance(listed, list)
        or not str(total).isdecimal()
        or (not listed and int(str(total)) > (number - 1) * PAGE_SIZE)
    ):
        raise RetryableError("an order list without its orders")
    try:
        known = [row["baseInfo"] for row in listed]
        orders = {str(row.get("idOfStr") or row["id"]): row["modifyTime"] for row in known}
        times = {order_id: read_time(modified) for order_id, modified in orders.items()}
    except (KeyError, TypeError, AttributeError, ReplyError) as error:
        raise RetryableError(f"not an order list of 1688: {error!r}") from error
    return {"orders": times, "total": int(str(total))}
