"""
How often the estimated arrival holds, and how well stalls are found, over a year of stories.

``ETA_SEED`` of the environment makes another year.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import Engine, text

from shipment_tracking.channels.port import Channels
from shipment_tracking.domain import calendars, stalls
from shipment_tracking.domain.models import Run
from shipment_tracking.steps import report_stalled
from shipment_tracking.warehouse import eta

from .eta_story import DAY, FIRST_DAY, HOUR, LAST_DAY, SHANGHAI, Story, stories
from .figures import Figure
from .stage import ACCOUNT, Theatre

SEED = int(os.environ.get("ETA_SEED", "2026"))
PER_DAY = 20
EVERY = timedelta(hours=8)
JUDGED_FROM = datetime(2026, 1, 1, tzinfo=SHANGHAI)

TABLES = """
create table told (
    shipment_id bigint primary key, carrier_code text, shipped_at timestamptz, signed_at timestamptz
);
create table happened (shipment_id bigint, at timestamptz, status text, place integer);
"""

SHIP = """
insert into tracking.tracked_order (platform, account, platform_order_id, first_seen_at)
select '1688', :account, cast(shipment_id as text), shipped_at from told
where shipped_at > :before and shipped_at <= :now order by shipment_id;
insert into tracking.erp_row (erp_key, order_id, account, shipped_at, listed, first_seen_at)
select 'SO' || order_id, order_id, account, first_seen_at, true, first_seen_at
from tracking.tracked_order where first_seen_at > :before;
insert into tracking.shipment (account, consignment_id, waybill_no, carrier_code, carrier_name)
select :account, platform_order_id, 'YT' || order_id, told.carrier_code, told.carrier_code
from tracking.tracked_order inner join told on told.shipment_id = order_id
where first_seen_at > :before order by order_id;
insert into tracking.order_shipment (order_id, shipment_id, first_seen_at)
select order_id, order_id, first_seen_at from tracking.tracked_order where first_seen_at > :before;
"""

HAPPEN = """
insert into tracking.trace_event (
    shipment_id, occurred_at, event_hash, hash_version, position, future_dated, status,
    description, fetched_at
)
select shipment_id, at, place, 1, place, false, status, '快件已发出', :now from happened
where at > :before and at <= :now;
insert into tracking.status_change (
    event_id, shipment_id, from_status, to_status, occurred_at, detected_at, run_id
)
select gen_random_uuid(), shipment_id, was, status, at, :now, 'run' from (
    select *, lag(status, 1, 'pending') over (partition by shipment_id order by place) as was
    from happened
    where shipment_id in (
        select shipment_id from happened where at > :before and at <= :now
    )
) as trail
where at > :before and at <= :now and status <> was;
update tracking.shipment set
    status = newest.status,
    last_event_at = newest.at,
    last_event_status = newest.status,
    first_event_at = coalesce(first_event_at, newest.at),
    event_count = newest.place,
    signed_at = case when newest.status = 'signed' then newest.at end,
    sign_confirmed_at = case when newest.status = 'signed' then cast(:now as timestamptz) end
from (
    select distinct on (shipment_id) * from happened where at > :before and at <= :now
    order by shipment_id, place desc
) as newest
where shipment.shipment_id = newest.shipment_id;
update tracking.tracked_order set closed_at = :now
from tracking.shipment
where shipment_id = order_id and shipment.status = 'signed' and closed_at is null;
update tracking.erp_row set signed_at = :now, closed_at = :now
from tracking.tracked_order
where tracked_order.order_id = erp_row.order_id and tracked_order.closed_at = :now;
update tracking.tracked_order set last_polled_at = :now where closed_at is null;
"""

SCORE = """
select
    told.carrier_code,
    case
        when status in ('pending', 'info_received') then 'pickup'
        when status = 'picked_up' then 'in_transit'
        else status
    end as stage,
    count(*) as parcels,
    count(eta_p90) as estimates,
    count(*) filter (where signed_at <= eta_p50) as by_p50,
    count(*) filter (where signed_at <= eta_p90) as by_p90
