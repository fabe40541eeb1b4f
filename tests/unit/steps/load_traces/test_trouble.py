"""Replies that cannot be loaded, kills and loads beside each other."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from shipment_tracking.errors import OwnerTextsError
from shipment_tracking.platforms.ali1688.traces import read_traces
from shipment_tracking.statements import OWNER_FOLDER
from shipment_tracking.steps import load_traces

from .words import MOVING, NOON, OUT, SIGNED, broken, parcel


def test_a_reply_that_cannot_be_read_stops_no_other(track, reply, load, erp_row, select):
    for number in range(5):
        part = broken("LP2") if number == 2 else parcel(f"LP{number}", (-1, OUT))
        reply(track(number), part)

    counts = load()

    assert (counts["events_new"], counts["unreadable"]) == (4, 1)
    assert "cannot be loaded: none of the reply's parts names a parcel" in erp_row("SO2").last_error
    assert erp_row("SO3").last_error is None
    assert select("attempts, quarantined_at from tracking.trace_reply where loaded_at is null") == [
        (1, None)
    ]


def test_a_bad_reply_is_found_by_halves(track, reply, load, warehouse):
    for number in range(64):
        reply(track(number), parcel(f"LP{number}", (-1, OUT)))
    reply(track(64), broken("LP64"))
    begun: list[Any] = []
    event.listen(warehouse, "begin", begun.append)

    assert load()["events_new"] == 64
    # Two at each of the seven halvings, and what a load needs anyway.
    assert len(begun) < 30


def test_a_reply_is_set_aside_after_three_tries(track, reply, load, erp_row, select):
    reply(track(), broken("LP1"))

    assert [load(hours)["unreadable"] for hours in range(5)] == [1, 1, 1, 0, 0]

    assert select("attempts, quarantined_at from tracking.trace_reply") == [
        (3, NOON + timedelta(hours=2))
    ]
    assert "cannot be loaded" in erp_row().last_error


def test_a_good_reply_takes_the_complaint_about_an_earlier_one_away(track, reply, load, erp_row):
    order = track()
    reply(order, broken("LP1"))
    for hours in range(3):
        load(hours)
    reply(order, parcel("LP1", (-1, OUT)))
    load(4)

    assert erp_row().last_error is None


def test_a_reply_of_a_dialect_nobody_speaks_is_set_aside(track, reply, load, erp_row):
    reply(track(), parcel("LP1", (-1, OUT)), dialect="esperanto")

    assert load()["unreadable"] == 1
    assert "no dialect esperanto is known" in erp_row().last_error


def test_a_reply_that_the_database_refuses_is_set_aside(track, reply, load, erp_row):
    for number in (1, 2):
        reply(track(number), parcel(f"LP{number}", (-1, OUT)))

    def read(body: Any) -> Any:
        (trace,) = read_traces(body)
        event = replace(trace.events[0], description="\0")  # as a careless dialect might
        return [replace(trace, events=(event,)) if trace.consignment_id == "LP1" else trace]

    assert load(readers={"param2": read})["unreadable"] == 1
    assert "cannot contain NUL" in erp_row("SO1").last_error
    assert erp_row("SO2").status == "out_for_delivery"


@pytest.mark.parametrize(
    "body", ["text,status,sign_kind\n已到,in_transitt,\n".encode(), "文本".encode("gbk")]
)
def test_a_mistake_in_own_readings_costs_no_reply(
    body, track, reply, load, select, tmp_path, monkeypatch
):
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path))
    reply(track(), parcel("LP1", (-1, OUT)))
    (tmp_path / "texts.csv").write_bytes(body)

    with pytest.raises(OwnerTextsError, match=r"texts\.csv"):
        load()
    assert select("attempts, loaded_at from tracking.trace_reply") == [(0, None)]

    (tmp_path / "texts.csv").unlink()
    assert load()["events_new"] == 1


class Killed(BaseException):
    """The worker is gone."""


def test_a_killed_load_leaves_whole_chunks_and_the_next_one_goes_on(
    track, reply, load, notices, select
):
    for number in range(6):
        reply(track(number), parcel(f"LP{number}", (-2, MOVING), (-1, OUT)))
    seen: list[Any] = []

    def read(body: Any) -> Any:
        seen.append(body)
        if len(seen) == 4:
            raise Killed
        return read_traces(body)

    with pytest.raises(Killed):
        load(readers={"param2": read}, chunk=2)
    assert select("count(*) from tracking.trace_event") == [(4,)]
    assert select("count(*) from tracking.trace_reply where loaded_at is null") == [(4,)]
    assert len(notices()) == 4

    assert load()["events_new"] == 8
    assert len(notices()) == 12


def test_a_load_whose_connection_dies_stores_nothing_of_its_chunk(
    track, reply, load, select, execute
):
    order = track()
    reply(order, parcel("LP1", (-1, OUT)))

    def read(body: Any) -> Any:
        execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and state = 'idle in transaction'"
        )
        return read_traces(body)

    with pytest.raises(Exception, match="terminat"):
        load(readers={"param2": read})
    assert select("count(*) from tracking.shipment") == [(0,)]

    assert load()["events_new"] == 1


def test_loads_beside_each_other_store_and_tell_everything_once(
    track, reply, load, notices, select
):
    orders = [track(number) for number in range(12)]
    for order in orders:
        for hours in (-3, -2):
            # Two neighbours share a parcel, so that loads meet.
            reply(order, parcel(f"LP{order // 2}", (hours, MOVING)), parcel("LP-ALL", (-1, OUT)))

    with ThreadPoolExecutor(4) as pool:
        loads = list(pool.map(lambda _: load(chunk=3), range(4)))

    numbers = Counter()
    for counts in loads:
        numbers.update(counts)
    (stored,) = select("count(*), count(distinct shipment_id) from tracking.trace_event")
    assert numbers["events_new"] == stored[0]
    assert numbers["events_new"] + numbers["events_duplicate"] == 12 * 2 * 2
    assert select("count(*) from tracking.trace_reply where loaded_at is null") == [(0,)]
    told = select("event_id, count(*) from tracking.notification group by 1 having count(*) > 1")
    assert told == []
    assert select("count(*) from tracking.shipment where unsettled") == [(0,)]


def test_nothing_is_loaded_while_the_erps_list_is_taken_over(
    track, reply, load, while_another_holds
):
    reply(track(), parcel("LP1", (-1, OUT)))

    with while_another_holds("erp_rows.lock", load) as loading:
        assert not loading.done()

    assert loading.result()["events_new"] == 1


def test_parcels_that_wait_without_a_reply_are_judged_in_chunks(track, lists, load, statuses):
    for number in range(5):
        lists(track(number), **{f"LP{number}": "CANCEL"})

    assert load(chunk=2)["changes"] == 5
    assert set(statuses().values()) == {"cancelled"}


def test_the_run_knows_what_was_loaded(track, lists, reply, warehouse, new_run, execute, select):
    this_run = new_run()
    execute(
        "insert into tracking.run (run_id, run_type, started_at) values (:id, 'manual', now())",
        id=this_run.run_id,
    )
    order = track()
    lists(order, LP1="SIGN", hours=-1)
    reply(order, parcel("LP1", (-3, OUT), (-2, SIGNED), (-2, SIGNED)))

    load_traces.run(warehouse, this_run, now=NOON)

    assert select(
        "events_new, events_duplicate, changes, signed, ended_at from analytics.runs"
    ) == [(2, 1, 2, 1, NOON)]
