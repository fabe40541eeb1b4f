"""
The rules of truth: what a text says, and what all evidence on a parcel says together.

Tables are data and their order is the rule; ``judge`` is the one place where evidence is weighed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Status(StrEnum):
    """A shipment's status, least advanced first."""

    PENDING = "pending"
    INFO_RECEIVED = "info_received"
    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    READY_FOR_PICKUP = "ready_for_pickup"
    SIGNED = "signed"
    DELIVERY_FAILED = "delivery_failed"
    RETURNING = "returning"
    RETURNED = "returned"
    EXCEPTION = "exception"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


CONFIRM_WITHIN = timedelta(hours=24)
"""How long a sign known by its text alone waits for the platform's word before it counts."""

FUTURE_TOLERANCE = timedelta(minutes=10)
"""An event dated further ahead of its fetching than this never leads."""

SIGN_ACTIONS = frozenset({"SIGNED", "STA_SIGN"})
"""A platform's codes for an event that prove a sign without the platform's parcel status."""

# A platform status that is final or bad leads over the events known when it was fetched.
LEADING_PLATFORM_STATUSES = frozenset(
    {Status.SIGNED, Status.EXCEPTION, Status.CANCELLED, Status.RETURNING}
)
CONTRADICTS_SIGN = frozenset(
    {Status.RETURNING, Status.RETURNED, Status.DELIVERY_FAILED, Status.EXCEPTION}
)
_MOVING = frozenset(
    {
        Status.INFO_RECEIVED,
        Status.PICKED_UP,
        Status.IN_TRANSIT,
        Status.OUT_FOR_DELIVERY,
        Status.READY_FOR_PICKUP,
    }
)

# A request, a promise or a wish to sign is no evidence of anything, nor is what to do "if ...";
# neither is read at all.
REQUESTS = (
    r"(?:请|准备|等待|待|即将|注意|提醒您?|方便)"
    r"(?:您|客户|收件人|签收人|准备|及时|尽快|注意|在家|查收|核对|验视|当面|后)*签收(?!人)"
    r"|(?:如|若)(?:需|要|您|未|有|果)[^，。；！,;!]*"
)

# The first rule that matches decides (PLATFORM_FACTS E). What denies a sign, or puts the parcel
# somewhere to be fetched, stands before the rule for signs.
TEXT_RULES: tuple[tuple[Status, tuple[str, ...]], ...] = (
    (
        Status.RETURNED,
        (
            r"退回件.{0,6}签收",
            r"退件.{0,6}签收",
            r"已退回.{0,8}签收",
            r"退回.{0,8}(?:寄件人|发件人|商家|卖家).{0,4}签收",
            r"退签成功",
        ),
    ),
    (Status.RETURNING, (r"拒收|拒签|拒绝签收", r"退回|退件|退签|改退", r"返回寄件|原单返回")),
    (
        Status.EXCEPTION,
        (
            r"清关(?:异常|失败)|海关扣留",
            r"(?:包裹|快件)异常|异常件",
            r"丢失|遗失|破损|损毁",
            r"揽[收件]失败|无法派送区域",
        ),
    ),
    (
        Status.DELIVERY_FAILED,
        (
            r"(?:无法|未|未能|没有|尚未)签收",
            r"签收(?:失败|未成功|不成功|异常)",
            r"未妥投|未能妥投|妥投失败",
            r"(?:派送|派件|投递|配送)(?:不成功|未成功|失败|异常)",
            r"(?:未能?|无法)(?:派送|派件|投递|配送)",
            r"无法联系|联系不上|拒接|地址不详",
            r"(?:再次|改日|择日|改天|明日|次日)(?:派送|派件|投递|配送)",
            r"另约时间",
        ),
    ),
    (
        Status.READY_FOR_PICKUP,
        (
            r"(?:请|凭|等待|待|尽快|及时).{0,16}"
            r"(?:取件|取货|领取|自提|取走|提取|取回|取它)(?!码.{0,3}签收)",
            r"暂存|暂放|存放|已存入|已入柜|投柜|取它回家",
            r"(?:投递|投放|送)至.{0,12}柜|已投递.{0,8}柜",
            r"入库待取|待自提|代收点待取",
        ),
    ),
    (
        Status.SIGNED,
        (
            r"已签收|签收成功|签收人|本人签收|签收(?:[，,。.;；!！]|$)",
            r"已被.{0,10}签收|已送达.{0,10}签收",
            r"已妥投|妥投成功",
            r"客户已取|已被取走|已取出|已完成取件|已收货",
        ),
    ),
    (
        Status.OUT_FOR_DELIVERY,
        (
            r"(?:派件|派送|投递|配送)(?:中|途中)",
            r"(?:正在|安排|开始)(?:为您)?(?:派|投递|配送)",
            r"(?:派件|派送)扫描|为您派",
            r"派送业务员|派件员|派送员",
        ),
    ),
    (
        Status.INFO_RECEIVED,
        (
            r"已下单|订单已创建|电子面单|已打单",
            r"(?:商家|卖家|仓库)已?发货",
            r"等待揽|待揽|包裹信息|信息已录入",
        ),
    ),
    (
        Status.PICKED_UP,
        (r"揽收|揽件|揽投", r"收件(?!人)|收寄|收取", r"取件成功|上门取件|已取件"),
    ),
    (
        Status.IN_TRANSIT,
        (
            r"到达|抵达|离开|发出|发往|已发|运往|下一站",
            r"转运|中转|运输|转投|承运|途中|在途|交接|封发",
            r"航班|起飞|落地|装车|卸车|装包|拆包",
            r"称重|分拣|集散|扫描|已扫|入库|出库|处理中心",
            r"清关|海关|口岸",
        ),
    ),
)