from tracking.shipment_eta
inner join told using (shipment_id)
where eta_basis is not null or estimated_at = :now
group by 1, 2
"""

Counts = dict[tuple[str, str], list[int]]


def run(theatre: Theatre) -> list[Figure]:
    """Live through the year, eight hours a step, and compare with how each story ends."""
    told = list(stories(SEED, PER_DAY))
    warehouse = theatre.warehouse()
    _tell(warehouse, told)
    scores: Counts = defaultdict(lambda: [0, 0, 0, 0])
    months: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    clock = calendars.load()
    now = _midnight(FIRST_DAY)
    silent: dict[str, list[datetime]] = defaultdict(list)
    while now < _midnight(LAST_DAY):
        now += EVERY
        _step(warehouse, now)
        this_run = Run(now.isoformat(), "scheduled", now)
        eta.refresh(warehouse, this_run, clock, now=now)
        report_stalled.run(
            warehouse, this_run, channels=lambda _: Channels([], {}), owner="bench", now=now
        )
        if now >= JUDGED_FROM:
            with warehouse.connect() as connection:
                for code in connection.execute(text("table tracking.silent_carrier")).scalars():
                    silent[code].append(now)
                for carrier, stage, *counts in connection.execute(text(SCORE), {"now": now}):
                    for key, table in (((carrier, stage), scores), (now.month, months)):
                        table[key] = [sum(pair) for pair in zip(table[key], counts, strict=True)]
    return [
        *_arrivals(scores, months),
        *_promises(warehouse),
        *_stalls(warehouse, told),
        *_silences(silent),
    ]


def _midnight(day: object) -> datetime:
    return datetime.fromisoformat(f"{day}T00:00:00+08:00")


def _tell(warehouse: Engine, told: Sequence[Story]) -> None:
    with warehouse.begin() as connection:
        for command in TABLES.split(";")[:-1]:
            connection.execute(text(command))
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor, cursor.copy("copy told from stdin") as copy:
            for each in told:
                copy.write_row((each.number, each.carrier.code, each.shipped_at, each.signed_at))
        with driver.cursor() as cursor, cursor.copy("copy happened from stdin") as copy:
            for each in told:
                for place, (at, status) in enumerate(each.events, 1):
                    copy.write_row((each.number, at, status, place))
        connection.execute(text("create index on happened (at)"))
        connection.execute(text("create index on happened (shipment_id)"))


def _step(warehouse: Engine, now: datetime) -> None:
    """What happened since the last step is known."""
    binds = {"now": now, "before": now - EVERY, "account": ACCOUNT}
    with warehouse.begin() as connection:
        for command in (SHIP + HAPPEN).split(";")[:-1]:
            connection.execute(text(command), binds)


def _arrivals(scores: Counts, months: dict[int, list[int]]) -> list[Figure]:
    by_carrier: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    by_stage: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    total = [0, 0, 0, 0]
    for (carrier, stage), counts in scores.items():
        for table, key in ((by_carrier, carrier), (by_stage, stage)):
            table[key] = [sum(pair) for pair in zip(table[key], counts, strict=True)]
        total = [sum(pair) for pair in zip(total, counts, strict=True)]
    rows = [
        *((code, counts) for code, counts in sorted(by_carrier.items())),
        *((stage, counts) for stage, counts in sorted(by_stage.items())),
        *((f"month {month}", counts) for month, counts in sorted(months.items())),
    ]
    return [
        _share("signed by the p90, all", total[3], total[1], 0.88, at_least=True),
        _share("signed by the p90, all", total[3], total[1], 0.95),
        _share("signed by the p50, all", total[2], total[1], 0.45, at_least=True),
        _share("signed by the p50, all", total[2], total[1], 0.55),
        _share("parcels on their way that have an estimate", total[1], total[0]),
        *(
            Figure(
                "eta",
                f"signed by the p90, {name}",
                counts[3] / max(1, counts[1]),
                "",
                note=f"p50 {counts[2] / max(1, counts[1]):.3f}, of {counts[1]:,} estimates",
            )
            for name, counts in rows
        ),
    ]


def _share(name: str, part: float, whole: float, target: float | None = None, **of: bool) -> Figure:
    return Figure("eta", name, part / max(1, whole), "", target=target, **of)


def _promises(warehouse: Engine) -> list[Figure]:
    query = (
        "select count(*), count(*) filter (where signed_at <= expected_by),"
        " count(*) filter (where delayed_at is not null)"
        " from tracking.shipment_eta inner join told using (shipment_id)"
        " where expected_by is not null and shipped_at >= :since and shipped_at < :until"
    )
    binds = {"since": JUDGED_FROM, "until": _midnight(LAST_DAY) - 20 * DAY}
    with warehouse.connect() as connection:
        parcels, kept, delayed = connection.execute(text(query), binds).one()
    return [
        _share("signed by the first p90 that was given", kept, parcels),
        _share("announced as later than expected", delayed, parcels),
    ]


def _stalls(warehouse: Engine, told: Sequence[Story]) -> list[Figure]:
    query = (
        "select shipment_id, since, opened_at, stage from tracking.stall"
        " where stage in ('pickup', 'in_transit', 'out_for_delivery') and opened_at >= :since"
    )
    with warehouse.connect() as connection:
        alarms = connection.execute(text(query), {"since": JUDGED_FROM}).all()
        on_strike = {each.number for each in told if each.was_on_strike}
        silence = sum(alarm.shipment_id in on_strike for alarm in alarms)
    by_number = {each.number: each for each in told}
    learnt = [
        (alarm.shipment_id, alarm.since, alarm.opened_at)
        for alarm in alarms
        if alarm.shipment_id not in on_strike
    ]
    fixed = [
        (each.number, since, since + hours * HOUR)
        for each in told
        if not each.was_on_strike
        for since, until, hours in _waits(each)
        if until - since > hours * HOUR + EVERY / 2 and since + hours * HOUR >= JUDGED_FROM
    ]
    ends = _midnight(LAST_DAY)
    real = [
        (each.number, began, ended or ends)
        for each in told
        if not each.was_on_strike
        for began, ended in each.standstills
        if began >= JUDGED_FROM and began < ends - 10 * DAY
    ]
    judged = [each for each in told if each.shipped_at >= JUDGED_FROM]
    shipped = len(judged)
    parcel_days = sum(((each.signed_at or ends) - each.shipped_at) / DAY for each in judged)
    figures = []
    for name, found, targets in (("learnt", learnt, (0.90, 0.95)), ("fixed", fixed, (None, None))):
        true = sum(_is_real(by_number[number], at) for number, _, at in found)
        at_times = defaultdict(list)
        for number, _, at in found:
            at_times[number].append(at)
        waits = [
            min(at - began for at in at_times[number] if began <= at <= ended) / HOUR
            for number, began, ended in real
            if any(began <= at <= ended for at in at_times[number])
        ]
        figures += [
            Figure(
                "eta",
                f"stalls, {name}: precision",
                true / max(1, len(found)),
                "",
                target=targets[0],
                at_least=True,
                note=f"of {len(found):,} alarms",
            ),
            Figure(
                "eta",
                f"stalls, {name}: recall",
                len(waits) / max(1, len(real)),
                "",
                target=targets[1],
                at_least=True,
                note=f"of {len(real):,} standstills",
            ),
            Figure("eta", f"stalls, {name}: until the alarm, median", median(waits), "h"),
            Figure(
                "eta",
                f"stalls, {name}: alarms of 1,000 parcels shipped",
                len(found) / shipped * 1000,
                "",
            ),
            Figure(
                "eta",
                f"stalls, {name}: alarms a day of 1,000 parcels under way",
                len(found) / parcel_days * 1000,
                "",
            ),
        ]
    name = "single alarms for the parcels of the strike"
    figures.append(Figure("eta", name, silence, "", note=f"{len(on_strike)} parcels"))
    return figures


def _silences(silent: dict[str, list[datetime]]) -> list[Figure]:
    return [
        Figure(
            "eta",
            f"days in which {code} was found silent",
            len(times) * EVERY / DAY,
            "days",
            note=f"{times[0]:%m-%d %H:%M} to {times[-1]:%m-%d %H:%M}",
        )
        for code, times in sorted(silent.items())
    ]


def _waits(story: Story) -> list[tuple[datetime, datetime, float]]:
    """From when to when a parcel had no scan, with the fixed hours of its stage."""
    hours = stalls.HOURS
    first = next((at for at, status in story.events if status == "picked_up"), None)
    end = _midnight(LAST_DAY)
    found = [(story.shipped_at, first or end, hours["pickup"])]
    for (at, status), after in zip(story.events, [*story.events[1:], (end, "")], strict=True):
        if status in ("picked_up", "in_transit"):
            found.append((at, after[0], hours["in_transit"]))
        elif status == "out_for_delivery":
            found.append((at, after[0], hours["out_for_delivery"]))
    return found


def _is_real(story: Story, at: datetime) -> bool:
    ends = _midnight(LAST_DAY)
    return any(began <= at <= (ended or ends) for began, ended in story.standstills)
