"""What calling for an account needs to know: its renewed tokens, and whether it is let in."""

from alembic import op

revision = "0003"
down_revision = "0002"

CHANGES = """
drop table tracking.token;
create table tracking.token (
    pair text primary key,
    account text not null,
    secret bytea,
    expires_at timestamptz,
    refresh_expires_at timestamptz,
    stored_at timestamptz,
    lease_owner text,
    lease_until timestamptz
);
comment on table tracking.token is
    'Renewed access tokens; nothing was ever stored in the table that this one replaces.';
comment on column tracking.token.pair is
    'Digest of the pair in the connection, which this one followed: a new one there wins.';
comment on column tracking.token.secret is
    'The token pair, encrypted with the Fernet key; null until the first was stored.';

create table tracking.circuit (
    account text primary key,
    opened_at timestamptz not null,
    failures integer not null,
    reason text not null
);
comment on table tracking.circuit is
    'Accounts whose last lane failed as a whole: the next one asks for a single order first.';

grant all on tracking.token, tracking.circuit to tracking_owner;
grant select, insert, update, delete on tracking.token, tracking.circuit to tracking_writer;
"""


def upgrade() -> None:
    """Renew the table of tokens, add the one of circuits."""
    op.get_bind().exec_driver_sql(CHANGES)
