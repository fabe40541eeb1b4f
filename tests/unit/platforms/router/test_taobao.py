"""The form of Taobao, as the article's own client speaks it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shipment_tracking.errors import RejectedError, UnmappedError
from shipment_tracking.platforms.router.api import PATH_TAOBAO
from shipment_tracking.platforms.router.traces import read_traces
from shipment_tracking.steps.gather_traces import fingerprint

from .answers import ORDER, articles_sign

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_taobao_is_asked_as_the_article_asks_it_and_without_a_session(shop, talker):
    talker.says({"status": 2})

    shop.fetch_traces(ORDER)

    ((path, asked),) = talker.asked
    signature, timestamp = asked.pop("sign"), asked["timestamp"]
    sent_at = datetime.strptime(timestamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
    assert path == PATH_TAOBAO
    assert abs(sent_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert asked == {
        "method": "alibaba.logistics.OpQueryLogisticsTrace",
        "app_key": "1688000001",
        "timestamp": timestamp,
        "format": "json",
        "v": "2.0",
        "sign_method": "md5",
        "order_id": ORDER,
    }
    assert signature == articles_sign(asked)


def test_no_line_is_ever_known_to_be_unshipped(client, shop, talker):
    assert not client.has_unshipped_lines(ORDER)
    assert not shop.has_unshipped_lines(ORDER)
    assert talker.asked == []


def test_an_order_of_taobao_is_its_own_parcel_without_a_question(shop, talker):
    (parcel,) = shop.fetch_parcels(ORDER)

    assert (parcel.consignment_id, parcel.waybill_no) == (ORDER, None)
    assert talker.asked == []


@pytest.mark.parametrize(
    ("code", "status"),
    [(1, "info_received"), ("2", "in_transit"), (3, "signed")],
)
def test_a_status_code_is_one_event_that_only_its_fetching_dates(code, status, shop, talker):
    talker.says({"status": code})

    (parcel,) = read_traces(shop.fetch_traces(ORDER))

    (event,) = parcel.events
    assert (parcel.consignment_id, parcel.waybill_no) == (ORDER, None)
    assert (event.occurred_at, event.status) == (None, status)
    assert (parcel.platform_code, parcel.platform_status) == (str(code), status)


def test_a_status_code_that_stays_is_the_same_answer(shop, talker):
    talker.says({"status": 2, "request_id": "1"})
    talker.says({"status": "2", "request_id": "2"})
    talker.says({"status": 3})

    first, second, third = (fingerprint(shop.fetch_traces(ORDER)) for _ in range(3))

    assert first == second != third


@pytest.mark.parametrize("body", [{"status": 0}, {"status": "0"}, {"status": None}, {}])
def test_an_order_of_which_the_gateway_knows_no_status_is_rejected(body, shop, talker):
    talker.says(body)

    with pytest.raises(RejectedError, match="no logistics status"):
        shop.fetch_traces(ORDER)
    assert len(talker.asked) == 1


def test_an_unknown_status_code_is_transient_and_counted_by_name(shop, talker):
    talker.says({"status": 4})

    with pytest.raises(UnmappedError):
        shop.fetch_traces(ORDER)

    assert [usage.outcome for usage in shop.drain_usage()] == ["unmapped 4"]
