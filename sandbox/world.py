"""A seeded world of orders and parcels: the same seed tells the same stories, truth is known.

Everything is a pure function of time. The stand-in platform shows what is published by then;
`truth` says what a reader of everything published by then must hold for true.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from sandbox.carriers import People
from sandbox.parcels import CONTRADICTING_LABELS, FUTURE, Parcel, Script, Step
from sandbox.stories import STORIES, Story

NUMBER_STEP = 7919
GIVEN_UP = "number_given_up"
BAD_STATUSES = {"UNSIGN": "exception", "NOGET": "exception", "CANCEL": "cancelled"}
EARLY_STATUSES = {
    "WAITACCEPT": "info_received",
    "ACCEPT": "info_received",
    "TRANSPORT": "in_transit",
}
# A seller's own platform knows less: it calls the parcel picked up, and proves no sign by itself.
EARLY_STATUSES_TAOBAO = {
    "WAITACCEPT": "info_received",
    "ACCEPT": "info_received",
    "TRANSPORT": "picked_up",
}
RETURN_LABELS = frozenset({"returning", "returned"})
ROUTER_DELAY = timedelta(hours=2)
"""A router tells of no line that waits: what ships later ships before the first sign can be."""

RESPELT_CODES = {
    "YTO": "yuantong",
    "STO": "shentong",
    "ZTO": "zhongtong",
    "YUNDA": "yunda",
    "SF": "shunfeng",
    "EMS": "ems",
    "POSTB": "youzhengguonei",
    "HTKY": "jtexpress",
    "LE04284890": "jd",
    "DBKD": "debangwuliu",
}
"""What a router may call a carrier later."""

ROUTER_STATUSES = {"1": "info_received", "2": "in_transit", "3": "signed"}
ROUTER_TEXTS = {"1": "已发货", "2": "运输中", "3": "已签收"}


@dataclass(frozen=True, slots=True)
class EventTruth:
    """
    One distinct scan; `label` is its own meaning, without what came before it.

    :param is_earlier_life: it belongs to an earlier parcel with the same waybill number.
    :param is_withdrawn: the platform showed it once; who did not ask then never saw it.
    :param is_afterthought: nobody need ask for it: it came after a proved signature, or its parcel
        is cancelled.
    """

    occurred_at: datetime
    text: str
    label: str
    is_earlier_life: bool = False
    is_withdrawn: bool = False
    is_afterthought: bool = False

    @property
    def is_evidence(self) -> bool:
        """Whether it says something of the parcel: it is shown, the parcel's own, and no dream."""
        is_own = not self.is_earlier_life and not self.is_withdrawn
        return is_own and self.occurred_at < FUTURE

    @property
    def may_be_missed(self) -> bool:
        return self.is_withdrawn or self.is_afterthought


@dataclass(frozen=True, slots=True)
class ParcelTruth:
    """
    What is true of a parcel.

    :param waybills: every number so far, oldest first.
    :param sign_kind: `text` until the platform's status says SIGN, or its trace gives the sign's
        code; empty when not signed.
    :param dated_by_reader: the platform tells no times: a reader first saw each event, and the
        sign, at its time or later, and may have missed all but the last one.
    :param rejected: time and text, as printed, of steps that lack one of them.
    """

    consignment_id: str
    waybill_no: str
    waybills: tuple[str, ...]
    carrier_name: str
    status: str
    signed_at: datetime | None
    sign_kind: str
    events: tuple[EventTruth, ...]
    dated_by_reader: bool = False
    rejected: tuple[tuple[str, str], ...] = ()

    @property
    def is_proved(self) -> bool:
        """Whether its signature has more than its text."""
        return self.status == "signed" and self.sign_kind != "text"

    @property
    def evidence(self) -> tuple[EventTruth, ...]:
        return tuple(event for event in self.events if event.is_evidence)


