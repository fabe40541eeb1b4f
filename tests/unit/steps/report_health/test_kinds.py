"""Each kind of trouble is found, told once, and cleared by itself when it is over."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from werkzeug import Request, Response

from sandbox.robots import PATHS, SECRET, Robot
from shipment_tracking.channels.registry import destinations
from shipment_tracking.domain.health import KINDS
from shipment_tracking.domain.models import ApiUsage
from shipment_tracking.warehouse import runs
from tests import factories
from tests.factories import ACCOUNT, NOW

DOCS = Path(__file__).parents[4] / "docs"
HOUR = timedelta(hours=1)
LATER = NOW + timedelta(hours=3)
"""By then every trouble of these tests is over."""


class Field:
    """The warehouse as a trouble and its end leave it."""

    def __init__(self, warehouse: Any, new_run: Any) -> None:
        self.warehouse, self.new_run = warehouse, new_run

    def execute(self, command: str, **binds: Any) -> None:
        with self.warehouse.begin() as connection:
            connection.execute(text(command), binds)

    def order(self, **changes: Any) -> int:
        order_id = factories.order(self.warehouse, **changes)
        factories.erp_row(self.warehouse, order_id)
        return order_id

    def calls(self, at: Any = NOW, **by_outcome: int) -> None:
        """A run with calls; ``unmapped_X`` stands for the outcome ``unmapped X``."""
        this_run = self.new_run(at)
        usage = [
            ApiUsage("trace", outcome.replace("_", " "), calls, 1.0)
            for outcome, calls in by_outcome.items()
        ]
        with self.warehouse.begin() as connection:
            runs.begin(connection, this_run)
            runs.add_usage(connection, this_run, ACCOUNT, usage)

    def scans(self, at: Any, sure: int, unsure: int, number: int) -> None:
        parcel = factories.shipment(self.warehouse, factories.order(self.warehouse, number), number)
        for position in range(sure + unsure):
            factories.trace_event(
                self.warehouse,
                parcel,
                "in_transit",
                at,
                position=position,
                decided_by="model" if position < sure else "model?",
            )

    def notice(self, number: int = 1, **changes: Any) -> None:
        parcel = factories.shipment(self.warehouse, factories.order(self.warehouse, number), number)
        row = {"audience": "ops", "channel": "phone", "state": "pending"}
        factories.notification(
            self.warehouse, parcel, uuid4(), "signed", NOW - HOUR, **row | changes
        )


def api_failures(field: Field) -> Callable[[], None]:
    field.calls(NOW - HOUR, ok=2)
    field.calls(ok=14, retryable=6, auth=2)
    return lambda: field.calls(NOW + HOUR, ok=20, rejected=9)


def quota_blocked(field: Field) -> Callable[[], None]:
    field.execute(
        "insert into tracking.api_quota values"
        " ('gw', 'key', 'all', 1, now(), now() + interval '2h')"
    )
    field.execute(
        "insert into tracking.api_quota_account values ('gw', 'key', :account, 1, now())",
        account=ACCOUNT,
    )
    return lambda: field.execute("update tracking.api_quota set blocked_until = now()")


def quota_pushed_back(field: Field) -> Callable[[], None]:
    field.calls(ok=14, quota=6)
    return lambda: field.calls(NOW + HOUR, ok=20, quota=1)


def locked_out(field: Field) -> Callable[[], None]:
    field.order()
    field.execute(
        "insert into tracking.circuit values (:account, now(), 1, :reason)",
        account=ACCOUNT,
        reason="refresh token is expired: authorise the account again",
    )
    return lambda: field.execute("delete from tracking.circuit")


def refresh_token_ends(field: Field) -> Callable[[], None]:
    field.order()
    pair = {"account": ACCOUNT, "secret": b"x", "stored_at": NOW - HOUR}
    ends = NOW + timedelta(days=6)
    factories.insert(field.warehouse, "token", pair="a", refresh_expires_at=ends, **pair)
    newer = pair | {"stored_at": NOW, "refresh_expires_at": NOW + timedelta(days=180)}
    return lambda: factories.insert(field.warehouse, "token", pair="b", **newer)


def feed_broken(field: Field) -> Callable[[], None]:
    factories.insert(
        field.warehouse,
        "feed",
        account=ACCOUNT,
        feed="orders",
        cursor_at=NOW,
        last_error="no answer in time",
    )
    return lambda: field.execute("update tracking.feed set last_error = null")


def not_polled(field: Field) -> Callable[[], None]:
    field.order(
        next_poll_at=NOW - 2 * HOUR, parcels_asked_at=NOW - 5 * HOUR, last_polled_at=NOW - 5 * HOUR
    )
    factories.run(field.warehouse, "before", NOW - HOUR)
    return lambda: field.execute("update tracking.tracked_order set last_polled_at = :at", at=LATER)


def no_parcels_asked(field: Field) -> Callable[[], None]:
    field.order(ask_parcels_at=NOW - 2 * HOUR)
    factories.run(field.warehouse, "before", NOW - HOUR)
    return lambda: field.execute("update tracking.tracked_order set parcels_asked_at = :at", at=NOW)


def backlog(field: Field) -> Callable[[], None]:
    for hours in range(24):
        at = NOW - hours * HOUR - timedelta(minutes=1)
        left_over = 100 if hours > 12 else 101
        factories.run(field.warehouse, f"{hours}", at, left_over=left_over, polled=1)
    return lambda: factories.run(field.warehouse, "new", NOW + HOUR, left_over=0, polled=500)


def erp_signatures(field: Field) -> Callable[[], None]:
    for number in (1, 2, 3):
        event = uuid4()
        order_id = factories.order(field.warehouse, number)
        factories.erp_row(field.warehouse, order_id, number, sign_event=event, signed_at=NOW)
        factories.insert(
            field.warehouse,
            "erp_writeback",
            erp_key=f"SO{number}",
            account=ACCOUNT,
            platform_order_id=f"29{number}",
            source_event=event,
            signed_at=NOW,
            before="{}",
            outcome="failed" if number < 3 else None,
            run_id="run",
            created_at=NOW - 2 * HOUR,
        )
    return lambda: field.execute(
        "update tracking.erp_row set settled_event = sign_event where erp_key = 'SO1'"
    )


def erp_traces(field: Field) -> Callable[[], None]:
    for number in (1, 2, 3):
        factories.erp_row(
            field.warehouse,
            factories.order(field.warehouse, number),
            number,
            trace_changed=True,
            trace_error="value too long for type character varying(20)",
        )
    return lambda: field.execute(
        "update tracking.erp_row set trace_error = null where erp_key = 'SO2'"
    )


def channel_down(field: Field) -> Callable[[], None]:
    field.notice(attempts=2, last_error="no answer in time", due_at=NOW + HOUR)
    return lambda: field.notice(2, state="sent", sent_at=LATER)


def dead_notices(field: Field) -> Callable[[], None]:
    field.notice(state="dead", attempts=1, last_error="HTTP 413", due_at=NOW)
    return lambda: field.execute(
        "insert into tracking.notification (event_id, shipment_id, audience, channel, reason,"
        " state, created_at, sent_at) select gen_random_uuid(), shipment_id, audience, channel,"
        " reason, 'sent', created_at, :at from tracking.notification where state = 'dead'",
        at=NOW,
    )


def unknown_codes(field: Field) -> Callable[[], None]:
    field.calls(NOW - 30 * HOUR, ok=980, unmapped_X=20)
    field.calls(ok=940, unmapped_X=50, unmapped_Y=10)
    return lambda: field.calls(NOW + HOUR, ok=5000)


def unknown_texts(field: Field) -> Callable[[], None]:
    field.scans(NOW - 30 * HOUR, 90, 10, number=1)
    field.scans(NOW, 75, 25, number=2)
    return lambda: field.scans(NOW + HOUR, 100, 0, number=3)


def quarantined_replies(field: Field) -> Callable[[], None]:
    order_id = field.order()
    reply = partial(factories.trace_reply, field.warehouse, order_id, "{}")
    reply(
        NOW,
        loaded_at=None,
        quarantined_at=NOW,
        last_error="none of the reply's parts names a parcel",
    )
    return lambda: reply(NOW)


def closures_refused(field: Field) -> Callable[[], None]:
    for run_id, said in (("1", ""), ("2", "60 of 90 open orders are gone; nothing was closed")):
        at = NOW + (int(run_id) - 3) * HOUR
        factories.run(field.warehouse, run_id, at, closures_refused=said)
    return lambda: factories.run(field.warehouse, "3", NOW, closures_refused="")


def checked(field: Field, **result: Any) -> Callable[[], None]:
    row = {"check_name": "mine", "severity": "error", "meaning": "Mine holds.", "checked_at": NOW}
    factories.insert(field.warehouse, "quality_check", **row | result)
    return lambda: field.execute("update tracking.quality_check set violations = 0, error = null")


def violated_check(field: Field) -> Callable[[], None]:
    return checked(field, violations=2, first_rows="a 1; a 2")


def broken_check(field: Field) -> Callable[[], None]:
    return checked(field, error="mine.sql, line 3: no such column")


def carrier_silent(field: Field) -> Callable[[], None]:
    factories.insert(
        field.warehouse,
        "silent_carrier",
        carrier_code="YTO",
        carrier_name="圆通速递",
        since=NOW,
        silent_share=0.5,
        moving=40,
        quiet=37,
        usual_share=0.06,
        examples="YT1, YT2",
    )
    return partial(field.execute, "delete from tracking.silent_carrier")


TROUBLES = {
    api_failures: "api_failures",
    quota_blocked: "quota",
    quota_pushed_back: "quota",
    locked_out: "locked_out",
    refresh_token_ends: "refresh_token_ends",
    feed_broken: "feed_broken",
    not_polled: "not_polled",
    no_parcels_asked: "not_polled",
    backlog: "backlog",
    erp_signatures: "erp_writes",
    erp_traces: "erp_writes",
    channel_down: "channel_down",
    dead_notices: "dead_notices",
    unknown_codes: "unknown_codes",
    unknown_texts: "unknown_texts",
    quarantined_replies: "quarantined_replies",
    closures_refused: "closures_refused",
    broken_check: "quality",
    violated_check: "quality",
    carrier_silent: "carrier_silent",
}


@pytest.fixture
def field(warehouse, new_run) -> Field:
    return Field(warehouse, new_run)


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_a_trouble_is_told_once_and_its_end_once(trouble, field, report, items, select):
    end = trouble(field)

    assert report() == {"opened": 1, "sent": 1}
    assert report(hours=0.1) == {}

    end()
    assert report(hours=3) == {"cleared": 1, "sent": 1}
    assert report(hours=3.1) == {}
    kind = TROUBLES[trouble]
    assert [(reason, told) for reason, told, _ in items()] == [
        ("alert", kind),
        ("alert_cleared", kind),
    ]
    assert select("kind, opened_at, told_at, cleared_at from analytics.alerts") == [
        (kind, NOW, NOW, LATER)
    ]


def test_every_kind_is_provoked():
    assert set(TROUBLES.values()) == set(KINDS)


def nothing_due(field: Field) -> None:
    field.order(next_poll_at=NOW + HOUR, parcels_asked_at=NOW - 5 * HOUR)
    factories.run(field.warehouse, "before", NOW - HOUR)


def polled_in_the_run_before(field: Field) -> None:
    not_polled(field)
    field.execute("update tracking.tracked_order set last_polled_at = :at", at=NOW - HOUR / 2)


def only_backfills_before(field: Field) -> None:
    not_polled(field)
    field.execute("update tracking.run set run_type = 'backfill'")


def few_calls(field: Field) -> None:
    field.calls(retryable=19)


def refused_credentials(field: Field) -> None:
    field.calls(ok=1, auth=30)


def a_backlog_that_shrinks(field: Field) -> None:
    backlog(field)
    field.execute("update tracking.run set left_over = 99 where left_over = 101")


def a_backlog_of_half_a_day(field: Field) -> None:
    backlog(field)
    field.execute("delete from tracking.run where left_over = 100")


def a_usual_share(field: Field) -> None:
    field.calls(NOW - 30 * HOUR, ok=900, unmapped_X=100)
    field.calls(ok=900, unmapped_X=100)
    field.scans(NOW - 30 * HOUR, 70, 30, number=1)
    field.scans(NOW, 60, 40, number=2)


def a_single_failure(field: Field) -> None:
    field.notice(9, attempts=1, last_error="no answer", due_at=NOW)
    erp_traces(field)
    field.execute("update tracking.erp_row set trace_error = null where erp_key = 'SO2'")


def an_account_without_orders(field: Field) -> None:
    refresh_token_ends(field)
    field.execute("insert into tracking.circuit values (:account, now(), 1, 'x')", account=ACCOUNT)
    field.execute("update tracking.tracked_order set closed_at = now()")


@pytest.mark.parametrize(
    "state",
    [
        nothing_due,
        polled_in_the_run_before,
        only_backfills_before,
        few_calls,
        refused_credentials,
        a_backlog_that_shrinks,
        a_backlog_of_half_a_day,
        a_usual_share,
        a_single_failure,
        an_account_without_orders,
    ],
    ids=lambda state: state.__name__,
)
def test_what_is_usual_is_no_trouble(state, field, report):
    state(field)

    assert report() == {}


ROBOTS = {"runbook.md": "en", "zh/runbook.md": "zh"}
"""The language of each page's examples."""


