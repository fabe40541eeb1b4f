"""
What a trace text says: a shipment status, and for a signature its kind.

The owner's own line decides first, then the rules for a carrier's fixed wording, then the learned
model. No rule and no model makes a signature of what a rule of ``sign_guard`` denies.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from shipment_tracking.domain import owner_texts, sign_guard, text_model
from shipment_tracking.domain.statuses import Status

SIGN_KINDS: tuple[tuple[str, str], ...] = (
    ("locker", r"丰巢|柜(?!台)"),
    ("station", r"驿站|菜鸟的|(?:取[件货]|提货)码|快递超市|服务[站点]|自提|兔喜|门店"),
    ("agency", r"代理点|代办点|便利店|超市|物业|门卫|保安|前台|收发|传达室"),
    ("family", r"家人|家属|亲友|父母|朋友|同事|邻居|neighbou?r"),
    ("agency", r"代收|代签|reception|concierge"),
    ("self", r"(?<!非)本人|recipient"),
)

AGREED_MARGIN = 0.05
"""How far ``signed`` must lead where the words say a signature outright."""
CLAIMED_MARGIN = 0.25
"""The same where the words only may."""
NARROW_MARGIN = 0.1
"""Below this lead the model's answer is marked: more than every third is wrong."""

MODEL, NARROW = "model", "model?"
KEPT_READINGS = 20_000


class Wording(NamedTuple):
    """
    A carrier's fixed wording that decides alone.

    :param pattern: as the rules of ``sign_guard``, over a folded text.
    """

    id: str
    status: Status
    pattern: str
    example: str


