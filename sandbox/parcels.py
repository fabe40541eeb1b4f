"""Parcels and their steps, and the script that writes the steps of one parcel.

The label of a step is given by the story that tells it and never read from the text, so that the
world can judge a reader of texts.
"""

import html
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

from sandbox import carriers
from sandbox.carriers import CARRIER_WEIGHTS, CARRIERS, CITIES, PLACES, Carrier, City, People

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
FUTURE = datetime(2050, 1, 1, tzinfo=UTC)
LATE_SHARE = 0.06
FINAL_LABELS = frozenset({"signed", "returned"})
CONTRADICTING_LABELS = frozenset({"delivery_failed", "returning", "returned"})
"""What takes a signature back; a movement alone does not, once the platform stands by it."""


@dataclass(frozen=True, slots=True)
class Step:
    """
    One scan of a parcel.

    :param occurred_at: what the trace says (UTC, whole seconds).
    :param published_at: when the platform begins to show it (UTC), minutes or hours later.
    :param label: its meaning, a shipment status.
    :param sign_kind: how a sign was made; empty for other steps.
    :param variants: further spellings of the same scan, shown beside it in the same reply.
    :param is_backed: the platform stands by it: its code is beside it, its status follows it.
    :param shown_for: how long the platform shows it; None is for ever.
    :param replaces_last: it is shown from when the step before it is no longer shown.
    :param respelt: after how long its text is spelled otherwise, and how: it is the same scan.
    :param printed: what the platform prints for its time; None is the time itself.
    :param is_earlier_life: it happened to an earlier parcel with this waybill number.
    :param is_strangers: it is another parcel's, shown until a mistyped number is corrected.
    :param flaps: the platform takes it away and shows it again: how long each time, and how often.
    :param missing: between which times after its publication old replies come, which lack it.
    """

    occurred_at: datetime
    published_at: datetime
    text: str
    label: str
    sign_kind: str = ""
    variants: tuple[str, ...] = ()
    is_backed: bool = True
    shown_for: timedelta | None = None
    replaces_last: bool = False
    respelt: tuple[timedelta, str] | None = None
    printed: str | None = None
    is_earlier_life: bool = False
    is_strangers: bool = False
    flaps: tuple[timedelta, int] | None = None
    missing: tuple[timedelta, timedelta] | None = None

    @property
    def printed_at(self) -> str:
        """The time as 1688 prints it: naive, Asia/Shanghai."""
        if self.printed is not None:
            return self.printed
        return self.occurred_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")

    @property
    def withdrawn_at(self) -> datetime | None:
        """From when the platform no longer shows it."""
        return self.published_at + self.shown_for if self.shown_for is not None else None

    @property
    def is_event(self) -> bool:
        """Whether it tells a time and a text that is news; any other step is rejected."""
        told = html.unescape(self.text).strip()
        return self.printed is None and bool(told) and told not in carriers.NO_TRACE_KNOWN

    def is_shown(self, at: datetime) -> bool:
        if self.flaps and at >= self.published_at:
            number = (at - self.published_at) // self.flaps[0]
            if number % 2 and number < 2 * self.flaps[1]:
                return False
        return self.published_at <= at and (self.withdrawn_at is None or at < self.withdrawn_at)

    def is_missing(self, at: datetime) -> bool:
        """Whether the platform answers with an old reply, from before the step."""
        if self.missing is None:
            return False
        begin, end = self.missing
        return self.published_at + begin <= at < self.published_at + end

    def spellings(self, at: datetime) -> tuple[str, ...]:
        """Its text as the platform shows it at a time, and the further ones beside it."""
        if self.respelt and at >= self.published_at + self.respelt[0]:
            return (self.respelt[1], *self.variants)
        return (self.text, *self.variants)


