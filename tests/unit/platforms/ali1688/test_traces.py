"""How a trace is read, and what of it is kept."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shipment_tracking.domain.models import ParcelTrace
from shipment_tracking.errors import ReplyError, RetryableError
from shipment_tracking.platforms.ali1688.traces import read_time, read_traces

from .orders import ORDER


def events(traces: list[ParcelTrace]) -> list[Any]:
    return [event for trace in traces for event in trace.events]


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


def test_a_stored_trace_is_masked_and_holds_only_what_is_read(client, talker):
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


def test_positions_count_forwards_in_time_in_either_order():
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
        ("快件已到达【杭州市】", "杭州市"),
    ],
)
def test_a_city_is_read_from_the_text(text, city):
    (parcel,) = read_traces(trace(("2026-09-18 09:00:00", text)))

    assert parcel.events[0].city == city


@pytest.mark.parametrize(
    "body",
    [
        {"logisticsTrace": [{"logisticsBillNo": "YT1"}]},
        {"logisticsTrace": ["LP1"]},
        {"logisticsTrace": {"logisticsBillNo": "YT1"}},
        {},
    ],
)
def test_a_stored_reply_that_breaks_the_dialect_cannot_be_read(body):
    with pytest.raises(ReplyError):
        read_traces(body)
