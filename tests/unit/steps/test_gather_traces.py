"""Polling an account's orders: each due one once, under a lease, keeping only what is new."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from sandbox.clock import Clock
from sandbox.defaults import apps_for
from sandbox.server import Sandbox
from sandbox.world import World
from shipment_tracking.domain.models import ApiUsage, Parcel, Run
from shipment_tracking.errors import (
    AuthError,
    LaneStoppedError,
    PlatformError,
    RejectedError,
    RetryableError,
)
from shipment_tracking.platforms.ports import Account
from shipment_tracking.statements import OWNER_FOLDER
from shipment_tracking.steps import fetch_waybills, gather_traces, load_traces
from shipment_tracking.warehouse import parcels
from shipment_tracking.warehouse.lanes import Lane, LaneContext

MINUTE = timedelta(minutes=1)
BUDGET = 5 * MINUTE
ACCOUNT = Account(
    "platform_1688", "1688", "param2", "http://127.0.0.1", "key", "secret", "token", None, 100
)
Select = Callable[..., list[Any]]
Execute = Callable[..., None]


def traces(remark: str = "快件已揽收") -> dict[str, Any]:
    steps = [{"acceptTime": "2026-03-01 10:00:00", "remark": remark}]
    part = {"logisticsId": "LP1", "logisticsBillNo": "YT8800000000001", "logisticsSteps": steps}
    return {"logisticsTrace": [part], "crossPackageFulfillmentDTO": []}


class Platform:
    """The port, answering from a table: a reply or an error by order id."""

    account = ACCOUNT

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[str] = []
        self.waybills: Mapping[str, list[str]] = {}
        self.before_answering: Callable[[str], None] = lambda order_id: None
        self._lock = threading.Lock()

    def fetch_traces(self, order_id: str, waybills: Mapping[str, list[str]]) -> dict[str, Any]:
        self.waybills = waybills
        with self._lock:
            self.asked.append(order_id)
        self.before_answering(order_id)
        answer = self.answers.get(order_id, traces())
        if isinstance(answer, PlatformError):
            raise answer
        return dict(answer)

    def warnings(self) -> list[str]:
        return []

    def drain_usage(self) -> list[ApiUsage]:
        return [ApiUsage("traces", "ok", 1, 0.1)]


@pytest.fixture
def track(execute: Execute, now: datetime) -> Callable[..., None]:
    """Puts orders into the warehouse that are due, unless told otherwise."""

    def insert(*order_ids: str, **columns: Any) -> None:
        values = {
            "priority": 0,
            "status": "in_transit",
            "next_poll_at": now - MINUTE,
            "last_polled_at": now - 30 * MINUTE,
            "parcels_asked_at": now - 60 * MINUTE,
        } | columns
        names, binds = ", ".join(values), ", ".join(f":{name}" for name in values)
        for order_id in order_ids:
            execute(
                "insert into tracking.tracked_order"  # noqa: S608
                f" (platform, account, platform_order_id, first_seen_at, {names})"
                f" values ('1688', 'platform_1688', :order_id, now(), {binds})",
                order_id=order_id,
                **values,
            )
            execute(
                "insert into tracking.erp_row (erp_key, order_id, first_seen_at, listed)"
                " select platform_order_id, order_id, first_seen_at, true"
                " from tracking.tracked_order where platform_order_id = :order_id",
                order_id=order_id,
            )

    return insert


@pytest.fixture
def gather(warehouse: Engine, now: datetime, new_run: Callable[..., Run]) -> Callable[..., Any]:
    """Runs the step for the account at noon."""

    def run(platform: Platform, **changes: Any) -> dict[str, int]:
        lane = LaneContext(
            warehouse,
            platform,  # type: ignore[arg-type]
            changes.pop("run", new_run()),
            owner=changes.pop("owner", "me"),
            budget=changes.pop("budget", BUDGET),
            clock=changes.pop("clock", lambda: now),
        )
        return gather_traces.run(lane, **changes)

    return run


def test_a_due_order_is_polled_and_its_reply_kept_for_loading(
    track: Any, gather: Any, select: Select, now: datetime
) -> None:
    track("1")

    assert gather(Platform()) == {"polled": 1, "failed": 0, "replies": 1, "left_over": 0}

    (order,) = select("last_polled_at, next_poll_at, lease_owner from tracking.tracked_order")
    assert order == (now, now + 15 * MINUTE, None)
    (reply,) = select("body, announce, dialect, loaded_at from tracking.trace_reply")
    assert reply == (traces(), True, "param2", None)


def test_an_unchanged_reply_is_not_kept_again(track: Any, gather: Any, select: Select) -> None:
    track("1")
    gather(Platform())
    later = datetime(2026, 3, 2, 5, tzinfo=UTC)

    gather(Platform(), clock=lambda: later)

    assert select("count(*) from tracking.trace_reply") == [(1,)]
    assert select("last_polled_at from tracking.tracked_order") == [(later,)]


def test_parcels_in_another_order_are_the_same_reply() -> None:
    one = {"logisticsTrace": [{"logisticsId": "LP1"}, {"logisticsId": "LP2"}]}
    other = {"logisticsTrace": [{"logisticsId": "LP2"}, {"logisticsId": "LP1"}]}

    assert gather_traces.fingerprint(one) == gather_traces.fingerprint(other)


def test_an_empty_answer_is_no_reply_and_leaves_the_last_one_standing(
    track: Any, gather: Any, select: Select
) -> None:
    track("1")
    gather(Platform())
    empty = {"logisticsTrace": [], "crossPackageFulfillmentDTO": []}
    before = select("fingerprint, traces_seen_at from tracking.tracked_order")

    gather(Platform({"1": empty}), clock=lambda: datetime(2026, 3, 2, 5, tzinfo=UTC))

    assert select("count(*) from tracking.trace_reply") == [(1,)]
    assert select("fingerprint, traces_seen_at from tracking.tracked_order") == before


@pytest.mark.parametrize(
    "columns",
    [
        {"next_poll_at": datetime(2026, 3, 2, 4, 1, tzinfo=UTC)},
        {"last_polled_at": datetime(2026, 3, 2, 3, 50, tzinfo=UTC)},
        {"closed_at": datetime(2026, 3, 1, tzinfo=UTC)},
        {"parcels_asked_at": None},
        {"lease_owner": "other", "lease_until": datetime(2999, 1, 1, tzinfo=UTC)},
    ],
    ids=["not due yet", "polled just now", "closed", "without parcels", "leased to another"],
)
def test_an_order_is_not_polled_when_it_is(track: Any, gather: Any, columns: Any) -> None:
    track("1", **columns)
    platform = Platform()

    gather(platform)

    assert platform.asked == []


def test_a_lease_that_ran_out_and_an_own_lease_are_taken_over(track: Any, gather: Any) -> None:
    track("1", lease_owner="other", lease_until=datetime(2026, 1, 1, tzinfo=UTC))
    track("2", lease_owner="me", lease_until=datetime(2999, 1, 1, tzinfo=UTC))
    platform = Platform()

    gather(platform)

    assert sorted(platform.asked) == ["1", "2"]


def test_a_run_of_high_priority_polls_no_other_orders(
    track: Any, gather: Any, new_run: Callable[..., Run]
) -> None:
    track("usual")
    track("important", priority=1)
    platform = Platform()

    counts = gather(platform, run=new_run(only_high_priority=True))

    assert platform.asked == ["important"]
    assert counts["left_over"] == 0


@pytest.mark.parametrize(("minutes", "polled"), [(3.9, False), (4, True)])
def test_an_order_of_high_priority_is_polled_again_after_four_minutes(
    minutes: float, polled: bool, track: Any, gather: Any, now: datetime
) -> None:
    track("usual", last_polled_at=now - minutes * MINUTE)
    track("important", priority=1, last_polled_at=now - minutes * MINUTE)
    platform = Platform()

    gather(platform)

    assert platform.asked == (["important"] if polled else [])


@pytest.mark.parametrize(("priority", "spacing"), [(0, 15), (1, 4)])
def test_an_order_that_fails_waits_by_its_priority(
    priority: int, spacing: int, track: Any, gather: Any, select: Select, now: datetime
) -> None:
    track("1", priority=priority)

    gather(Platform({"1": RejectedError("no")}))

    assert select("next_poll_at from tracking.tracked_order") == [(now + spacing * MINUTE,)]


def test_a_poll_is_followed_by_the_next_one_when_the_table_says(
    track: Any,
    gather: Any,
    select: Select,
    insert: Callable[..., Any],
    now: datetime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "polling.csv").write_text("stage,quiet_hours,minutes\nany,0,1440\n")
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path))
    track("1")
    ((order_id,),) = select("order_id from tracking.tracked_order")
    parcel = insert("shipment", account="platform_1688", consignment_id="LP1")
    insert("order_shipment", order_id=order_id, shipment_id=parcel, first_seen_at=now)

    dues = []
    for days in range(2):
        gather(Platform(), clock=lambda days=days: now + timedelta(days=days))
        dues += [row.next_poll_at for row in select("next_poll_at from tracking.tracked_order")]

    assert dues[1] - dues[0] == timedelta(days=1)
    assert now < dues[0] <= now + timedelta(days=1)


def test_the_urgent_are_polled_first(
    warehouse: Engine, track: Any, now: datetime, new_run: Callable[..., Run]
) -> None:
    track("new")
    track("late", next_poll_at=now - 90 * MINUTE)
    track("out", status="out_for_delivery")
    track("important", priority=1)
    platform: Any = Platform()
    context = LaneContext(warehouse, platform, new_run(), "me", BUDGET, lambda: now)
    lane = Lane.of_step("gather_traces", context, now=now)

    together = lane.claim(4)
    lane.release()
    one_by_one = [claim for _ in range(4) for claim in lane.claim(1)]

    for claims in (together, one_by_one):
        ids = [claim.platform_order_id for claim in claims]
        assert ids == ["important", "out", "late", "new"]


def test_one_bad_order_is_recorded_on_its_row_and_stops_nobody(
    track: Any, gather: Any, select: Select, now: datetime
) -> None:
    track("1", "2", "3")
    refused = RejectedError("not yours", code="order.nopermission.buyer")

    found = gather(Platform({"2": refused}))

    assert (found["polled"], found["failed"]) == (3, 1)
    (order,) = select(
        "last_error, failures, next_poll_at from tracking.tracked_order"
        " where platform_order_id = '2'"
    )
    assert order == ("not yours (code order.nopermission.buyer)", 1, now + 15 * MINUTE)
    assert select("count(*) from tracking.trace_reply") == [(2,)]


def test_an_order_that_keeps_failing_is_asked_ever_more_rarely(
    track: Any, gather: Any, select: Select, now: datetime
) -> None:
    track("1", failures=3)

    gather(Platform({"1": RejectedError("no")}))

    assert select("next_poll_at from tracking.tracked_order") == [(now + 8 * 15 * MINUTE,)]


def test_passing_trouble_gets_a_second_chance_in_the_same_run(track: Any, gather: Any) -> None:
    track("1", "2")
    platform = Platform({"1": RetryableError("down")})

    def recover(order_id: str) -> None:
        if platform.asked.count("1") == 2:
            platform.answers.clear()

    platform.before_answering = recover

    assert gather(platform)["failed"] == 0


def test_an_order_too_old_for_the_platform_is_closed(
    track: Any, gather: Any, select: Select
) -> None:
    track("1")

    gather(Platform({"1": RejectedError("a year ago", final=True)}))

    assert select("close_reason from tracking.erp_row") == [("too_old",)]
    assert select("closed_at is not null from tracking.tracked_order") == [(True,)]


def test_an_account_that_is_not_let_in_stops_its_lane_and_keeps_what_was_answered(
    track: Any, gather: Any, select: Select, new_run: Callable[..., Run], execute: Execute
) -> None:
    track("1", priority=1)
    track("2", "3")
    run = new_run()
    execute(
        "insert into tracking.run (run_id, run_type, started_at) values (:id, 'manual', now())",
        id=run.run_id,
    )
    platform = Platform({order_id: AuthError("expired") for order_id in ("2", "3")})
    first_answered = threading.Event()

    def wait_for_the_first(order_id: str) -> None:
        if order_id == "1":
            first_answered.set()
        else:
            first_answered.wait(5)

    platform.before_answering = wait_for_the_first

    with pytest.raises(AuthError, match="expired"):
        gather(platform, run=run)

    assert select("count(*) from tracking.tracked_order where lease_owner is not null") == [(0,)]
    polled, left_over = select("polled, left_over from tracking.run")[0]
    assert polled + left_over == 3
    assert left_over >= 2
    assert select("sum(calls) > 0 from tracking.api_usage") == [(True,)]


@pytest.mark.parametrize("code", ["isv.trade-not-exist", ""])
def test_failures_are_alike_whatever_ids_the_platform_gives_the_calls(
    code: str, track: Any, gather: Any
) -> None:
    track(*"123456789")
    errors = {each: RejectedError("unknown", code=code, request_id=f"id{each}") for each in "23456"}

    with pytest.raises(LaneStoppedError, match=r"5 of 9 .* unknown(?! \(request)"):
        gather(Platform(errors))


def test_most_orders_failing_alike_make_the_lane_red_after_all_was_done(
    track: Any, gather: Any, select: Select
) -> None:
    track(*"123456789")
    refused = RejectedError("belongs to another member", code="order.nopermission.buyer")
    platform = Platform(dict.fromkeys("23456", refused))

    with pytest.raises(LaneStoppedError, match=r"5 of 9 .* platform_1688 .* another member"):
        gather(platform)

    assert len(platform.asked) == 9
    assert select("count(*) from tracking.trace_reply") == [(4,)]


def test_one_failure_after_the_other_ends_the_lane(track: Any, gather: Any) -> None:
    track(*(str(number) for number in range(200)))
    platform = Platform({str(number): RetryableError("down") for number in range(200)})

    with pytest.raises(RetryableError, match="in a row"):
        gather(platform)

    assert len(platform.asked) < 200


def test_when_the_time_is_over_the_rest_is_left_over(
    track: Any, gather: Any, select: Select
) -> None:
    track("1", "2")

    assert gather(Platform(), budget=timedelta())["left_over"] == 2
    assert select("count(*) from tracking.trace_reply") == [(0,)]


def test_a_worker_that_was_thought_dead_writes_nothing(
    track: Any, gather: Any, select: Select
) -> None:
    track("1")
    newer = Platform({"1": traces("快件正在派送")})
    slow = Platform({"1": traces("快件已揽收")})

    def lose_the_lease(order_id: str) -> None:
        # Meanwhile the lease is given up for lost and another worker polls the order.
        gather(newer, owner="me")

    slow.before_answering = lose_the_lease

    counts = gather(slow, owner="me")

    assert [reply.body for reply in select("body from tracking.trace_reply")] == [
        traces("快件正在派送")
    ]
    assert counts["lost"] == 1


def test_a_backfill_polls_what_it_wants_within_its_interval_and_announces_nothing(
    track: Any,
    gather: Any,
    select: Select,
    execute: Execute,
    now: datetime,
    new_run: Callable[..., Run],
) -> None:
    track("in", "out", closed_at=now, next_poll_at=None, backfill_at=now - MINUTE)
    track("live")
    execute(
        "update tracking.erp_row set shipped_at = case erp_key when 'out' then"
        " timestamptz '2026-02-10 00:00+08' else timestamptz '2026-02-01 00:00+08' end"
    )
    interval = {
        "shipped_from": datetime(2026, 1, 31, tzinfo=UTC),
        "shipped_to": datetime(2026, 2, 2, tzinfo=UTC),
    }
    platform = Platform()

    counts = gather(platform, run=new_run(**interval))

    assert platform.asked == ["in"]
    assert counts["left_over"] == 0
    assert select("announce from tracking.trace_reply") == [(False,)]
    assert select(
        "platform_order_id from tracking.tracked_order where backfill_at is not null"
    ) == [("out",)]


def test_nothing_personal_reaches_the_warehouse_from_the_real_gateway(
    warehouse: Engine,
    open_client: Callable[..., Any],
    new_run: Callable[..., Run],
    track: Any,
    select: Select,
) -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    world = World(3, start, {"platform_1688": 30})
    clock = Clock.standing(start + timedelta(days=3))
    new = {"ask_parcels_at": clock.now(), "parcels_asked_at": None, "next_poll_at": None}
    track(*(order.order_id for order in world.orders()), **new)
    with Sandbox(world, clock, apps_for(["platform_1688"], None), token_hours=None) as sandbox:
        client = open_client(sandbox)
        lane = LaneContext(warehouse, client, new_run(), "me", BUDGET, clock.now)
        fetch_waybills.run(lane)
        gather_traces.run(lane)

    stored = "\n".join(str(row) for row in select("body from tracking.trace_reply"))
    assert len(stored) > 1000
    assert [word for word in world.phones | world.names if word in stored] == []


def test_a_backfill_makes_no_signed_order_due_for_live_runs(
    track: Any,
    gather: Any,
    select: Select,
    execute: Execute,
    now: datetime,
    new_run: Callable[..., Run],
) -> None:
    track("signed", "open", next_poll_at=None, backfill_at=now - MINUTE)
    execute("update tracking.erp_row set shipped_at = :now", now=now)
    execute("update tracking.erp_row set signed_at = :now where erp_key = 'signed'", now=now)

    gather(Platform(), run=new_run(shipped_from=now, shipped_to=now + MINUTE))

    assert select(
        "platform_order_id from tracking.tracked_order where next_poll_at is not null"
    ) == [("open",)]


def test_what_a_live_run_polls_no_backfill_has_to_poll_again(
    track: Any, gather: Any, select: Select, now: datetime
) -> None:
    track("both", backfill_at=now - MINUTE)

    gather(Platform())

    assert select("backfill_at from tracking.tracked_order") == [(None,)]


def test_an_order_that_fails_in_a_live_run_is_not_asked_again_by_a_backfill_at_once(
    track: Any, gather: Any, select: Select, now: datetime, new_run: Callable[..., Run]
) -> None:
    track("both", backfill_at=now - MINUTE)
    platform = Platform({"both": RejectedError("unreadable")})
    interval = {"shipped_from": now - 9999 * MINUTE, "shipped_to": now + 9999 * MINUTE}

    gather(platform)
    gather(platform, run=new_run(**interval))

    assert platform.asked == ["both"]


@pytest.mark.parametrize("backfill", [False, True])
def test_the_platform_is_told_which_parcel_each_known_waybill_belongs_to(
    backfill: bool,
    track: Any,
    gather: Any,
    insert: Callable[..., Any],
    select: Select,
    new_run: Callable[..., Run],
    now: datetime,
) -> None:
    track("1", backfill_at=now if backfill else None)
    ((order_id,),) = select("order_id from tracking.tracked_order")
    insert(
        "erp_row",
        erp_key="SO1",
        order_id=order_id,
        shipped_at=now,
        first_seen_at=now,
        listed=True,
    )
    for consignment_id, router_code, status, superseded_at, waybills in (
        ("LP2", None, "in_transit", None, ("YT1", "YT2")),
        ("LP3", None, "cancelled", None, ("YT2", "YT3")),
        ("LP4", None, "in_transit", now, ("YT4",)),
        ("LP5", None, "in_transit", None, ("YT1",)),
        ("YTO:YT5", "YTO", "in_transit", now, ("YT5",)),
        ("YTO:YT6", "yuantong", "in_transit", None, ("YT6",)),
    ):
        shipment = insert(
            "shipment",
            account="platform_1688",
            consignment_id=consignment_id,
            router_code=router_code,
            waybill_no=waybills[0],
            status=status,
        )
        insert(
            "order_shipment",
            order_id=order_id,
            shipment_id=shipment,
            first_seen_at=now,
            superseded_at=superseded_at,
        )
        for waybill_no in waybills:
            insert(
                "shipment_waybill", shipment_id=shipment, waybill_no=waybill_no, first_seen_at=now
            )
    interval = {"shipped_from": now, "shipped_to": now + MINUTE} if backfill else {}
    platform = Platform()

    gather(platform, run=new_run(**interval))

    # A cancelled parcel gave its number up to a live one; two live ones share theirs. Of superseded
    # parcels those stay that a trace may still name; a router's nobody asks for any more.
    assert platform.waybills == {
        "YT1": ["LP2", "LP5"],
        "YT2": ["LP2"],
        "YT3": ["LP3"],
        "YT4": ["LP4"],
        "YT6": ["yuantong:YT6"],
    }


class Confirming(Platform):
    """Also lists the order's one parcel, in a status, and counts what it is asked."""

    def __init__(self, answers: dict[str, Any], status: str | PlatformError = "signed") -> None:
        super().__init__(answers)
        self.status = status
        self.questions: list[str] = []

    def fetch_parcels(self, order_id: str) -> list[Parcel]:
        self.questions.append(f"parcels of {order_id}")
        if isinstance(self.status, PlatformError):
            raise self.status
        return [Parcel("LP1", "YT8800000000001", None, None, self.status.upper(), self.status)]

    def has_unshipped_lines(self, order_id: str) -> bool:
        self.questions.append(f"lines of {order_id}")
        return False


