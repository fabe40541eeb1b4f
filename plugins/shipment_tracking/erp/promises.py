"""By when an ERP says that deliveries were promised."""

import logging
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import RowMapping

from shipment_tracking.erp.database import ErpDatabase

log = logging.getLogger(__name__)


class Promises:
    """
    Reads by when deliveries were promised, where the list says so.

    One that cannot be read is missing: the row is tracked without it.
    """

    def __init__(self, file_name: str, erp: ErpDatabase) -> None:
        self._file_name, self._erp = file_name, erp
        self._unreadable: list[str] = []

    def read(self, row: RowMapping) -> datetime | None:
        """A day, or a time at midnight, is kept until it ends."""
        try:
            promised_at = self._erp.read_time(row.get("promised_at"))
        except ValueError as error:
            self._unreadable.append(f"order {row['erp_key']}: {error}")
            return None
        if promised_at is None:
            return None
        local = promised_at.astimezone(self._erp.timezone)
        if local.time() != time():
            return promised_at
        return (local + timedelta(days=1)).astimezone(UTC)

    def report(self) -> None:
        """Log how many cannot be read."""
        if self._unreadable:
            log.warning(
                "%s: promised_at of %d rows cannot be read and is left out, such as of %s",
                self._file_name,
                len(self._unreadable),
                self._unreadable[0],
            )
