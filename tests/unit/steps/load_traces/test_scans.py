"""Each scan is stored once, whatever brings it."""

from datetime import timedelta

from .words import COLLECTED, LEFT, MOVING, NONSENSE, NOON, OUT, SIGNED, parcel


def test_a_scan_sent_twice_in_one_reply_is_stored_once(track, reply, load, select):
    reply(track(), parcel("LP1", (-2, MOVING), (-2, MOVING)))

    counts = load()

    assert (counts["events_new"], counts["events_duplicate"]) == (1, 1)
    assert select("count(*) from tracking.trace_event") == [(1,)]


def test_a_scan_sent_in_two_replies_is_stored_once(track, reply, load, select):
    order = track()
    for _ in range(2):
        reply(order, parcel("LP1", (-2, MOVING)))

    counts = load()

    assert (counts["events_new"], counts["events_duplicate"]) == (1, 1)


def test_loading_the_same_again_adds_nothing(track, reply, load, notices, select):
    order = track()
    for _ in range(2):
        reply(order, parcel("LP1", (-2, MOVING), (-1, OUT)))
        counts = load()

    assert counts == {
        "events_new": 0,
        "events_duplicate": 2,
        "changes": 0,
        "signed": 0,
        "unreadable": 0,
        "rejected": 0,
    }
    assert len(notices()) == 2


def test_nothing_waiting_is_nothing_done(load, select):
    assert set(load().values()) == {0}


def test_a_loaded_reply_waits_no_more(track, reply, load, select):
    reply(track(), parcel("LP1", (-2, MOVING)))
    load()

    assert select("count(*) from tracking.trace_reply where loaded_at is null") == [(0,)]
    assert load()["events_duplicate"] == 0


def test_two_scans_in_the_same_second_are_both_kept_and_the_later_place_leads(
    track, reply, load, statuses, select
):
    reply(track(), parcel("LP1", (-2, OUT), (-1, OUT), (-1, MOVING)))

    load()

    assert select("count(*) from tracking.trace_event") == [(3,)]
    assert statuses() == {"LP1": "in_transit"}
    assert select("last_event from tracking.shipment") == [(MOVING,)]


def test_the_same_words_some_minutes_apart_are_two_scans(track, reply, load, select):
    reply(track(), parcel("LP1", (-2, MOVING), (-1.9, MOVING)))

    assert load()["events_new"] == 2


def test_scans_may_come_in_any_order(track, reply, load, statuses, select):
    order = track()
    reply(order, parcel("LP1", (-1, OUT), (-5, COLLECTED), (-3, MOVING)))
    load()
    reply(order, parcel("LP1", (-2, LEFT), (-1, OUT), (-5, COLLECTED), (-3, MOVING)))
    load()

    assert statuses() == {"LP1": "out_for_delivery"}
    assert select(
        "first_event_at, last_event_at, last_event, event_count from analytics.shipments"
    ) == [(NOON - timedelta(hours=5), NOON - timedelta(hours=1), OUT, 4)]


def test_a_scan_from_the_future_is_kept_and_does_not_lead(track, reply, load, statuses, select):
    reply(track(), parcel("LP1", (-1, MOVING), (0.5, SIGNED)))

    assert load()["events_new"] == 2

    assert statuses() == {"LP1": "in_transit"}
    assert select("future_dated from tracking.trace_event order by occurred_at") == [
        (False,),
        (True,),
    ]
    assert select("last_event, event_count from tracking.shipment") == [(MOVING, 2)]


def test_a_scan_printed_in_local_time_leads_once_that_time_has_come(track, reply, load, statuses):
    reply(track(), parcel("LP1", (-1, MOVING), (5, OUT)))
    load()
    assert statuses() == {"LP1": "in_transit"}

    load(hours=4)
    assert statuses() == {"LP1": "in_transit"}

    load(hours=5)
    assert statuses() == {"LP1": "out_for_delivery"}


def test_a_scan_dated_far_ahead_never_leads(track, reply, load, statuses):
    reply(track(), parcel("LP1", (-1, MOVING), (7, OUT)))
    load()

    load(hours=8)

    assert statuses() == {"LP1": "in_transit"}


def test_a_clock_that_is_a_little_fast_does_not_make_the_future(track, reply, load, statuses):
    reply(track(), parcel("LP1", (0.1, OUT)))

    load()

    assert statuses() == {"LP1": "out_for_delivery"}


def test_what_says_nothing_is_stored_as_unknown(track, reply, load, statuses, select):
    reply(track(), parcel("LP1", (-2, MOVING), (-1, NONSENSE)))

    load()

    assert statuses() == {"LP1": "in_transit"}
    assert select("status from analytics.trace_events order by occurred_at desc limit 1") == [
        ("unknown",)
    ]


def test_a_parcel_keeps_its_scans_when_its_waybill_number_changes(track, reply, load, select):
    order = track()
    reply(order, parcel("LP1", (-2, MOVING), waybill_no="YT1"))
    load()
    reply(order, parcel("LP1", (-2, MOVING), (-1, OUT), waybill_no="YT2"))

    assert load()["events_new"] == 1

    assert select("waybill_no, event_count from analytics.shipments") == [("YT2", 2)]
    assert select("waybill_no from tracking.shipment_waybill order by waybill_no") == [
        ("YT1",),
        ("YT2",),
    ]


def test_a_parcel_knows_its_way(track, reply, load, select):
    reply(
        track(),
        parcel(
            "LP1",
            (-9, "【义乌市】快件已由【测试网点】揽收"),
            (-5, "快件到达【杭州转运中心】"),
            (-1, OUT),
        ),
    )

    load()

    assert select(
        "picked_up_at, out_for_delivery_at, origin_city, last_city from analytics.shipments"
    ) == [(NOON - timedelta(hours=9), NOON - timedelta(hours=1), "义乌市", "杭州市")]


def test_a_city_that_is_read_by_now_is_stored(track, reply, load, execute, select):
    order = track()
    reply(order, parcel("LP1", (-5, "快件到达【杭州转运中心】")))
    load()
    execute("update tracking.trace_event set city = null")
    reply(order, parcel("LP1", (-5, "快件到达【杭州转运中心】"), (-1, OUT)))

    load()

    assert select("city from tracking.trace_event order by occurred_at") == [("杭州市",), (None,)]
