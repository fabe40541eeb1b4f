"""What pruning needs, and what keeps the work on open orders apart from the many closed ones."""

from alembic import op

revision = "0005"
down_revision = "0004"

CHANGES = """
alter table tracking.tracked_order
    add column pruned_at timestamptz;
comment on column tracking.tracked_order.pruned_at is
    'When its parcels were deleted last; if it comes back, it starts anew and announces no past.';
create index tracked_order_prunable on tracking.tracked_order (order_id, closed_at)
    where closed_at is not null and parcels_asked_at is not null;
create index tracked_order_closed on tracking.tracked_order (closed_at)
    where closed_at is not null;
create index erp_row_open on tracking.erp_row (order_id) where closed_at is null;
create index erp_row_listed on tracking.erp_row (erp_key) where listed;
create index shipment_confirmed on tracking.shipment (sign_confirmed_at)
    where sign_confirmed_at is not null;
create statistics tracking.notification_waiting (mcv) on state, channel from tracking.notification;
"""


def upgrade() -> None:
    """Add the column, the indexes and what the planner must know."""
    op.get_bind().exec_driver_sql(CHANGES)
