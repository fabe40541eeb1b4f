"""What deciding on an order's next poll needs to know."""

from alembic import op

revision = "0004"
down_revision = "0003"

CHANGES = """
alter table tracking.tracked_order
    add column reopened_at timestamptz,
    add column quiet_since timestamptz;
comment on column tracking.tracked_order.reopened_at is
    'When it was closed and came back; it is not called quiet by what was before.';
comment on column tracking.tracked_order.quiet_since is
    'Set when no rule polls it any more: since when nothing new is known; it is closed next.';
create index tracked_order_quiet on tracking.tracked_order (order_id)
    where quiet_since is not null and closed_at is null;

create table tracking.transit_time (
    carrier_code text primary key,
    parcels integer not null,
    early interval,
    late interval,
    learnt_at timestamptz not null
);
comment on table tracking.transit_time is
    'How long parcels usually take from pick-up to out for delivery; the empty code: all carriers.';

grant all on tracking.transit_time to tracking_owner;
grant select, insert, update, delete on tracking.transit_time to tracking_writer;
"""


def upgrade() -> None:
    """Add the columns and the table."""
    op.get_bind().exec_driver_sql(CHANGES)
