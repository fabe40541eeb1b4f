"""The rules of truth: what a text says, and which evidence wins."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import given, strategies as st

from shipment_tracking.domain.evidence import (
    ParcelState,
    PlatformWord,
    RowState,
    Scan,
    Verdict,
    judge,
    judge_row,
)
from shipment_tracking.domain.statuses import Status
from shipment_tracking.domain.texts import classify

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

TEXTS = {
    "returned": (
        "退回件 已签收",
        "退回件已签收",
        "退件已由商家签收",
        "快件已退回寄件人，寄件人已签收",
    ),
    "returning": (
        "客户拒收，快件退回中",
        "因收件人拒签，正在退回",
        "收件人拒绝签收",
        "签收人: 拒收",
        "逾期未取，原单返回",
        "快件已签收，客户要求退回",
    ),
    "exception": (
        "清关异常，请联系客服",
        "包裹破损，正在处理",
        "揽收失败，客户取消寄件",
    ),
    "delivery_failed": (
        "快件派送不成功(因电话无人接听/关机/无信号),正在处理中,待再次派送",
        "派送不成功，企事业单位，工作日续送。",
        "未签收",
        "尚未签收",
        "无法签收",
        "签收失败",
        "快件签收异常",
        "未妥投，收件人不在",
        "联系不上收件人，改日派送",
    ),
    "ready_for_pickup": (
        "快件已暂存至测试小区菜鸟驿站，如有疑问请联系客服",
        "您的包裹已存放至【测试生活馆】，取它回家",
        "快件已在 快递超市 的【测试店】暂放,请及时取件",
        "已被【测试自提柜】代收,请及时取件",
        "您的快件已存放在丰巢快递柜，取件码已发送，请及时取件",
        "快件已由测试小区菜鸟驿站代收，请及时取件",
        "请凭取货码到驿站取件签收",
    ),
    "signed": (
        "快件已被 已签收 签收",
        "已签收，签收人凭取货码签收。",
        "客户 签收人: 丰巢 已签收 感谢使用测试速递",
        "已签收,签收人是(快递已送代理点),如您未收到此快递,请拨打客服",
        "已签收，签收人本人，如需退件请联系商家",
        "已签收，如您未签收请联系客服",
        "本人签收 已签收",
        "派件已签收",
        "签收人是:已签收",
        "测试大学 已签收",
        "您的快件已签收，签收人在家人处，如有问题请联系派件员",
        "已妥投，本人收",
        "客户已取件",
    ),
    "out_for_delivery": (
        "派件中",
        "正在派件",
        "【杭州市】派件扫描；派送业务员：*；联系电话：*",
        "派件中，请准备签收",
        "派送员正在为您派件，请您准备签收",
    ),
    "info_received": ("商家已发货，等待揽收", "电子面单已生成"),
    "picked_up": ("已揽收", "在测试公司进行揽件扫描", "快递员上门取件成功"),
    "in_transit": (
        "已到达-测试转运中心",
        "快件已到达测试网点，请准备签收",
        "快件到达测试转运中心，等待签收人签收",
        "快件到达测试网点，待收件人签收",
        "海关清关完成",
        "您的包裹已到达海关，等待清关",
        "在测试分拨中心进行称重扫描",
        "【杭州市】快件离开测试网点，发往测试转运中心",
    ),
    "unknown": ("待签收", "请签收", "准备签收", "注意签收", ""),
}


@pytest.mark.parametrize(
    ("text", "status"), [(text, status) for status, texts in TEXTS.items() for text in texts]
)
def test_a_text_says_its_status(text, status):
    assert classify(text)[0] == status


@pytest.mark.parametrize(
    ("text", "sign_kind"),
    [
        ("本人签收 已签收", "self"),
        ("已签收，签收人在家人处", "family"),
        ("已签收,签收人是(快递已送代理点)", "agency"),
        ("已签收，签收人凭取货码签收。", "station"),
        ("客户 签收人: 丰巢 已签收", "locker"),
        ("已签收，签收人：驿站丰巢柜", "locker"),
        ("快件已签收", None),
        ("快件已存放在丰巢快递柜，请及时取件", None),
    ],
)
def test_a_sign_says_who_signed(text, sign_kind):
    assert classify(text)[1] == sign_kind


# Who speaks, and the words for it; 说服 and 派人 stand for any that no rule foresees.
SPEAKERS = ["客服", "小哥", "骑手", "派件员", "网点", "站点", "系统", "平台", "我司", "我们"]
SPOKEN = [
    "通知",
    "联系",
    "安排",
    "电话",
    "短信",
    "预约",
    "取消",
    "更改",
    "嘱咐",
    "委托",
    "催促",
    "劝说",
    "告知",
]


@pytest.mark.parametrize(
    "text",
    [
        *(f"快件已由{speaker}说服门卫签收" for speaker in SPEAKERS),
        *(f"快件已由测试小区{word}门卫签收" for word in SPOKEN),
        *(f"快件已{word}客户签收" for word in (*SPOKEN, "说服", "派人")),
        *(f"快件由{word}物业代签收" for word in SPOKEN),
        "快件已由【测试驿站】派人送客户签收",
    ],
)
def test_a_sign_that_is_only_spoken_of_is_none(text):
    assert classify(text)[0] != "signed"


def scans(*statuses: str, since: datetime = START, is_new: bool = True) -> list[Scan]:
    """One event an hour."""
    return [
        Scan(since + number * HOUR, 0, status, None, number, is_new)
        for number, status in enumerate(statuses)
    ]


def word(status: str, *, hours: float, fetched: float | None = None) -> PlatformWord:
    """A platform status known since so many hours after the start, and fetched again until."""
    last = hours if fetched is None else fetched
    return PlatformWord(status, status.upper(), START + hours * HOUR, START + last * HOUR)


TRUTHS = {
    "the latest event leads": (("picked_up", "in_transit"), None, "in_transit"),
    "not the highest rank": (("out_for_delivery", "in_transit"), None, "in_transit"),
    "what says nothing changes nothing": (("in_transit", "unknown"), None, "in_transit"),
    "only unknown texts": (("unknown", "unknown"), None, "unknown"),
    "nothing known": ((), None, "pending"),
    "no event, so the platform tells": ((), ("info_received", 1), "info_received"),
    "an event outweighs how the platform calls a moving parcel": (
        ("picked_up",),
        ("in_transit", 9),
        "picked_up",
    ),
    "nor does an unknown platform status count": (("picked_up",), ("unknown", 9), "picked_up"),
    "the platform's sign leads": (("out_for_delivery",), ("signed", 9), "signed"),
    "a stray scan after the platform's sign means nothing": (
        ("out_for_delivery", "in_transit"),
        ("signed", 0.5),
        "signed",
    ),
    "a failure after the platform's sign withdraws it": (
        ("out_for_delivery", "delivery_failed"),
        ("signed", 0.5),
        "delivery_failed",
    ),
    "a failure before the platform's sign does not": (
        ("out_for_delivery", "delivery_failed"),
        ("signed", 2),
        "signed",
    ),
    "the platform's sign exception leads": (
        ("out_for_delivery", "signed"),
        ("exception", 2),
        "exception",
    ),
    "from when it was fetched only": (
        ("out_for_delivery", "signed"),
        ("exception", 0.5),
        "signed",
    ),
    "a cancelled parcel": (("picked_up",), ("cancelled", 2), "cancelled"),
    "a parcel that moves on after it was cancelled": (
        ("picked_up", "in_transit"),
        ("cancelled", 0.5),
        "in_transit",
    ),
    "a text sign after a return began": (("returning", "signed"), None, "returned"),
    "the platform's sign after a return began": (("returning",), ("signed", 9), "returned"),
    "the platform repeats an older sign after a return began": (
        ("signed", "returning"),
        ("signed", 0.5),
        "returning",
    ),
    "the platform's sign, then a return, then a text sign": (
        ("out_for_delivery", "returning", "signed"),
        ("signed", 0.5),
        "returned",
    ),
    "scans on the way back": (("returning", "in_transit"), None, "returning"),
    "scans after it came back": (("returned", "in_transit"), None, "returning"),
    "a failure on the way back": (("returning", "delivery_failed"), None, "delivery_failed"),
    "a failed delivery, then a sign": (("delivery_failed", "signed"), None, "signed"),
}


@pytest.mark.parametrize(("statuses", "platform", "status"), TRUTHS.values(), ids=TRUTHS)
def test_the_evidence_that_wins(statuses, platform, status):
    said = word(platform[0], hours=platform[1]) if platform else None

    assert judge(scans(*statuses), said, "pending").status == status


def test_a_late_return_turns_a_known_sign_into_returned():
    known = Scan(START + 2 * HOUR, 0, "signed", None, 2, is_new=False)
    late = Scan(START, 0, "returning", None, 1, is_new=True)

    verdict = judge([late, known], None, "signed")

    assert verdict.status == "returned"
    assert [step.to_status for step in verdict.transitions] == ["returned"]


def test_an_event_that_comes_late_adds_no_transition():
    known = Scan(START + 2 * HOUR, 0, "out_for_delivery", None, 2, is_new=False)
    late = Scan(START, 0, "picked_up", None, 1, is_new=True)

    verdict = judge([late, known], None, "out_for_delivery")

    assert (verdict.status, verdict.transitions) == ("out_for_delivery", ())


def test_every_new_event_that_changes_the_status_is_a_transition():
    verdict = judge(scans("picked_up", "in_transit", "in_transit", "signed"), None, "pending")

    steps = [(step.from_status, step.to_status, step.occurred_at) for step in verdict.transitions]
    assert steps == [
        ("pending", "picked_up", START),
        ("picked_up", "in_transit", START + HOUR),
        ("in_transit", "signed", START + 3 * HOUR),
    ]


def test_a_text_that_says_nothing_is_no_transition():
    verdict = judge(scans("unknown", "in_transit", "unknown"), None, "pending")

    assert [step.to_status for step in verdict.transitions] == ["in_transit"]


def test_the_platforms_word_is_a_transition_when_it_was_fetched_first():
    verdict = judge(scans("in_transit", is_new=False), word("signed", hours=5), "in_transit")

    (step,) = verdict.transitions
    assert (step.from_status, step.to_status, step.occurred_at) == (
        "in_transit",
        "signed",
        START + 5 * HOUR,
    )


def test_two_failures_are_told_apart_by_their_evidence():
    first, _, second = judge(
        scans("delivery_failed", "out_for_delivery", "delivery_failed"), None, "pending"
    ).transitions

    assert first.to_status == second.to_status
    assert first.evidence != second.evidence


def sign(verdict: Verdict) -> tuple[datetime | None, str | None, bool]:
    return verdict.signed_at, verdict.sign_kind, verdict.confirmed


SIGNED_BY_FAMILY = Scan(START, 0, "signed", "family", 1, is_new=True)


def test_a_sign_by_its_text_alone_is_of_kind_text_and_waits():
    assert sign(judge([SIGNED_BY_FAMILY], None, "pending")) == (START, "text", False)


def test_a_platform_sign_confirms_the_text_with_its_time_and_signer():
    said = word("signed", hours=1)

    assert sign(judge([SIGNED_BY_FAMILY], said, "pending")) == (START, "family", True)


def test_a_sign_that_only_the_platform_knows_is_dated_by_its_detection():
    said = word("signed", hours=1)

    verdict = judge(scans("out_for_delivery"), said, "pending")

    assert sign(verdict) == (START + HOUR, "platform", True)


def test_of_two_sign_events_the_first_one_dates_the_sign():
    trail = scans("signed", "signed")

    assert judge(trail, word("signed", hours=3), "pending").signed_at == START


def test_after_a_withdrawn_signature_the_second_one_counts():
    withdrawn = scans("signed", "delivery_failed")
    again = scans("signed", "delivery_failed", "out_for_delivery", "signed")

    assert sign(judge(withdrawn, word("signed", hours=0.5), "signed")) == (None, None, False)
    assert judge(again, None, "delivery_failed").signed_at == START + 3 * HOUR


@pytest.mark.parametrize(("fetched", "confirmed"), [(2, False), (3, True)])
def test_the_platforms_old_sign_confirms_a_second_one_once_it_is_fetched_again(fetched, confirmed):
    trail = scans("signed", "delivery_failed", "out_for_delivery", "signed")
    said = word("signed", hours=0.5, fetched=fetched)

    assert judge(trail, said, "delivery_failed").confirmed is confirmed


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.sampled_from([status.value for status in Status if status != Status.PENDING]),
    ),
    min_size=1,
    max_size=8,
)
WORDS = st.none() | st.builds(
    lambda status, hours: word(status, hours=hours, fetched=hours + 1),
    st.sampled_from(
        ["info_received", "in_transit", "signed", "exception", "cancelled", "returning", "unknown"]
    ),
    st.integers(0, 9),
)


@given(EVENTS, WORDS, st.randoms(use_true_random=False))
def test_the_verdict_does_not_depend_on_how_the_events_were_split_over_loads(events, said, dice):
    trail = [
        Scan(START + hours * HOUR, 0, status, None, number, is_new=True)
        for number, (hours, status) in enumerate(sorted(events))
    ]
    at_once = judge(trail, said, "pending")

    before, loaded = "pending", set()
    arriving = dice.sample(trail, len(trail))
    while arriving:
        batch = [arriving.pop() for _ in range(dice.randint(1, len(arriving)))]
        loaded.update(scan.event_hash for scan in batch)
        known = [
            Scan(scan.occurred_at, 0, scan.status, None, scan.event_hash, scan in batch)
            for scan in trail
            if scan.event_hash in loaded
        ]
        in_parts = judge(known, said, before)
        assert_connected(in_parts, before)
        before = in_parts.status

    assert (in_parts.status, sign(in_parts)) == (at_once.status, sign(at_once))


def assert_connected(verdict: Verdict, before: str) -> None:
    """The transitions lead from the status before to the verdict without a gap."""
    ways = [before, *(step.to_status for step in verdict.transitions)]
    assert ways[-1] == verdict.status
    assert [step.from_status for step in verdict.transitions] == ways[:-1]
    assert all(came != went for came, went in pairwise(ways))


@given(EVENTS, WORDS)
def test_nothing_is_signed_behind_the_beginning_of_a_return(events, said):
    trail = [
        Scan(START + hours * HOUR, 0, status, None, number, is_new=True)
        for number, (hours, status) in enumerate(sorted(events))
    ]
    began = [scan.occurred_at for scan in trail if scan.status in ("returning", "returned")]

    verdict = judge(trail, said, "pending")

    if began:
        assert verdict.status != "signed"
        assert all(
            step.to_status != "signed" or step.occurred_at <= began[0]
            for step in verdict.transitions
        )


def test_the_platforms_code_for_a_sign_proves_it_without_the_parcels_status():
    by_text = Scan(START, 0, "signed", "family", 1, is_new=True)
    by_code = Scan(START + HOUR, 0, "signed", None, 2, is_new=True, action="SIGNED")
    shipped = word("info_received", hours=2)

    assert sign(judge([by_text, by_code], shipped, "pending")) == (START, "family", True)
    assert sign(judge([by_code], None, "pending")) == (START + HOUR, "platform", True)
    assert judge([by_text], shipped, "pending").confirmed is False


def test_a_code_that_signed_before_a_failure_proves_no_later_sign():
    first = Scan(START, 0, "signed", None, 1, is_new=True, action="SIGNED")
    later = scans("out_for_delivery", "delivery_failed", "out_for_delivery", "signed")

    assert judge([first, *later[1:]], None, "pending").confirmed is False


def test_a_refusal_that_only_the_platform_knows_leads():
    said = word("returning", hours=5)

    assert judge(scans("out_for_delivery"), said, "pending").status == "returning"


def test_a_refusal_by_the_platform_does_not_undo_a_return():
    said = word("returning", hours=5)

    assert judge(scans("returning", "returned"), said, "pending").status == "returned"


def test_a_sign_after_a_refusal_by_the_platform_means_that_the_sender_has_it_back():
    home = Scan(START + 6 * HOUR, 0, "signed", None, 9, is_new=True, action="SIGNED")
    said = word("returning", hours=5)

    assert judge([*scans("out_for_delivery"), home], said, "pending").status == "returned"


def timed(*steps: tuple[float, str], action: str | None = None) -> list[Scan]:
    """Events at hours after the start; ``action`` is that of every signature."""
    return [
        Scan(
            START + hours * HOUR,
            number,
            status,
            "self" if status == "signed" else None,
            number,
            is_new=True,
            action=action if status == "signed" else None,
        )
        for number, (hours, status) in enumerate(steps)
    ]


STRAYS = ["info_received", "picked_up", "in_transit", "out_for_delivery", "ready_for_pickup"]


@pytest.mark.parametrize("stray", [*STRAYS, "unknown"])
def test_stray_scan_after_a_proved_signature_means_nothing(stray):
    trail = timed((0, "picked_up"), (36, "signed"), (36.1, stray), action="SIGNED")

    verdict = judge(trail, None, "pending")

    assert (verdict.status, *sign(verdict)) == ("signed", START + 36 * HOUR, "self", True)
    assert [step.to_status for step in verdict.transitions] == ["picked_up", "signed"]


@pytest.mark.parametrize("against", ["delivery_failed", "returning", "returned", "exception"])
def test_contradiction_after_a_proved_signature_withdraws_it(against):
    trail = timed((36, "signed"), (37, against), (38, "in_transit"), action="SIGNED")

    assert judge(trail, None, "pending").status != "signed"


def test_early_signature_contradicted_by_movement_is_none():
    early = ((0, "signed"), (6, "in_transit"), (23.5, "out_for_delivery"))
    moving = word("in_transit", hours=-1, fetched=24)

    assert judge(timed(*early), moving, "pending").status == "out_for_delivery"
    verdict = judge(timed(*early, (26, "signed")), word("signed", hours=27), "pending")
    assert sign(verdict) == (START + 26 * HOUR, "self", True)


def test_stray_scan_before_the_platforms_word_leaves_the_signature_where_it_was():
    trail = timed((0, "signed"), (0.1, "out_for_delivery"))

    verdict = judge(trail, word("signed", hours=1), "pending")

    assert (verdict.status, *sign(verdict)) == ("signed", START, "self", True)
    assert [step.occurred_at for step in verdict.transitions] == [START]


def test_parcel_without_any_evidence_left_is_pending_again():
    lost_at = START + 5 * HOUR

    (step,) = judge([], None, "signed", 3, lost_at=lost_at).transitions

    assert (step.from_status, step.to_status, step.occurred_at) == ("signed", "pending", lost_at)


# Rows of the ERP


def parcel(number: int, status: str = "signed", hours: float | None = 0, **changes) -> ParcelState:
    """A judged parcel; a signed one is confirmed."""
    at = None if hours is None else START + hours * HOUR
    confirmed = at if status == "signed" else None
    fields = {
        "shipment_id": number,
        "status": status,
        "sign_kind": "self" if status == "signed" else None,
        "signed_at": confirmed,
        "sign_confirmed_at": confirmed,
        "sign_seen_at": confirmed,
        "sign_event": None,
        "waybill_no": f"YT{number}",
        "waybills": (f"YT{number}",),
        "last_event": f"event of {number}",
        "last_event_at": at,
    }
    return ParcelState(**fields | changes)


def row(**changes) -> RowState:
    fields = {
        "erp_key": "SO1",
        "waybill_no": None,
        "shipped_at": START,
        "signed_at": None,
        "sign_kind": None,
        "sign_event": None,
    }
    return RowState(**fields | changes)


def test_order_is_signed_with_its_last_parcel():
    verdict = judge_row(row(), [parcel(1, hours=5), parcel(2, hours=3)], False)

    assert (verdict.status, verdict.signed_at) == ("signed", START + 5 * HOUR)


@pytest.mark.parametrize(
    ("parcels", "unshipped"),
    [
        ([], False),
        ([parcel(1, "cancelled")], False),
        ([parcel(1), parcel(2, "in_transit")], False),
        ([parcel(1, sign_confirmed_at=None)], False),
        ([parcel(1)], True),
        ([parcel(1)], None),
    ],
    ids=["none", "cancelled", "one moves", "unconfirmed", "a line is left", "lines unknown"],
)
def test_order_is_not_signed_without_proof_of_all(parcels, unshipped):
    verdict = judge_row(row(), parcels, unshipped)

    assert (verdict.signed_at, verdict.sign_event) == (None, None)
    assert verdict.status != "signed"


def test_order_that_is_not_signed_shows_at_most_out_for_delivery():
    assert judge_row(row(), [parcel(1)], True).status == "out_for_delivery"


def test_signature_long_before_the_shipping_of_the_row_is_refused_with_the_reason():
    verdict = judge_row(row(shipped_at=START + 49 * HOUR), [parcel(1)], False)

    assert verdict.signed_at is None
    assert verdict.sign_error is not None
    assert "48 hours older" in verdict.sign_error
    assert "correct shipped_at in the ERP" in verdict.sign_error


def test_cancelled_booking_beside_a_live_parcel_is_not_shown():
    parcels = [parcel(1, "in_transit", hours=1), parcel(2, "cancelled", hours=9)]

    verdict = judge_row(row(), parcels, False)

    assert (verdict.waybill_nos, verdict.latest_trace, verdict.status) == (
        "YT1",
        "event of 1",
        "in_transit",
    )


def test_cancelled_booking_alone_is_shown():
    verdict = judge_row(row(), [parcel(2, "cancelled", hours=9)], False)

    assert (verdict.waybill_nos, verdict.status) == ("YT2", "cancelled")


@pytest.mark.parametrize("typed", ["yt1", " YT1\r\n", "ＹＴ１", "Y T 1"])
def test_row_with_a_typed_number_stands_for_its_parcel(typed):
    verdict = judge_row(row(waybill_no=typed), [parcel(1), parcel(2, "in_transit")], True)

    assert (verdict.status, verdict.sign_error) == ("signed", None)


def test_row_whose_number_no_parcel_carries_says_so():
    verdict = judge_row(row(waybill_no="YT9"), [parcel(1), parcel(2)], False)

    assert (verdict.status, verdict.signed_at) == ("pending", None)
    assert verdict.sign_error == (
        "no parcel of the order carries the waybill number 'YT9'; its platform lists YT1,YT2: "
        "correct waybill_no in the ERP"
    )


def test_number_of_two_parcels_is_shown_once():
    shared = [parcel(1, waybill_no="YT1"), parcel(2, waybill_no=" yt1")]

    assert judge_row(row(), shared, False).waybill_nos == "YT1"


def test_signature_that_comes_back_is_the_one_that_was_written():
    written = uuid4()

    verdict = judge_row(row(written_event=written), [parcel(1, sign_event=uuid4())], False)

    assert verdict.sign_event == written
