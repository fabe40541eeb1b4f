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
    :param shares_number: two parcels of the platform are one box with one waybill number.
    :param carrier_respelt_after: hours until a router calls the carrier by another code.
    :param ships_before: hours before the other orders.
    :param second_row_after: hours after which the ERP's people say that it ships, in a second row:
        a signature from before is refused there.
    :param reuses_number: its carrier gives it the waybill number of the order before it, which
        lives `number_given_up`.
    :param has_new_codes: the platform has renamed its codes for what is under way.
    :param has_nan: every trace reply about the order holds NaN.
    :param mistyped: the ERP's people typed a waybill number that is none of the order's.
    """

    weight: int
    tells: tuple[Tell, ...]
    delays: tuple[float, float] = (0, 0)
    unshipped_line: bool = False
    replaced_after: tuple[float, float] | None = None
    erp_ahead: tuple[float, float] | None = None
    refusal: str = ""
    shares_number: bool = False
    carrier_respelt_after: tuple[float, float] | None = None
    ships_before: float = 0
    second_row_after: tuple[float, float] | None = None
    reuses_number: bool = False
    has_new_codes: bool = False
    has_nan: bool = False
    mistyped: bool = False


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


def _stray_scan(script: Script) -> None:
    """Scans of another courier's round, minutes and hours after the signature."""
    script.reach_the_door()
    script.sign(script.dice.choice(("self", "family")))
    script.wait(2 / 60, 40 / 60)
    script.write("out_for_delivery", carriers.DISPATCHED[script.carrier.style])
    if script.dice.random() < 0.4:
        script.wait(1, 5)
        here = script.site(script.target)
        script.write("in_transit", carriers.ARRIVED_AT_SITE[script.carrier.style], here=here)


def _earlier_life(script: Script) -> None:
    """The number was another parcel's, a year or a week ago."""
    script.live_before(*script.dice.choice(((200, 500), (4, 9))))
    _ordinary(script)


def _early_signature(script: Script) -> None:
    """A courier signs in the morning what he brings the next day."""
    script.reach_the_door()
    script.sign("self")
    script.change_last(is_backed=False)
    script.wait(1, 6)
    here = script.site(script.target)
    script.write("in_transit", carriers.ARRIVED_AT_SITE[script.carrier.style], here=here)
    script.dispatch()
    script.sign("family")


def _sign_taken_back(script: Script) -> None:
    script.reach_the_door()
    script.sign("self")
    script.change_last(is_backed=False, shown_for=timedelta(minutes=script.dice.randint(15, 400)))
    if script.dice.random() < 0.5:
        script.dispatch()
        script.sign("family")


def _sign_replaced(script: Script) -> None:
    script.reach_the_door()
    script.sign("self")
    script.change_last(is_backed=False)
    if script.dice.random() < 0.5:
        script.replace_last((15, 400), "delivery_failed", carriers.FAILED)
    else:
        dispatched = carriers.DISPATCHED[script.carrier.style]
        script.replace_last((15, 400), "out_for_delivery", dispatched)
    if script.dice.random() < 0.5:
        script.dispatch()
        script.sign("family")


def _step_replaced(script: Script) -> None:
    """A scan is corrected: another place at the same time."""
    script.collect()
    script.travel(3)
    script.wait(1, 3)
    arrived = carriers.ARRIVED[script.carrier.style]
    script.write("in_transit", arrived, here=script.origin.hub)
    script.replace_last((20, 300), "in_transit", arrived, here=script.target.hub)
    script.wait(6, 12)
    script.dispatch()
    script.sign("self")


def _steps_dropped(script: Script) -> None:
    """What the platform no longer shows is no evidence; a parcel may go back in its life."""
    script.collect()
    script.travel(script.dice.randint(2, 5))
    for _ in range(script.dice.randint(1, 2)):
        script.wait(0.5, 3)
        if script.dice.random() < 0.5:
            script.write("in_transit", (f"已到达-{script.site(script.target)}",))
        else:
            script.write("out_for_delivery", carriers.DISPATCHED[script.carrier.style])
        script.change_last(shown_for=timedelta(minutes=script.dice.randint(30, 500)))
    if script.dice.random() < 0.6:
        script.dispatch()
        script.sign("self")


def _step_masked_later(script: Script) -> None:
    """One scan, spelled otherwise in a later reply: masked by the platform, or retyped."""
    dice, people = script.dice, script.people
    script.collect()
    script.travel()
    name, phone = dice.choice(people.names), dice.choice(people.mobiles)
    script.dispatch()
    text = f"【{{city}}】{{site}} 派件中 派件员：{name}，电话：{phone}（请您准备签收）"
    script.wait(0.1, 0.5)
    script.write("out_for_delivery", (text,))
    spelled = script.steps[-1].text
    masked = dice.choice(
        (
            spelled.replace(phone, f"{phone[:3]}****{phone[7:]}"),
            spelled.replace(name, f"{name[0]}**"),
            spelled.replace("（", "(").replace("）", ")"),
            spelled.replace("】", "】 "),
        )
    )
    script.change_last(respelt=(timedelta(minutes=dice.randint(20, 200)), masked))
    script.sign("self", 3, 9)


def _step_without_time(script: Script) -> None:
    """Two of the steps tell no time that can be read."""
    script.collect()
    script.travel(4)
    for _ in range(2):
        script.wait(0.2, 1)
        script.write("in_transit", ("快件已到达{site}",))
        printed = ("", " ", "待更新", "0000-00-00 00:00:00")
        script.change_last(printed=script.dice.choice(printed))
    script.dispatch()
    script.sign("self")


