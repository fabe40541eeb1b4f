"""
What a trace text says: a shipment status, and for a signature its kind.

Tables are data and their order is the rule.
"""

import re
from typing import NamedTuple

from shipment_tracking.domain.statuses import Status

# What is only asked for, promised, doubted or true "if ..." has not happened: it is not read.
ASIDES = (
    r"[如若](?:需|要|您|未|有|果|遇|不|无|对|收|客|本)[^，。；！,;!]*"
    r"|预计[^，。；！,;!]*|是否[^，。；！,;!]*|避免[^，。；！,;!]*|防止[^，。；！,;!]*|勿拒[^，。；！,;!]*"
)
# Nor is a sign that is asked for, or by somebody on the way; what is before it is.
SIGN_ASIDES = (
    r"((?:(?<!申)请|准备|即将|将[于由]|以便|注意|提醒|方便|要求|扫码|点击|后(?<!延后)(?!已|天))"
    r"[^，。；！,;!\s]{0,16}"
    r"|(?:[等可帮勿须]|务必|待(?<![接招]待))[^，。；！,;!\s已]{0,16}"
    r"|(?:海关|航空公司|承运[商方]|中转站|[运拨]中心)】?已?|网点】?已?(?=签收[到入]))签收"
)


def _each(heads: str, tail: str) -> str:
    """Every head with the tail: a search skips ahead to what begins with a plain character."""
    return "|".join(head + tail for head in heads.split("|"))


_DELIVER = "派送|派件|投递|配送"
_SIGN = r"(?:签收|妥投|投妥)"
_BACK = "退回|退件|退签|退货包裹|返货|原返|逆向"
_FETCH = r"(?:取[件货走回它](?!码)|自取|自提(?![柜点])|领取|提取|提货(?!码))"
_END = r"(?=[^\w？?]|$)"
# 签收 is a sign where only these words lead to it: any other may announce, arrange or deny it.
_WHO = (
    r"本人|客户|用户|您|收[件货][人方]|他人|家[人属]|亲[友属]|朋友|父母|同[事学]|邻居|\*|先生|女士"
)
_WHERE = (
    r"(?:门[卫岗]|保安|安保|物业|前台|管家|管理[员处]|收发|传达|值班|公司|单位|大[学厦]|学[校院]|"
    r"医院|银行|小区|驿站|柜|丰巢|超市|[店厂室处]|(?:代理|代办|代[签收]|自提|服务|营业|网)点|"
    r"服务站|营业部|中心|【[^】]*】)"
)
_HOW = (
    r"成功|完成|自行|亲自|当面|正常|全部|顺利|图片|拍照|电子|刷脸|凭.{1,4}[码证]|送达|送货上门|"
    r"按(?:时|约定)|取[件出走]|(?:到[店站])?自[提取]|代收|代为?|转?交(?!代)[由给付]?|"
    r"(?:派送|投递|配送)(?:成功)?并|[经由被并的其\s]"
)
_SIGNED_END = rf"签收(?:成功|完成)?{_END}"
_SIGNED = rf"(?:{_WHO}|{_WHERE}|{_HOW}){{0,6}}{_SIGNED_END}"
# A place may be called anything, but who is not the signer ends its name.
_SITE = (
    r"(?:(?:(?!通知|联系|安排|电话|短信|客服|小哥|骑手|网点|站点|系统|平台|我[司们]|"
    rf"[约改员嘱托催劝告])[^，。；,;*【】]){{0,18}}{_WHERE})?"
)
_EDGE = r"】（），。；！,;!()\s-"
_STORE = r"(?:柜|丰巢|驿站(?!镇|路)|自提点|代收点|便利店|超市|邮乐购|兔喜|格口)"

