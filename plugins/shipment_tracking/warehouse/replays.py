"""What a replay of stored replies found, and how far it is."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from shipment_tracking.domain.evidence import Scan
from shipment_tracking.domain.models import Run
from shipment_tracking.domain.statuses import Status
from shipment_tracking.statements import query
from shipment_tracking.warehouse.loading import ReadAgain
from shipment_tracking.warehouse.replies import StoredReply
from shipment_tracking.warehouse.rows import JsonRows, fetch


@dataclass(frozen=True, slots=True)
class Selection:
    """
    The orders that a replay is about; those that fulfil all that is given.

    :param account: connection id.
    :param shipped_from, shipped_to: aware; orders that were shipped in ``[from, to)``.
    :param fetched_from, fetched_to: aware; orders with a stored reply that was fetched in it.
    """

    account: str | None = None
    shipped_from: datetime | None = None
    shipped_to: datetime | None = None
    fetched_from: datetime | None = None
    fetched_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class PastReply(StoredReply):
    """
    A reply that was tried to be loaded before.

    :param is_quarantined: it could not be.
    """

    is_quarantined: bool
    platform_order_id: str


@dataclass(frozen=True, slots=True)
class RejectedStep:
    """A step of a stored reply that could not be read."""

    order_id: int
    consignment_id: str
    event_hash: int
    waybill_no: str | None
    occurred_at_text: str | None
    description: str
    reason: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """How a parcel stands now, with the first of its orders."""

    shipment_id: int
    account: str
    platform_order_id: str
    waybill_no: str | None
    status: str
    signed_at: datetime | None


@dataclass(frozen=True, slots=True)
class WrittenRow:
    """
    A row that the ERP holds as signed by us.

    :param waybill_no: empty where the row stands for all parcels of its order.
    :param is_signed: whether it still is, by our rules.
    """

    erp_key: str
    account: str
    platform_order_id: str
    waybill_no: str
    signed_at: datetime
    status: str
    is_signed: bool


@dataclass(frozen=True, slots=True)
class Withheld:
    """A change that the replay found and does not announce."""

    event_id: UUID
    shipment_id: int
    from_status: str
    to_status: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Example:
    """A difference as the log shows it."""

    account: str
    platform_order_id: str
    waybill_no: str | None
    occurred_at: datetime | None
    description: str | None
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """
    Something that is read otherwise than it was stored.

    :param kind: see ``steps.replay_traces.KINDS``.
    :param subject: tells it from others of its kind.
    """

    kind: str
    subject: str
    account: str
    platform_order_id: str
    waybill_no: str | None
    occurred_at: datetime | None
    description: str | None
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ReadableStep:
    """A rejected step that is read now."""

    order_id: int
    consignment_id: str
    event_hash: int


@dataclass(frozen=True, slots=True)
class Progress:
    """
    How far a replay is.

    :param last_order_id: every order up to this one is done.
    :param orders, replies, events: how many were read again.
    :param not_rebuilt: events that no stored reply holds any more; they stay as they are.
    :param unreadable: replies that cannot be read, and orders that cannot be loaded, now.
    :param waiting: orders with news that the next run judges first.
    """

    last_order_id: int
    orders: int = 0
    replies: int = 0
    events: int = 0
    not_rebuilt: int = 0
    unreadable: int = 0
    waiting: int = 0


DIFFERENCES = JsonRows(Difference, "differences", "replays.differences")
READABLE = JsonRows(ReadableStep, "steps", "replays.readable")


def begin(connection: Connection, run: Run, now: datetime) -> Progress:
    """Give the replay its row; one that was interrupted goes on where it stopped."""
    binds = {"run_id": run.run_id}
    connection.execute(query("replays.restart"), binds)
    connection.execute(query("replays.begin"), {**binds, "dry_run": run.dry_run, "now": now})
    return progress(connection, run)


def progress(connection: Connection, run: Run) -> Progress:
    """How far the replay is."""
    return fetch(connection, "replays.progress", Progress, run_id=run.run_id)[0]


def keep(
    connection: Connection, run: Run, done: Progress, differences: Iterable[Difference]
) -> None:
    """Keep what a chunk of orders held and led to."""
    binds = {"run_id": run.run_id}
    if rows := list(differences):
        connection.execute(query("replays.differences"), {**binds, **DIFFERENCES(rows)})
    connection.execute(query("replays.advance"), {**binds, **asdict(done)})


def finish(connection: Connection, run: Run, now: datetime) -> None:
    """Note that all of the replay is done."""
    connection.execute(query("replays.finish"), {"run_id": run.run_id, "now": now})


def is_known(connection: Connection, account: str) -> bool:
    """Whether an order of the account is tracked."""
    return bool(connection.scalar(query("replays.account_is_known"), {"account": account}))


def select(connection: Connection, wanted: Selection, *, after: int, most: int) -> list[int]:
    """The ids of the next selected orders behind one."""
    binds = {"after": after, "most": most, **asdict(wanted)}
    return list(connection.scalars(query("replays.page"), binds))


def settled(connection: Connection, orders: Sequence[int]) -> set[int]:
    """Those of the orders that have no news that the next run judges first."""
    return set(connection.scalars(query("replays.settled"), {"orders": list(orders)}))


def replies(connection: Connection, orders: Collection[int]) -> list[PastReply]:
    """The orders' replies that were tried to be loaded before."""
    return fetch(connection, "replays.replies", PastReply, orders=sorted(orders))


