"""Every rule that denies a signature has a text it denies and a like one that it leaves alone."""

import pytest

from shipment_tracking.domain.masking import normalise
from shipment_tracking.domain.sign_guard import DENIALS, NO_CLAIM, judge
from shipment_tracking.domain.text_model import fold
from shipment_tracking.domain.texts import WORDINGS, classify


def verdict(text):
    return judge(fold(normalise(text)))


@pytest.mark.parametrize("rule", DENIALS, ids=lambda rule: rule.id)
def test_a_rule_denies_its_example_and_leaves_the_other(rule):
    assert verdict(rule.denies).denied_by == rule.id
    assert verdict(rule.allows).denied_by is None


@pytest.mark.parametrize("rule", DENIALS, ids=lambda rule: rule.id)
def test_a_text_is_signed_unless_a_rule_denies_it(rule):
    assert classify(normalise(rule.denies)).status != "signed"
    assert classify(normalise(rule.allows)).status == "signed"


def test_every_rule_has_an_id_and_a_reason():
    ids = [rule.id for rule in (*DENIALS, *WORDINGS)]

    assert len(set(ids)) == len(ids)
    assert all(rule.reason for rule in DENIALS)


def test_a_text_without_a_word_of_signing_is_denied():
    assert verdict("拦截成功完成").denied_by == NO_CLAIM


@pytest.mark.parametrize(
    "text",
    [
        "无法签收",
        "外送员已在商家取货",
        "骑士取货完成，正在前往",
        "请准备签收",
        "退回件已签收",
        "快件已到【云溪驿站】，请凭取件码签收",
        "如显示已签收，请忽略",
        "预计今日签收",
        "海外仓已签收",
        "包裹 2/3 已签收",
        "撤销签收",
        "客户拒绝签收",
        "待签收",
        "签收后请评价",
        "尚未妥投",
        "将由家人签收",
        "已通知本人签收",
        "商家已签收退货",
        "签收失败，客户不在",
        "will be signed by neighbour",
        "return delivered to sender",
        "could not be delivered",
        "scheduled to be delivered",
    ],
)
def test_what_only_speaks_of_a_signature_is_not_signed(text):
    assert classify(normalise(text)).status != "signed"


@pytest.mark.parametrize(
    "text",
    [
        "货物已送到，待客户卸货",
        "到货完成，等待收货人签字",
        "送货完成，待回单签回",
        "货件已送达，尚未签收",
        "已成功送达投递部",
        "快件已派送至城南营业部",
        "邮件妥投至揽投部",
        "包裹已送至村邮站",
        "包裹已送达服务站",
        "京东云仓已签收",
        "货物入仓已签收",
        "合同原件已签收",
        "已完成取货",
        "提货成功",
        "派件任务已完成分配",
        "配送任务已成功下发",
        "收件人已核对收货信息",
        "客户已确认派送日期",
        "买家已预约",
        "已成功预约取件",
        "显示签收，未送达",
        "已妥投，实际没有派送",
        "收件人反映签收的并非本人",
        "签收成功，送错楼栋",
        "Delivered, secure locker",
        "Left with delivery agent",
        "Delivered to an agent",
        "Received 2 of 5",
        "Delivery event deleted",
        "Delivered status reversed",
        "Delivery completed by noon guaranteed",
        "Delivery completed 40%",
        "Delivered to reception, awaiting recipient confirmation",
        "Proof of delivery sent",
        "POD uploaded",
        "Collected by Swiss Post",
        "Collected by Canada Post",
        "Signed for by carrier",
        "Addressee signed a consent form",
        "Signed agreement received",
        "Left with neighbour requested",
        "Accepted by receiver's post",
        "Received by addressee's country",
        "Handed to consignee's branch",
        "The customer received a text message",
        "Customer received email with code",
        "Handed over to customer's neighbour hub",
        "包裹已由丰巢快递柜签收",
        "快件已交给收件人指定的驿站",
        "订单已送达至网点，等待派送",
        "客户已收到取件短信",
        "货物已送到，收货人尚未确认",
        "快件已送到快递站",
        "保单已签收",
        "取件任务已接受",
        "签收人非本人，买家投诉",
        "Delivered to wrong apartment",
        "Delivered, but the customer denies receipt",
        "客户取件率达标，派送成功率98%",
        "派送完成状态已删除",
        "已签收的包裹又送回网点",
        "货款已签收，货物在途",
        "签收照片模糊，请补传",
        "代收协议已签署",
        "收件人称签收的是另一件",
        "旧机已取走，新机待送",
        "代办点已签收，村民未取",
        "门市已簽收，您可以來領了",
        "派送前交接完成",
        "Delivery successful for 1 of 2 parcels",
        "Delivered scan made before actual delivery",
        "快件已到小区，快递员承诺今晚八点前送到您手上",
        "包裹放门口可以吗？",
        "包裹已签收？若非本人操作请立即联系客服",
        "收件人電話中表示放門口即可",
        "完成簽收即可參加抽獎",
        "送貨單已簽，貨尚未卸",
        "誤按簽收，貨件實際仍在車上",
        "快件已被他人误签，正协商取回",
        "2 of your 4 boxes have been delivered; the others follow",
        "Delivered means that the parcel was handed over to the recipient",
        "Digital item delivered to your account",
        "By signing you agree that the goods were received in good condition",
        "Recipient would like it signed for by a colleague",
        "Delivered to previous tenant",
        "三箱中已簽兩箱",
        "Delivered to the wrong suite and retrieved",
    ],
)
def test_a_place_a_paper_a_task_or_a_dispute_is_not_signed(text):
    assert verdict(text).denied_by is not None
    assert classify(normalise(text)).status != "signed"


