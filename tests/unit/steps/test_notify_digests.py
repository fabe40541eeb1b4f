"""Digests: many changes in few messages, each told of once, repeated as they were after a crash."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from sandbox.robots import PATHS, SECRET, Robot
from shipment_tracking.channels.port import Channel, Destination, Limits
from shipment_tracking.channels.registry import destinations
from shipment_tracking.errors import (
    ChannelDownError,
    ChannelRefusedError,
    DeliveryError,
    MessageError,
    RateLimitedError,
)

NONE = {"sent": 0, "failed": 0, "dead": 0, "suppressed": 0}


@dataclass
class Picky:
    """
    A receiver of digests that refuses some.

    :param refuse: raises for a text that is not taken.
    """

    inner: Channel
    refuse: Callable[[str], None]
    limits: Limits = field(default_factory=lambda: Limits(most_items=4))
    identity: str = "picky"
    asked: list[str] = field(default_factory=list)

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        self.asked.append(body["text"])
        self.refuse(body["text"])
        self.inner.send(event_id, body)


@pytest.fixture
def digest(destination) -> Callable[..., Destination]:
    """The channel of ops, with digests, that refuses what ``refuse`` raises for."""

    def make(refuse: Callable[[str], None] = lambda text: None) -> Destination:
        usual = destination("ops", digest=True)
        return replace(usual, channel=Picky(usual.channel, refuse))

    return make


@pytest.fixture
def texts(receiver) -> Callable[[], list[str]]:
    return lambda: [each.body["text"] for each in receiver.deliveries("ops")]


@pytest.fixture
def states(select) -> Callable[[], Counter[tuple[str, int]]]:
    rows = "state, attempts from tracking.notification"
    return lambda: Counter(map(tuple, select(rows)))


def poison(*waybills: str) -> Callable[[str], None]:
    def refuse(text: str) -> None:
        if any(f"{waybill}\n" in f"{text}\n" for waybill in waybills):
            raise DeliveryError("the text is refused", permanent=True)

    return refuse


def always(error: Exception) -> Callable[[str], None]:
    def refuse(text: str) -> None:
        raise error

    return refuse


@pytest.mark.parametrize("kind", PATHS)
def test_900_changes_reach_a_strict_robot_in_a_handful_of_messages(
    kind, warehouse, ship, execute, notify, select, httpserver: HTTPServer
):
    strict = Robot(kind)
    refused: list[str] = []

    def handle(request: Request) -> Response:
        answer = strict.answer(request.path, request.args, request.get_data())
        if answer.get("errcode", answer.get("code")):
            refused.append(str(answer))
        return Response(json.dumps(answer), content_type="application/json")

    httpserver.expect_request(re.compile("/"), method="POST").respond_with_handler(handle)
    fields = {} if kind == "wecom" else {"secret": SECRET}
    (robot,) = destinations(
        "ops", [{"type": kind, "url": httpserver.url_for(PATHS[kind])} | fields]
    )
    ship()
    execute(MANY, many=900, problems=20 if kind == "wecom" else 100)

    assert notify(robot) == NONE | {"sent": 900}

    assert refused == []
    assert len(strict.texts) == 2
    assert sum(int(re.findall(r"\d+", text)[0]) for text in strict.texts) == 900
    assert select("state, attempts, count(*) from tracking.notification group by 1, 2") == [
        ("sent", 1, 900)
    ]


MANY = """
with parcel as (
    insert into tracking.shipment (account, consignment_id, waybill_no, carrier_name)
    select 'platform_1688', 'LPX' || n, 'YTX' || n, '圆通速递'
    from generate_series(1, :many) as n
    returning shipment_id
),
ranked as (select shipment_id, row_number() over (order by shipment_id) as n from parcel),
changed as (
    insert into tracking.status_change
        (event_id, shipment_id, from_status, to_status, occurred_at, detected_at, run_id)
    select gen_random_uuid(), shipment_id, 'pending',
        case when n <= :problems then 'exception' else 'in_transit' end,
        timestamptz '2026-03-02 04:00Z', timestamptz '2026-03-02 04:00Z', 'run'
    from ranked
    returning event_id, shipment_id, to_status, detected_at
)
insert into tracking.notification (event_id, shipment_id, reason, state, created_at, due_at)
select event_id, shipment_id, to_status, 'pending', detected_at, detected_at from changed
"""


def test_of_each_parcel_only_the_newest_change_is_listed(ship, change, notify, digest, texts):
    parcel, other = ship(1), ship(2)
    change(parcel, "out_for_delivery", hours=-1)
    change(parcel, "signed")
    change(other, "signed")

    assert notify(digest()) == NONE | {"sent": 2, "suppressed": 1}

    (text,) = texts()
    assert text.splitlines()[0] == "2 个包裹有新状态"
    assert "派送" not in text


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("odd")])
def test_what_was_sent_when_a_process_died_is_repeated_as_it_was(
    error, ship, change, notify, digest, receiver, select
):
    first = [change(ship(number), "exception", hours=-1) for number in range(1, 7)]
    ops = digest()
    sent: list[UUID] = []

    class Dying(Picky):
        def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
            super().send(event_id, body)
            sent.append(event_id)
            raise error

    with pytest.raises(type(error)):
        notify(replace(ops, channel=Dying(ops.channel.inner, lambda text: None)))
    change(ship(7), "exception", hours=-2)

    assert notify(ops)["sent"] == 7

    ids = [UUID(each.event_id) for each in receiver.deliveries()]
    assert ids[0] == ids[1] == sent[0]
    assert len(ids) == 3
    told = [re.findall(r"YT(\d)", each.body["text"]) for each in receiver.deliveries()]
    assert told == [["1", "2", "3", "4"], ["1", "2", "3", "4"], ["7", "5", "6"]]
    assert len(first) == 6


def test_a_newer_change_makes_a_repeated_digest_another_message(
    ship, change, notify, digest, receiver, execute
):
    parcel = ship(1)
    for each in (parcel, ship(2)):
        change(each, "in_transit", hours=-1)
    with pytest.raises(KeyboardInterrupt):
        notify(digest(always(KeyboardInterrupt())))
    change(parcel, "signed")

    assert notify(digest()) == NONE | {"sent": 2, "suppressed": 1}

    first, second = receiver.deliveries()
    assert first.event_id != second.event_id
    assert "YT2" in first.body["text"]
    assert "YT1" in second.body["text"]


def test_after_a_failure_old_and_new_changes_share_a_digest(ship, change, notify, digest, texts):
    change(ship(1), "in_transit")
    with pytest.raises(ChannelDownError, match="1 notices are pending: HTTP 503"):
        notify(digest(always(DeliveryError("HTTP 503"))))
    change(ship(2), "in_transit")

    assert notify(digest(), hours=1) == NONE | {"sent": 2}

    (text,) = texts()
    assert {"YT1", "YT2"} <= set(re.findall(r"YT\d", text))


def test_sixty_hours_without_a_receiver_end_in_one_digest(
    ship, change, notify, digest, receiver, texts, select
):
    statuses = ["picked_up", "in_transit", "out_for_delivery", "signed"]
    parcels = [ship(number) for number in range(1, 5)]
    receiver.go_down("ops")
    for hours in range(0, 60, 6):
        change(parcels[hours // 6 % 4], statuses[hours // 24], hours=hours)
        with pytest.raises(ChannelDownError):
            notify(digest(), "ops/phone", hours=hours)
    receiver.come_back("ops")

    notify(digest(), "ops/phone", hours=60)

    (text,) = texts()
    assert sorted(re.findall(r"YT\d", text)) == ["YT1", "YT2", "YT3", "YT4"]
    assert len(receiver.deliveries("phone")) == 10
    assert Counter(select("channel, state from tracking.notification")) == {
        ("ops", "sent"): 4,
        ("ops", "suppressed"): 6,
        ("phone", "sent"): 10,
    }


def test_what_meets_a_rate_shares_a_digest_with_what_comes_later(
    ship, change, notify, digest, texts, states
):
    change(ship(1), "in_transit")
    assert notify(digest(always(RateLimitedError("too fast")))) == NONE
    assert states() == {("pending", 0): 1}
    change(ship(2), "in_transit")

    assert notify(digest()) == NONE | {"sent": 2}

    assert len(texts()) == 1


@pytest.mark.parametrize("bad", [["YT3"], ["YT2", "YT9"]])
def test_a_text_that_is_refused_costs_its_own_parcel_only(
    bad, ship, change, notify, digest, select
):
    for number in range(1, 11):
        change(ship(number, last_event=None), "in_transit")

    assert notify(digest(poison(*bad))) == NONE | {"sent": 10 - len(bad), "dead": len(bad)}

    assert [
        waybill
        for (waybill,) in select(
            "waybill_no from analytics.notifications where state = 'dead' order by 1"
        )
    ] == bad


def test_a_channel_that_refuses_every_text_loses_nothing(ship, change, notify, digest, states):
    for number in range(1, 31):
        change(ship(number), "in_transit")
    picky = digest(always(DeliveryError("the text is refused", permanent=True)))

    with pytest.raises(ChannelDownError, match="30 notices are pending: the text is refused"):
        notify(picky)

    assert len(picky.channel.asked) == 9
    assert {state for state, _ in states()} == {"pending"}
    assert notify(digest(), hours=1)["sent"] == 30


def test_a_revoked_key_costs_one_notice_of_a_digest(ship, change, notify, receiver, digest, states):
    for number in range(1, 6):
        change(ship(number), "in_transit")
    receiver.go_down("ops", status=401)

    with pytest.raises(ChannelRefusedError, match="4 notices are pending, 1 are dead: HTTP 401"):
        notify(digest())

    assert states() == {("dead", 1): 1, ("pending", 0): 4}


def test_a_broken_text_of_digests_holds_back_every_change(
    ship, change, notify, digest, owner, states, texts
):
    owner("messages/zh/digest.txt", "{{ total }}")
    owner("messages/zh/signed.txt", "{{ not used in digests }}")
    change(ship(), "in_transit")

    with pytest.raises(MessageError, match=r"zh/digest\.txt, line 1: total is unknown"):
        notify(digest())
    assert states() == {("pending", 0): 1}

    owner("messages/zh/digest.txt", "{{ count }} 件")
    assert notify(digest()) == NONE | {"sent": 1}
    assert texts() == ["1 件"]
