"""
Leases with a fencing token on rows of the warehouse: orders, notices, renewals of tokens.

A lease keeps two workers from doing the same at once. Each time a row is leased its fencing token
grows, so that a stale worker, whose lease ran out, cannot write: it fails the fencing check.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Result

from shipment_tracking.statements import query


@dataclass(frozen=True, slots=True)
class Leases:
    """
    The leases of one owner on the rows of one table.

    :param table: of the schema ``tracking``, with columns ``lease_owner``, ``lease_until`` and
        ``lease_token``.
    :param id: the column that names a row.
    :param owner: the same for every try of a task, so that a retry takes its own leases back.
    :param length: of a lease, by the database's clock.
    """

    table: str
    id: str
    owner: str
    length: timedelta

    def take(self, connection: Connection, ids: Iterable[int]) -> dict[int, int]:
        """
        Lease the rows that nobody holds; in the order of ``ids``, their new tokens by id.

        The caller has locked the rows in this transaction, or can do without some of them.
        """
        wanted = list(ids)
        rows = self._execute(connection, "take", ids=wanted, lease=self.length)
        tokens = {row.id: row.token for row in rows}
        return {each: tokens[each] for each in wanted if each in tokens}

    def fence(
        self, connection: Connection, tokens: Mapping[int, int], *, only_live: bool = True
    ) -> set[int]:
        """
        The fencing check: lock the rows that are still leased under these tokens.

        :param only_live: leave out leases that ran out or were given back.
        :returns: their ids.
        """
        if not tokens:
            return set()
        rows = self._execute(
            connection,
            "fence",
            ids=list(tokens),
            tokens=list(tokens.values()),
            only_live=only_live,
        )
        return {row.id for row in rows}

    def renew(self, connection: Connection, tokens: Mapping[int, int]) -> set[int]:
        """Extend the leases that are still live, and return the ids of their rows."""
        held = self.fence(connection, tokens)
        self._execute(connection, "extend", ids=sorted(held), lease=self.length)
        return held

    def release(self, connection: Connection, tokens: Mapping[int, int]) -> None:
        """Free the rows that were not leased to anybody else since."""
        self.free(connection, self.fence(connection, tokens, only_live=False))

    def take_back(self, connection: Connection) -> None:
        """Free everything that an earlier try of the owner left leased."""
        self.free(connection, [row.id for row in self._execute(connection, "owned")])

    def free(self, connection: Connection, ids: Iterable[int]) -> None:
        """Free rows that passed the fencing check in this transaction."""
        if rows := sorted(ids):
            self._execute(connection, "free", ids=rows)

    def _execute(self, connection: Connection, name: str, **binds: Any) -> Result[Any]:
        statement = query(f"leases.{name}", leased_table=self.table, leased_id=self.id)
        return connection.execute(statement, {"owner": self.owner, **binds})
