"""The city of a scan, and a parcel's way from city to city."""

from datetime import UTC, datetime, timedelta

import pytest

from shipment_tracking.domain.cities import city_of, way_of
from shipment_tracking.domain.evidence import Scan

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "city"),
    [
        ("【杭州市】快件已到达测试网点", "杭州市"),
        ("【临沂】您的订单已由商家打包完成", "临沂市"),
        ("快件已到达【西安集散中心】", "西安市"),
        ("在浙江宁波鄞州区测试公司进行派件扫描", "宁波市"),
        ("【江苏省苏州市测试公司】 已打包", "苏州市"),
        ("收寄局：宁波测试揽收部，邮件已收寄", "宁波市"),
        ("【苍南县】快件已签收", "苍南县"),
        ("【恩施】快件已到达", "恩施州"),
        ("快件离开 【义乌】 发往 【广州中心】", "义乌市"),
        ("从江苏南京分拨中心发出，本次转运目的地：四川成都分拨中心", "南京市"),
        ("到达目的地网点浙江宁波鄞州区测试公司", "宁波市"),
        ("吉林长春分拨中心 已收入", "长春市"),
    ],
)
def test_the_city_is_where_the_parcel_is(text, city):
    assert city_of(text) == city


@pytest.mark.parametrize(
    "text",
    [
        "快件已签收，签收人：本人",
        "正发往【柳州分拨中心】",
        "【南京路网点】正在派件",
        "快件已到达 上海东路营业点",
        "【兰州拉面】代收",
        "【朝阳区】快件已签收",
        "【中山转运中心】已装车",
        "您的快件已存放至【测试小区驿站】，请及时取件",
        "",
    ],
)
def test_what_names_no_city_for_sure_is_null(text):
    assert city_of(text) is None


@pytest.mark.parametrize(
    ("told", "city"),
    [
        ("杭州", "杭州市"),
        ("浙江省杭州市", "杭州市"),
        ("Hangzhou", "Hangzhou"),
        ("西湖区", None),
        (" ", "宁波市"),
    ],
)
def test_the_replys_city_counts_more_than_the_text(told, city):
    assert city_of("【宁波市】快件已到达", told) == city


def scan(hours, status, city=None):
    at = BEGIN + timedelta(hours=hours)
    return Scan(at, hours, status, None, hours, True, city=city)


def test_a_way_leads_from_city_to_city():
    scans = [
        scan(0, "info_received"),
        scan(1, "picked_up", "义乌市"),
        scan(9, "in_transit", "杭州市"),
        scan(20, "out_for_delivery"),
        scan(22, "delivery_failed"),
        scan(40, "out_for_delivery"),
    ]

    way = way_of(scans)

    assert (way.origin_city, way.last_city) == ("义乌市", "杭州市")
    assert way.picked_up_at == BEGIN + timedelta(hours=1)
    assert way.out_for_delivery_at == BEGIN + timedelta(hours=20)


def test_the_origin_may_be_named_when_it_first_moves():
    assert way_of([scan(0, "picked_up"), scan(2, "in_transit", "义乌市")]).origin_city == "义乌市"


@pytest.mark.parametrize(
    "later", [[("in_transit", None), ("in_transit", "成都市")], [("out_for_delivery", "成都市")]]
)
def test_a_later_city_is_no_origin(later):
    scans = [scan(0, "picked_up")] + [scan(hours, *each) for hours, each in enumerate(later, 1)]

    assert way_of(scans).origin_city is None
    assert way_of(scans).last_city == "成都市"


def test_without_scans_nothing_is_known():
    assert way_of([]).last_city is None