@dataclass(frozen=True, slots=True)
class Parcel:
    """
    One parcel with its whole life, past and future.

    :param waybills: (from when, number), oldest first.
    :param statuses: (from when, platform status), oldest first.
    :param dropped_at: when the platform takes it off the order's list for good.
    :param lines: order lines in it, from 0.
    :param by_publication: replies list the steps in the order they became known.
    :param carrier_respelt_at: from when a router calls its carrier by another code.
    :param has_new_codes: the platform's codes for being under way are none that anybody knows.
    """

    consignment_id: str
    carrier: Carrier
    waybills: tuple[tuple[datetime, str], ...]
    listed_at: datetime
    dropped_at: datetime | None
    lines: tuple[int, ...]
    steps: tuple[Step, ...]
    statuses: tuple[tuple[datetime, str], ...]
    by_publication: bool
    story: str
    carrier_respelt_at: datetime | None = None
    has_new_codes: bool = False

    def is_listed(self, at: datetime) -> bool:
        return self.listed_at <= at and (self.dropped_at is None or at < self.dropped_at)

    def shown(self, at: datetime) -> list[Step]:
        """The steps the platform shows at a time, in the order of its replies."""
        return [step for step in self.steps if step.is_shown(at)]

    def replied(self, at: datetime) -> list[Step]:
        """The steps of the reply that the platform gives at a time, which may be an old one."""
        return [step for step in self.shown(at) if not step.is_missing(at)]

    def platform_status(self, at: datetime) -> str:
        return [status for since, status in self.statuses if since <= at][-1]

    def waybill(self, at: datetime) -> str:
        return [number for since, number in self.waybills if since <= at][-1]


