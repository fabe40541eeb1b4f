"""What users reported in public of how platforms and people write times, numbers and no news."""

import pytest

from .stage import GOT, OUT, SELF, TOP

ACCOUNTS = ["platform_1688", TOP, "platform_tmall"]
STORED = ("2026-09-20 08:30:00", "快件已暂存至【幸福里小区菜鸟驿站】，请凭取件码领取")


@pytest.fixture(params=ACCOUNTS)
def order(request, field):
    """An order of each dialect in turn, on its way."""
    field.order("1", "2026-09-18 19:00", account=request.param)
    field.parcel("1")
    return field


# Times


@pytest.mark.parametrize(
    "printed",
    [
        "20260920090000",
        "20260920 090000",
        "2026-9-20 9:00:00",
        "2026/9/20 9:00",
        "2026.09.20 09:00:00",
        "2026年9月20日 09:00",
        "2026年09月20日9时00分",
        "2026-09-20  09:00:00.0",
        "２０２６-０９-２０ ０９：００",
        "2026-09-20 9:00:00 AM",
        "2026/9/20 上午9:00:00",
        "2026年9月20日 星期日 9:00 a.m.",
        "2026-09-20T09:00:00+08",
        "2026-09-20 09:00:00 GMT+8",
        "2026-09-20T09:00:00.000+08:00[Asia/Shanghai]",
        "2026-09-20 09:00:00,000",
        "2026-09-20 09:00:00:000",
        "20260920 09:00:00",
        "Sun Sep 20 09:00:00 CST 2026",
        "Sun Sep 20 01:00:00 UTC 2026",
        "Sun, 20 Sep 2026 01:00:00 GMT",
        "Sep 20, 2026 9:00:00 AM",
        "September 20, 2026, 9:00 am",
        "20-Sep-2026 09:00",
        "/Date(1789866000000+0800)/",
        "1789866000",
        "1789866000000",
        1789866000.0,
        1789866000000000,
        [2026, 9, 20, 9, 0],
        [2026, 9, 20, 9, 0, 0, 123],
        {"time": 1789866000000, "year": 126, "month": 8, "date": 20, "hours": 9},
        {"$date": "2026-09-20T01:00:00Z"},
    ],
)
def test_time_in_another_spelling_is_that_time(printed, order):
    order.trace("1", GOT, (printed, OUT[1]))
    order.run("2026-09-20 09:30")

    assert [f"{event.occurred_at:%F %T%z}" for event in order.events("1")] == [
        "2026-09-18 12:00:00+0000",
        "2026-09-20 01:00:00+0000",
    ]


@pytest.mark.parametrize(
    ("printed", "utc"),
    [
        ("2026-09-20 12:05:00 AM", "2026-09-19 16:05"),
        ("2026-09-20 12:30 PM", "2026-09-20 04:30"),
        ("2026/9/20 下午9:00:00", "2026-09-20 13:00"),
        ("Sep 20, 2026 9:00:00 P.M.", "2026-09-20 13:00"),
        ("2026-09-20 13:05 PM", "2026-09-20 05:05"),
        ("2026-09-20 24:00:00", "2026-09-20 16:00"),
    ],
)
def test_clock_of_twelve_hours_or_of_24_is_that_time(printed, utc, order):
    order.trace("1", GOT, (printed, OUT[1]))
    order.run("2026-09-21 09:30")

    assert [f"{event.occurred_at:%F %H:%M}" for event in order.events("1")][1:] == [utc]


@pytest.mark.parametrize(
    "printed",
    [
        "20/09/2026 09:00",
        "09/10/2026 09:00",
        "26-09-20 09:00",
        "09-20 09:00",
        "2026-9-19:00",
        "2026-09-20 24:30",
        "2026-09-20 晚上12:05",
        "周日",
        "Sun",
    ],
)
def test_day_that_could_be_another_is_rejected_not_guessed(printed, order):
    order.trace("1", GOT, (printed, OUT[1]))
    order.run("2026-09-20 09:30")

    assert [event.description for event in order.events("1")] == [GOT[1]]
    assert order.select("reason, occurred_at_text from analytics.rejected_events") == [
        ("unreadable time", printed)
    ]


# Waybill numbers


@pytest.mark.parametrize(
    "typed",
    [
        "YT1,YT2",
        "YT1，yt2",
        "YT1 / YT2",
        "YT1;YT2",
        "YT1\r\nYT2\r\n",
        "YT1 YT2",
        "ＹＴ１　yt2",
        "YT1+YT2",
        "YT1\tYT2",
        '["YT1","YT2"]',
        "YT1(补发),圆通:YT2",
        "YT1和YT2",
    ],
)
def test_row_with_two_numbers_is_signed_with_the_last_of_them(typed, field):
    field.order("1", "2026-09-18 19:00", waybill_no=typed)
    field.parcel("1", status="SIGN")
    for parcel, waybill in (("LP2", "YT2"), ("LP3", "YT3")):
        field.parcel("1", parcel, waybill)
        field.trace("1", GOT, id=parcel)
    field.trace("1", GOT, ("2026-09-20 09:00:00", SELF))
    field.run("2026-09-20 09:30")
    assert (field.signed_at("1"), field.erp("1").waybill_nos) == ("", "YT1,YT2")

    field.parcel("1", "LP2", "YT2", status="SIGN")
    field.trace("1", GOT, ("2026-09-20 12:00:00", SELF), id="LP2")
    field.run("2026-09-20 12:30")
    assert field.signed_at("1") == "2026-09-20 12:00:00"
    named = [body["orders"] for body in field.messages() if body.get("waybill_no") == "YT2"]
    assert {order["erp_key"] for orders in named for order in orders} == {"SO1"}


