"""What the rules of evidence need to know, and the steps of replies that cannot be used."""

from alembic import op

revision = "0007"
down_revision = "0006"

CHANGES = """
alter table tracking.trace_event
    add column decided_by text not null default '',
    add column earlier_life boolean not null default false,
    add column withdrawn_at timestamptz;
comment on column tracking.trace_event.decided_by is
    'What decided its status: action, owner, model or the id of a rule.';
comment on column tracking.trace_event.earlier_life is
    'More than 48 hours older than the shipping: it belongs to an earlier parcel with this number.';
comment on column tracking.trace_event.withdrawn_at is
    'When a newer reply no longer held it; since then it is no evidence.';

alter table tracking.shipment
    add column trace_fetched_at timestamptz,
    add column trace_since timestamptz,
    add column trace_waybill_no text,
    add column announced_status text not null default 'pending',
    add column last_event_status text;
comment on column tracking.shipment.trace_fetched_at is 'When its newest loaded reply was fetched.';
comment on column tracking.shipment.trace_since is
    'The time of the oldest event in its newest loaded reply.';
comment on column tracking.shipment.trace_waybill_no is
    'The waybill number that its newest loaded reply named it by.';
comment on column tracking.shipment.announced_status is
    'Its status, leaving out a signature that was never confirmed: what people may know.';
update tracking.shipment
set announced_status = status
where status <> 'signed' or sign_confirmed_at is not null;

alter table tracking.notification add column from_status text;
comment on column tracking.notification.from_status is
    'The status that was announced before; null: that of the status change.';

alter table tracking.shipment add column router_code text;
comment on column tracking.shipment.router_code is
    'The carrier''s code as a router spells it, with which its traces are asked for; null where '
    'the platform gives its parcels ids of their own.';
update tracking.shipment
set router_code = left(consignment_id, -(length(waybill_no) + 1))
where right(consignment_id, length(waybill_no) + 1) = ':' || waybill_no;

alter table tracking.erp_row add column sign_error text;
comment on column tracking.erp_row.sign_error is
    'Why it cannot be signed although its parcels are, or which parcel it lacks.';
alter table tracking.erp_row
    add column shown_at timestamptz,
    add column trace_error text;
comment on column tracking.erp_row.shown_at is 'When the ERP last took its trace.';
comment on column tracking.erp_row.trace_error is 'Why the ERP did not take its trace last time.';

-- The same as domain.waybills.fold.
create function tracking.fold_waybill(waybill_no text) returns text
language sql immutable parallel safe
return nullif(
    upper(
        regexp_replace(
            normalize(waybill_no, nfkc),
            '[[:space:]\u0001-\u0020\u007f\u0085\u00a0\u1680\u200b-\u200f\u2028\u2029\u2060\ufeff]+',
            '',
            'g'
        )
    ),
    ''
);
comment on function tracking.fold_waybill is 'The form in which waybill numbers are compared.';

create table tracking.rejected_event (
    order_id bigint not null references tracking.tracked_order,
    consignment_id text not null,
    waybill_no text,
    occurred_at_text text not null,
    description text not null,
    reason text not null,
    fetched_at timestamptz not null,
    event_hash bigint not null,
    primary key (order_id, consignment_id, event_hash)
);
comment on table tracking.rejected_event is 'Steps of replies that cannot become trace events.';
comment on column tracking.rejected_event.event_hash is
    'Over time, description and reason, so that a repeated reply adds nothing.';

grant all on tracking.rejected_event to tracking_owner;
grant select, insert, update, delete on tracking.rejected_event to tracking_writer;
update tracking.shipment set unsettled = true;
"""


def upgrade() -> None:
    """Add the columns and the table; all parcels are judged once more."""
    op.get_bind().exec_driver_sql(CHANGES)
