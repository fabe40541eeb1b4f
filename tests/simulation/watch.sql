-- What must never go back in time is watched; each time it does is written down.
create schema simulation;
create table simulation.went_back (
    what text not null,
    id bigint not null,
    from_time timestamptz not null,
    to_time timestamptz
);
create function simulation.note_what_went_back() returns trigger language plpgsql as $$
declare
    was jsonb := to_jsonb(old);
    is_now jsonb := to_jsonb(new);
    moment text;
begin
    foreach moment in array tg_argv[1:] loop
        if
            was ->> moment is not null
            and (
                is_now ->> moment is null
                or cast(is_now ->> moment as timestamptz) < cast(was ->> moment as timestamptz)
            )
        then
            insert into simulation.went_back
            values (
                tg_table_name || '.' || moment,
                cast(was ->> tg_argv[0] as bigint),
                cast(was ->> moment as timestamptz),
                cast(is_now ->> moment as timestamptz)
            );
        end if;
    end loop;
    return null;
end
$$;
-- What begins anew after its parcels were pruned forgets when they were asked for.
create trigger watch after update on tracking.tracked_order for each row
when (
    new.pruned_at is not distinct from old.pruned_at
    and (
        new.last_polled_at is distinct from old.last_polled_at
        or new.parcels_asked_at is distinct from old.parcels_asked_at
    )
)
execute function simulation.note_what_went_back(
    'order_id', 'last_polled_at', 'parcels_asked_at'
);
create trigger watch after update on tracking.shipment for each row
when (new.platform_status_at is distinct from old.platform_status_at)
execute function simulation.note_what_went_back('shipment_id', 'platform_status_at');

-- What is pruned is kept here, so that everything that was ever said can be looked at.
create table simulation.notification (like tracking.notification);
create table simulation.status_change (like tracking.status_change);
create table simulation.shipment (like tracking.shipment);
create function simulation.keep_what_is_pruned() returns trigger language plpgsql as $$
begin
    execute 'insert into simulation.' || tg_table_name || ' select ($1).*' using old;
    return null;
end
$$;
create trigger keep after delete on tracking.notification for each row
when (old.state <> 'pending')
execute function simulation.keep_what_is_pruned();
create trigger keep after delete on tracking.status_change for each row
execute function simulation.keep_what_is_pruned();
create trigger keep after delete on tracking.shipment for each row
execute function simulation.keep_what_is_pruned();
create view simulation.every_notification as
select * from tracking.notification
union all
select * from simulation.notification;
create view simulation.every_status_change as
select * from tracking.status_change
union all
select * from simulation.status_change;
create view simulation.every_shipment as
select * from tracking.shipment
union all
select * from simulation.shipment;