def shipments(connection: Connection, orders: Collection[int]) -> list[int]:
    """The ids of the orders' parcels."""
    return list(connection.scalars(query("replays.shipments"), {"orders": sorted(orders)}))


def rejected(connection: Connection, orders: Collection[int]) -> list[RejectedStep]:
    """The orders' steps that could not be read."""
    return fetch(connection, "replays.rejected", RejectedStep, orders=sorted(orders))


def written(connection: Connection, parcels: Sequence[int]) -> list[WrittenRow]:
    """The ERP rows of the parcels that the ERP holds as signed by us."""
    return fetch(connection, "replays.written", WrittenRow, shipments=list(parcels))


def note_readable(connection: Connection, steps: Iterable[RejectedStep], now: datetime) -> None:
    """Note that rejected steps are read since now."""
    rows = [ReadableStep(step.order_id, step.consignment_id, step.event_hash) for step in steps]
    connection.execute(query("replays.readable"), {**READABLE(rows), "now": now})


def counts(connection: Connection, run: Run) -> dict[str, int]:
    """How many differences of each kind the replay found."""
    found = connection.execute(query("replays.counts"), {"run_id": run.run_id})
    return {row.kind: row.found for row in found}


def examples(connection: Connection, run: Run, kind: str, *, most: int) -> list[Example]:
    """The first differences of a kind."""
    binds = {"run_id": run.run_id, "kind": kind, "most": most}
    return fetch(connection, "replays.examples", Example, **binds)


