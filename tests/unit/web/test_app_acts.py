"""Acts change just what they name, once, by an editor's own form, and leave a record."""

import re
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from shipment_tracking.statements import query
from shipment_tracking.web import acts
from shipment_tracking.web.access import User
from tests import factories

ACTS = (
    "poll_next",
    "stop_tracking",
    "resume_tracking",
    "acknowledge_stall",
    "requeue",
    "mute_incident",
)


def form_token(browser, address: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', browser.get(address).text)
    assert found
    return found[1]


@pytest.fixture
def act(client):
    """Opens an act's form, fills it and sends it."""

    def send(kind: str, subject: int, reason: str = "asked by shop", **headers: str):
        browser = client()
        address = f"acts/{kind}/{subject}"
        data = {"token": form_token(browser, address), "reason": reason}
        return browser.post(address, data=data, headers=headers)

    return send


@pytest.fixture
def incident(warehouse):
    """The alert of a carrier whose parcels stand still."""
    return factories.insert(
        warehouse,
        "alert",
        kind="carrier_silent",
        subject="圆通速递",
        severity="warning",
        opened_at=factories.NOW,
        detail="37 of its 40 parcels",
        event_id=uuid4(),
        cleared_event_id=uuid4(),
    )


@pytest.fixture
def recorded(select):
    return lambda: [tuple(row) for row in select("actor, kind, reason from tracking.act")]


def test_poll_next_makes_the_order_due(act, story, select, recorded, now):
    reply = act("poll_next", story["order"], reason="")

    assert reply.status_code == 303
    assert reply.headers["location"] == f"../../orders/{story['order']}?done=poll_next"
    assert select("next_poll_at from tracking.tracked_order")[0][0] == now
    assert recorded() == [("edda", "poll_next", "")]


def test_a_leased_order_is_left_alone(act, story, execute, recorded):
    execute("update tracking.tracked_order set lease_until = now() + interval '1 hour'")

    reply = act("poll_next", story["order"])

    assert reply.status_code == 409
    assert "not possible any more" in reply.text
    assert recorded() == []


def test_tracking_stops_and_resumes(act, story, select, recorded, execute):
    act("stop_tracking", story["order"], "lost, refunded")
    state = "close_reason, closed_at is null from tracking.erp_row"
    assert [tuple(row) for row in select(state)] == [("stopped", False)]
    execute(str(query("orders.close_orders")), now=factories.NOW)
    assert select("closed_at from tracking.tracked_order")[0][0] == factories.NOW

    act("resume_tracking", story["order"], "found again")

    assert [tuple(row) for row in select(state)] == [(None, True)]
    execute(str(query("orders.open_orders")), now=factories.NOW)
    assert select("closed_at from tracking.tracked_order")[0][0] is None
    assert recorded() == [
        ("edda", "stop_tracking", "lost, refunded"),
        ("edda", "resume_tracking", "found again"),
    ]


def test_a_signed_row_is_not_stopped(act, story, execute, select):
    execute("update tracking.erp_row set signed_at = now()")

    assert act("stop_tracking", story["order"]).status_code == 409
    assert select("closed_at from tracking.erp_row")[0][0] is None


def test_a_stall_is_acknowledged_once(act, client, story, recorded):
    act("acknowledge_stall", story["stall"], "carrier was called")

    assert act("acknowledge_stall", story["stall"], "again").status_code == 409
    assert recorded() == [("edda", "acknowledge_stall", "carrier was called")]
    text = client("vera").get(f"orders/{story['order']}").text
    assert "carrier was called" in text


def test_a_dead_notice_is_pending_again(act, story, select):
    assert act("requeue", story["notice"]).status_code == 303
    states = select("state, attempts, due_at from tracking.notification")
    assert [tuple(row) for row in states] == [("pending", 0, factories.NOW)]
    assert act("requeue", story["notice"]).status_code == 409


def test_a_notice_with_a_newer_one_stays_dead(act, story, change, execute, select):
    change(story["shipment"], "signed")
    execute("update tracking.notification set audience = 'ops', channel = 'phone'")

    assert act("requeue", story["notice"]).status_code == 409


def test_an_incident_is_muted_once_and_stays_open(act, client, incident, recorded, select):
    assert "Mute the incident" in client().get("health").text
    assert "Mute the incident" not in client("vera").get("health").text

    reply = act("mute_incident", incident, "carrier is on strike")

    assert reply.headers["location"] == "../../health?done=mute_incident"
    assert act("mute_incident", incident, "again").status_code == 409
    assert recorded() == [("edda", "mute_incident", "carrier is on strike")]
    assert select("muted_at, cleared_at from analytics.alerts") == [(factories.NOW, None)]
    text = client("vera").get("health").text
    assert "carrier is on strike" in text
    assert "edda" in text


@pytest.mark.parametrize(
    "change",
    [
        "update tracking.alert set kind = 'quota'",
        "update tracking.alert set cleared_at = opened_at",
    ],
)
def test_only_an_open_incident_of_a_carrier_is_muted(act, incident, execute, recorded, change):
    execute(change)

    assert act("mute_incident", incident).status_code == 409
    assert recorded() == []


@pytest.mark.parametrize("kind", ["stop_tracking", "acknowledge_stall", "mute_incident"])
def test_a_reason_is_required(act, story, incident, recorded, kind):
    subject = {"stop_tracking": story["order"], "mute_incident": incident}.get(kind, story["stall"])

    reply = act(kind, subject, " \t ")

    assert reply.status_code == 400
    assert "A reason is required" in reply.text
    assert recorded() == []


def test_a_reason_is_stored_as_one_line_of_text(act, story, recorded):
    act(
        "stop_tracking", story["order"], "<b>a</b>\r\n\0 '; drop table tracking.act; --" + "x" * 900
    )

    ((_, _, reason),) = recorded()
    assert reason.startswith("<b>a</b> '; drop table tracking.act; --xxx")
    assert len(reason) == 500


def test_a_reason_is_stored_masked(act, story, select):
    act("stop_tracking", story["order"], "asked by 13800138000")

    assert select("actor, kind, account, platform_order_id, reason from analytics.acts") == [
        ("edda", "stop_tracking", factories.ACCOUNT, "291", "asked by *")
    ]


@pytest.mark.parametrize("kind", ACTS)
@pytest.mark.parametrize("token", ["", "x", "1.2"])
def test_a_form_without_its_token_does_nothing(client, story, recorded, select, kind, token):
    reply = client().post(f"acts/{kind}/{story['order']}", data={"token": token, "reason": "r"})

    assert reply.status_code in (403, 404)
    assert recorded() == []
    assert select("closed_at from tracking.erp_row")[0][0] is None


def test_a_form_from_another_site_does_nothing(act, story, recorded):
    reply = act("stop_tracking", story["order"], **{"sec-fetch-site": "cross-site"})

    assert reply.status_code == 403
    assert recorded() == []


def test_a_viewer_with_an_editors_token_does_nothing(client, story, recorded):
    address = f"acts/stop_tracking/{story['order']}"
    token = form_token(client(), address)

    reply = client("vera").post(address, data={"token": token, "reason": "r"})

    assert reply.status_code == 403
    assert recorded() == []


@pytest.mark.parametrize(
    "data",
    [{"reason": "x" * 20_000}, {f"field{number}": "x" for number in range(30)}],
    ids=["long", "many fields"],
)
def test_a_form_that_is_too_large_is_refused(data, client, story):
    reply = client().post(f"acts/poll_next/{story['order']}", data=data)

    assert reply.status_code == 413


def test_an_act_of_another_name_is_not_found(client, story):
    assert client().get(f"acts/drop/{story['order']}").status_code == 404
    for kind in ACTS:
        assert client().get(f"acts/{kind}/999").status_code == 404


def test_a_form_names_what_it_is_about(client, story, incident):
    about = {
        f"acts/mute_incident/{incident}": "圆通速递",
        f"acts/requeue/{story['notice']}": "ops/phone in_transit",
        f"acts/acknowledge_stall/{story['stall']}": "YT1 in_transit",
        f"acts/poll_next/{story['order']}": "291",
    }

    for address, name in about.items():
        assert f"<b>{name}</b>" in client().get(address).text


@pytest.mark.parametrize("kind", ["stop_tracking", "acknowledge_stall", "requeue"])
def test_two_editors_at_once_act_once(story, warehouse, select, kind):
    subject = {"acknowledge_stall": "stall", "requeue": "notice"}.get(kind, "order")
    editors = [User(name, may_act=True) for name in ("edda", "olaf", "ines", "hugo")]

    def act_as(user: User) -> object:
        return acts.act(warehouse, user, kind, story[subject], "r", now=factories.NOW)

    with ThreadPoolExecutor(len(editors)) as pool:
        found = list(pool.map(act_as, editors))

    assert sum(done is not None for done in found) == 1
    assert select("count(*) from tracking.act")[0][0] == 1


def test_a_number_at_the_end_of_a_long_reason_is_masked_whole():
    before = "x" * (acts.LONGEST_REASON - 11)

    reason = acts.clean_reason(f"{before} 19900000001")

    assert reason == f"{before} *"
