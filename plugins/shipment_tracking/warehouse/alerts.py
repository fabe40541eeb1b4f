"""
The pipeline's own troubles: one alert for each kind and subject while it lasts.

Notices of alerts stand in the outbox beside those of parcels, without a parcel, and are claimed and
acknowledged alike.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection

from shipment_tracking.channels.port import OPS, Channels
from shipment_tracking.domain.masking import mask
from shipment_tracking.statements import query
from shipment_tracking.warehouse.outbox import Claim, Outbox
from shipment_tracking.warehouse.rows import JsonRows, fetch

NEWS = timedelta(days=6)
"""An end that is older is not told any more; notices are kept for longer."""

MOST_DETAIL = 500  # characters
_OWN = {"due", "waiting"}


@dataclass(frozen=True, slots=True)
class Trouble:
    """
    Something that is wrong now.

    :param kind: one of ``domain.health.KINDS``.
    :param account: the only one it is about, if it is about one.
    :param subject: names it among those of its kind.
    :param severity: ``critical`` or ``warning``.
    """

    kind: str
    account: str | None
    subject: str
    severity: str
    detail: str


@dataclass(frozen=True, slots=True)
class AlertRow:
    """A trouble, with the ids of its alert's notices should it be a new one."""

    kind: str
    account: str | None
    subject: str
    severity: str
    detail: str
    event_id: UUID
    cleared_event_id: UUID


@dataclass(frozen=True, slots=True)
class AlertContent:
    """
    What may be said of an alert's notice. Times are aware.

    :param account: empty where it is about no single one.
    :param lasted_until: when it ended, or now.
    """

    notification_id: int
    created_at: datetime
    kind: str
    account: str
    subject: str
    severity: str
    opened_at: datetime
    lasted_until: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class UntoldAlert:
    """An open alert that nobody was told of."""

    kind: str
    subject: str
    severity: str
    detail: str


FOUND = JsonRows(AlertRow, "found", "alerts.clear", "alerts.open")


@dataclass(frozen=True, slots=True)
class AlertOutbox(Outbox):
    """The notices of alerts, which have no parcel and go to ops alone."""

    digest: bool = True

    def keep(self, connection: Connection, troubles: Iterable[Trouble]) -> dict[str, int]:
        """
        Open an alert for each trouble that has none, and clear those whose trouble is over.

        :returns: how many alerts were ``opened`` and ``cleared``.
        """
        rows = [self._row(trouble) for trouble in troubles]
        found = FOUND(rows)
        connection.execute(query("outbox.lock"))
        binds = {"now": self.now, "only_account": self.this_run.only_account}
        cleared = connection.execute(query("alerts.clear"), binds | found).all()
        kept = connection.execute(query("alerts.open"), binds | found).all()
        new_ids = {row.event_id for row in rows}
        opened = sum(row.event_id in new_ids for row in kept)
        return {"opened": opened, "cleared": len(cleared)}

    def address_to(self, connection: Connection, channels: Channels) -> None:
        """Give alerts nobody was told of, and ends of those that were told, a notice a channel."""
        binds = {
            "now": self.now,
            "news": NEWS,
            "channels": [each.channel_name for each in channels.destinations],
            "is_broken": OPS in channels.broken,
        }
        connection.execute(query("alerts.address"), binds)

    def untold(self, connection: Connection) -> list[UntoldAlert]:
        """The open alerts that nobody was told of."""
        return fetch(connection, "alerts.untold", UntoldAlert)

    def runs_told(
        self, claims: Sequence[Claim]
    ) -> list[tuple[datetime, list[tuple[Claim, AlertContent]]]]:
        """
        The notices with what may be said of them, by the run that made them.

        Of a run the critical ones are first, then they go by kind and subject.
        """
        notices = [claim.notification_id for claim in claims]
        with self.engine.begin() as connection:
            found = fetch(
                connection, "alerts.contents", AlertContent, notices=notices, now=self.now
            )
        rows = {row.notification_id: row for row in found}
        runs: dict[datetime, list[tuple[Claim, AlertContent]]] = {}
        for claim in claims:
            row = rows[claim.notification_id]
            runs.setdefault(row.created_at, []).append((claim, row))
        return [(time, sorted(runs[time], key=_by_urgency)) for time in sorted(runs)]

    def _row(self, trouble: Trouble) -> AlertRow:
        return AlertRow(
            trouble.kind,
            trouble.account,
            trouble.subject,
            trouble.severity,
            mask(trouble.detail)[:MOST_DETAIL],
            uuid4(),
            uuid4(),
        )

    def _execute(self, connection: Connection, name: str, **binds: Any) -> Any:
        module = "alerts" if name in _OWN else "outbox"
        given = {"now": self.now, "digest": self.digest, **binds}
        return connection.execute(query(f"{module}.{name}"), given)


def _by_urgency(told: tuple[Claim, AlertContent]) -> tuple[bool, str, str]:
    _, alert = told
    return alert.severity != "critical", alert.kind, alert.subject
