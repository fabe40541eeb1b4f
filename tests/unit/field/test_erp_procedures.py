"""ERPs that are written through a procedure; situations that were reported in public."""

import pytest

SIGNS = (
    "update erp_order set status = 'SIGNED', signed_at = t, sign_kind = k, updated_at = n"
    " where order_no = o and status = 'SHIPPED' and updated_at = s"
)
CALL = (
    "call sign_order(cast(:erp_key as varchar), cast(:signed_at as timestamp),"
    " cast(:sign_kind as varchar), cast(:erp_stamp as timestamp), cast(:now as timestamp))"
)


@pytest.fixture
def shop(open_shop, postgresql):
    """PostgreSQL counts no rows of a procedure, as SQL Server does where a trigger counts none."""
    shop = open_shop(postgresql)
    shop.create()
    shop.do(
        "create procedure sign_order(o varchar, t timestamp, k varchar, s timestamp, n timestamp)"
        f" language sql as $$ {SIGNS} $$"
    )
    shop.owner("mark_signed", CALL)
    shop.sell("SO1", "SO2", "SO3")
    shop.read()
    return shop


def test_what_a_procedure_wrote_is_told_by_the_row(shop):
    shop.signed("SO1", "SO2", "SO3")
    shop.do("update erp_order set updated_at = '2026-03-01 10:00:00' where order_no = 'SO2'")
    shop.do("delete from erp_order where order_no = 'SO3'")

    assert shop.sign() == {"signed": 1, "changed": 1, "gone": 1}

    assert shop.see("order_no, status from erp_order order by order_no") == [
        ("SO1", "SIGNED"),
        ("SO2", "SHIPPED"),
    ]


def test_trace_that_a_procedure_shows_is_shown(shop):
    shop.do(
        "create procedure show_order(o varchar, t varchar) language sql as"
        " $$ update erp_order set latest_trace = t where order_no = o $$"
    )
    shop.owner("show_trace", "call show_order(cast(:erp_key as varchar), :latest_trace)")
    shop.moved("SO1", trace="快件已到达")

    assert shop.show() == {"shown": 1}
    assert shop.show() == {}
    assert shop.see("latest_trace from erp_order where order_no = 'SO1'") == [("快件已到达",)]