# The first rule that matches decides. What denies a sign stands before it, and
# so does what lies somewhere to be fetched, unless it was fetched. That somebody took it in (代收)
# or that there is a code to fetch it with comes after it: both also explain a sign.
TEXT_RULES: tuple[tuple[Status, tuple[str, ...]], ...] = (
    (
        Status.RETURNED,
        (
            _each(_BACK + "|改退", rf"(?:(?!未|无法|不在).){{0,14}}{_SIGN}(?!不|失败|后)"),
            _each("商家|卖家|寄件人|发件人", rf"已?{_SIGN}") + "|退签成功",
        ),
    ),
    (
        Status.RETURNING,
        (
            _BACK,
            r"拒收|拒签|拒绝签收|拒绝收货|改退|转退|撤回|拦截",
            r"原单返回|原路返回|返回寄件|返回发件|返回途中",
        ),
    ),
    (
        Status.EXCEPTION,
        (
            _each("清关|查验", r"(?:异常|失败|不通过)(?!已)") + r"|海关扣留|暂扣",
            r"丢失|遗失|破损(?<!无破损)|损坏|损毁|货损|短少",
            r"揽收失败|揽件失败|无法派送区域|超区|超出派送范围",
        ),
    ),
    (
        Status.CANCELLED,
        (
            _each(
                "单|寄件|任务|包裹|邮件|快件",
                r"已?被?(?:商家|卖家)?(?:取消(?!签收)|撤[销单]|作废|注销|关闭)",
            ),
            r"取消了?(?:本次)?(?:寄件|发货|订单)",
        ),
    ),
    (
        Status.DELIVERY_FAILED,
        (
            _each("未(?!来)|无法|没有|不能|不便|不予|无人", rf"[^，。；,;\s已]{{0,6}}{_SIGN}"),
            _each(
                "拒绝|拒不|不愿|不肯|不想|取消|放弃|暂缓|推迟|延后|延期|约定(?<![按照]约定)|约好|改约",
                rf"[^，。；,;\s已]{{0,12}}{_SIGN}",
            ),
            _each("部分|异常|虚假|否认|不", _SIGN) + r"|反签收",
            _each("签收|妥投", r"(?:失败|未成功|不成功|异常|有误)"),
            _each(_DELIVER + "|投柜|入柜", r"(?:不成功|未成功|失败|异常|未完成)"),
            _each("未|无法", rf"能?(?:成功)?(?:{_DELIVER}|送达|联系)"),
            r"联系不[上到]|拒接|无人接听|电话未接|地址不详|另约时间|未果",
            _each("客户|收件人|收货人", "不在"),
            _each("改日|择日|改天|明日|次日|稍后再|待再|将再|安排再", rf"再?次?(?:{_DELIVER}|派)")
            + "|再送|延迟收货|延迟配送|延迟派送",
        ),
    ),
    (
        Status.EXCEPTION,
        (_each("包裹|快件|货物", r"异常(?!已)") + r"|异常件|问题件|疑难件|错分|禁寄",),
    ),
    (
        Status.SIGNED,
        (
            _each(
                "客户|用户|收件人|收货人|取件人|您",
                r"(?:凭.{1,4}码)?已(?:经|成功|自行|凭.{1,4}码|[在从].{1,14}?){0,3}"
                r"(?:取[件货走出]|领取|提[取货])(?!码|员)",
            ),
            _each("已被|已从|已由|已在|后由", r"[^，。；请待员司商仓]{0,16}取[走出]"),
            r"已取[出走](?<![员机哥]已取\w)|成功取出",
            r"完成取件(?<=[站柜点店市】]完成取件)",
        ),
    ),
    (
        Status.READY_FOR_PICKUP,
        (
            _each("请|待|可|等您|尽快|及时", rf"(?:(?!上门[取揽收]|快递员|司机).){{0,16}}{_FETCH}"),
            _each("暂存|暂放|存放", r"(?<!中心\w\w)(?!于.{0,8}中心)")
            + r"|已存入|入柜(?!后)|取它回家",
            _each("投|放|送", rf"[递达置]?[至到入达在][^，。；]{{0,16}}{_STORE}"),
            r"由[^，。；]{0,16}(?:柜|丰巢|驿站|菜鸟)[^，。；]{0,14}代签|待取|来取|留局自提",
        ),
    ),
    (
        Status.SIGNED,
        (
            rf"已签收|签收(?<!\w..)[人方](?:\s?[：:是为]|本人{_END})",
            rf"已(?:经?[由被在于从]{_SITE}|于[\d今昨上下年月日午时点分\s:-]+)?{_SIGNED}",
            rf"已(?:派送|投递|送)[至到]{_SITE}并{_SIGNED}",
            _each("件|裹|物|货|递", rf"(?:[由被]{_SITE}{_SIGNED}|签收(?:成功|完成){_END})"),
            _each("由|被", rf"(?<![^{_EDGE}].){_SITE}{_SIGNED}"),
            _each("本人|客户", rf"(?<![^城区园苑栋楼村功{_EDGE}]..){_SIGNED_END}"),
            _each("派送|投递|配送", rf"(?<![^{_EDGE}]..)(?:成功)?并{_SIGNED_END}"),
            _each("他人|家人|邻居|同事|门卫|保安|物业|前台", rf"(?<![^{_EDGE}]..)代{_SIGNED_END}"),
            rf"签收(?<![^{_EDGE}]..)(?:成功|完成)?{_END}",
            r"妥投(?<![待将]妥投)",
            _each("客户|用户|收货人|本人", "已收货"),
        ),
    ),
    (
        Status.READY_FOR_PICKUP,
        (
            r"代收(?!货款|服务)",
            r"取件码(?!将)|取货码|提货码|开箱码",
            r"到达[^，。；]{0,20}驿站(?!镇|路)",
        ),
    ),
    (
        Status.OUT_FOR_DELIVERY,
        (
            _each(_DELIVER, r"(?:途?中|扫描)"),
            _each("正在|开始", r".{0,6}(?:派[件送]|投递|配送|送货)"),
            r"派件员|派送员|派送业务员|投递员|小件员|配送员|派送司机|安排投递|送货中",
        ),
    ),
    (
        Status.INFO_RECEIVED,
        (
            _each(
                "待|未|通知|将|申请|预约",
                r"[^，。；已]{0,14}(?:揽|交寄|取[件货]|收件(?![人方])|上门(?!派|送))",
            ),
            r"下单|电子面单|已打单|已接单|提交了订单|准备出库",
            _each("订单|运单", r".{0,2}已(?:创建|生成|提交|受理)"),
            _each("商家|卖家|仓库", r"已?发货") + r"|包裹信息|信息已(?:录入|接收|同步)",
        ),
    ),
    (
        Status.PICKED_UP,
        (
            r"揽收|揽件",
            r"已收[件取寄]|收件(?:扫描|员)|收取",
            r"取件成功|上门取件|已取件|已交付.{0,4}(?:快递|物流)",
        ),
    ),
    (
        Status.IN_TRANSIT,
        (
            r"到达|抵达|离开|发出|发往|已发(?!送|短信)|运往|送往|下一站|到件|发件|出发|已收入",
            r"转运|中转|运输|转投|转寄|转往|改派至|承运|途中|在途|交接|封发|安检|飞往",
            r"航班(?!取消|延误)|起飞|落地|装车|装包|卸车|拆包|打包|集包",
            r"称重|分拣|集散|扫描|已扫|入库|出库|处理中心",
            r"清关|报关|海关|口岸",
        ),
    ),
)

