"""What reading the platforms' change feeds needs to know."""

from alembic import op

revision = "0006"
down_revision = "0005"

CHANGES = """
create table tracking.feed (
    account text primary key,
    feed text not null,
    cursor_at timestamptz not null,
    trusted_since timestamptz,
    reported bigint not null default 0,
    missed bigint not null default 0,
    last_error text
);
comment on table tracking.feed is
    'How far an account''s change feed was read, and what came of it.';
comment on column tracking.feed.cursor_at is
    'Every change until then was reported, and its order made due.';
comment on column tracking.feed.trusted_since is
    'Since when every reading succeeded; null: orders are asked for as if there were no feed.';
comment on column tracking.feed.reported is 'Changes of open orders that the feed reported.';
comment on column tracking.feed.missed is 'Changes that a poll found and the feed never reported.';

alter table tracking.tracked_order
    add column changed_at timestamptz,
    add column reported_at timestamptz,
    add column unreported_at timestamptz;
comment on column tracking.tracked_order.changed_at is
    'By its platform: its newest change that a feed reported; reported_at: when that was read.';
comment on column tracking.tracked_order.unreported_at is
    'When a poll found what the feed should report; it still may.';
create index tracked_order_platform_order_id on tracking.tracked_order (platform_order_id)
    where closed_at is null;
create index tracked_order_unreported on tracking.tracked_order (account)
    where unreported_at is not null;

grant all on tracking.feed to tracking_owner;
grant select, insert, update, delete on tracking.feed to tracking_writer;
"""


def upgrade() -> None:
    """Add the table and the columns."""
    op.get_bind().exec_driver_sql(CHANGES)