@dataclass(frozen=True, slots=True)
class Findings:
    """
    What a chunk read otherwise, as differences.

    :param parcels: how they stand now, by shipment id.
    """

    connection: Connection
    this_run: Run
    again: ReadAgain
    parcels: Mapping[int, Parcel]

    @classmethod
    def of(cls, connection: Connection, this_run: Run, again: ReadAgain) -> "Findings":
        """Those of a chunk that was just read again."""
        rows = fetch(connection, "replays.parcels", Parcel, shipments=sorted(again.trails))
        return cls(connection, this_run, again, {row.shipment_id: row for row in rows})

    def all(
        self,
        readable: Sequence[RejectedStep],
        loaded: Sequence[PastReply],
        written: Mapping[str, WrittenRow],
    ) -> Iterator[Difference]:
        """
        Every difference.

        :param readable: rejected steps that are events now.
        :param loaded: replies that could not be loaded before.
        :param written: the ERP rows that were signed in the ERP and by our rules before.
        """
        yield from self._events()
        yield from self._readable(readable, loaded)
        yield from self._parcels()
        yield from self._fallen(written)
        yield from self._withheld()

    def _of(
        self,
        shipment_id: int,
        kind: str,
        subject: str,
        before: str,
        after: str,
        occurred_at: datetime | None = None,
        description: str | None = None,
    ) -> Difference:
        parcel = self.parcels[shipment_id]
        return Difference(
            kind=kind,
            subject=subject,
            account=parcel.account,
            platform_order_id=parcel.platform_order_id,
            waybill_no=parcel.waybill_no,
            occurred_at=occurred_at,
            description=description,
            before=before,
            after=after,
        )

    def _events(self) -> Iterator[Difference]:
        added = set(self.again.added)
        for shipment_id, trail in self.again.trails.items():
            for scan in trail.scans:
                key = (shipment_id, *scan.key)
                before = trail.known.get(scan.key)
                said, says = _said(before[0]) if before else "", _said(scan)
                if key not in added and said == says:
                    continue
                yield self._of(
                    shipment_id,
                    "events_added" if key in added else "events_changed",
                    f"{shipment_id}/{scan.occurred_at.isoformat()}/{scan.event_hash}",
                    said,
                    says,
                    scan.occurred_at,
                    self.again.texts.get(key),
                )

    def _readable(
        self, steps: Sequence[RejectedStep], loaded: Sequence[PastReply]
    ) -> Iterator[Difference]:
        numbers = {
            trail.shipment.consignment_id: number for number, trail in self.again.trails.items()
        }
        for step in steps:
            yield self._of(
                numbers[step.consignment_id],
                "rejected_readable",
                f"{step.order_id}/{step.consignment_id}/{step.event_hash}",
                f"rejected: {step.reason}",
                "an event",
                description=step.description,
            )
        for reply in loaded:
            yield Difference(
                kind="replies_readable",
                subject=str(reply.reply_id),
                account=reply.account,
                platform_order_id=reply.platform_order_id,
                waybill_no=None,
                occurred_at=reply.fetched_at,
                description=None,
                before="cannot be loaded",
                after="loaded",
            )

    def _parcels(self) -> Iterator[Difference]:
        for shipment_id, trail in self.again.trails.items():
            before, after = trail.shipment, self.parcels[shipment_id]
            if before.status == after.status:
                continue
            kinds = ["parcels_changed"]
            if after.status == Status.SIGNED:
                kinds.append("signatures_appear")
            elif before.status == Status.SIGNED:
                kinds.append("signatures_fall")
            for kind in kinds:
                yield self._of(
                    shipment_id,
                    kind,
                    str(shipment_id),
                    before.status,
                    after.status,
                    after.signed_at or before.signed_at,
                )

    def _fallen(self, before: Mapping[str, WrittenRow]) -> Iterator[Difference]:
        for row in written(self.connection, list(self.parcels)):
            if row.erp_key in before and not row.is_signed:
                yield Difference(
                    kind="written_signatures_fall",
                    subject=row.erp_key,
                    account=row.account,
                    platform_order_id=row.platform_order_id,
                    waybill_no=row.waybill_no or None,
                    occurred_at=row.signed_at,
                    description=f"row {row.erp_key} of the ERP",
                    before=str(Status.SIGNED),
                    after=row.status,
                )

    def _withheld(self) -> Iterator[Difference]:
        rows = fetch(
            self.connection,
            "replays.withheld",
            Withheld,
            shipments=list(self.parcels),
            run_id=self.this_run.run_id,
        )
        for row in rows:
            yield self._of(
                row.shipment_id,
                "announcements_withheld",
                str(row.event_id),
                row.from_status,
                row.to_status,
                row.occurred_at,
            )


def _said(scan: Scan) -> str:
    """How an event is read, in a few words."""
    kind = f", {scan.sign_kind}" if scan.sign_kind else ""
    gone = ", withdrawn" if scan.withdrawn_at else ""
    return f"{scan.status} ({scan.decided_by}{kind}{gone})"