SIGN_KINDS: tuple[tuple[str, str], ...] = (
    ("locker", r"丰巢|柜"),
    ("station", r"驿站|取[货件]码|快递超市|服务站|自提点|兔喜|门店"),
    ("agency", r"代理点|代办点|代收|代签|便利店|超市|物业|门卫|保安|前台|收发室|传达室"),
    ("family", r"家人|家属|亲友|父母|朋友|同事|邻居"),
    ("self", r"本人"),
)

_REQUESTS = re.compile(REQUESTS)
_TEXT_RULES = tuple((status, re.compile("|".join(words))) for status, words in TEXT_RULES)
_SIGN_KINDS = tuple((kind, re.compile(words)) for kind, words in SIGN_KINDS)


def classify(description: str) -> tuple[Status, str | None]:
    """What one normalised text says: a status, and for a sign its kind, if the text tells it."""
    said = _REQUESTS.sub("", description)
    for status, pattern in _TEXT_RULES:
        if pattern.search(said):
            return status, sign_kind(description) if status is Status.SIGNED else None
    return Status.UNKNOWN, None


def sign_kind(description: str) -> str | None:
    """How a sign was made, if its text tells it."""
    return next((kind for kind, pattern in _SIGN_KINDS if pattern.search(description)), None)


@dataclass(frozen=True, slots=True)
class Scan:
    """
    A known trace event as evidence.

    :param is_new: since the parcel was judged last.
    :param action: the platform's own code for it, if it gave one.
    """

    occurred_at: datetime
    position: int
    status: str
    sign_kind: str | None
    event_hash: int
    is_new: bool
    action: str | None = None


@dataclass(frozen=True, slots=True)
class PlatformWord:
    """
    A parcel status by the platform.

    :param since: when this status was fetched first; from then on it outweighs older events.
    :param fetched_at: when it was fetched last.
    """

    status: str
    code: str
    since: datetime
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of a parcel from status to status; ``evidence`` tells two alike apart."""

    from_status: str
    to_status: str
    occurred_at: datetime
    evidence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What all evidence says together.

    :param confirmed: the sign is the platform's word: its parcel status or its code for an event,
        never a text alone.
    """

    status: str
    signed_at: datetime | None
    sign_kind: str | None
    confirmed: bool
    transitions: tuple[Transition, ...]