def test_row_with_one_of_the_numbers_in_the_platforms_own_field_is_signed(field):
    field.order("1", "2026-09-18 19:00", waybill_no="yt2")
    field.parcel("1", waybill="YT1，YT2", status="SIGN")
    field.trace("1", GOT, ("2026-09-20 09:00:00", SELF))
    field.run("2026-09-20 09:30")

    assert (field.signed_at("1"), field.row("1").last_error) == ("2026-09-20 09:00:00", None)
    (told,) = field.messages()
    assert [order["erp_key"] for order in told["orders"]] == ["SO1"]


@pytest.mark.parametrize("typed", ["YT1,YT9", "YT1 YT9", "圆通YT1&YT9"])
def test_number_of_two_that_no_parcel_has_is_named(typed, field):
    field.order("1", "2026-09-18 19:00", waybill_no=typed)
    field.parcel("1", status="SIGN")
    field.trace("1", GOT, ("2026-09-20 09:00:00", SELF))
    field.run("2026-09-20 09:30")

    assert field.signed_at("1") == ""
    assert "carries the waybill number 'YT9'; its platform lists YT1" in field.row("1").last_error


# Links


def test_link_that_differs_in_every_reply_is_one_scan(purchase):
    for minute in ("10", "20", "30"):
        said = f"{OUT[1]}，地图：https://map.example/m/{minute}?sign=a{minute}b，请留意"
        purchase.trace("1001", GOT, (OUT[0], said))
        purchase.run(f"2026-09-20 08:{minute}")

    (_, event) = purchase.events("1001")
    assert event.description == f"{OUT[1]}，地图：https://map.example/*，请留意"
    assert purchase.notices() == [("pending", "out_for_delivery")]


# Words that tell no news


@pytest.mark.parametrize(
    "said",
    [
        "暂无物流信息",
        "抱歉，查无结果，请隔段时间再查",
        "运单信息暂未更新，请稍后查询",
        "此单号暂无轨迹，请核对单号",
        "查無此貨態",
        "No tracking information available",
    ],
)
def test_word_of_no_trace_in_place_of_a_trace_changes_nothing(said, order):
    order.trace("1", GOT, OUT)
    order.run("2026-09-20 08:30")
    for at in ("2026-09-20 09:30", "2026-09-20 10:30"):
        order.trace("1", (f"{at}:00", said))
        order.run(at)

    assert (order.row("1").status, order.erp("1").latest_trace) == ("out_for_delivery", OUT[1])
    assert order.notices() == [("pending", "out_for_delivery")]
    assert order.select("reason from analytics.rejected_events") == [
        ("says that no trace is known",)
    ]


@pytest.mark.parametrize(
    "said",
    [
        "取件通知短信发送失败，收件人仍可凭身份证取件",
        "取件短信发送失败",
        "We could not notify the recipient by text message; it can be collected with an ID",
    ],
)
def test_word_about_a_message_leaves_the_parcel_at_its_station(said, purchase):
    purchase.trace("1001", GOT, STORED, ("2026-09-20 09:00:00", said))
    purchase.run("2026-09-20 09:30")

    assert purchase.shipments("1001")[0].status == "ready_for_pickup"


@pytest.mark.parametrize(
    "said", ["签收底单已上传", "客户已评价", "投递员已回访客户", "本次服务已完结"]
)
def test_word_after_the_signature_leaves_it(said, purchase):
    purchase.parcel("1001", status="SIGN")
    purchase.trace("1001", GOT, OUT, ("2026-09-20 09:00:00", SELF), ("2026-09-20 09:20:00", said))
    purchase.run("2026-09-20 09:30")

    assert purchase.signed_at() == "2026-09-20 09:00:00"


# Replies about something else


def test_strangers_trace_in_one_reply_signs_nothing(purchase):
    purchase.trace("1001", GOT, OUT)
    purchase.run("2026-09-20 08:30")
    stranger = [("2026-09-18 21:00:00", "快件已揽收"), ("2026-09-20 08:40:00", SELF)]
    purchase.trace("1001", *stranger)
    purchase.run("2026-09-20 09:30")
    purchase.trace("1001", GOT, OUT)
    for at in ("2026-09-20 10:30", "2026-09-21 12:30", "2026-09-22 12:30"):
        purchase.run(at)

    assert (purchase.signed_at(), purchase.row("1001").status) == ("", "out_for_delivery")


@pytest.mark.parametrize("account", ["platform_1688", TOP])
def test_parcel_that_the_platform_forgets_keeps_what_was_known(account, field):
    field.order("1", "2026-09-18 19:00", account=account)
    field.parcel("1")
    field.trace("1", GOT, OUT)
    field.run("2026-09-20 09:30")
    field.answers.parcels["1"] = []
    field.answers.traces.clear()
    for at in ("2026-09-20 14:30", "2026-09-21 08:30", "2026-09-25 08:30"):
        field.run(at)

    assert (field.row("1").status, field.erp("1").latest_trace) == ("out_for_delivery", OUT[1])
    assert len(field.notices()) == 1
