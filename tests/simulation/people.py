"""People at the ERP, who edit its rows whenever they like."""

import random
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Engine, select, text, update

from sandbox.erp import erp_order


class People:
    """
    What people did by hand, and what must stand therefore.

    :param signed: when they signed an order, by its number.
    :param took_back: numbers of orders whose sign, written by the pipeline, they took back.
    :param unrecorded: those of them that they took back before the pipeline recorded its write; if
        it dies right then, it cannot tell this from an edit of an unsigned row.
    """

    def __init__(self, erp: Engine, warehouse: Engine, zone: tzinfo) -> None:
        self.erp = erp
        self.warehouse = warehouse
        self.zone = zone
        self.signed: dict[str, datetime] = {}
        self.took_back: set[str] = set()
        self.unrecorded: set[str] = set()

    @property
    def decided(self) -> set[str]:
        """Numbers of the orders that follow people now, not their parcels."""
        return self.took_back | self.signed.keys()

    def edit(self, times: int, at: datetime, dice: random.Random) -> None:
        """Edit some rows, each after a moment (world time, aware)."""
        for _ in range(times):
            moment = at + timedelta(seconds=dice.randint(1, 1500))
            stamp = moment.astimezone(self.zone).replace(tzinfo=None, microsecond=0)
            edit = dice.choice((self._touch, self._touch, self._sign, self._take_back))
            edit(stamp, dice)

    def _touch(self, stamp: datetime, dice: random.Random) -> None:
        self._change(dice, "SHIPPED", updated_at=stamp, priority=dice.choice((0, 1)))

    def _sign(self, stamp: datetime, dice: random.Random) -> None:
        order_no = self._change(dice, "SHIPPED", updated_at=stamp, status="SIGNED", signed_at=stamp)
        if order_no:
            self.signed[order_no] = stamp

    def _take_back(self, stamp: datetime, dice: random.Random) -> None:
        order_no = self._change(
            dice, "SIGNED", updated_at=stamp, status="SHIPPED", signed_at=None, sign_kind=None
        )
        if order_no:
            self.took_back.add(order_no)
            if not self._is_recorded(order_no):
                self.unrecorded.add(order_no)

    def _is_recorded(self, order_no: str) -> bool:
        signed = "select 1 from tracking.erp_writeback where erp_key = :key and outcome = 'signed'"
        with self.warehouse.connect() as connection:
            return connection.execute(text(signed), {"key": order_no}).first() is not None

    def _change(self, dice: random.Random, found_in: str, /, **values: Any) -> str | None:
        """Edit a row that the pipeline works on; returns its number if it still was so."""
        ours = erp_order.c.waybill_nos.is_not(None)
        with self.erp.begin() as connection:
            having = select(erp_order.c.order_no).where(erp_order.c.status == found_in, ours)
            found = sorted(set(connection.execute(having).scalars()) - self.decided)
            if not found:
                return None
            order_no = dice.choice(found)
            changed = connection.execute(
                update(erp_order)
                .where(erp_order.c.order_no == order_no, erp_order.c.status == found_in)
                .values(**values)
            )
        return order_no if changed.rowcount else None
