"""Whatever one order of a lane is answered with, the other four are recorded and loaded."""

from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ..platforms.mutations import CASES, recorded, sent
from .stage import Field

FIRST = ("2026-09-18 20:00:00", "已揽收")
MOVED = ("2026-09-19 09:00:00", "快件已到达测试转运中心")
BODIES = {
    "platform_1688": {
        "traces": recorded("1688_trace_"),
        "parcels": recorded("1688_logistics_infos_"),
    },
    "platform_taobao": {
        "traces": recorded("top_trace_search_"),
        "parcels": recorded("top_logistics_orders_", "top_shipping_"),
    },
    "platform_tmall": {
        "traces": [
            {
                "r": {
                    "signStatus": "SIGN",
                    "signTime": "2026-09-19 10:00:00",
                    "traceList": [{"time": FIRST[0], "desc": FIRST[1], "city": "杭州"}],
                }
            }
        ],
        "parcels": [{"r": {"logisticsOrders": [{"logisticsCode": "YTO", "billNo": "YT1"}]}}],
    },
}
numbers = count(1)


@pytest.mark.parametrize("question", ["traces", "parcels"])
@pytest.mark.parametrize("account", sorted(BODIES))
@settings(
    max_examples=max(3, CASES // 20),
    derandomize=CASES < 1000,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_b2_of_five_orders_the_four_others_are_loaded(account, question, field: Field, data):
    base = 10 * next(numbers)
    orders = [str(base + number) for number in range(5)]
    for order in orders:
        field.order(order, "2026-09-18 18:00", account)
        field.parcel(order, f"LP{order}", f"YT{order}")
        field.trace(order, FIRST, MOVED, id=f"LP{order}")
    asked = f"YT{orders[2]}" if (account, question) == ("platform_tmall", "traces") else orders[2]
    field.answers.raw[question, asked] = data.draw(sent(BODIES[account][question]))

    field.run("2026-09-19 10:00")

    others = orders[:2] + orders[3:]
    assert [len(field.events(order)) for order in others] == [2, 2, 2, 2]
    assert {field.row(order).last_error for order in others} == {None}
    # No order waits for anybody, and no reply was set aside.
    assert field.select("count(*) from tracking.tracked_order where lease_owner is not null") == [
        (0,)
    ]
    assert field.select("count(*) from tracking.trace_reply where attempts > 0") == [(0,)]
