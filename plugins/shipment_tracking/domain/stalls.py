"""
When a parcel is stalled: by stage, how many hours it may stay there before an alarm.

``pickup`` counts from when the ERP shipped it, or else from its first event; ``in_transit`` and
``out_for_delivery`` from its last event, or else from when the platform first said so;
``ready_for_pickup`` from when it became so; ``unknown`` from its last event, when that event's text
is not read, or else from when the platform first gave a status that no table knows. The stages of
``AT_ONCE`` give their alarm at once; ``sign_withdrawn`` is a signature that was confirmed and then
contradicted, and takes the place of what contradicts it.
"""

from collections.abc import Mapping

from shipment_tracking.domain.evidence import CONTRADICTS_SIGN
from shipment_tracking.domain.statuses import Status
from shipment_tracking.errors import ParamError

PICKUP = "pickup"
SIGN_WITHDRAWN = "sign_withdrawn"

HOURS = {
    PICKUP: 48.0,
    str(Status.IN_TRANSIT): 72.0,
    str(Status.OUT_FOR_DELIVERY): 24.0,
    str(Status.READY_FOR_PICKUP): 72.0,
    str(Status.UNKNOWN): 24.0,
}
AT_ONCE = (*sorted(map(str, CONTRADICTS_SIGN)), SIGN_WITHDRAWN)


def thresholds(stalled_after_hours: Mapping[str, object] | None) -> dict[str, float]:
    """
    Hours by stage: the defaults, and over them what a run was told.

    :raises ParamError: an unknown stage, or hours that are no positive number; the text names it.
    """
    given = {} if stalled_after_hours is None else stalled_after_hours
    if not isinstance(given, Mapping):
        raise ParamError(
            f"stalled_after_hours is {given!r}; it must be an object by stage, such as "
            '{"in_transit": 96}'
        )
    return HOURS | {stage: _hours(stage, value) for stage, value in given.items()} | _at_once()


def _hours(stage: str, value: object) -> float:
    if stage not in HOURS:
        raise ParamError(
            f"stalled_after_hours has {stage!r}, which is not a stage; "
            f"stages are {', '.join(HOURS)}"
        )
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < float(value) < float("inf"):  # type: ignore[arg-type]
        raise ParamError(f"stalled_after_hours {stage} is {value!r}, not a positive number")
    return float(value)  # type: ignore[arg-type]


def _at_once() -> dict[str, float]:
    return dict.fromkeys(AT_ONCE, 0.0)
