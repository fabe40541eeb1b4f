"""What is asked of 1688 about an order."""

import re
from collections.abc import Mapping

from shipment_tracking.domain.models import Parcel
from shipment_tracking.errors import RejectedError, RetryableError
from shipment_tracking.platforms.ali1688.api import ORDER, PARCELS, TRACES, name_of, signed_request
from shipment_tracking.platforms.ali1688.errors import (
    NO_TRACE,
    NOT_SHIPPED,
    raise_for_business,
    raise_for_gateway,
)
from shipment_tracking.platforms.ali1688.feed import FEEDS
from shipment_tracking.platforms.ali1688.traces import (
    TRACE_FIELDS,
    is_same_order,
    mask,
    parts_without_id,
    read_parcel,
    steps_of,
    unknown_statuses,
)
from shipment_tracking.platforms.gateway import DialectClient, Gateway, Unknown, nothing
from shipment_tracking.platforms.ports import Json, Waybills
from shipment_tracking.platforms.replies import id_of, reading, refuse_other, rows, text_of, word_of

UNSHIPPED_LINE = frozenset({"1", "5", "8"})  # not shipped, partly shipped, no logistics order yet
ENDED_LINE = frozenset({"cancel", "terminated"})


class Ali1688Client(DialectClient):
    """What one authorised buyer may ask 1688; safe to use from many threads."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway, FEEDS)

    def fetch_parcels(self, order_id: str) -> list[Parcel]:
        """The order's parcels; none when the order is not shipped yet."""
        body = self._call(
            PARCELS,
            # Without "fields" the platform sends names, phones and addresses.
            {"orderId": order_id, "webSite": "1688", "fields": "company.name"},
            empty_codes={NOT_SHIPPED},
            unknown=unknown_statuses,
        )
        with reading("a parcel list of 1688", RejectedError):
            refuse_other(body, ("result",))
            listed = rows(body.get("result"))
            if not any(id_of(row.get("logisticsId")) for row in listed) and body.get("result"):
                raise RejectedError("not a parcel list of 1688: no row has a logisticsId")
            return [read_parcel(row, order_id) for row in listed]

    def fetch_traces(self, order_id: str, waybills: Waybills | None = None) -> Json:
        """All parcels' traces in one call, masked, with nothing but what ``read_traces`` reads."""
        body = self._call(
            TRACES,
            {"orderId": order_id, "webSite": "1688"},
            empty_codes={NOT_SHIPPED, NO_TRACE},
            unknown=parts_without_id,
        )
        with reading("a trace of 1688", RejectedError):
            refuse_other(body, TRACE_FIELDS)
            parts = [part for name in TRACE_FIELDS for part in rows(body.get(name))]
            answered_for = {found for part in parts if (found := text_of(part.get("orderId")))}
            strangers = {other for other in answered_for if not is_same_order(other, order_id)}
            if strangers:
                raise RetryableError(
                    f"order {order_id} was answered with traces of {strangers.pop()}"
                )
            masked = mask(body)
            if any(map(steps_of, parts)) and not any(masked.values()):
                raise RejectedError("the trace names none of its parcels")
            return masked

    def has_unshipped_lines(self, order_id: str) -> bool:
        """
        Whether a line still waits for its shipping.

        A partly shipped order stays at ``waitsellersend``, so only its lines tell.
        """
        body = self._call(
            ORDER,
            {"orderId": order_id, "webSite": "1688"},
        )
        result = body.get("result")
        lines = rows(result.get("productItems")) if isinstance(result, dict) else []
        if not lines:
            raise RetryableError("the order's detail came without its lines")
        return any(
            word_of(line.get("logisticsStatus")) in UNSHIPPED_LINE
            for line in lines
            if word_of(line.get("status")) not in ENDED_LINE
        )

    def _call(
        self,
        api: str,
        params: Mapping[str, str],
        *,
        empty_codes: frozenset[str] | set[str] = frozenset(),
        unknown: Unknown = nothing,
    ) -> Json:
        if not re.fullmatch(r"[0-9]+", params["orderId"]):
            # Asked all the same, the gateway would call our request malformed.
            raise RejectedError(
                "the order's platform_order_id is not a number; correct it in the ERP"
            )

        def read(http_status: int, body: Json) -> Json:
            raise_for_gateway(body)
            return raise_for_business(http_status, body, empty_codes)

        return self._gateway.call(
            name_of(api), signed_request(self.account, api, params), read, unknown=unknown
        )