@dataclass(frozen=True, slots=True)
class OrderTruth:
    """
    What is true of an order; `superseded` are parcels the platform no longer lists.

    :param has_nan: no trace reply about it is JSON, so that it may never be known.
    """

    account: str
    order_id: str
    parcels: tuple[ParcelTruth, ...]
    superseded: tuple[str, ...]
    signed: bool
    signed_at: datetime | None
    has_unshipped_lines: bool
    has_nan: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """
    One platform order with its whole life.

    :param shipped_at: when the ERP says it shipped.
    :param lines_shipped: for each line, when the platform says so; None is never.
    :param refusal: the platform's errorCode for every question about it.
    :param has_nan: every trace reply about it holds NaN, which is not JSON.
    :param quirk: chooses among the platform's many spellings, always alike for one order.
    """

    account: str
    index: int
    order_id: str
    story: str
    created_at: datetime
    shipped_at: datetime
    parcels: tuple[Parcel, ...]
    lines_shipped: tuple[datetime | None, ...]
    refusal: str
    has_nan: bool
    quirk: int

    def listed(self, at: datetime) -> list[Parcel]:
        """The parcels the platform lists at a time."""
        return [parcel for parcel in self.parcels if parcel.is_listed(at)]

    def modified(self, at: datetime) -> datetime:
        """
        When the platform last changed the order itself: created, a parcel shipped or taken off the
        list, received. No scan does.
        """
        moments = [self.created_at]
        for parcel in self.parcels:
            moments += [parcel.listed_at, parcel.dropped_at or parcel.listed_at]
        signs = [
            next((since for since, status in parcel.statuses if status == "SIGN"), None)
            for parcel in self.parcels
        ]
        moments += [max(since for since in signs if since)] if signs and all(signs) else []
        return max((moment for moment in moments if moment <= at), default=self.created_at)

    def printed_waybill(self, parcel: Parcel, at: datetime) -> str:
        """A parcel's number as the platform prints it: as the seller typed it."""
        number = parcel.waybill(at)
        return TYPED_NUMBERS[self.quirk % 13 - 9](number) if self.quirk % 13 >= 9 else number

    def has_unshipped_lines(self, at: datetime) -> bool:
        return any(shipped is None or at < shipped for shipped in self.lines_shipped)


TYPED_NUMBERS: tuple[Callable[[str], str], ...] = (
    str.lower,
    lambda number: f"{number[:5]} {number[5:]}",
    lambda number: f" {number}\t",
    lambda number: number.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}),
)
"""How sellers type a waybill number, now and then."""