class Script:
    """
    Writes one parcel's steps as time goes by; `now` is the time of the last step.

    :param listed_at: when the platform lists the parcel (UTC).
    :param sign_lag: from a signature until the platform's status says so; drawn when left out.
    """

    def __init__(
        self,
        dice: random.Random,
        people: People,
        listed_at: datetime,
        sign_lag: timedelta | None = None,
    ) -> None:
        self.dice = dice
        self.people = people
        self.listed_at = self.now = listed_at
        self.carrier = dice.choices(CARRIERS, CARRIER_WEIGHTS)[0]
        self.origin, self.target = dice.sample(CITIES, 2)
        self.city = self.origin
        self.steps: list[Step] = []
        self.waybills = [(listed_at, self.carrier.new_waybill(dice))]
        usual_lag = timedelta(minutes=dice.randint(0, 40))
        self.sign_lag = usual_lag if sign_lag is None else sign_lag
        self.last_status: tuple[timedelta, str] | None = None
        self.first_status = "WAITACCEPT"
        self.corrected_at: datetime | None = None

    def wait(self, low: float, high: float) -> None:
        """Let between `low` and `high` hours pass."""
        self.now += timedelta(seconds=round(self.dice.uniform(low, high) * 3600))

    def write(self, label: str, texts: Sequence[str], sign_kind: str = "", **words: str) -> None:
        """Add a step now, with one of the texts filled in."""
        self.steps.append(self._step(label, texts, sign_kind, **words))

    def change_last(self, **changes: Any) -> None:
        """Change the step written last; see `Step`."""
        self.steps[-1] = replace(self.steps[-1], **changes)

    def replace_last(
        self, minutes: tuple[int, int], label: str, texts: Sequence[str], **words: str
    ) -> None:
        """After some minutes the platform has another text in place of the last step."""
        self.change_last(shown_for=timedelta(minutes=self.dice.randint(*minutes)))
        self.write(label, texts, **words)
        self.change_last(replaces_last=True, is_backed=self.steps[-2].is_backed)

    def live_before(self, low: float, high: float) -> None:
        """Let the number have had another parcel, delivered so many days ago."""
        now, origin, target = self.now, self.origin, self.target
        self.origin, self.target = self.dice.sample(CITIES, 2)
        self.now -= timedelta(days=6)
        self.wait(-24 * high, -24 * low)
        self.reach_the_door()
        self.sign(self.dice.choice(("self", "family")))
        self.steps = [replace(step, is_earlier_life=True) for step in self.steps]
        self.now, self.origin, self.target = now, origin, target
        self.city = origin

    def have_strangers_number(self) -> None:
        """Begin with the number of another parcel, which was signed shortly before."""
        for hours, label, texts, kind in (
            (40, "picked_up", carriers.COLLECTED[self.carrier.style], ""),
            (20, "signed", carriers.SIGNED["self"], "self"),
        ):
            self.now = self.listed_at - timedelta(hours=hours)
            self.write(label, texts, sign_kind=kind)
            self.change_last(is_strangers=True)
        self.now = self.listed_at

    def correct_number(self) -> None:
        """Get the number that is its own once that has a scan; the other's scans are gone then."""
        self.corrected_at = self.steps[-1].published_at
        self.waybills.append((self.corrected_at, self.carrier.new_waybill(self.dice)))

    def inherit(self, before: Parcel) -> None:
        """Get the number of another parcel, and with it the scans of its life."""
        self.carrier = before.carrier
        self.waybills = [(self.listed_at, before.waybills[-1][1])]
        self.steps = [replace(step, is_earlier_life=True) for step in before.steps]

    def collect(self) -> None:
        self.wait(1, 9)
        self.write("picked_up", carriers.COLLECTED[self.carrier.style])

    def travel(self, scans: int | None = None) -> None:
        """From the sender's site over the hubs to the last site, or the first scans of it."""
        style = self.carrier.style
        first_hub, last_hub = self.origin.hub, self.target.hub
        first_site, last_site = self.site(self.origin), self.site(self.target)
        stops = (
            (carriers.DEPARTED[style], self.origin, first_site, first_hub),
            (carriers.ARRIVED[style], self.origin, first_hub, ""),
            (carriers.DEPARTED[style], self.origin, first_hub, last_hub),
            (carriers.ARRIVED[style], self.target, last_hub, ""),
            (carriers.DEPARTED[style], self.target, last_hub, last_site),
            (carriers.ARRIVED_AT_SITE[style], self.target, last_site, ""),
        )
        for texts, city, here, there in stops[:scans]:
            self.city = city
            self.wait(0.5, 6)
            self.write("in_transit", texts, here=here, there=there)

    def dispatch(self) -> None:
        """Out for delivery between 8 and 11 of the next morning (or this one), Asia/Shanghai."""
        local = self.now.astimezone(SHANGHAI)
        morning = local.replace(hour=8, minute=0, second=0)
        if local > morning:
            morning += timedelta(days=1)
        self.now = morning.astimezone(UTC)
        self.wait(0.1, 3)
        self.write("out_for_delivery", carriers.DISPATCHED[self.carrier.style])

    def reach_the_door(self) -> None:
        self.collect()
        self.travel()
        self.dispatch()

    def fail(self) -> None:
        self.wait(1, 5)
        self.write("delivery_failed", carriers.FAILED)

    def store(self, kind: str) -> None:
        """Leave it at a station, in a locker or with an agency."""
        self.wait(0.5, 4)
        self.write("ready_for_pickup", carriers.STORED[kind])

    def sign(self, kind: str, low: float = 0.5, high: float = 6) -> None:
        self.wait(low, high)
        self.write("signed", carriers.SIGNED[kind], sign_kind=kind)

    def refuse(self) -> None:
        self.wait(0.5, 4)
        self.write("returning", carriers.REFUSED)

    def go_back(self) -> None:
        """Back to the sender; a plain scan on the way says nothing of the return."""
        self.wait(4, 16)
        self.write("returning", carriers.GOING_BACK, here=self.target.hub, there=self.origin.hub)
        self.city = self.origin
        self.wait(6, 20)
        self.write("in_transit", carriers.ARRIVED[self.carrier.style], here=self.origin.hub)

    def come_home(self) -> None:
        self.wait(4, 16)
        if self.dice.random() < 0.3:
            self.write("signed", (carriers.RETURNED_PLAIN,))
        else:
            self.write("returned", carriers.RETURNED)

    def vary_last(self, *variants: str) -> None:
        """Show the last step also in other spellings of the same scan."""
        self.change_last(variants=variants)

    def finish(
        self,
        consignment_id: str,
        *,
        lines: tuple[int, ...],
        story: str,
        dropped_at: datetime | None = None,
    ) -> Parcel:
        by_publication = self.dice.random() < 0.3
        steps = [self._until_corrected(step) for step in _published(self.dice, self.steps)]
        return Parcel(
            consignment_id=consignment_id,
            carrier=self.carrier,
            waybills=tuple(self.waybills),
            listed_at=self.listed_at,
            dropped_at=dropped_at,
            lines=lines,
            steps=_in_reply_order(steps, by_publication),
            statuses=self._statuses(steps),
            by_publication=by_publication,
            story=story,
        )

    def _until_corrected(self, step: Step) -> Step:
        if not step.is_strangers or self.corrected_at is None:
            return step
        return replace(step, shown_for=self.corrected_at - step.published_at)

    def _statuses(self, steps: list[Step]) -> tuple[tuple[datetime, str], ...]:
        """The platform's own status: follows the steps, a sign by up to 40 minutes."""
        statuses = [(self.listed_at, self.first_status)]
        if self.first_status == "WAITACCEPT" and self.dice.random() < 0.7:
            statuses.append((self.listed_at + timedelta(minutes=40), "ACCEPT"))
        known = sorted(
            (
                step
                for step in steps
                if step.label != "info_received"
                and step.occurred_at < FUTURE
                and step.is_event
                and not step.is_earlier_life
                and not step.is_strangers
            ),
            key=lambda step: step.published_at,
        )
        if known:
            statuses = [entry for entry in statuses if entry[0] < known[0].published_at]
            statuses.append((known[0].published_at, "TRANSPORT"))
        for step in sorted(known, key=lambda step: step.occurred_at):
            signs = step.label in FINAL_LABELS and step.is_backed
            if statuses[-1][1] == "SIGN" and step.label in CONTRADICTING_LABELS - FINAL_LABELS:
                statuses.append((step.published_at, "TRANSPORT"))
            elif signs and statuses[-1][1] != "SIGN":
                statuses.append((step.published_at + self.sign_lag, "SIGN"))
        if self.last_status:
            lag, status = self.last_status
            last_shown = max([self.listed_at, *(step.published_at for step in known)])
            statuses = [entry for entry in statuses if entry[0] < last_shown + lag]
            statuses.append((last_shown + lag, status))
        return tuple(statuses)

    def _step(self, label: str, texts: Sequence[str], sign_kind: str, **words: str) -> Step:
        dice, people = self.dice, self.people
        text = dice.choice(texts).format_map(
            {
                "city": self.city.full_name,
                "site": self.site(self.city),
                "brand": self.carrier.brand,
                "place": dice.choice(PLACES),
                "code": f"{dice.randint(1, 9)}-{dice.randint(1, 9)}-{dice.randint(1000, 9999)}",
                "courier": dice.choice(people.names),
                "signer": dice.choice(people.names),
                "mobile": dice.choice(people.mobiles),
                "mobile2": dice.choice(people.mobiles),
                "virtual": dice.choice(people.virtuals),
                "landline": dice.choice(people.landlines[self.city.area_code]),
            }
            | words
        )
        return Step(self.now, self.now, text, label, sign_kind)

    @staticmethod
    def site(city: City) -> str:
        """The carrier's branch in a city."""
        return f"{city.province}{city.name}{city.district}公司"


