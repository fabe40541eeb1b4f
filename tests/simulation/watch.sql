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
create trigger watch after update on tracking.tracked_order for each row
when (
    new.last_polled_at is distinct from old.last_polled_at
    or new.parcels_asked_at is distinct from old.parcels_asked_at
)
execute function simulation.note_what_went_back(
    'order_id', 'last_polled_at', 'parcels_asked_at'
);
create trigger watch after update on tracking.shipment for each row
when (new.platform_status_at is distinct from old.platform_status_at)
execute function simulation.note_what_went_back('shipment_id', 'platform_status_at');