def documented(page: str) -> dict[str, str]:
    rows = (DOCS / page).read_text("utf-8").split("report_health", 1)[1]
    return dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", rows, re.MULTILINE))


@pytest.mark.parametrize("page", ROBOTS)
def test_the_runbook_shows_a_text_of_each_kind(page):
    assert tuple(documented(page)) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_the_runbook_shows_what_a_robot_says(kind, field, report, httpserver):
    robots = {language: Robot("feishu") for language in ROBOTS.values()}
    channels = []
    for language, robot in robots.items():
        path = f"/{language}{PATHS['feishu']}"
        httpserver.expect_request(path).respond_with_handler(answers(robot))
        listed = {"url": httpserver.url_for(path), "secret": SECRET, "language": language}
        channels += destinations("ops", [{"type": "feishu", "name": language} | listed])
    trouble = {kind: trouble for trouble, kind in TROUBLES.items()}[kind]
    trouble(field)

    report(*channels)

    for page, language in ROBOTS.items():
        ((_, _, item),) = (text.split("\n", 2) for text in robots[language].texts)
        assert item == f"- {documented(page)[kind]}"


def answers(robot: Robot) -> Callable[[Request], Response]:
    return lambda request: Response(
        json.dumps(robot.answer(request.path, request.args, request.get_data())),
        content_type="application/json",
    )