SIGNED = traces("已签收，签收人：本人")


def test_new_signature_is_confirmed_at_once(
    track: Any, gather: Any, select: Select, now: datetime
) -> None:
    track("1", "2")
    platform = Confirming({"1": SIGNED})

    gather(platform)

    assert platform.questions == ["parcels of 1", "lines of 1"]
    assert select("platform_status, platform_status_at from tracking.shipment") == [("signed", now)]
    assert select(
        "platform_order_id, has_unshipped_lines, parcels_asked_at from tracking.tracked_order"
        " order by order_id"
    ) == [("1", False, now), ("2", None, now - 60 * MINUTE)]


def test_signature_that_the_platform_does_not_confirm_asks_for_no_lines(
    track: Any, gather: Any, select: Select
) -> None:
    track("1")
    platform = Confirming({"1": SIGNED}, status="in_transit")

    gather(platform)

    assert platform.questions == ["parcels of 1"]


def test_known_signature_is_not_confirmed_again_by_a_poll(
    track: Any, gather: Any, warehouse: Engine, select: Select, now: datetime, new_run: Any
) -> None:
    track("1")
    gather(Confirming({"1": SIGNED}, status="in_transit"))
    load_traces.run(warehouse, new_run(), now=now)
    changed = traces("已签收，签收人：本人，感谢使用")
    platform = Confirming({"1": changed}, status="in_transit")

    gather(platform, clock=lambda: now + 30 * MINUTE)

    assert platform.asked == ["1"]
    assert platform.questions == []