WORDINGS: tuple[Wording, ...] = (
    Wording(
        "zto_stored",
        Status.READY_FOR_PICKUP,
        r"^(?:【[^】]*】)?\s*(?:您的)?快件已被【[^】]+】代收(?:,|$)",
        "【云溪市】 快件已被【测试驿站的云溪店】代收，如有问题请电联（*），感谢使用中通快递",
    ),
    Wording(
        "yto_signed",
        Status.SIGNED,
        r"^客户\s?签收人\s?:(?!.{0,6}退).{1,20}已签收",
        "客户 签收人: 本人签收 已签收 感谢使用圆通速递，期待再次为您服务",
    ),
    Wording("bare", Status.SIGNED, r"^已?(?:签收|妥投|投妥)(?:成功|完成)?[。!]?$", "签收"),
    Wording(
        "signed_after_failure",
        Status.SIGNED,
        r"^(?:您的)?(?:快件|包裹|邮件)?(?:已签收|签收成功|已?妥投(?:成功)?|派送成功)[,。; ]*"
        r"(?:此前|之前|上次|前次|先前|首次)[^,。;]{0,12}"
        r"(?:失败|未成功|不成功|未果|无人[^,。;]{0,4}|不在家?)[。!]?$",
        "签收成功，此前派送失败",
    ),
    Wording(
        "return_signed",
        Status.RETURNED,
        r"(?:退件|退回件?|退货|退运件)已?(?:由[^,。]{0,10})?签收(?!失败|不)",
        "【云溪市】快件已在【云溪】被退件签收，签收人：*",
    ),
    Wording(
        "depot_retry",
        Status.IN_TRANSIT,
        r"^(?!.*(?:失败|未成功|不在|无人|无法|未能|不便|拒))"
        r".*退回(?:到|至)?[^,。商卖寄发件人]{0,6}"
        r"(?:网点|仓库?|站点?|营业[点部]|分拨中心|转运中心|中转站)"
        r"[^退]{0,8}(?:重新|再次|二次|再)(?:派|投|配)",
        "快件退回仓库，明日重新派送",
    ),
    Wording(
        "back_from_customs",
        Status.IN_TRANSIT,
        r"^(?!.*(?:寄件人|发件人|原寄|sender|shipper|origin))(?:.*海关[^。;]{0,10}[退交][回还]"
        r"(?:给|至|到)?[^,。;]{0,4}(?:邮局|邮政|承运商|快递公司)"
        r"|.*\b(?:returned|given back|handed back) (?:from|by) customs to (?:the )?"
        r"(?:post|carrier|operator))\w*[。.! ]*$",
        "海关查验完毕，退回邮局",
    ),
    Wording(
        "feedback_delivered",
        Status.SIGNED,
        r"^货物已由.{1,40}反馈为\[(?:配送|派送)成功\]",
        "货物已由[云溪站]的派件员[*]反馈为[配送成功];小件员电话[*],备注:[]",
    ),
    Wording(
        "feedback_refused",
        Status.RETURNING,
        r"^货物已由.{1,40}反馈为\[拒收\]",
        "货物已由[云溪站]的派件员[*]反馈为[拒收];小件员电话[*],备注:[不要了]",
    ),
    Wording("foreign_signed", Status.SIGNED, sign_guard.FOREIGN, "Sendung zugestellt"),
    Wording(
        "self_served",
        Status.SIGNED,
        r"^(?:您|客户|收件人|包裹|快件)?已在[^,。;]{0,16}自助(?:出库|取件)(?:成功|完成)?[。!]?$",
        "您已在驿站自助出库",
    ),
    Wording(
        "left_at_door",
        Status.SIGNED,
        r"^(?:快递|外卖|配送|派件|派送)?(?:小哥|员)已?[将把](?:您的)?(?:包裹|快件|邮件|货物)"
        r"放[在至到](?:您)?家?门口[。!]?$",
        "小哥已将包裹放在门口",
    ),
    Wording(
        "courier_picked_up",
        Status.PICKED_UP,
        r"^(?:您的)?(?:订单|快件|包裹)?已[被由](?:收件员|快递员|快递小哥|揽[收投件]员|小哥)"
        r"(?:上门)?(?:揽收|揽件|收取)(?:成功)?[。!]?$",
        "您的订单已被收件员揽收",
    ),
    Wording(
        "partner_signed",
        Status.IN_TRANSIT,
        r"^(?:快件|包裹|货物)?(?:已?[被由])?(?!.{0,8}(?:退|召回|客户|买家|卖家|商家|寄))"
        r"[^,。;:]{0,8}(?:服务商|承运商|仓库?)已?签收[。!]?$",
        "末端服务商已签收",
    ),
    Wording(
        "locker_signed",
        Status.READY_FOR_PICKUP,
        r"^(?:您的)?(?:货件|包裹|快件|邮件)?已?[被由][^,。;]{0,10}"
        r"(?:智能|快递|自提|储物)柜签收[。! ]*$",
        "包裹已由智能柜签收",
    ),
    Wording(
        "receipt",
        Status.UNKNOWN,
        # The paper that a recipient signed goes back to the sender, its parcel does not.
        r"^(?!.*(?:快件|包裹|货|邮件|运单|订单|拒|签收人))[^,。;\s]{0,10}?"
        r"(?:签?回单|签回单|签收单|签收底单|签单)(?:返还)?[^,。;\s]{0,8}?[,。;\s]?[^,。;\s]{0,4}?"
        r"(?:[退返寄带][回还]|返回|回传)",
        "签收底单返回中",
    ),
    Wording(
        "label_words",
        Status.UNKNOWN,
        r"^(?:if (?:not delivered|undeliver\w+|unclaimed),? (?:please )?"
        r"return to (?:the )?(?:sender|shipper)"
        r"|[如若][^,。;]{0,6}(?:投递|派送|送达|投),?请?退回(?:寄件人|发件人|原处)?)[.。! ]*$",
        "If not delivered, return to sender",
    ),
)

