"""
When a receiver may be sent the next message, kept in one warehouse row for each receiver.

All tasks and connections that send to the same receiver take their times from its row, on the
database's clock, so that together they stay below the receiver's rate.
"""

from collections.abc import Callable

from sqlalchemy import Engine

from shipment_tracking.channels.port import Channel
from shipment_tracking.errors import RateLimitedError
from shipment_tracking.statements import query

MARGIN = 1.04
"""Times are this much further apart than the rate asks for, since messages differ in their way."""


def await_turn(
    engine: Engine, channel: Channel, *, patience: float, pause: Callable[[float], bool]
) -> None:
    """
    Return when the channel may send one message; at once where its receiver has no rate.

    :param patience: seconds that may be waited.
    :param pause: waits for so many seconds; true: the process is to end.
    :raises RateLimitedError: the wait is longer, or the receiver wants no messages.
    """
    if not channel.limits.per_minute:
        return
    spacing = 60 * MARGIN / channel.limits.per_minute
    with engine.begin() as connection:
        binds = {"receiver": channel.identity, "spacing": spacing}
        wait = connection.execute(query("channel_rate.reserve"), binds).scalar()
    if wait is None:
        raise RateLimitedError("the receiver wants no messages for a while")
    if wait > patience:
        raise RateLimitedError("the rate of the receiver is used up")
    if wait > 0 and pause(wait):
        raise RateLimitedError("the task is to end")


def block(engine: Engine, channel: Channel, seconds: float) -> None:
    """Let nobody send to the channel's receiver for so many seconds."""
    with engine.begin() as connection:
        binds = {"receiver": channel.identity, "seconds": seconds}
        connection.execute(query("channel_rate.block"), binds)