def judge(trail: Sequence[Scan], word: PlatformWord | None, before: str) -> Verdict:
    """
    Weigh all evidence on one parcel.

    :param trail: its known events without future-dated ones, by time and position.
    :param word: its status by the platform, if any was fetched.
    :param before: the status it was last judged to have.
    """
    readings = _read(trail, word)
    last = readings[-1] if readings else None
    status = last[1] if last else str(Status.PENDING)
    led_by_platform = word is not None and _leads(word, readings)
    if word and led_by_platform:
        returned = word.status == Status.SIGNED and _return_began(readings)
        status = str(Status.RETURNED) if returned else word.status

    # Once the platform's word leads, events that it outweighs change nothing when they come late.
    outweighed = led_by_platform and status == before
    transitions = () if outweighed else _transitions(readings, before)
    reached = transitions[-1].to_status if transitions else before
    if status != reached:
        occurred_at, evidence = (
            (word.since, f"platform {word.code} {word.since.isoformat()}")
            if word and (led_by_platform or last is None)
            else (last[0].occurred_at, _evidence(last[0]))
            if last
            else (None, "")
        )
        if occurred_at is not None:
            transitions = (*transitions, Transition(reached, status, occurred_at, evidence))

    if status != Status.SIGNED:
        return Verdict(status, None, None, False, transitions)
    signs = _signs(readings)
    sign = signs[0] if signs else None
    confirmed = any(scan.action in SIGN_ACTIONS for scan in signs) or (
        word is not None
        and word.status == Status.SIGNED
        and (led_by_platform or (sign is not None and word.fetched_at >= sign.occurred_at))
    )
    signed_at = sign.occurred_at if sign else word.since if word else None
    kind = ((sign.sign_kind if sign else None) or "platform") if confirmed else "text"
    return Verdict(status, signed_at, kind, confirmed, transitions)


_Reading = tuple[Scan, str]


def _read(trail: Sequence[Scan], word: PlatformWord | None) -> list[_Reading]:
    """Each event with the status it stands for, once it is known whether a return has begun."""
    readings: list[_Reading] = []
    returning = False
    told_of_return = word.since if word and word.status == Status.RETURNING else None
    for scan in trail:
        status = scan.status
        returning |= told_of_return is not None and scan.occurred_at > told_of_return
        if status in (Status.RETURNING, Status.RETURNED):
            returning = True
        elif returning and status == Status.SIGNED:
            status = str(Status.RETURNED)
        elif returning and status in _MOVING:
            status = str(Status.RETURNING)
        if status != Status.UNKNOWN or not readings:
            readings.append((scan, status))
        if len(readings) > 1 and readings[0][1] == Status.UNKNOWN:
            del readings[0]
    return readings


def _return_began(readings: Sequence[_Reading]) -> bool:
    return any(status in (Status.RETURNING, Status.RETURNED) for _, status in readings)


def _leads(word: PlatformWord, readings: Sequence[_Reading]) -> bool:
    """Whether the platform's status outweighs the events."""
    if not readings:
        return True
    if word.status not in LEADING_PLATFORM_STATUSES:
        return False
    later = [status for scan, status in readings if scan.occurred_at > word.since]
    if word.status == Status.SIGNED:
        # After a sign a stray scan means nothing; only a refusal or failure does.
        return not any(status in CONTRADICTS_SIGN for status in later)
    if word.status == Status.RETURNING and readings[-1][1] == Status.RETURNED:
        return False
    return not later


def _transitions(readings: Sequence[_Reading], before: str) -> tuple[Transition, ...]:
    """The steps that the new events add behind the newest event known before."""
    known = [number for number, (scan, _) in enumerate(readings) if not scan.is_new]
    steps: list[Transition] = []
    reached = before
    for scan, status in readings[known[-1] + 1 if known else 0 :]:
        if status != reached:
            steps.append(Transition(reached, status, scan.occurred_at, _evidence(scan)))
            reached = status
    return tuple(steps)


def _signs(readings: Sequence[_Reading]) -> list[Scan]:
    """The signs behind the last contradiction; the first of them is the one that signed."""
    signs: list[Scan] = []
    for scan, status in readings:
        if status == Status.SIGNED:
            signs.append(scan)
        elif status in CONTRADICTS_SIGN:
            signs.clear()
    return signs


def _evidence(scan: Scan) -> str:
    return f"event {scan.event_hash} {scan.occurred_at.isoformat()}"
