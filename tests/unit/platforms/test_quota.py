"""Call times are handed out once, far enough apart, to everybody who shares an app key."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import Engine, Row, event, text

from shipment_tracking.errors import QuotaError
from shipment_tracking.statements import query
from shipment_tracking.warehouse.quota import Quota

GATEWAY = "https://gateway.invalid"
SPACING = 1.04


@pytest.fixture
def app_key(request: pytest.FixtureRequest) -> str:
    """One that no other test uses."""
    return request.node.name


@pytest.fixture
def new_quota(quotas: Engine, app_key: str) -> Iterator[Callable[..., Quota]]:
    opened: list[Quota] = []

    def make(
        account: str = "first", *, qps: float = 200, key: str = app_key, backfill: bool = False
    ) -> Quota:
        opened.append(
            Quota(
                quotas,
                gateway=GATEWAY,
                app_key=key,
                account=account,
                qps=qps,
                backfill=backfill,
            )
        )
        return opened[-1]

    yield make
    for quota in opened:
        quota.close()


@pytest.fixture
def row(quotas: Engine, app_key: str) -> Callable[..., Row]:
    """The row of a share as it is now."""

    def read(share: str = "all", key: str = app_key) -> Row:
        query = text(
            "select spacing, next_at, blocked_until, clock_timestamp() as now"
            " from tracking.api_quota where app_key = :key and share = :share"
        )
        with quotas.connect() as connection:
            return connection.execute(query, {"key": key, "share": share}).one()

    return read


def test_a_row_is_spaced_by_its_qps_and_a_little_more(new_quota, row):
    new_quota(qps=200).acquire()

    assert row().spacing == pytest.approx(SPACING / 200)


@pytest.mark.parametrize("order", [(50, 200), (200, 50)])
def test_the_slowest_connection_sets_the_spacing_of_a_shared_key(order, new_quota, row):
    for qps in order:
        new_quota(f"of {qps}", qps=qps).acquire()

    assert row().spacing == pytest.approx(SPACING / 50)


def test_a_connection_that_changes_its_mind_is_believed(new_quota, row):
    new_quota("first", qps=50).acquire()
    new_quota("first", qps=100).acquire()

    assert row().spacing == pytest.approx(SPACING / 100)


def test_a_connection_that_was_not_seen_for_a_day_slows_nobody(new_quota, row, quotas, app_key):
    new_quota("gone", qps=50).acquire()
    with quotas.begin() as connection:
        connection.execute(
            text(
                "update tracking.api_quota_account set seen_at = seen_at - interval '25 hours'"
                " where app_key = :key"
            ),
            {"key": app_key},
        )

    new_quota("here", qps=100).acquire()

    assert row().spacing == pytest.approx(SPACING / 100)


def test_another_app_key_has_a_row_of_its_own(new_quota, row, app_key):
    new_quota(qps=50).acquire()
    new_quota(qps=200, key=f"{app_key} too").acquire()

    assert row(key=f"{app_key} too").spacing == pytest.approx(SPACING / 200)


def test_a_backfill_draws_on_a_fifth_and_on_what_all_share(new_quota, row):
    quota = new_quota(qps=200, backfill=True)
    quota.acquire()
    own, common = row("backfill"), row("all")
    quota.acquire()

    assert own.spacing == pytest.approx(5 * common.spacing)
    assert row("backfill").next_at >= own.next_at + timedelta(seconds=own.spacing)
    assert row("all").next_at >= common.next_at + timedelta(seconds=common.spacing)


def test_a_run_that_is_no_backfill_leaves_the_backfills_share_alone(new_quota, row):
    quota = new_quota(qps=200)
    quota.acquire()
    before = row("backfill").next_at
    quota.acquire()

    assert row("backfill").next_at == before


def test_every_call_of_many_threads_uses_up_a_slot(new_quota, row):
    first, second = new_quota("first", qps=500), new_quota("second", qps=500)
    first.acquire()
    before = row().next_at

    with ThreadPoolExecutor(16) as pool:
        for call in [pool.submit((first, second)[n % 2].acquire) for n in range(60)]:
            call.result()

    assert row().next_at >= before + 60 * timedelta(seconds=SPACING / 500)


def test_a_call_is_never_made_before_its_slot(new_quota, row):
    quota = new_quota(qps=20)

    for _ in range(3):
        quota.acquire()

        after = row()
        assert after.now >= after.next_at - timedelta(seconds=after.spacing)


def test_slots_that_may_have_been_late_on_their_way_are_thrown_away(new_quota, quotas):
    asked = [0.0, 0.0, 0.1, 0.0]  # how much later each answer is

    def answer_late(*call: object) -> None:
        if "slots" in str(call[2]) and asked:
            time.sleep(asked.pop(0))

    quota = new_quota(qps=20)
    event.listen(quotas, "after_cursor_execute", answer_late)
    try:
        for _ in range(3):
            quota.acquire()
    finally:
        event.remove(quotas, "after_cursor_execute", answer_late)

    assert asked == []


def test_slots_of_many_processes_do_not_overlap(new_quota, quotas, app_key):
    new_quota(qps=20).acquire()

    def reserve(slots: int) -> tuple[datetime, datetime]:
        """From the first to the end of the last slot, as the row has it."""
        key = {"gateway": GATEWAY, "app_key": app_key}
        with quotas.begin() as connection:
            found = connection.execute(
                query("quota.reserve"), {**key, "share": "all", "slots": slots}
            ).one()
            end = connection.execute(
                text(
                    "select next_at from tracking.api_quota where app_key = :key and share = 'all'"
                ),
                {"key": app_key},
            ).scalar_one()
        return end - slots * timedelta(seconds=found.spacing), end

    with ThreadPoolExecutor(8) as pool:
        reserved = sorted(pool.map(reserve, [1, 2, 3, 4, 5] * 6))

    tick = timedelta(microseconds=5)
    assert all(end <= start + tick for (_, end), (start, _) in pairwise(reserved))


def test_a_block_holds_everybody_who_shares_the_key(new_quota, row):
    first, second = new_quota("first"), new_quota("second", backfill=True)
    first.acquire()
    second.acquire()

    first.block(0.3)
    until = row().blocked_until

    for quota in (first, second):
        quota.acquire()
        assert row().now >= until
    assert row("backfill").blocked_until is not None


def test_a_block_is_never_made_shorter(new_quota, row):
    quota = new_quota()
    quota.acquire()

    quota.block(900)
    until = row().blocked_until
    quota.block(1)

    assert row().blocked_until == until


def test_a_long_block_is_told_with_its_end(new_quota, row):
    first, second = new_quota("first"), new_quota("second")
    first.acquire()
    first.block(900)

    for quota in (first, second):
        with pytest.raises(QuotaError) as raised:
            quota.acquire()
        assert raised.value.until == row().blocked_until


def test_a_block_holds_those_too_who_wait_for_their_slot_already(new_quota):
    quota = new_quota(qps=4)
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(quota.acquire) for _ in range(3)]
        next(as_completed(calls)).result()
        quota.block(900)

    assert any(isinstance(call.exception(), QuotaError) for call in calls)


def test_a_quota_survives_the_restart_of_its_database(new_quota, quotas):
    quota = new_quota()
    quota.acquire()
    with quotas.begin() as connection:
        ended = connection.execute(
            text(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        ).all()

    quota.acquire()

    assert ended


def test_a_closed_quota_may_be_used_again(new_quota, quotas):
    quota = new_quota()
    quota.acquire()
    quota.close()
    with quotas.connect() as connection:
        open_elsewhere = connection.scalar(
            text(
                "select count(*) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        )

    quota.acquire()

    assert open_elsewhere == 0