# The same for what carriers abroad write, in lower case.
ENGLISH_ASIDES = r"(?:(?:will|to) be|expected|estimated)(?! returned)[^,.;]*"
ENGLISH_RULES: tuple[tuple[Status, tuple[str, ...]], ...] = (
    (Status.RETURNING, (r"be(?:ing)? returned|returning|return to sender|refused|rejected",)),
    (Status.RETURNED, (r"(?:returned|back|delivered) to (?:the )?(?:sender|shipper)",)),
    (Status.EXCEPTION, (r"clearance fail|\blost\b|damaged",)),
    (Status.CANCELLED, (r"cancell?ed",)),
    (
        Status.DELIVERY_FAILED,
        (r"(?:not|un)(?: be| ?able to)? ?deliver|attempt|unsuccessful|fail",),
    ),
    (Status.IN_TRANSIT, (r"delivered to (?:the )?(?:local )?(?:carrier|airline)",)),
    (
        Status.READY_FOR_PICKUP,
        (
            r"(?:ready|available) for (?:pick-?up|collection)|awaiting collection",
            r"delivered to .{0,12}(?:locker|pick-?up point|service point)",
        ),
    ),
    (Status.SIGNED, (r"\bdelivered\b|final delivery|signed by|(?:up|collected) by recipient",)),
    (Status.OUT_FOR_DELIVERY, (r"out for delivery|delivery courier",)),
    (Status.INFO_RECEIVED, (r"label created|information received|order placed",)),
    (Status.PICKED_UP, (r"picked up|accepted by|collection",)),
    (
        Status.IN_TRANSIT,
        (r"arriv|depart|transit|customs|clearance|des?patch|handed over|sorting|facility",),
    ),
)