# What stands where a trace should be, dated when it was asked for.
_PLACEHOLDER = re.compile(
    r"(?:抱歉|对不起|亲|您好|sorry)?[,!。 ]*(?:[此该](?:单号|运单号?|快递))?(?:"
    r"(?:暂无|查无|尚无|暂时没有|(?:没有|未|暂未)(?=查|找))(?:查询?到|找到)?(?:任何|相关|该|此)*"
    r"(?:物流|快递|运单|快件|包裹|单号|查询|跟踪|追踪|轨迹|配送|货态)*(?:的)?"
    r"(?:信息|记录|结果|轨迹|数据|详情|资料|动态|单号|货态|更新)"
    r"|(?:快递公司|物流|运单|轨迹|快件|包裹|单号)(?:信息|状态|轨迹)*(?:暂未|暂无|尚未|未)更新(?:物流信息)?"
    r"|(?:there (?:is|are) )?no (?:tracking |shipment |parcel |scan )?"
    r"(?:information|info|data|records?|events?|results?)(?: is| are)?(?: available| found| yet)*"
    r"|(?:tracking |waybill )?(?:number |record )?not found"
    r")(?:[,。;!. ]+(?:请|建议|可能|或|若|如|please|try|check)[^签]{0,40})?[,。!. ]*"
)
_WORDINGS = tuple((rule, re.compile(rule.pattern)) for rule in WORDINGS)
_SIGNER = re.compile(r"签收[人方][^，。；,;]*")
_SIGN_KINDS = tuple((kind, re.compile(words)) for kind, words in SIGN_KINDS)


class Reading(NamedTuple):
    """
    What a trace step means.

    :param sign_kind: for a signature its kind, where the text says it.
    :param decided_by: ``action``, ``owner``, ``model``, ``model?`` for a model whose best two
        statuses lie close, or the id of a rule.
    """

    status: Status
    sign_kind: str | None
    decided_by: str


def classify(description: str) -> Reading:
    """
    Read one normalised text.

    :raises OwnerTextsError: the owner's ``texts.csv`` has a mistake.
    """
    lines: Mapping[str, tuple[Status, str | None]] = owner_texts.lines()
    line = lines.get(description)
    if line is None:
        return _read(description)
    status, kind = line
    if status is Status.SIGNED:
        kind = kind or sign_kind(description)
    return Reading(status, kind, "owner")


@lru_cache(maxsize=KEPT_READINGS)
def _read(description: str) -> Reading:
    return read(description, text_model.load())


def read(description: str, model: text_model.TextModel) -> Reading:
    """Read one normalised text by the rules and a model, without the owner's lines."""
    if not description:
        return Reading(Status.UNKNOWN, None, MODEL)
    folded = text_model.fold(description)
    for rule, pattern in _WORDINGS:
        if pattern.search(folded):
            if rule.status is not Status.SIGNED:
                return Reading(rule.status, None, rule.id)
            if sign_guard.judge(folded).denied_by is None:
                return Reading(rule.status, sign_kind(description), rule.id)
    guess = model.guess(folded)
    decided_by = MODEL if guess.margin >= NARROW_MARGIN else NARROW
    if guess.status is Status.SIGNED:
        verdict = sign_guard.judge(folded)
        if verdict.denied_by:
            return Reading(guess.unsigned, None, verdict.denied_by)
        if guess.margin < (AGREED_MARGIN if verdict.agreed else CLAIMED_MARGIN):
            return Reading(guess.unsigned, None, NARROW)
        return Reading(Status.SIGNED, sign_kind(description), decided_by)
    return Reading(guess.status, None, decided_by)


@lru_cache(maxsize=KEPT_READINGS)
def is_placeholder(description: str) -> bool:
    """Whether a text only says that no trace is known (yet), and so is none."""
    return _PLACEHOLDER.fullmatch(text_model.fold(description)) is not None


def sign_kind(said: str) -> str | None:
    """Who the text calls the signer, else whom or which place it names at all."""
    signer = _SIGNER.search(said)
    for words in (signer[0], said) if signer else (said,):
        for kind, pattern in _SIGN_KINDS:
            if pattern.search(words):
                return kind
    return None
