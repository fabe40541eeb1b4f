"""Texts as platforms and carriers really write them."""

import pytest

from sandbox import carriers
from shipment_tracking.domain.masking import event_hash, normalise
from shipment_tracking.domain.texts import classify, is_placeholder


@pytest.mark.parametrize(
    "text",
    [
        "Awaiting for transit to final delivery office",
        "Delivered to parcel shop",
        "Delivered, To Original Sender",
        "Not yet delivered",
        "Will be delivered to your neighbour",
        "Signed in at warehouse",
        "Delivery attempted, not signed",
        "Delivered to airport",
    ],
)
def test_d1_an_english_text_without_a_signature_is_not_signed(text):
    assert classify(normalise(text)).status != "signed"


@pytest.mark.parametrize(
    "text", ["Delivered", "DELIVERED, FRONT DOOR/PORCH", "Signed for by: *", "Item delivered"]
)
def test_d1_an_english_signature_is_signed(text):
    assert classify(normalise(text)).status == "signed"


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("派件员：张三，电话13812345678，正在派件", "派件员：张**，电话138****5678，正在派件"),
        ("【云溪】的张三（13812345678）正在派件", "[云溪] 的张*（138****5678） 正在派件"),
        ("快件已由张三签收", "快件已由张**签收"),
        ("签收人：张三", "签收人:张*三"),
        ("快件已由张三代签收", "快件已由张*代签收"),
        ("电话0571-88888888", "电话0571-****8888"),
        ("联系13812345678", "联系138xxxx5678"),
        ("快件到达【云溪网点】", "快件到达 [云溪网点]"),
        ("已签收（本人）", "已签收(本人)"),
        ("已签收，本人", "已签收, 本人"),
    ],
)
def test_d2_a_scan_masked_or_respelt_later_is_one_event(first, later):
    assert event_hash(normalise(first)) == event_hash(normalise(later))


@pytest.mark.parametrize(
    "text", ["张**未签收", "收件人张**拒收", "张**已签收", "YT88****1234 已揽收", "本人签收**"]
)
def test_d2_stars_take_no_word_with_them(text):
    kept = normalise(text)

    assert [word for word in ("未签收", "拒收", "已签收", "YT88", "本人") if word in text] == [
        word for word in ("未签收", "拒收", "已签收", "YT88", "本人") if word in kept
    ]


@pytest.mark.parametrize("first", ["已签收", "派送中"])
def test_d2_other_words_are_another_event(first):
    assert event_hash(normalise(first)) != event_hash(normalise("快件" + first))


@pytest.mark.parametrize(
    "phone",
    [
        "１３８１２３４５６７８",
        "１３８－１２３４－５６７８",
        "＋８６１３８１２３４５６７８",
        "138１2３4５6７8",
    ],
)
def test_d3_a_phone_number_in_full_width_digits_is_masked(phone):
    assert normalise(f"电话{phone}，正在派件") == "电话*，正在派件"


def test_d3_full_width_and_plain_digits_are_one_event():
    assert event_hash(normalise("包裹１２已签收")) == event_hash(normalise("包裹12已签收"))


@pytest.mark.parametrize(("label", "text"), carriers.BACK_TO_DEPOT)
def test_a_parcel_that_goes_back_to_a_depot_to_be_tried_again_is_no_return(label, text):
    assert classify(normalise(text)).status == label


@pytest.mark.parametrize(
    "text",
    [
        "3件中的2件已签收",
        "3個包裹中的2個已簽收",
        "Signed for 2 of 3",
        "2/3 pieces delivered",
        "整单未完成，部分妥投",
        "短少签收",
        "客户同意由邻居代收，下午派送",
        "Guaranteed delivered by 10:30",
        "Once delivered, sign here",
        "Delivered? please confirm",
        "疑似签收",
        "Proof of delivery requested",
        "Delivery order signed",
        "Proof of delivery pending",
        "取件短信已送达收件人",
        "签回单已签收，运单运输中",
        "取件通知已送达",
        "回单已签收",
        "已签收回单，原件寄回",
        "快件签收超时",
        "签收二维码已生成",
        "快件已被寄件人撤回并取走",
        "Delivered to agent for final delivery",
        "Shipment accepted and signed off by customs",
        "已送到小区门口，未联系上客户",
        "已放門口，客戶未收到",
        "放门口被偷，已报案",
        "已签收，客户否认",
        "Driver says delivered, customer disputes receipt",
        "Lost after delivered scan",
        "他人冒领签收",
        "Delivered to the wrong customer",
        "已妥投改派",
        "菜鸟仓已签收",
        "派送员已签收",
        "分公司已签收",
    ],
)
def test_a_text_that_only_sounds_signed_is_not(text):
    assert classify(normalise(text)).status != "signed"


