"""Keeps the steps of replies that cannot become trace events, so that they can be seen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from shipment_tracking.domain.masking import event_hash
from shipment_tracking.domain.models import ParcelTrace
from shipment_tracking.statements import query
from shipment_tracking.warehouse.replies import StoredReply
from shipment_tracking.warehouse.rows import JsonRows


@dataclass(frozen=True, slots=True)
class StepRow:
    """
    A step of a reply that cannot become an event.

    :param event_hash: over time, description and reason.
    """

    order_id: int
    shipment_id: int
    waybill_no: str | None
    occurred_at_text: str
    description: str
    reason: str
    fetched_at: datetime
    event_hash: int


STEPS = JsonRows(StepRow, "steps", "rejections.reject")


def rows_of(
    traces: Iterable[tuple[StoredReply, ParcelTrace]], ids: Mapping[tuple[int, str], int]
) -> list[StepRow]:
    """
    The steps that the traces reject.

    :param traces: each with the reply that it was read from.
    :param ids: shipment ids by order id and consignment id, as ``parcels.keep`` returns them.
    """
    return [
        StepRow(
            order_id=reply.order_id,
            shipment_id=ids[reply.order_id, trace.consignment_id],
            waybill_no=trace.waybill_no,
            occurred_at_text=step.occurred_at_text,
            description=step.description,
            reason=step.reason,
            fetched_at=reply.fetched_at,
            event_hash=event_hash(
                "\n".join((step.occurred_at_text, step.description, step.reason))
            ),
        )
        for reply, trace in traces
        for step in trace.rejected
    ]


def keep(connection: Connection, rows: Sequence[StepRow]) -> int:
    """
    Store rejected steps within the caller's transaction; a repeated reply adds nothing.

    :returns: how many steps were not stored before, or were readable since.
    """
    if not rows:
        return 0
    return len(connection.execute(query("rejections.reject"), STEPS(rows)).all())
