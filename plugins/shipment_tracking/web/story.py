"""A parcel's timeline: its scans and what the pipeline and people did about it, newest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shipment_tracking.web import rows
from shipment_tracking.web.reading import OrderStory


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One line of a timeline.

    :param kind: ``scan``, ``change``, ``notice``, ``write``, ``stall`` or ``act``; the field of
        that name is set.
    :param status: whose icon is shown.
    :param is_void: it is no evidence.
    """

    at: datetime
    kind: str
    status: str = ""
    is_void: bool = False
    scan: rows.Event | None = None
    change: rows.Change | None = None
    notice: rows.ParcelNotice | None = None
    write: rows.Writeback | None = None
    stall: rows.Stall | None = None
    act: rows.OrderAct | None = None


def timeline(story: OrderStory) -> list[Entry]:
    """Everything about the shown parcel and its order; scans of one time keep their order."""
    return sorted(_entries(story), key=lambda entry: entry.at, reverse=True)


def _entries(story: OrderStory) -> Iterator[Entry]:
    shown = story.shown
    if shown is None:
        return
    for event in shown.events:
        is_void = event.future_dated or event.earlier_life or event.withdrawn_at is not None
        yield Entry(event.occurred_at, "scan", event.status, is_void, scan=event)
    for change in shown.changes:
        yield Entry(change.detected_at, "change", change=change)
    for notice in shown.notices:
        yield Entry(notice.sent_at or notice.created_at, "notice", notice=notice)
    for stall in shown.stalls:
        yield Entry(stall.opened_at, "stall", stall=stall)
    for write in story.writebacks:
        yield Entry(write.written_at or write.created_at, "write", write=write)
    for act in story.acts:
        yield Entry(act.acted_at, "act", act=act)


def possible_acts(story: OrderStory) -> list[str]:
    """What may be done about the order as it is."""
    awaited = [row for row in story.erp_rows if not row.closed_at and not row.signed_at]
    stopped = [row for row in story.erp_rows if row.close_reason == "stopped" and row.listed]
    found = []
    if awaited and not story.order.closed_at:
        found.append("poll_next")
    if awaited:
        found.append("stop_tracking")
    if stopped:
        found.append("resume_tracking")
    return found