def _published(dice: random.Random, steps: list[Step]) -> list[Step]:
    """Give each step the time it becomes known: never after the sign (or end) that follows it."""
    published: list[Step] = []
    limit: datetime | None = None
    follower: Step | None = None
    for step in reversed(steps):
        if follower is not None and step.occurred_at == follower.occurred_at:
            shown_at = follower.published_at
        else:
            base = follower.occurred_at if step.occurred_at >= FUTURE and follower else None
            shown_at = (base or step.occurred_at) + _delay(dice)
        if limit is not None:
            shown_at = min(shown_at, limit)
        if limit is None or step.label in FINAL_LABELS:
            limit = shown_at
        follower = replace(step, published_at=shown_at)
        published.append(follower)
    published.reverse()
    for number, (last, step) in enumerate(pairwise(published), start=1):
        if step.replaces_last and last.withdrawn_at:
            published[number] = replace(step, published_at=last.withdrawn_at)
    return published


def _delay(dice: random.Random) -> timedelta:
    if dice.random() < LATE_SHARE:
        return timedelta(minutes=dice.randint(60, 300))
    return timedelta(seconds=dice.randint(60, 900))


def _in_reply_order(steps: list[Step], by_publication: bool) -> tuple[Step, ...]:
    if by_publication:
        return tuple(sorted(steps, key=lambda step: step.published_at))
    return tuple(sorted(steps, key=lambda step: step.occurred_at))