@pytest.mark.parametrize(
    "text", ["已签收，如未收到请联系快递员", "客户不在家，已放门口并签收", "Signed for 2 parcels"]
)
def test_a_signature_beside_such_words_is_signed(text):
    assert classify(normalise(text)).status == "signed"


@pytest.mark.parametrize(
    "text",
    [
        "客户要求放门口，已签收",
        "应客户要求放在鞋柜，已签收",
        "按客户要求放置门口，签收人：本人",
        "签收成功，此前派送失败",
        "已妥投，上次无人在家",
        "上午派送失败，下午已签收",
        "首次投遞未遇，再次投遞成功，已簽收",
        "Delivery failed in the morning, delivered at 15:00",
        "乡镇代理点已签收，客户已自取",
        "【代收点】您的快件已签收，签收人在【西门超市】领取",
    ],
)
def test_a_signature_after_a_failure_or_a_request_is_signed(text):
    assert classify(normalise(text)).status == "signed"


@pytest.mark.parametrize(
    "text",
    [
        "乡镇代理点已签收，通知客户自取",
        "村口代办点已代收，待客户自取",
        "镇上服务站已签收，请客户到点自取",
        "小卖部已签收，已通知客户来取",
        "鄉鎮代理點已簽收，通知收件人自取",
    ],
)
def test_what_an_agent_took_in_for_the_customer_is_to_be_collected(text):
    assert classify(normalise(text)).status == "ready_for_pickup"


@pytest.mark.parametrize(
    "text",
    [
        "客户要求放门口，未签收",
        "客户要求放门口，下午派送",
        "客户要求改日签收",
        "签收失败，此前派送成功",
        "已取货",
        "取件成功",
        "取货完成，前往收件地址",
        "物流人員已至寄件門市取走包裹",
    ],
)
def test_a_request_or_a_pickup_is_not_signed(text):
    assert classify(normalise(text)).status != "signed"


@pytest.mark.parametrize(
    "text", ["海关查验完毕，退回邮局", "Item returned from customs to the post"]
)
def test_what_customs_give_back_to_the_post_goes_on(text):
    assert classify(normalise(text)).status == "in_transit"


@pytest.mark.parametrize(
    "text",
    [
        "签收底单返回中",
        "签回单已退回寄件人",
        "回单签收，退回寄件方",
        "回单已寄回",
        "签单返还处理中，待寄回",
    ],
)
def test_a_signed_paper_that_goes_back_says_nothing_of_its_parcel(text):
    assert classify(normalise(text)).status == "unknown"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("已签收，回单已寄回", "signed"),
        ("货物已签收，回单返回中", "signed"),
        ("快件退回，回单作废", "returning"),
        ("客户拒收回单件，退回寄件人", "returning"),
    ],
)
def test_a_parcel_beside_its_paper_is_told_by_itself(text, status):
    assert classify(normalise(text)).status == status


@pytest.mark.parametrize(
    ("text", "is_none"),
    [
        ("快递公司暂未更新物流信息", True),
        ("Sorry, no results found. Please try again later", True),
        ("Not found", True),
        ("没有收件人信息，联系寄件人", False),
        ("暂无人签收", False),
        ("未查到收件人地址，退回", False),
        ("暂无物流信息更新，快件已到达云溪网点", False),
    ],
)
def test_a_word_of_no_trace_is_told_from_a_scan(text, is_none):
    assert is_placeholder(normalise(text)) is is_none
