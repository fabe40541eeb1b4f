"""The params of the DAGs' runs, as the trigger forms show them."""

from airflow.sdk import Param

PARAMS = {
    "only_account": Param(
        None,
        type=["null", "string"],
        description="Connection id of one account: the run leaves every other account alone.",
    ),
    "shipped_from": Param(
        None,
        type=["null", "string"],
        format="date-time",
        description="With shipped_to: read again all that was shipped since then, signed orders "
        "too, and announce nothing.",
    ),
    "shipped_to": Param(
        None,
        type=["null", "string"],
        format="date-time",
        description="With shipped_from: the end of that time, itself not included.",
    ),
    "accept_closures": Param(
        False,
        type=["null", "boolean"],
        description="Close the orders that left the ERP's list, however many they are.",
    ),
    "stalled_after_hours": Param(
        None,
        type=["null", "object"],
        description="Hours by stage after which a stalled parcel gives an alarm, instead "
        'of the defaults: {"pickup": 48, "in_transit": 72, "out_for_delivery": 24, '
        '"ready_for_pickup": 72}. Exceptions, failures and returns give one at once.',
    ),
    "dry_run": Param(
        False,
        type=["null", "boolean"],
        description="Gather and load as usual, but write nothing to the ERP and send nothing: what "
        "would be is logged and waits for the next real run.",
    ),
}

PRIORITY_PARAMS = {
    "only_high_priority": Param(
        True, type="boolean", const=True, description="Polls no other orders, and closes none."
    ),
    **{name: PARAMS[name] for name in ("only_account", "stalled_after_hours", "dry_run")},
}

PRUNE_PARAMS = {
    "orders": Param(
        365,
        type="integer",
        minimum=30,
        description="Days from an order's closing until its parcels are deleted, with their scans, "
        "changes, notices and replies.",
    ),
    "replies": Param(
        30,
        type="integer",
        minimum=1,
        description="Days from a reply's loading until it is deleted; an order's newest stays.",
    ),
    "notices": Param(
        90,
        type="integer",
        minimum=7,
        description="Days until a notice that was sent, suppressed or given up is deleted, once "
        "its order is closed.",
    ),
    "runs": Param(
        180,
        type="integer",
        minimum=1,
        description="Days until a run's numbers and calls are deleted.",
    ),
    "tokens": Param(
        30,
        type="integer",
        minimum=1,
        description="Days from the end of a stored refresh token until it is deleted.",
    ),
    "dry_run": Param(
        False,
        type=["null", "boolean"],
        description="Delete nothing; say how many rows would be.",
    ),
}
