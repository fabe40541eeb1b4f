"""A digest names what went wrong, counts the rest, and is never longer than its receiver takes."""

from typing import Any

import pytest

from shipment_tracking.channels import dingtalk, feishu, wecom
from shipment_tracking.channels.port import DELAYED, LANGUAGES, MARKDOWN, Limits
from shipment_tracking.domain.statuses import Status
from shipment_tracking.notices import digests
from shipment_tracking.notices.messages import NOTICE, SIGN_WITHDRAWN, Messages

SMALL = Limits(most_items=4, medium=MARKDOWN)
ROBOTS = {"dingtalk": dingtalk.LIMITS, "wecom": wecom.LIMITS, "feishu": feishu.LIMITS}


def changes(first: int, last: int, status: str, **facts: Any) -> list[dict[str, Any]]:
    return [
        NOTICE
        | {
            "event_id": str(number),
            "reason": status,
            "waybill_no": f"YT{number}",
            "orders": [{"erp_key": f"SO{number}", "platform_order_id": "29"}],
        }
        | facts
        for number in range(first, last + 1)
    ]


def split(told: list[dict[str, Any]], limits: Limits = SMALL, **options: Any) -> list[str]:
    return [text for _, text in digests.split(Messages("en", MARKDOWN), limits, told, **options)]


def test_the_most_urgent_comes_first_and_every_group_is_counted():
    told = [
        *changes(1, 9, "in_transit"),
        *changes(10, 12, "signed", from_status="in_transit"),
        *changes(13, 13, "exception", latest_trace="包裹破损"),
    ]

    assert split(told) == [
        """**Parcels with a new status: 13**

**Exception: 1**

- SO13: 圆通速递 YT13, 包裹破损

**Signed for: 3**

- SO10: 圆通速递 YT10
- SO11: 圆通速递 YT11
- SO12: 圆通速递 YT12

**On its way: 9**"""
    ]


def test_what_does_not_fit_is_counted_in_its_group():
    (text,) = split(changes(1, 41, "in_transit"))

    assert text.endswith("- SO4: 圆通速递 YT4\n- and 37 more")


def test_a_failure_after_a_signature_leads():
    told = [
        *changes(1, 1, "exception", from_status="in_transit"),
        *changes(2, 2, "returning", from_status="signed"),
        *changes(3, 3, "in_transit", from_status="signed"),
    ]

    (text,) = split(told)

    headings = [line for line in text.splitlines() if line.startswith("**")]
    assert headings[1:] == ["**Signature withdrawn: 1**", "**Exception: 1**", "**On its way: 1**"]


def test_what_went_wrong_is_listed_over_several_messages():
    told = changes(1, 50, "in_transit") + changes(51, 60, "delivery_failed", from_status="pending")

    texts = split(told)

    assert [text.count("- SO") for text in texts] == [4, 4, 4]
    assert all(f"YT{number}" in "".join(texts) for number in range(51, 61))
    assert "**On its way: 50**" in texts[-1]
    assert "On its way" not in texts[0]


@pytest.mark.parametrize("most", [1, 5])
def test_so_much_went_wrong_that_the_last_message_counts_it(most):
    texts = split(changes(1, 100, "exception", from_status="pending"), most=most)

    assert len(texts) == most
    assert texts[-1].endswith(f"- and {100 - 4 * most} more")


def test_every_change_is_told_of_in_one_message_only():
    told = changes(1, 30, "exception") + changes(31, 99, "signed")

    found = digests.split(Messages("en", MARKDOWN), SMALL, told)

    assert sorted(int(each["event_id"]) for part, _ in found for each in part) == [*range(1, 100)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ROBOTS)
@pytest.mark.parametrize("sign", ["签", '"', "\\", "\U0001f4e6", "\n"])
def test_no_text_is_longer_than_the_receiver_takes(sign, kind, language):
    orders = [{"erp_key": f"{sign * 20}{number}", "platform_order_id": ""} for number in range(9)]
    told = changes(1, 300, "exception", latest_trace=sign * 500, orders=orders)

    found = digests.split(Messages(language, MARKDOWN), ROBOTS[kind], told)

    assert len(found) == digests.MOST_MESSAGES
    assert all(ROBOTS[kind].hold(text) for _, text in found)
    assert all(text.count("\n- ") > 2 for _, text in found)


def test_a_receiver_of_tiny_texts_gets_one_message_with_the_numbers():
    told = changes(1, 30, "exception") + changes(31, 99, "signed")

    assert len(split(told, Limits(longest_text=100))) == 1


def test_every_word_has_its_urgency():
    assert set(digests.URGENCY) == {*map(str, Status), DELAYED, SIGN_WITHDRAWN}
