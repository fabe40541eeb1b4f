"""Keeps the steps of replies that cannot become trace events, so that they can be seen."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row

from shipment_tracking.domain.masking import event_hash
from shipment_tracking.domain.models import ParcelTrace
from shipment_tracking.statements import query


def keep(
    connection: Connection,
    traces: Iterable[tuple[Row[Any], ParcelTrace]],
    ids: Mapping[tuple[int, str], int],
) -> int:
    """
    Store the rejected steps within the caller's transaction; a repeated reply adds nothing.

    :param traces: each with the stored reply (``order_id, fetched_at``) that it was read from.
    :param ids: shipment ids by order id and consignment id, as ``parcels.keep`` returns them.
    :returns: how many steps were not stored before.
    """
    rows = [
        {
            "order_id": reply.order_id,
            "shipment_id": ids[reply.order_id, trace.consignment_id],
            "waybill_no": trace.waybill_no,
            "occurred_at_text": step.occurred_at_text,
            "description": step.description,
            "reason": step.reason,
            "fetched_at": reply.fetched_at,
            "event_hash": event_hash(
                "\n".join((step.occurred_at_text, step.description, step.reason))
            ),
        }
        for reply, trace in traces
        for step in trace.rejected
    ]
    if not rows:
        return 0
    binds = {"steps": json.dumps(rows, default=str)}
    return len(connection.execute(query("load_traces.reject"), binds).all())
