"""What was typed leads to an order, and its page tells what happened."""

import pytest

from tests import factories


@pytest.mark.parametrize(
    ("typed", "parcel"),
    [("291", False), ("SO1", False), ("so1", False), ("YT1", True), (" ＹＴ１ ", True)],
)
def test_a_whole_number_leads_to_its_order(client, story, typed, parcel):
    reply = client().get("", params={"q": typed})

    expected = f"orders/{story['order']}" + (f"?parcel={story['shipment']}" if parcel else "")
    assert (reply.status_code, reply.headers["location"]) == (303, expected)


def test_the_end_of_a_number_is_enough_from_four_characters_on(client, warehouse):
    for number, order in ((1, "2938001234"), (2, "2938991234")):
        order_id = factories.order(warehouse, number, platform_order_id=order)
        factories.erp_row(warehouse, order_id, number)

    both = client().get("", params={"q": "1234"})
    one = client().get("", params={"q": "91234"})
    none = client().get("", params={"q": "234"})

    assert both.text.count("2938") == 2
    assert one.status_code == 303
    assert "Nothing is found" in none.text


@pytest.mark.parametrize("typed", ["%%%%", "____", "29_1", "\\\\\\\\", "%' or 1=1 --", "SO1'--"])
def test_signs_of_a_pattern_are_only_characters(client, story, typed):
    assert "Nothing is found" in client().get("", params={"q": typed}).text


def test_a_row_that_is_not_tracked_is_found_with_its_reason(client, insert, now):
    insert("erp_row", erp_key="SO77", listed=True, first_seen_at=now, last_error="no such account")

    text = client().get("", params={"q": "SO77"}).text

    assert "SO77" in text
    assert "no such account" in text
    assert "orders/" not in text.partition("<main")[2]


def test_the_story_shows_scans_notices_stalls_and_polls(client, story):
    text = client().get(f"orders/{story['order']}").text

    for shown in (
        "【杭州市】已揽收",
        "picked_up_by",
        "withdrawn by the platform",
        "ops/phone",
        "HTTP 404",
        "2026-03-02 13:00",
        "圆通速递",
        f"acts/acknowledge_stall/{story['stall']}",
        f"replies/{story['reply']}",
    ):
        assert shown in text, shown
    assert text.index("已签收") < text.index("测试转运中心") < text.index("已揽收")


def test_changes_found_at_once_stand_in_the_order_they_happened(client, story, warehouse, at):
    for status, hours in (("signed", -10), ("returning", -5), ("out_for_delivery", -15)):
        factories.status_change(
            warehouse, story["shipment"], status, at(hours=-1), occurred_at=at(hours=hours)
        )

    text = client().get(f"orders/{story['order']}").text

    places = [text.index(f"→ {name} (") for name in ("returning", "signed", "out for delivery")]
    assert places == sorted(places)


def test_a_viewer_sees_the_story_and_no_act(client, story):
    text = client("vera").get(f"orders/{story['order']}").text

    assert "测试转运中心" in text
    assert "acts/" not in text
    assert "replies/" not in text


def test_a_reply_is_shown_to_editors_of_its_own_order_only(client, story, warehouse):
    other = factories.order(warehouse, 2)

    own = client().get(f"orders/{story['order']}/replies/{story['reply']}")

    assert "remark" in own.text
    assert client().get(f"orders/{other}/replies/{story['reply']}").status_code == 404


def test_an_order_with_two_parcels_shows_the_chosen_one(client, story, warehouse):
    second = factories.shipment(warehouse, story["order"], 2, waybill_no="ZTO2")

    text = client().get(f"orders/{story['order']}", params={"parcel": second}).text

    assert "Parcel ZTO2" in text
    assert "Parcel YT1" not in text


def test_json_tells_the_same_by_key_order_and_waybill(client, story):
    replies = [client("vera").get(f"api/{path}") for path in ("orders/SO1", "orders/291")]
    replies.append(client("vera").get("api/waybills/YT1"))

    (order,) = replies[0].json()["orders"]
    assert order["platform_order_id"] == "291"
    assert [row["decided_by"] for row in order["parcels"][0]["events"]] == [
        "action",
        "model",
        "picked_up_by",
    ]
    assert replies[0].json() == replies[1].json() == replies[2].json()


@pytest.mark.parametrize("path", ["orders/YT1", "waybills/SO1", "orders/O1", "waybills/T1"])
def test_json_takes_whole_numbers_of_its_kind_only(client, story, path):
    reply = client().get(f"api/{path}")

    assert reply.status_code == 404
    assert "detail" in reply.json()


def test_the_description_names_both_paths(client):
    assert set(client().get("api/openapi.json").json()["paths"]) == {
        "/api/orders/{key}",
        "/api/waybills/{number}",
    }


@pytest.mark.parametrize(
    ("header", "title"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "包裹追踪"),
        ("de,en;q=0.5", "Shipments"),
        (";;q=x,", "Shipments"),
    ],
)
def test_the_browser_chooses_the_language(client, header, title):
    assert f"<h1>{title}</h1>" in client(language=header).get("").text


def test_the_switch_of_language_stays(client):
    browser = client(language="en")

    first = browser.get("", params={"lang": "zh"})

    assert "<h1>包裹追踪</h1>" in first.text
    assert "Path=/airflow/shipments/" in first.headers["set-cookie"]
    assert "<h1>包裹追踪</h1>" in browser.get("").text


def test_links_are_relative_below_any_prefix(client, story):
    text = client().get(f"orders/{story['order']}").text

    assert 'href="../board"' in text
    assert 'href="/' not in text
    assert 'action="/' not in text