@pytest.mark.parametrize(
    "text",
    [
        "已送达并由网点客户签收",
        "货物已卸货，已签收，待回单",
        "已签收，回单待返回",
        "改派后已成功签收",
        "快件已签收，退换货请联系商家",
        "已签收，签收照片已上传",
        "本人已在网点领走",
        "已交到收件人手上",
        "派送完成，前台签收",
        "客户卸货完成，送货成功，回单已上传",
        "Delivered to mailbox",
        "Delivered into the mailbox",
        "Delivered to agent for recipient",
        "Delivered 100%",
        "Delivered to the safe place you requested",
        "Left in safe place as requested",
        "Signed for by recipient",
        "Collected by recipient at post office",
        "Delivered to the PO box of the recipient",
        "Delivered to post box",
        "Received by consignee",
        "Delivered to neighbour",
        "Parcel received by addressee",
        "Handed over to recipient",
        "Signed for by neighbour's wife",
        "Delivered, front desk",
        "客户已确认收货",
        "收件人已提货",
        "已送达客户，签收人：本人",
        "已送达收货地址，本人签收",
        "已签收，如有投诉请联系客服",
        "快件已签收，签收人：邮局代收",
        "门卫已签收，实际收件人：本人",
        "您的快件已送达，收件人已签收",
        "客户仓库已签收",
        "已妥投，收件人本人",
        "快件已签收，客户已确认收货地址无误",
        "Your parcel was delivered and signed for by the customer",
        "已放在门口，未送达楼上，签收人：本人",
        "货物已卸完，客户盖章确认",
        "快件已投入客户指定的牛奶箱",
        "已签收，之前客户不在",
        "收件人憑證領訖",
        "Your neighbour at no. 12 took it in for you",
        "ZUGESTELLT",
        "Ihre Sendung wurde zugestellt.",
        "Paquete entregado",
        "Colis livré",
    ],
)
def test_a_signature_that_speaks_of_the_same_stays_one(text):
    assert classify(normalise(text)).status == "signed"


def test_a_signature_in_another_language_is_one_as_a_whole_text_only():
    assert classify("Sendung zugestellt an Filiale").status != "signed"
    assert classify("No entregado").status != "signed"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("海外仓库已签收", "in_transit"),
        ("退货仓库已签收", "returned"),
        ("Processed at MACAO - MACAO", "in_transit"),
        ("If undeliverable, please return to shipper", "unknown"),
        ("快件已被揽收员上门揽收", "picked_up"),
        ("快递员已把包裹放至门口", "signed"),
        ("客户已在驿站自助取件", "signed"),
        ("包裹已由自提柜签收", "ready_for_pickup"),
    ],
)
def test_a_fixed_wording_holds_for_its_like(text, status):
    assert classify(normalise(text)).status == status


@pytest.mark.parametrize("rule", WORDINGS, ids=lambda rule: rule.id)
def test_a_fixed_wording_decides_alone(rule):
    reading = classify(normalise(rule.example))

    assert (reading.status, reading.decided_by) == (rule.status, rule.id)


def test_a_fixed_wording_of_a_signature_is_guarded_too():
    assert classify("客户 签收人: 拒绝签收 已签收").status != "signed"