def test_confirmation_that_fails_leaves_the_reply_recorded(
    track: Any, gather: Any, select: Select
) -> None:
    track("1")
    platform = Confirming({"1": SIGNED}, status=RetryableError("no answer in time"))

    assert gather(platform)["failed"] == 0

    assert select("count(*) from tracking.trace_reply") == [(1,)]
    assert select("last_error from tracking.tracked_order") == [(None,)]


def test_signature_that_the_platform_listed_before_asks_for_nothing(
    track: Any, gather: Any, warehouse: Engine, select: Select, now: datetime
) -> None:
    track("1")
    ((order_id,),) = select("order_id from tracking.tracked_order")
    listed = parcels.ParcelRow(
        order_id=order_id,
        account="platform_1688",
        consignment_id="LP1",
        waybill_no="YT1",
        seen_at=now - MINUTE,
        announce=True,
        listed=True,
        platform_code="SIGN",
        platform_status="signed",
    )
    with warehouse.begin() as connection:
        parcels.keep(connection, [listed])
    platform = Confirming({"1": SIGNED})

    gather(platform)

    assert platform.questions == []


@pytest.mark.parametrize("text", ["派件中", "请准备签收", "快件已揽收"])
def test_reply_without_a_signature_asks_for_nothing(text: str, track: Any, gather: Any) -> None:
    track("1")
    platform = Confirming({"1": traces(text)})

    gather(platform)

    assert platform.questions == []
