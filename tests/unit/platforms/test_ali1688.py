"""The 1688 dialect, beyond what the recorded replies say; nothing personal stays."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shipment_tracking.domain.models import ParcelTrace
from shipment_tracking.errors import (
    AuthError,
    PlatformBugError,
    QuotaError,
    RejectedError,
    ReplyError,
    RetryableError,
    TokenError,
    UnmappedError,
)
from shipment_tracking.platforms.ali1688 import (
    Ali1688Client,
    OrderFeed,
    raise_for_gateway,
    read_time,
    read_traces,
    sign,
)

REPLIES = Path(__file__).parents[2] / "replies"
ORDER = "2938624554509662977"


def recorded(name: str) -> dict[str, Any]:
    return json.loads((REPLIES / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture
def client(gateway) -> Ali1688Client:
    return Ali1688Client(gateway)


def events(traces: list[ParcelTrace]) -> list[Any]:
    return [event for trace in traces for event in trace.events]


@pytest.mark.parametrize("status", [200, 400])
def test_the_code_decides_whatever_the_http_status_is(status, client, talker):
    talker.says(recorded("1688_err_token_401")["body"], status)

    with pytest.raises(AuthError, match="authorise the account again"):
        client.fetch_parcels(ORDER)


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ("401", TokenError),
        ("gw.APIACLDecline", AuthError),
        ("gw.SignatureInvalid gw.SignatureMissing", AuthError),
        ("gw.AppKeyNotFound gw.AppKeyMissing", AuthError),
        ("gw.APIUnsupported gw.ParamMissing", PlatformBugError),
        ("gw.QosAppFrequencyLimit", QuotaError),
        ("gw.SomethingNew", UnmappedError),
    ],
)
def test_every_documented_code_of_the_gateway_has_its_consequence(codes, kind):
    for code in codes.split():
        with pytest.raises(kind) as raised:
            raise_for_gateway({"error_code": code, "error_message": "said"})
        assert type(raised.value) is kind


@pytest.mark.parametrize(
    "body",
    [
        {"success": False, "errorCode": "isp.busy", "errorMessage": "系统繁忙"},
        {"success": "false", "errorMessage": "系统繁忙"},
        {"errorCode": "isp.busy"},
        {"errorMessage": "系统繁忙"},
        {"errorMsg": "系统繁忙"},
    ],
)
def test_an_unknown_business_error_is_tried_again_and_then_told(body, client, talker):
    talker.says(body)

    with pytest.raises(RetryableError):
        client.fetch_traces(ORDER)
    assert len(talker.asked) == 3


def test_a_request_is_signed_and_asks_for_no_personal_data(client, gateway, talker):
    talker.says({"success": True, "result": []})

    client.fetch_parcels(ORDER)

    ((path, form),) = talker.asked
    signature = form.pop("_aop_signature")
    assert form == {
        "orderId": ORDER,
        "webSite": "1688",
        "fields": "company.name",
        "access_token": gateway.account.access_token,
    }
    assert path == (
        "/openapi/param2/1/com.alibaba.logistics/alibaba.trade.getLogisticsInfos.buyerView/"
        "1688000001"
    )
    assert signature == sign(path.removeprefix("/openapi/"), form, gateway.account.app_secret)


def trace(*steps: tuple[Any, str], **part: Any) -> dict[str, Any]:
    """A trace of one parcel with these times and texts."""
    return {
        "success": True,
        "logisticsTrace": [
            {
                "logisticsId": "LP1",
                "logisticsBillNo": "YT8800000000001",
                "orderId": int(ORDER),
                "logisticsSteps": [
                    {"acceptTime": time, "remark": text, "operator": "张三"} for time, text in steps
                ],
            }
            | part
        ],
    }


@pytest.mark.parametrize("order_id", ["SO-1001", "29386245 54509662977", "١٢٣", ""])
def test_an_order_id_that_is_no_number_is_not_asked_for(order_id, client, talker):
    with pytest.raises(RejectedError, match="is not a number"):
        client.fetch_parcels(order_id)
    assert talker.asked == []


def test_what_is_kept_of_a_trace_is_masked_and_nothing_but_what_is_read(client, talker):
    talker.says(
        trace(("2026-09-18 09:00:00", "派送业务员：张三；电话：13900000000"), receiver="李四")
        | {"request_id": "1", "receiverMobile": "13900000001"}
    )

    assert client.fetch_traces(ORDER) == {
        "logisticsTrace": [
            {
                "logisticsId": "LP1",
                "logisticsBillNo": "YT8800000000001",
                "logisticsSteps": [
                    {"acceptTime": "2026-09-18 09:00:00", "remark": "派送业务员：*；电话：*"}
                ],
            }
        ],
        "crossPackageFulfillmentDTO": [],
    }


@pytest.mark.parametrize("stranger", [2938624554509999999, "nobody"])
def test_an_answer_about_another_order_is_not_taken(stranger, client, talker):
    talker.says(trace(orderId=stranger))

    with pytest.raises(RetryableError, match=f"answered with traces of {stranger}"):
        client.fetch_traces(ORDER)


def test_an_order_id_that_is_rounded_like_a_double_is_this_orders(client, talker):
    talker.says(trace(orderId=int(float(ORDER))))

    assert client.fetch_traces(ORDER)["logisticsTrace"]


@pytest.mark.parametrize(
    "body",
    [
        {"success": True, "logisticsTrace": None, "crossPackageFulfillmentDTO": {}},
        {"success": True},
        trace(logisticsSteps=None),
        trace(logisticsSteps={}),
        trace(logisticsId=None),
    ],
)
def test_a_list_may_be_missing_null_or_an_object(body, client, talker):
    talker.says(body)

    assert events(read_traces(client.fetch_traces(ORDER))) == []


@pytest.mark.parametrize("result", [[{"status": "SIGN"}], ["LP1"], [None]])
def test_a_parcel_list_that_makes_no_sense_is_this_orders_trouble(result, client, talker):
    talker.says({"success": True, "result": result})

    with pytest.raises(RejectedError, match="not a parcel list of 1688"):
        client.fetch_parcels(ORDER)


@pytest.mark.parametrize(
    ("name", "plain"),
    [("圆通速递(YTO)", "圆通速递"), ("德邦快递（DBKD）", "德邦快递"), ("极兔速递", "极兔速递")],
)
def test_a_carriers_name_loses_its_code(name, plain, client, talker):
    talker.says({"result": [{"logisticsId": "LP1", "logisticsCompanyName": name}]})

    assert client.fetch_parcels(ORDER)[0].carrier_name == plain


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("WAITACCEPT", "info_received"),
        ("ACCEPT", "info_received"),
        ("TRANSPORT", "in_transit"),
        ("SIGN", "signed"),
        ("UNSIGN", "exception"),
        ("NOGET", "exception"),
        ("CANCEL", "cancelled"),
        ("TELEPORTED", "unknown"),
    ],
)
def test_a_platform_status_in_our_words(code, status, client, talker):
    talker.says({"result": [{"logisticsId": "LP1", "status": code}]})

    (parcel,) = client.fetch_parcels(ORDER)

    assert (parcel.platform_code, parcel.platform_status) == (code, status)


def test_an_http_error_is_no_answer_even_if_its_body_complains_of_nothing(client, talker):
    talker.says({"success": True}, 500)

    with pytest.raises(RetryableError, match="HTTP 500"):
        client.fetch_parcels(ORDER)


@pytest.mark.parametrize(
    ("lines", "waits"),
    [
        ([2, 2], False),
        ([2, 1], True),
        ([2, 5], True),
        ([2, 8], True),
        (["2", "1"], True),
    ],
)
def test_an_order_is_unshipped_while_one_of_its_lines_is(lines, waits, client, talker):
    items = [{"logisticsStatus": line, "status": "waitbuyerreceive"} for line in lines]
    talker.says({"success": "true", "result": {"productItems": items}})

    assert client.has_unshipped_lines(ORDER) is waits


@pytest.mark.parametrize("result", [None, [], {}, {"productItems": []}, {"productItems": [None]}])
def test_a_detail_without_lines_proves_nothing(result, client, talker):
    talker.says({"success": "true", "result": result})

    with pytest.raises(RetryableError, match="without its lines"):
        client.has_unshipped_lines(ORDER)


@pytest.mark.parametrize("status", ["cancel", "terminated"])
def test_a_line_that_was_cancelled_is_waited_for_by_nobody(status, client, talker):
    items = [{"logisticsStatus": 2}, {"logisticsStatus": 1, "status": status}]
    talker.says({"success": "true", "result": {"productItems": items}})

    assert client.has_unshipped_lines(ORDER) is False


@pytest.mark.parametrize(
    "printed",
    [
        "20260918104333000+0800",
        "20260918104333000",
        "20260918104333",
        "20260917194333000-0700",
        "2026-09-18 10:43:33",
        "2026/09/18 10:43:33",
        "1789699413000",
        1789699413000,
    ],
)
def test_a_time_is_read_in_every_spelling(printed):
    assert read_time(printed) == datetime(2026, 9, 18, 2, 43, 33, tzinfo=UTC)


@pytest.mark.parametrize(
    "printed", ["", None, "soon", "2026-13-01 00:00:00", "0001-01-01 00:00:00", "9" * 30]
)
def test_what_is_no_time_is_a_reply_that_cannot_be_read(printed):
    with pytest.raises(ReplyError, match="not a time of 1688"):
        read_time(printed)


def test_positions_count_forwards_in_time_whichever_end_a_reply_begins_at():
    noon = datetime(2026, 9, 18, 4, tzinfo=UTC)
    oldest_first = [
        ("2026-09-18 12:00:00", "快件到达测试网点"),
        ("2026-09-18 12:00:00", "派件中"),
        ("2026-09-18 13:00:00", "快件已签收"),
    ]

    for steps in (oldest_first, oldest_first[::-1]):
        (parcel,) = read_traces(trace(*steps))
        assert [
            (event.position, event.occurred_at - noon, event.status) for event in parcel.events
        ] == [
            (0, timedelta(0), "in_transit"),
            (1, timedelta(0), "out_for_delivery"),
            (2, timedelta(hours=1), "signed"),
        ]


@pytest.mark.parametrize(
    ("text", "city"),
    [
        ("【杭州市】快件已到达测试网点", "杭州市"),
        ("【测试转运中心】已发出", None),
        ("快件已到达【杭州市】", None),
    ],
)
def test_a_city_is_read_where_the_text_begins_with_one(text, city):
    (parcel,) = read_traces(trace(("2026-09-18 09:00:00", text)))

    assert parcel.events[0].city == city


@pytest.mark.parametrize(
    "body",
    [
        {"logisticsTrace": [{"logisticsBillNo": "YT1"}]},
        {"logisticsTrace": ["LP1"]},
        {"logisticsTrace": {"logisticsId": "LP1"}},
        {},
    ],
)
def test_a_stored_reply_that_breaks_the_dialect_cannot_be_read(body):
    with pytest.raises(ReplyError):
        read_traces(body)


SINCE = datetime(2026, 9, 20, 2, tzinfo=UTC)
UNTIL = datetime(2026, 9, 20, 3, tzinfo=UTC)


@pytest.fixture
def feed(gateway) -> OrderFeed:
    return OrderFeed(gateway)


def order_list(*order_ids: int, total: int) -> dict[str, Any]:
    rows = [
        {"baseInfo": {"id": order_id, "modifyTime": "20260920101112000+0800"}}
        for order_id in order_ids
    ]
    return {"result": rows, "totalRecord": total, "success": True}


def test_changed_orders_are_asked_for_by_time_in_any_status_and_without_personal_data(feed, talker):
    talker.says(order_list(total=0))

    assert [dict(page.orders) for page in feed.changed_orders(SINCE, UNTIL)] == [{}]

    ((_, form),) = talker.asked
    assert form["modifyStartTime"] == "20260920100000000+0800"
    assert form["modifyEndTime"] == "20260920110000000+0800"
    assert form["needBuyerAddressAndPhone"] == form["needMemoInfo"] == "false"
    assert "orderStatus" not in form


@pytest.mark.parametrize(
    "spelt",
    ["20260920101112000+0800", "20260920101112000", "2026-09-20 10:11:12", 1789870272000],
)
def test_a_change_has_its_time_in_any_spelling_and_its_order_as_text(feed, talker, spelt):
    base = {"id": 2.9386245545096630e18, "idOfStr": ORDER, "modifyTime": spelt}
    talker.says({"result": [{"baseInfo": base}], "totalRecord": 1})

    (page,) = feed.changed_orders(SINCE, UNTIL)

    assert page.orders == {ORDER: datetime(2026, 9, 20, 2, 11, 12, tzinfo=UTC)}


def test_an_order_that_moves_to_another_page_while_they_are_walked_is_seen(feed, talker):
    first, second, third = range(100, 150), range(200, 250), [300]
    talker.says(order_list(*first, total=101))
    talker.says(order_list(*third, total=101))
    # The first order changed again and left the list: each other one moved up.
    talker.says(order_list(*second[1:], 300, total=100))
    talker.says(order_list(*first[1:], 200, total=100))

    pages = list(feed.changed_orders(SINCE, UNTIL))

    assert [form["page"] for _, form in talker.asked] == ["1", "3", "2", "1"]
    assert {order for page in pages for order in page.orders} == {
        str(order) for order in (*first, *second, *third)
    }


def test_a_page_that_is_gone_by_the_time_it_is_asked_for_is_good(feed, talker):
    talker.says(order_list(*range(50), total=51))
    talker.says(order_list(total=50))
    talker.says(order_list(*range(1, 51), total=50))

    pages = list(feed.changed_orders(SINCE, UNTIL))

    assert len({order for page in pages for order in page.orders}) == 51


@pytest.mark.parametrize(
    "body",
    [
        {"result": None, "totalRecord": 3},
        {"result": [], "totalRecord": 3},
        {"result": None, "totalRecord": 0},
        {"result": []},
        {"result": [{"baseInfo": {"id": 1}}], "totalRecord": 1},
        {"result": [{"baseInfo": {"id": 1, "modifyTime": "soon"}}], "totalRecord": 1},
        {"result": ["1"], "totalRecord": 1},
    ],
)
def test_a_list_without_what_it_promises_is_asked_for_again(feed, talker, body):
    talker.says(body)
    talker.says(body)
    talker.says(order_list(7, total=1))

    (page,) = feed.changed_orders(SINCE, UNTIL)

    assert list(page.orders) == ["7"]
    assert len(talker.asked) == 3


def test_a_list_that_stays_without_its_orders_is_no_empty_one(feed, talker):
    talker.says({"result": [], "totalRecord": 3})

    with pytest.raises(RetryableError, match="without its orders"):
        list(feed.changed_orders(SINCE, UNTIL))
