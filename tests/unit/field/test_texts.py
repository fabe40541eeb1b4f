"""Texts as platforms and carriers really write them."""

import pytest

from sandbox import carriers
from shipment_tracking.domain.masking import event_hash, normalise
from shipment_tracking.domain.texts import classify


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