def _blank_remark(script: Script) -> None:
    """A step tells no text; now and then it is the last one."""
    script.collect()
    script.travel()
    script.dispatch()
    script.wait(0.2, 1)
    script.write("in_transit", (script.dice.choice(("", "  ", "&nbsp;")),))
    script.change_last(is_backed=False)
    if script.dice.random() < 0.5:
        script.sign("self")


def _no_trace_known(script: Script) -> None:
    """Among the scans stands a word that no trace is known; now and then it is the last one."""
    script.collect()
    script.travel()
    script.dispatch()
    script.wait(0.2, 1)
    script.write("in_transit", (script.dice.choice(carriers.NO_TRACE_KNOWN),))
    script.change_last(is_backed=False)
    if script.dice.random() < 0.5:
        script.sign("self")


def _rare_characters(script: Script) -> None:
    """Texts that an ERP of another encoding cannot hold, and a phone number in full width."""
    script.collect()
    script.travel()
    script.wait(0.2, 1)
    digits = str.maketrans("0123456789", "０１２３４５６７８９")
    phone = script.dice.choice(script.people.mobiles).translate(digits)
    script.write("in_transit", (f"快件到达 𠮷祥里网点😊，正在分拣，投诉电话：{phone}",))
    if script.dice.random() < 0.7:
        script.dispatch()
        script.sign("self")


def _booking_cancelled(script: Script) -> None:
    """A second booking of the same goods; its last words are later than the live parcel's first."""
    _awaits_pickup(script)
    script.last_status = (timedelta(hours=script.dice.randint(2, 12)), "CANCEL")


def _told_in_english(script: Script) -> None:
    """Words that sound like a signature, and are none."""
    script.collect()
    script.travel(3)
    script.wait(1, 4)
    script.write("in_transit", ("Awaiting for transit to final delivery office",))
    script.wait(4, 12)
    script.write("ready_for_pickup", ("Delivered to parcel shop",))
    if script.dice.random() < 0.5:
        script.sign("self", 3, 20)


def _number_corrected(script: Script) -> None:
    """The number was typed wrong at first: it is a stranger's parcel, which is signed already."""
    script.have_strangers_number()
    script.wait(3, 8)
    script.collect()
    script.correct_number()
    script.travel()
    script.dispatch()
    script.sign("self")


def _old_replies(script: Script) -> None:
    """For some time the platform answers with an old reply, from before the signature."""
    script.reach_the_door()
    script.sign("self")
    minutes = [script.dice.randint(*span) for span in ((20, 60), (60, 240))]
    begin, end = timedelta(minutes=minutes[0]), timedelta(minutes=sum(minutes))
    script.change_last(missing=(begin, end))
    script.sign_lag += end


def _flapping_replies(script: Script) -> None:
    """Two forms of the reply in turn: with the newest step, and without it."""
    script.reach_the_door()
    script.change_last(flaps=(timedelta(minutes=script.dice.randint(20, 60)), 3))
    script.sign("self", 12, 16)


def _back_to_depot(script: Script) -> None:
    """The carrier takes it back to its own depot and tries again: that is no return."""
    script.reach_the_door()
    script.wait(2, 8)
    label, text = script.dice.choice(carriers.BACK_TO_DEPOT)
    script.write(label, (text,))
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
    "stray_scan": Story(4, (_stray_scan,)),
    "earlier_life": Story(3, (_earlier_life,)),
    "early_signature": Story(3, (_early_signature,)),
    "sign_taken_back": Story(3, (_sign_taken_back,)),
    "sign_replaced": Story(3, (_sign_replaced,)),
    "step_replaced": Story(2, (_step_replaced,)),
    "steps_dropped": Story(3, (_steps_dropped,)),
    "step_masked_later": Story(3, (_step_masked_later,)),
    "step_without_time": Story(3, (_step_without_time,)),
    "blank_remark": Story(3, (_blank_remark,)),
    "no_trace_known": Story(2, (_no_trace_known,)),
    "rare_characters": Story(2, (_rare_characters,)),
    "told_in_english": Story(2, (_told_in_english,)),
    "shared_number": Story(3, (_ordinary,), shares_number=True),
    "cancelled_booking": Story(3, (_ordinary, _booking_cancelled)),
    "carrier_respelt": Story(3, (_ordinary,), carrier_respelt_after=(4, 40)),
    "refused_signature": Story(
        3, (_ordinary,), ships_before=7 * 24, second_row_after=(7 * 24, 8.5 * 24)
    ),
    "reused_number": Story(3, (_signed("family"),), reuses_number=True),
    "number_given_up": Story(3, (_signed("self"),), ships_before=8 * 24),
    "renamed_status": Story(2, (_ordinary,), has_new_codes=True),
    "nan_reply": Story(2, (_ordinary,), has_nan=True),
    "mistyped_number": Story(2, (_ordinary,), mistyped=True),
    "number_corrected": Story(2, (_number_corrected, _ordinary), delays=(10, 30)),
    "old_replies": Story(3, (_old_replies,)),
    "flapping_replies": Story(3, (_flapping_replies,)),
    "back_to_depot": Story(3, (_back_to_depot,)),
    "too_old": Story(1, (_ordinary,), refusal="order.createtime.history"),
    "not_ours": Story(1, (_ordinary,), refusal="order.nopermission.buyer"),
}