class World:
    """
    All orders of some accounts.

    :param start: about when the first half of the stories is under way (aware).
    :param accounts: account id to number of orders.
    :param stories: weights by story name instead of the usual ones: `{"sign_withdrawn": 1}`.
    :param shipping_hours: orders ship over so many hours from `start`, a third of them before.
    :param confirmed_after: how long after the signature's step the platform's own status follows;
        up to 40 minutes when left out.
    """

    def __init__(
        self,
        seed: int,
        start: datetime,
        accounts: Mapping[str, int],
        *,
        stories: Mapping[str, int] | None = None,
        shipping_hours: float = 48,
        confirmed_after: timedelta | None = None,
    ) -> None:
        if start.tzinfo is None:
            raise ValueError("start needs an offset")
        self.seed = seed
        self.start = start.astimezone(UTC).replace(microsecond=0)
        self.accounts = dict(accounts)
        self.shipping_hours = shipping_hours
        self._confirmed_after = confirmed_after
        self._people = People(seed)
        weights = stories or {name: story.weight for name, story in STORIES.items()}
        self._deck = [name for name in sorted(weights) for _ in range(weights[name])]
        self._numbers = {account: number for number, account in enumerate(self.accounts)}
        self._orders: dict[tuple[str, int], Order] = {}
        self._frozen_at: datetime | None = None
        self._shuffled = lru_cache(maxsize=None)(self._shuffle)

    @property
    def people(self) -> People:
        return self._people

    @property
    def names(self) -> frozenset[str]:
        """Every person's name a text may hold."""
        return frozenset(self._people.names)

    @property
    def phones(self) -> frozenset[str]:
        """Every phone number a text may hold."""
        return self._people.phones

    def freeze(self, at: datetime | None) -> None:
        """Let nothing be published after `at` (None: let the world go on)."""
        self._frozen_at = at.astimezone(UTC) if at else None

    def as_of(self, now: datetime) -> datetime:
        """The time whose world is shown at `now`."""
        return min(now, self._frozen_at) if self._frozen_at else now

    def orders(self, account: str | None = None) -> Iterator[Order]:
        """All orders, of one account or of all, whether shipped or not."""
        for each in [account] if account else self.accounts:
            for index in range(self.accounts[each]):
                yield self._order(each, index)

    def find(self, account: str, order_id: str) -> Order | None:
        """The order, when it is this account's."""
        if account not in self.accounts or len(order_id) != 19 or not order_id.isdecimal():
            return None
        index = (int(order_id) // 10**6 - self._first_number) // NUMBER_STEP
        if not 0 <= index < self.accounts[account]:
            return None
        order = self._order(account, index)
        return order if order.order_id == order_id else None

    def truth(self, at: datetime) -> dict[tuple[str, str], OrderTruth]:
        """What is true at a time of every order the ERP calls shipped by then."""
        at = self.as_of(at)
        return {
            (order.account, order.order_id): order_truth(order, at)
            for order in self.orders()
            if order.shipped_at <= at
        }

    @property
    def _first_number(self) -> int:
        return 2_930_000_000_000 + self.seed % 1000 * 10**6

    def _order_id(self, account: str, index: int) -> str:
        """19 digits; the last six are the buyer's."""
        buyer = random.Random(f"{self.seed}/{account}").randrange(10**6)
        scatter = random.Random(f"{self.seed}/{account}/{index}/id").randrange(NUMBER_STEP)
        return f"{self._first_number + index * NUMBER_STEP + scatter}{buyer:06d}"

    def _story(self, account: str, index: int) -> str:
        block, place = divmod(index, len(self._deck))
        return self._shuffled(account, block)[place]

    def _shuffle(self, account: str, block: int) -> list[str]:
        deck = [name for name in self._deck if name != GIVEN_UP]
        random.Random(f"{self.seed}/{account}/deck/{block}").shuffle(deck)
        left = len(self._deck) - len(deck)
        dealt: list[str] = []
        for name in deck:
            if STORIES[name].reuses_number and left:
                # A number is given up before it is given again.
                dealt.append(GIVEN_UP)
                left -= 1
            dealt.append(name)
        return dealt + [GIVEN_UP] * left

    def _order(self, account: str, index: int) -> Order:
        order = self._orders.get((account, index))
        if order is None:
            order = self._orders[account, index] = self._write_order(account, index)
        return order

    def _write_order(self, account: str, index: int) -> Order:
        dice = random.Random(f"{self.seed}/{account}/{index}")
        name = self._story(account, index)
        story = STORIES[name]
        shipped_at = self._shipping_time(dice) - timedelta(hours=story.ships_before)
        if story.reuses_number:
            shipped_at = self.start + _hours(dice, 12, 36)
        if story.refusal == "order.createtime.history":
            shipped_at -= timedelta(days=400)
        listed_at = shipped_at
        if story.erp_ahead:
            listed_at += _hours(dice, *story.erp_ahead)
        parcels, lines = self._write_parcels(dice, (account, index), name, story, listed_at)
        return Order(
            account=account,
            index=index,
            order_id=self._order_id(account, index),
            story=name,
            created_at=shipped_at - _hours(dice, 2, 40),
            shipped_at=shipped_at,
            parcels=parcels,
            lines_shipped=lines,
            refusal=story.refusal,
            has_nan=story.has_nan,
            quirk=dice.randrange(10**6),
        )

    def _shipping_time(self, dice: random.Random) -> datetime:
        if dice.random() < 1 / 3:
            return self.start - _hours(dice, 0, 72)
        return self.start + _hours(dice, 0, self.shipping_hours)

    def _write_parcels(
        self,
        dice: random.Random,
        key: tuple[str, int],
        name: str,
        story: Story,
        listed_at: datetime,
    ) -> tuple[tuple[Parcel, ...], tuple[datetime | None, ...]]:
        account, index = key
        has_router = dialect_of(account) == "router"
        first_id = 616_000_000_000 + (self._numbers[account] * 10**7 + index) * 10
        parcels: list[Parcel] = []
        lines: list[datetime | None] = []
        if story.replaced_after:
            dropped_at = listed_at + _hours(dice, *story.replaced_after)
            script = Script(dice, self._people, listed_at, self._confirmed_after)
            parcels.append(
                script.finish(f"LP{first_id:014d}", lines=(0,), story=name, dropped_at=dropped_at)
            )
            listed_at = dropped_at
        for tell in story.tells:
            if lines:
                delay = _hours(dice, *story.delays)
                listed_at += min(delay, ROUTER_DELAY) if has_router else delay
            script = Script(dice, self._people, listed_at, self._confirmed_after)
            if story.reuses_number and index and self._story(account, index - 1) == GIVEN_UP:
                script.inherit(self._order(account, index - 1).parcels[0])
            tell(script)
            count = dice.choice((1, 1, 2))
            held = tuple(range(len(lines), len(lines) + count))
            number = first_id + len(parcels)
            parcels.append(script.finish(f"LP{number:014d}", lines=held, story=name))
            shipped = parcels[0].listed_at if story.replaced_after else listed_at
            lines.extend([shipped] * count)
        if story.shares_number:
            (parcel,) = parcels
            number, held = first_id + 1, (len(lines),)
            parcels.append(replace(parcel, consignment_id=f"LP{number:014d}", lines=held))
            lines.append(listed_at)
        if story.carrier_respelt_after:
            respelt_at = listed_at + _hours(dice, *story.carrier_respelt_after)
            parcels = [replace(parcel, carrier_respelt_at=respelt_at) for parcel in parcels]
        if story.has_new_codes:
            parcels = [replace(parcel, has_new_codes=True) for parcel in parcels]
        if story.unshipped_line and not has_router:
            lines.append(None)
        return tuple(parcels), tuple(lines)


def platform_of(account: str) -> str:
    """The platform of an account, by its name: `platform_taobao_east` is one of Taobao."""
    name = account.removeprefix("platform_").removeprefix("router_")
    return next((platform for platform in ("taobao", "tmall") if name.startswith(platform)), "1688")


def dialect_of(account: str) -> str:
    """The protocol of an account, by its name: `platform_router_tmall` is Tmall over a router."""
    if account.startswith("platform_router"):
        return "router"
    return "param2" if platform_of(account) == "1688" else "top"


def knows_waybills(account: str) -> bool:
    """Whether the account's platform tells of parcels; a router of shops tells how far it is."""
    return dialect_of(account) != "router" or platform_of(account) == "1688"


def is_self_contacted(parcel: Parcel) -> bool:
    """Whether the seller hired the carrier; Taobao then knows nothing of the parcel's status."""
    return int(parcel.consignment_id[2:]) // 10 % 3 != 0


def has_actions(parcel: Parcel) -> bool:
    """Whether Taobao prints a code beside each of the parcel's steps."""
    return int(parcel.consignment_id[2:]) // 10 % 7 != 0


def order_truth(order: Order, at: datetime) -> OrderTruth:
    """What is true of an order at a time, by the rules of the product's design."""
    dialect = dialect_of(order.account)
    if not knows_waybills(order.account):
        return _status_code_truth(order, at)
    if order.refusal:
        return OrderTruth(order.account, order.order_id, (), (), False, None, False)
    parcels = tuple(
        {
            parcel.consignment_id: parcel
            for parcel in (parcel_truth(each, at, dialect) for each in order.listed(at))
        }.values()
    )
    confirmed = [parcel.is_proved for parcel in parcels if parcel.status != "cancelled"]
    unshipped = dialect != "router" and order.has_unshipped_lines(at)
    signed = bool(confirmed) and all(confirmed) and not unshipped
    times = [parcel.signed_at for parcel in parcels if parcel.signed_at]
    return OrderTruth(
        account=order.account,
        order_id=order.order_id,
        parcels=parcels,
        superseded=tuple(_superseded(order, at, dialect)),
        signed=signed,
        signed_at=max(times) if signed else None,
        has_unshipped_lines=unshipped,
        has_nan=order.has_nan,
    )


def parcel_truth(parcel: Parcel, at: datetime, dialect: str = "param2") -> ParcelTruth:
    """What is true of a listed parcel at a time."""
    status, run, is_proved = _status(parcel, at, dialect)
    sign = run[0] if run else None
    waybills = tuple(number for since, number in parcel.waybills if since <= at)
    if dialect == "router":
        waybills = waybills[-1:]
    return ParcelTruth(
        consignment_id=_consignment_id(parcel, waybills[-1], dialect),
        waybill_no=waybills[-1],
        waybills=waybills,
        carrier_name=parcel.carrier.name,
        status=status,
        signed_at=sign.occurred_at if sign else None,
        sign_kind=(sign.sign_kind if is_proved else "text") if sign else "",
        events=tuple(
            EventTruth(
                step.occurred_at,
                step.text,
                step.label,
                is_earlier_life=step.is_earlier_life,
                is_withdrawn=not step.is_shown(at),
                is_afterthought=status == "cancelled"
                or (is_proved and run[-1].occurred_at < step.occurred_at < FUTURE),
            )
            for step in parcel.steps
            if step.is_event and step.published_at <= at
        ),
        rejected=tuple(
            (step.printed_at, step.text) for step in parcel.shown(at) if not step.is_event
        ),
    )


def router_code(parcel: Parcel, at: datetime | None = None) -> str:
    """The carrier as a router calls it at a time, or at first: by codes of its own."""
    if at and parcel.carrier_respelt_at and at >= parcel.carrier_respelt_at:
        return RESPELT_CODES[parcel.carrier.code]
    return {"YUNDA": "YD", "LE04284890": "JD"}.get(parcel.carrier.code, parcel.carrier.code)


def router_status(order: Order, at: datetime) -> str:
    """How far a router says that a whole order is: 1 shipped, 2 under way, 3 signed, 0 nothing."""
    parcels = [] if order.refusal else [parcel_truth(parcel, at) for parcel in order.listed(at)]
    if not parcels:
        return "0"
    live = [parcel for parcel in parcels if parcel.status != "cancelled"]
    if live and all(each.is_proved for each in live):
        return "3"
    return "2" if any(parcel.evidence for parcel in parcels) else "1"


def _status_code_truth(order: Order, at: datetime) -> OrderTruth:
    """What is true of an order of which a status code is all that is told."""
    moments = {
        moment
        for parcel in order.parcels
        for moment in (
            parcel.listed_at,
            parcel.dropped_at or parcel.listed_at,
            *(step.published_at for step in parcel.steps),
            *(step.withdrawn_at or step.published_at for step in parcel.steps),
            *(since for since, _ in parcel.statuses),
        )
        if moment <= at
    }
    events: list[EventTruth] = []
    for moment in sorted(moments):
        code = router_status(order, moment)
        if code != "0" and (not events or events[-1].label != ROUTER_STATUSES[code]):
            events.append(EventTruth(moment, ROUTER_TEXTS[code], ROUTER_STATUSES[code]))
    status = events[-1].label if events else "pending"
    signed_at = events[-1].occurred_at if status == "signed" else None
    parcel = ParcelTruth(
        consignment_id=order.order_id,
        waybill_no="",
        waybills=(),
        carrier_name="",
        status=status,
        signed_at=signed_at,
        sign_kind="platform" if signed_at else "",
        events=tuple(events),
        dated_by_reader=True,
    )
    return OrderTruth(
        order.account, order.order_id, (parcel,), (), signed_at is not None, signed_at, False
    )


def _consignment_id(parcel: Parcel, waybill_no: str, dialect: str) -> str:
    """The platform's id of a parcel; to a router each waybill number is a parcel of its own."""
    return f"{router_code(parcel)}:{waybill_no}" if dialect == "router" else parcel.consignment_id


def _superseded(order: Order, at: datetime, dialect: str) -> Iterator[str]:
    for parcel in order.parcels:
        is_dropped = parcel.dropped_at is not None and parcel.dropped_at <= at
        if dialect != "router":
            if is_dropped:
                yield parcel.consignment_id
            continue
        numbers = [number for since, number in parcel.waybills if since <= at]
        for number in numbers if is_dropped else numbers[:-1]:
            yield _consignment_id(parcel, number, dialect)


def _status(parcel: Parcel, at: datetime, dialect: str) -> tuple[str, list[Step], bool]:
    """
    The status, the signature's scans when it is `signed`, and whether it has more than its text.

    A signature is the last unbroken run of scans that tell of one. What contradicts it ends it; so
    does a movement, unless the platform stands by the signature: by its status, or by its codes.
    """
    platform_status = parcel.platform_status(at)
    if platform_status in BAD_STATUSES and dialect != "router":
        return BAD_STATUSES[platform_status], [], False
    past = sorted(
        (
            step
            for step in parcel.shown(at)
            if step.is_event and not step.is_earlier_life and step.occurred_at < FUTURE
        ),
        key=lambda step: step.occurred_at,
    )
    if not past:
        return _status_without_scans(parcel, at, dialect), [], False
    if any(step.label in RETURN_LABELS for step in past):
        home = past[-1].label in {"signed", "returned"} or platform_status == "SIGN"
        return ("returned" if home else "returning"), [], False
    has_codes = dialect == "top" and has_actions(parcel)
    run: list[Step] = []
    is_broken = True
    for step in past:
        if step.label == "signed":
            run = [step] if is_broken else [*run, step]
            is_broken = False
        elif step.label in CONTRADICTING_LABELS:
            run, is_broken = [], True
        elif not (has_codes and any(sign.is_backed for sign in run)):
            is_broken = True
    by_status = dialect != "top" and platform_status == "SIGN"
    if run and (by_status or not is_broken):
        return "signed", run, by_status or (has_codes and any(sign.is_backed for sign in run))
    return past[-1].label, [], False


def _status_without_scans(parcel: Parcel, at: datetime, dialect: str) -> str:
    """The status of a parcel that has no scan of its own; a router calls what it shows unsigned."""
    platform_status = parcel.platform_status(at)
    if dialect == "router":
        return "info_received" if parcel.shown(at) else "pending"
    if dialect == "param2":
        return EARLY_STATUSES[platform_status]
    hired = not is_self_contacted(parcel)
    return EARLY_STATUSES_TAOBAO[platform_status] if hired else "info_received"


def _hours(dice: random.Random, low: float, high: float) -> timedelta:
    return timedelta(seconds=round(dice.uniform(low, high) * 3600))
