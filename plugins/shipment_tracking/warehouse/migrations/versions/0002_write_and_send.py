"""What writing to the ERP, sending notices and alarms of stalled parcels need to know."""

from alembic import op

revision = "0002"
down_revision = "0001"

CHANGES = """
alter table tracking.erp_row
    add column sign_kind text,
    add column sign_event uuid,
    add column settled_event uuid,
    add column latest_trace text,
    add column latest_trace_at timestamptz,
    add column waybill_nos text,
    add column trace_changed boolean not null default false;
comment on column tracking.erp_row.sign_event is
    'The status change that made it signed: what mark_signed writes to the ERP once.';
comment on column tracking.erp_row.settled_event is
    'The sign_event that mark_signed is done with, whatever came of it.';
comment on column tracking.erp_row.trace_changed is
    'Whether the ERP shows another trace than this one.';
create index erp_row_unwritten on tracking.erp_row (erp_key)
    where sign_event is not null and sign_event is distinct from settled_event;
create index erp_row_trace_changed on tracking.erp_row (erp_key) where trace_changed;

alter table tracking.notification
    add column digest boolean not null default false,
    add column lease_owner text,
    add column lease_until timestamptz,
    add column lease_token bigint not null default 0;
comment on column tracking.notification.digest is
    'An alarm, sent together with others; else a notice of its own.';
drop index tracking.notification_pending;
drop index tracking.notification_shipment;
create index notification_shipment on tracking.notification (shipment_id, audience, channel);
create index notification_unaddressed on tracking.notification (notification_id)
    where state = 'pending' and channel = '';
create index notification_due on tracking.notification (audience, channel, due_at)
    where state = 'pending';
create index notification_sent on tracking.notification (audience, channel, sent_at)
    where state = 'sent';
create index notification_leased on tracking.notification (lease_owner)
    where lease_owner is not null;

alter table tracking.stall
    add column event_id uuid,
    add column cleared_event_id uuid;
comment on column tracking.stall.event_id is
    'Of the alarm that tells of it; cleared_event_id: of the notice that it is over.';
create unique index stall_event on tracking.stall (event_id);
create unique index stall_cleared_event on tracking.stall (cleared_event_id);
create index stall_open on tracking.stall (shipment_id) where cleared_at is null;

alter table tracking.shipment
    add column sign_was_confirmed boolean not null default false;
comment on column tracking.shipment.sign_was_confirmed is
    'Whether its sign was ever confirmed, even if it was withdrawn since.';
create index shipment_sign_withdrawn on tracking.shipment (shipment_id)
    where sign_was_confirmed and status <> 'signed';

update tracking.shipment set unsettled = true;
"""


def upgrade() -> None:
    """Add the columns; all parcels are judged once more, which fills them."""
    op.get_bind().exec_driver_sql(CHANGES)