SIGN_KINDS: tuple[tuple[str, str], ...] = (
    ("locker", r"丰巢|柜(?!台)"),
    ("station", r"驿站|菜鸟的|(?:取[件货]|提货)码|快递超市|服务[站点]|自提|兔喜|门店"),
    ("agency", r"代理点|代办点|便利店|超市|物业|门卫|保安|前台|收发|传达室"),
    ("family", r"家人|家属|亲友|父母|朋友|同事|邻居|neighbou?r"),
    ("agency", r"代收|代签|reception|concierge"),
    ("self", r"(?<!非)本人|recipient"),
)

_Rules = tuple[tuple[Status, re.Pattern[str]], ...]


def _compiled(rules: tuple[tuple[Status, tuple[str, ...]], ...]) -> _Rules:
    return tuple((status, re.compile("|".join(words))) for status, words in rules)


_ASIDES = re.compile(ASIDES)
_SIGN_ASIDES = re.compile(SIGN_ASIDES)
_TEXT_RULES = _compiled(TEXT_RULES)
_ENGLISH_ASIDES = re.compile(ENGLISH_ASIDES)
_ENGLISH_RULES = _compiled(ENGLISH_RULES)
_SIGNER = re.compile(r"签收[人方][^，。；,;]*")
_SIGN_KINDS = tuple((kind, re.compile(words)) for kind, words in SIGN_KINDS)


class Reading(NamedTuple):
    """
    What a trace step means.

    :param sign_kind: for a signature its kind, where the text says it.
    :param decided_by: ``action``, ``owner``, ``model``, ``rules`` or the id of a rule.
    """

    status: Status
    sign_kind: str | None
    decided_by: str


def classify(description: str) -> Reading:
    """Read one normalised text."""
    said = _ASIDES.sub("", description)
    if "签收" in said:
        said = _SIGN_ASIDES.sub(lambda aside: aside[1] or "", said)
    status = _status(said, _TEXT_RULES)
    if status is Status.UNKNOWN:
        said = _ENGLISH_ASIDES.sub("", description.lower())
        status = _status(said, _ENGLISH_RULES)
    return Reading(status, sign_kind(said) if status is Status.SIGNED else None, "rules")


def _status(said: str, rules: _Rules) -> Status:
    for status, pattern in rules:
        if pattern.search(said):
            return status
    return Status.UNKNOWN


def sign_kind(said: str) -> str | None:
    """Who the text calls the signer, else whom or which place it names at all."""
    signer = _SIGNER.search(said)
    for words in (signer[0], said) if signer else (said,):
        for kind, pattern in _SIGN_KINDS:
            if pattern.search(words):
                return kind
    return None
