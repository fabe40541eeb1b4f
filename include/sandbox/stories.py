"""The stories of the world: what can happen to an order, and how often."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from sandbox import carriers
from sandbox.parcels import FUTURE, Script

Tell = Callable[[Script], None]


@dataclass(frozen=True, slots=True)
class Story:
    """
    What happens to one order.

    :param weight: how many of a deck's orders live it; 0 only on demand.
    :param tells: one for each parcel.
    :param delays: hours after the order's shipping at which each further parcel ships (low, high).
    :param unshipped_line: a line that never ships.
    :param replaced_after: hours until the platform drops the first parcel and lists a new one.
    :param erp_ahead: hours the ERP says shipped before the platform does (low, high).
    :param refusal: the platform's errorCode for every question about the order.
    """

    weight: int
    tells: tuple[Tell, ...]
    delays: tuple[float, float] = (0, 0)
    unshipped_line: bool = False
    replaced_after: tuple[float, float] | None = None
    erp_ahead: tuple[float, float] | None = None
    refusal: str = ""


def _signed(kind: str) -> Tell:
    def tell(script: Script) -> None:
        script.reach_the_door()
        script.sign(kind)

    return tell


def _stored(kind: str, *, collected: bool, sign_kind: str = "") -> Tell:
    def tell(script: Script) -> None:
        script.reach_the_door()
        script.store(kind)
        if collected:
            script.sign(sign_kind or kind, 1, 40)

    return tell


def _ordinary(script: Script) -> None:
    kind = script.dice.choice(("self", "self", "family", "agency", "station", "locker", "platform"))
    _signed(kind)(script)


def _failed_then_signed(script: Script) -> None:
    script.reach_the_door()
    script.fail()
    script.dispatch()
    script.sign("self")


def _failed_twice_then_signed(script: Script) -> None:
    script.reach_the_door()
    script.fail()
    script.dispatch()
    script.fail()
    script.dispatch()
    script.sign("family")


def _failed_for_good(script: Script) -> None:
    script.reach_the_door()
    script.fail()


def _refused(script: Script) -> None:
    script.reach_the_door()
    script.refuse()
    script.go_back()


def _returned(script: Script) -> None:
    _refused(script)
    script.come_home()


def _sign_withdrawn(script: Script) -> None:
    script.reach_the_door()
    script.sign("platform")
    script.wait(8, 10)
    script.write("delivery_failed", ("快件派送不成功，收件人称未取到快件，待再次派送",))
    script.dispatch()
    script.sign("self")


def _goes_silent(script: Script) -> None:
    script.collect()
    script.travel(script.dice.randint(1, 4))


def _never_collected(script: Script) -> None:
    """Listed, and nothing ever scanned."""


def _awaits_pickup(script: Script) -> None:
    script.wait(1, 4)
    script.write("info_received", (carriers.AWAITING_PICKUP,))


def _untraced_at_first(script: Script) -> None:
    """Under way for the platform long before its first scan is known."""
    script.first_status = "TRANSPORT"
    script.wait(8, 14)
    _ordinary(script)


def _sign_exception(script: Script) -> None:
    _failed_for_good(script)
    script.last_status = (timedelta(minutes=script.dice.randint(20, 90)), "UNSIGN")


def _pickup_fails(script: Script) -> None:
    script.last_status = (timedelta(hours=script.dice.randint(12, 30)), "NOGET")


def _cancelled(script: Script) -> None:
    script.last_status = (timedelta(hours=script.dice.randint(3, 24)), "CANCEL")


def _waybill_replaced(script: Script) -> None:
    script.collect()
    script.travel()
    changed_at = script.now + timedelta(minutes=script.dice.randint(30, 240))
    script.waybills.append((changed_at, script.carrier.new_waybill(script.dice)))
    script.dispatch()
    script.sign("self")


def _future_event(script: Script) -> None:
    script.collect()
    script.travel(2)
    dice = script.dice
    now, script.now = script.now, FUTURE + timedelta(seconds=dice.randrange(300 * 86400))
    if dice.random() < 0.5:
        script.write("signed", ("快件已签收",), sign_kind="platform")
    else:
        script.write("in_transit", ("快件已到达【{city}】",))
    script.now = now
    script.dispatch()
    script.sign("self")


def _repeated_event(script: Script) -> None:
    """One scan in several spellings: the same, another phone, another blank, an HTML entity."""
    script.collect()
    script.travel()
    dice, people = script.dice, script.people
    first, second = dice.sample(people.mobiles, 2)
    text = "快件到达 {site}，正在分拣，投诉电话:"
    script.wait(0.2, 1)
    script.write("in_transit", (f"{text}{first}",))
    spelling = script.steps[-1].text
    script.vary_last(
        dice.choice(
            (
                spelling,
                spelling.replace(first, second),
                f" {spelling} ",
                spelling.replace(" ", "&nbsp;"),
                spelling.replace(" ", "  "),
            )
        ),
        spelling.replace(first, second),
    )
    script.dispatch()
    script.sign("family")


def _same_second(script: Script) -> None:
    """Different scans in one second; the later place in the reply is the later one."""
    script.collect()
    script.travel()
    script.dispatch()
    dispatched = script.steps[-1]
    arrived = replace(dispatched, text=f"快件已到达{script.target.hub}", label="in_transit")
    script.steps.insert(-1, arrived)
    script.sign("self")
    script.write("signed", ("签收人是本人:已签收",), sign_kind="self")


def _same_text(script: Script) -> None:
    """The same words twice, some minutes apart: two scans."""
    script.collect()
    script.travel(3)
    text = f"已到达-{script.target.hub}"
    script.wait(1, 3)
    script.write("in_transit", (text,))
    script.wait(8 / 60, 14 / 60)
    script.write("in_transit", (text,))
    script.dispatch()
    script.sign("self")


def _long_text(script: Script) -> None:
    script.collect()
    script.wait(1, 3)
    script.write("in_transit", ("【{city}】" + "快件已到达{site}；" * 180,))
    script.travel()
    script.dispatch()
    script.sign("self")


STORIES: dict[str, Story] = {
    "signed_by_self": Story(34, (_signed("self"),)),
    "signed_by_family": Story(14, (_signed("family"),)),
    "signed_by_agency": Story(12, (_signed("agency"),)),
    "signed_at_station": Story(12, (_signed("station"),)),
    "signed_at_locker": Story(8, (_signed("locker"),)),
    "signed_by_someone": Story(16, (_signed("platform"),)),
    "station_then_signed": Story(14, (_stored("station", collected=True),)),
    "station_waiting": Story(5, (_stored("station", collected=False),)),
    "locker_then_signed": Story(6, (_stored("locker", collected=True),)),
    "locker_waiting": Story(3, (_stored("locker", collected=False),)),
    "agency_then_signed": Story(4, (_stored("agency", collected=True, sign_kind="self"),)),
    "agency_waiting": Story(2, (_stored("agency", collected=False),)),
    "failed_then_signed": Story(8, (_failed_then_signed,)),
    "failed_twice_then_signed": Story(3, (_failed_twice_then_signed,)),
    "failed_for_good": Story(2, (_failed_for_good,)),
    "returned": Story(5, (_returned,)),
    "returning": Story(2, (_refused,)),
    "sign_withdrawn": Story(0, (_sign_withdrawn,)),
    "goes_silent": Story(5, (_goes_silent,)),
    "never_collected": Story(3, (_never_collected,)),
    "awaits_pickup": Story(2, (_awaits_pickup,)),
    "untraced_at_first": Story(2, (_untraced_at_first,)),
    "split": Story(6, (_ordinary, _ordinary), delays=(0, 30)),
    "split_in_three": Story(3, (_ordinary, _ordinary, _ordinary), delays=(2, 30)),
    "split_one_cancelled": Story(2, (_ordinary, _cancelled)),
    "split_one_silent": Story(2, (_ordinary, _goes_silent), delays=(0, 10)),
    "split_one_returned": Story(2, (_ordinary, _returned), delays=(0, 10)),
    "partly_shipped_late": Story(3, (_ordinary, _ordinary), delays=(70, 120)),
    "partly_shipped": Story(2, (_ordinary,), unshipped_line=True),
    "waybill_replaced": Story(3, (_waybill_replaced,)),
    "parcel_superseded": Story(2, (_ordinary,), replaced_after=(5, 20)),
    "sign_exception": Story(2, (_sign_exception,)),
    "pickup_fails": Story(2, (_pickup_fails,)),
    "cancelled": Story(2, (_cancelled,)),
    "future_event": Story(2, (_future_event,)),
    "repeated_event": Story(4, (_repeated_event,)),
    "same_second": Story(3, (_same_second,)),
    "same_text": Story(2, (_same_text,)),
    "long_text": Story(1, (_long_text,)),
    "erp_ahead": Story(3, (_ordinary,), erp_ahead=(4, 20)),
    "too_old": Story(1, (_ordinary,), refusal="order.createtime.history"),
    "not_ours": Story(1, (_ordinary,), refusal="order.nopermission.buyer"),
}
