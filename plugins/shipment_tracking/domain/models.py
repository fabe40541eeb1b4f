"""The few shapes that travel between the steps, the platforms and the hooks."""

from dataclasses import dataclass
from datetime import datetime

PLATFORMS = ("1688", "taobao", "tmall")


@dataclass(frozen=True, slots=True)
class Run:
    """
    What a step must know of the Airflow run it works for.

    :param shipped_from, shipped_to: aware; both set for a backfill, which takes every order that
        was shipped in ``[shipped_from, shipped_to)`` and announces nothing.
    :param only_account: connection id; the run then leaves every other account alone.
    :param only_high_priority: the run polls no other orders, and closes none.
    :param dry_run: nothing is written to the ERP or sent; it waits for the next real run. The
        statements are executed and rolled back, so that their mistakes show.
    :param shadow: the owner has not allowed writing yet: nothing is written to the ERP, nor
        executed there; notices that come due are counted and suppressed.
    :param stalled_after_hours: by stage, instead of the defaults; see ``domain.stalls``.
    """

    run_id: str
    run_type: str
    started_at: datetime
    shipped_from: datetime | None = None
    shipped_to: datetime | None = None
    only_account: str | None = None
    only_high_priority: bool = False
    accept_closures: bool = False
    dry_run: bool = False
    shadow: bool = False
    stalled_after_hours: dict[str, float] | None = None

    @property
    def is_backfill(self) -> bool:
        """Whether this run re-reads a past interval instead of what is due now."""
        return self.shipped_from is not None

    @property
    def rehearsal(self) -> str:
        """Why this run neither writes to the ERP nor sends, for the log; empty if it does."""
        return "dry run" if self.dry_run else "shadow mode" if self.shadow else ""


@dataclass(frozen=True, slots=True)
class Parcel:
    """
    A parcel of an order as its platform lists it; ``platform_status`` in our own words.

    :param platform_code: the status as the platform says it; none where its list tells none.
    """

    consignment_id: str
    waybill_no: str | None
    carrier_code: str | None
    carrier_name: str | None
    platform_code: str | None
    platform_status: str | None


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """
    One scan of a parcel, masked and read.

    :param decided_by: what decided its status; see ``domain.texts.Reading``.
    :param occurred_at: aware; none where a platform does not tell, and only the fetching dates it.
    """

    occurred_at: datetime | None
    position: int
    description: str
    event_hash: int
    status: str
    sign_kind: str | None = None
    city: str | None = None
    action: str | None = None
    decided_by: str = ""


@dataclass(frozen=True, slots=True)
class RejectedStep:
    """
    A step of a reply that cannot become an event.

    :param occurred_at_text: its time as the platform prints it.
    :param reason: why it is rejected, in words for an analyst.
    """

    occurred_at_text: str
    description: str
    reason: str


@dataclass(frozen=True, slots=True)
class ParcelTrace:
    """What one reply says of one parcel; its status, too, where the platform tells it there."""

    consignment_id: str
    waybill_no: str | None
    events: tuple[TraceEvent, ...]
    platform_code: str | None = None
    platform_status: str | None = None
    rejected: tuple[RejectedStep, ...] = ()


@dataclass(frozen=True, slots=True)
class ApiUsage:
    """Calls of one API that ended alike since the last look; ``seconds`` spent in them."""

    api: str
    outcome: str
    calls: int
    seconds: float
