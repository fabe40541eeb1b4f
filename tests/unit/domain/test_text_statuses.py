"""What a text says, and who is only spoken of."""

import pytest

from shipment_tracking.domain.texts import classify

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
