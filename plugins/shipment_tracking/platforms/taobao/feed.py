"""Which orders of a seller changed: by the list of orders, or by messages about scans."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from shipment_tracking.errors import ReplyError, RetryableError
from shipment_tracking.platforms.gateway import Feeds, Gateway
from shipment_tracking.platforms.ports import Changes, Json
from shipment_tracking.platforms.replies import reading, rows
from shipment_tracking.platforms.taobao.api import CONFIRM, CONSUME, TRADES, call_api, print_time
from shipment_tracking.platforms.taobao.errors import read_answer
from shipment_tracking.platforms.taobao.traces import read_time, whole_number

TRADES_A_PAGE = 100
MESSAGES_A_PAGE = 100
SCAN_TOPIC = "taobao_logistics_LogsticDetailTrace"  # spelt so


class TradeFeed:
    """
    The seller's orders by the time of their last change.

    An order changes when it is paid, when a parcel of it is shipped, when it is received or
    closed; no scan of a parcel changes it.
    """

    longest = timedelta(hours=1)
    platforms: tuple[str, ...] = ("taobao", "tmall")
    own_orders = True

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def changed_orders(self, since: datetime, until: datetime) -> Iterator[Changes]:
        """
        Orders whose ``modified`` lies in the time asked for, whatever their status.

        The newest change comes first. Pages are walked from the last to the first: an order that
        changes meanwhile leaves the list, and those behind it move to pages still to come.

        :raises RetryableError: the list is not complete.
        """
        first, total = self._page(since, until, 1)
        yield first
        last = -(-total // TRADES_A_PAGE)
        for number in range(last, 0 if last > 1 else 1, -1):
            yield self._page(since, until, number)[0]

    def confirm(self, changes: Changes) -> None:
        """Nothing to do: the list is there for three months."""

    def _page(self, since: datetime, until: datetime, number: int) -> tuple[Changes, int]:
        body = call_api(
            self._gateway,
            TRADES,
            {
                "fields": "tid,status,modified",
                "start_modified": print_time(since),
                "end_modified": print_time(until),
                "page_no": str(number),
                "page_size": str(TRADES_A_PAGE),
                "use_has_next": "false",
            },
            partial(_read_trades, number),
        )
        return Changes(body["orders"]), body["total"]


class MessageFeed:
    """
    The app's queue of messages, one for each scan of a parcel.

    The queue is the app's: it holds the messages of all sellers who let the app in, whichever of
    them asks. The platform keeps a message for a day, and gives it again until it is confirmed.
    """

    longest = timedelta(days=2)
    platforms: tuple[str, ...] = ("taobao", "tmall")
    own_orders = False

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def changed_orders(self, since: datetime, until: datetime) -> Iterator[Changes]:
        """
        The orders of the scans that wait, whenever they were made.

        Messages of other topics are left to whoever subscribed to them.

        :raises RetryableError: the queue's answer cannot be read.
        """
        seen: set[str] = set()
        while True:
            quantity = {"quantity": str(MESSAGES_A_PAGE)}
            body = call_api(self._gateway, CONSUME, quantity, _read_messages)
            fresh = body["ids"] - seen
            if not fresh:
                return
            seen |= fresh
            yield Changes(body["orders"], tuple(body["receipts"]))

    def confirm(self, changes: Changes) -> None:
        """:raises PlatformError: the messages may come again."""
        if changes.receipts:
            call_api(
                self._gateway,
                CONFIRM,
                {"s_message_ids": ",".join(changes.receipts)},
                _read_confirmation,
            )


FEEDS: Feeds = {
    "orders": TradeFeed,
    "messages": MessageFeed,
}


def read_message(row: Json) -> tuple[str, datetime]:
    """
    The order of a message about a scan, and when it was sent.

    Source: open.taobao.com/tmc.htm?docId=728; the content is JSON within a text.

    :raises ReplyError: it is not what the platform documents.
    """
    with reading("a message of TOP", ReplyError):
        content = json.loads(row["content"])
        return str(int(content["tid"])), read_time(row.get("pub_time") or content["time"])


def _read_trades(number: int, http_status: int, body: Json) -> Json:
    """The times of the listed orders' last changes, and how many orders there are in all."""
    answer = read_answer(http_status, body)
    trades, total = rows(answer.get("trades"), "trade"), whole_number(answer.get("total_results"))
    if not trades and total > (number - 1) * TRADES_A_PAGE:
        raise RetryableError("an order list without its orders")
    try:
        orders = {str(row["tid"]): read_time(row["modified"]) for row in trades}
    except (KeyError, ReplyError) as error:
        raise RetryableError(f"not an order list of TOP: {error!r}") from error
    return {"orders": orders, "total": total}


def _read_messages(http_status: int, body: Json) -> Json:
    """The ids of all messages, those of scans to confirm, and their orders' newest scans."""
    messages = rows(read_answer(http_status, body).get("messages"), "tmc_message")
    scans = [row for row in messages if row.get("topic") == SCAN_TOPIC]
    orders: dict[str, datetime] = {}
    try:
        for row in scans:
            with suppress(ReplyError):  # it would never become readable
                order_id, at = read_message(row)
                orders[order_id] = max(at, orders.get(order_id, at))
        return {
            "ids": {str(row["id"]) for row in messages},
            "receipts": [str(row["id"]) for row in scans],
            "orders": orders,
        }
    except KeyError as error:
        raise RetryableError(f"not a queue of TOP: {error!r}") from error


def _read_confirmation(http_status: int, body: Json) -> Json:
    answer = read_answer(http_status, body)
    if str(answer.get("is_success")).lower() != "true":
        raise RetryableError("the messages could not be confirmed")
    return answer
