"""Characters that an ERP cannot hold; situations that were reported in public."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

SMILING = "快件已到达【𠮷林网点】😊，镕城"
STRICT = "sql_mode=STRICT_TRANS_TABLES"


def test_b6_a_column_in_utf8mb3_shows_the_rest_of_a_text(open_shop, mariadb):
    shop = open_shop(mariadb)
    shop.create(latest_trace="varchar(500) character set utf8mb3")
    shop.sell("SO1", "SO2")
    shop.read()
    shop.moved("SO1", trace=SMILING)
    shop.moved("SO2", trace="快件已签收")

    assert shop.show() == {"shown": 2}

    assert shop.see("latest_trace from erp_order order by order_no") == [
        ("快件已到达【?林网点】?，镕城",),
        ("快件已签收",),
    ]
    assert shop.show() == {}


def test_b6_a_comparison_with_such_a_text_is_written_too(open_shop, mariadb):
    """MySQL says that collations cannot be mixed."""
    shop = open_shop(mariadb)
    shop.create(latest_trace="varchar(500) character set utf8mb3 default ''")
    shop.owner(
        "show_trace",
        "-- Only what is new.\nupdate erp_order set latest_trace = :latest_trace"
        " where order_no = :erp_key and latest_trace <> :latest_trace",
    )
    shop.sell("SO1")
    shop.read()
    shop.moved("SO1", trace=SMILING)

    assert shop.show() == {"shown": 1}


@pytest.mark.parametrize(
    ("charset", "kept"),
    [
        ("utf8", "快件已到达【?林网点】?，镕城"),
        ("gbk", "快件已到达【?林网点】?，镕城"),
        ("gb2312", "快件已到达【?林网点】?，?城"),
        ("latin1", "?" * len(SMILING)),
    ],
)
def test_b6_a_connection_or_column_in_another_charset_is_written(charset, kept, open_shop, mariadb):
    column = "utf8mb3" if charset == "utf8" else charset
    url = mariadb.url.update_query_dict({"charset": charset})
    narrow = open_shop(create_engine(url, poolclass=NullPool))
    narrow.create(latest_trace=f"varchar(500) character set {column}")
    wide = open_shop(mariadb)
    narrow.sell("SO1", "SO2")
    narrow.read()
    for shop, key in ((narrow, "SO1"), (wide, "SO2")):
        shop.moved(key, trace=SMILING)
        assert shop.show() == {"shown": 1}

    found = [row[0] for row in wide.see("latest_trace from erp_order order by order_no")]
    assert found == [kept] * 2


@pytest.mark.parametrize("client", [None, "utf8"])
def test_b6_a_postgresql_in_euc_cn_is_written(client, encoded, open_shop):
    engine = create_engine(
        encoded("EUC_CN"),
        poolclass=NullPool,
        connect_args={"client_encoding": client} if client else {},
    )
    shop = open_shop(engine)
    shop.create()
    shop.sell("SO1", "SO2", "SO3")
    shop.read()
    shop.moved("SO1", trace=SMILING)
    shop.moved("SO2", trace="快件已签收")
    shop.moved("SO3", trace="大润发·某店——😊")

    assert shop.show() == {"shown": 3}

    assert shop.see("latest_trace from erp_order order by order_no") == [
        ("快件已到达【?林网点】?，?城",),
        ("快件已签收",),
        ("大润发\u30fb某店\u2015\u2015?",),
    ]


def test_b6_a_postgresql_in_sql_ascii_is_read_and_written(encoded, open_shop):
    """As the hook opens it: psycopg would give bytes for text."""
    url = encoded("SQL_ASCII").update_query_dict({"client_encoding": "utf8"})
    shop = open_shop(create_engine(url, poolclass=NullPool))
    shop.create()
    shop.sell("SO1")
    shop.read()
    shop.moved("SO1", trace=SMILING)

    assert shop.show() == {"shown": 1}
    assert shop.see("latest_trace from erp_order") == [(SMILING,)]


def test_b6_a_key_is_never_changed_so_that_it_could_find_another_row(open_shop, mariadb):
    shop = open_shop(mariadb)
    shop.create(latest_trace="varchar(500) character set utf8mb3")
    shop.sell("SO😊", "SO?")
    shop.read()
    shop.moved("SO😊", trace=SMILING)

    shop.show()

    assert shop.see("logistics_status from erp_order where order_no = 'SO?'") == [(None,)]


def test_b6_one_row_that_fails_on_a_quiet_night_is_named_and_not_red(open_shop, mariadb, caplog):
    caplog.set_level(logging.WARNING)
    shop = open_shop(mariadb)
    shop.create(latest_trace="varchar(12)")
    shop.owner(
        "show_trace",
        "-- Nobody cuts it.\nupdate erp_order set latest_trace = :latest_trace"
        " where order_no = :erp_key",
    )
    shop.sell("SO1", "SO2", "SO3")
    shop.read()
    shop.moved("SO1", trace="快件已到达测试转运中心，正在分拣")
    shop.moved("SO2", "SO3", trace="快件已签收")

    assert shop.show() == {"shown": 2, "failed": 1}
    assert shop.show() == {"failed": 1}

    ((error,),) = shop.known("last_error from analytics.orders where erp_key = 'SO1'")
    assert error.startswith("the ERP does not show its trace: ")
    assert "order SO1: trace not shown at the ERP" in caplog.text
    assert shop.show(started_at=datetime.now(UTC) + timedelta(days=2)) == {"failed": 1}
    shop.moved("SO1", trace="快件已签收")
    assert shop.show() == {"shown": 1}
    assert shop.known("last_error from analytics.orders where erp_key = 'SO1'") == [(None,)]
