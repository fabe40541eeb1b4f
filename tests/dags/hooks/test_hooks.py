"""Hooks: Airflow connections in, engines out; a broken field is named."""

import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, text
from sqlalchemy.exc import OperationalError

from shipment_tracking.errors import ConnectionFieldError


def mysql(**extra: Any) -> dict[str, Any]:
    return {"conn_type": "mysql", "host": "h", "schema": "erp", "extra": extra}


def sqlite(**extra: Any) -> dict[str, Any]:
    return {"conn_type": "sqlite", "host": __file__, "extra": extra}


def generic(url: str, message: str = "not the address of a database") -> tuple[dict[str, Any], str]:
    return {"conn_type": "generic", "extra": {"sqlalchemy_url": url}}, message


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        ({"conn_type": "sqlite", "host": __file__}, f"sqlite:///{__file__}"),
        (
            {"conn_type": "mysql", "host": "h", "login": "u", "password": "p", "schema": "erp"},
            "mysql+pymysql://u:***@h/erp?charset=utf8mb4",
        ),
        (
            {"conn_type": "postgres", "host": "h", "port": 5433, "login": "u", "schema": "erp"},
            "postgresql+psycopg://u@h:5433/erp?client_encoding=utf8",
        ),
        (
            {"conn_type": "generic", "extra": {"sqlalchemy_url": f"sqlite:///{__file__}"}},
            f"sqlite:///{__file__}",
        ),
        (
            {
                "conn_type": "postgres",
                "host": "h",
                "extra": {"sslmode": "verify-full", "sslrootcert": "/ca", "sslcert": ""},
            },
            "postgresql+psycopg://h?client_encoding=utf8&sslmode=verify-full&sslrootcert=%2Fca",
        ),
        (
            {"conn_type": "postgres", "host": "h", "extra": {"client_encoding": "gbk"}},
            "postgresql+psycopg://h?client_encoding=gbk",
        ),
    ],
)
def test_an_erp_connection_becomes_its_database(
    connect: Callable[..., None], connection: dict[str, Any], url: str
) -> None:
    from shipment_tracking.hooks.erp_hook import ErpHook

    connect("erp_db", connection)

    erp = ErpHook().get_conn()

    assert str(erp.engine.url) == url
    assert str(erp.timezone) == "Asia/Shanghai"


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        ({"conn_type": "oracle"}, "postgres, mysql, sqlite or mssql"),
        ({"conn_type": "mssql", "host": "h"}, "pip install 'shipment-tracking[mssql]'"),
        ({"conn_type": "generic"}, "sqlalchemy_url"),
        generic("HIDDEN"),
        generic("mysql://u:HIDDEN@h:port/erp"),
        generic("postgresql+psycopg://u:HID@DEN/x@127.0.0.1:5/x", "write an @ of the login"),
        generic("mysql+pymysql://u:HID@DEN@127.0.0.1:5/x", "password as %40"),
        generic("oracel://u:HIDDEN@h/erp", "SQLAlchemy knows no database oracel"),
        generic("firebird://u:HIDDEN@h/erp", "SQLAlchemy knows no database firebird"),
        generic("oracle+oracledb://u:HIDDEN@h/erp", "pip install 'oracledb'"),
        (mysql(ssl_mode="REQUIRED"), "unknown fields ssl_mode; known are timezone, write, ssl_ca"),
        (mysql(ssl={"verify": 1}), "extra ssl must be an object of some of ca, cert, key"),
        (mysql(ssl="/ca.pem"), "extra ssl must be an object of some of ca, cert, key"),
        (mysql(ssl_ca="/nowhere.pem"), "ssl_ca is '/nowhere.pem', which is not a file here"),
        (sqlite(write="yes"), "extra write is 'yes'; it must be one of 'off', 'sql'"),
        (sqlite(write="tryton"), "extra write is 'tryton'"),
        (sqlite(write=True), "extra write is True"),
        (sqlite(write=["sql"]), "extra write is ['sql']"),
        *((sqlite(timezone=zone), repr(zone)) for zone in ("Mars/Base", "Asia", "", 8, None)),
    ],
)
def test_an_unusable_erp_connection_says_what_may_be_used(
    connect: Callable[..., None],
    connection: dict[str, Any],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from shipment_tracking.hooks.erp_hook import ErpHook

    for driver in ("pymssql", "oracledb"):
        monkeypatch.setitem(sys.modules, driver, None)
    connect("erp_db", connection)

    with pytest.raises(ConnectionFieldError, match="connection erp_db") as caught:
        ErpHook().get_conn()

    assert message in str(caught.value)
    assert "HIDDEN" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("kind", ["sqlite", "generic"])
def test_a_missing_sqlite_file_is_refused_and_not_created(
    connect: Callable[..., None], tmp_path: Path, kind: str
) -> None:
    from shipment_tracking.hooks.erp_hook import ErpHook

    file = tmp_path / "erp.db"
    extra = {"sqlalchemy_url": f"sqlite:///{file}"} if kind == "generic" else {}
    connect("erp_db", {"conn_type": kind, "host": str(file), "extra": extra})

    with pytest.raises(ConnectionFieldError, match=rf"connection erp_db: .*{file.name}' does not"):
        ErpHook().get_conn()

    assert not file.exists()


@pytest.mark.parametrize(
    ("extra", "may_write"),
    [({}, False), ({"write": "off"}, False), ({"write": ""}, False), ({"write": "sql"}, True)],
)
def test_n1_an_erp_may_be_written_to_only_once_its_connection_says_so(
    connect: Callable[..., None], extra: dict[str, Any], may_write: bool
) -> None:
    from shipment_tracking.hooks.erp_hook import ErpHook

    connect("erp_db", {"conn_type": "sqlite", "host": __file__, "extra": extra})

    assert ErpHook().may_write() is may_write


@pytest.fixture
def lent_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What writes to an ERP by its own interface: a module beside ours."""
    from shipment_tracking.hooks.erp_hook import ADAPTERS, Adapter

    (tmp_path / "lent_adapter.py").write_text("def open_erp(*given):\n    return given\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return {**ADAPTERS, "lent": Adapter("lent_adapter", ("write_conn_id", "write_model"))}


def test_an_adapter_gets_its_fields_and_the_connection_it_writes_to(
    connect: Callable[..., None], lent_adapter: Any
) -> None:
    from shipment_tracking.erp.port import Endpoint
    from shipment_tracking.hooks.erp_hook import ErpHook

    extra = {"write": "lent", "write_conn_id": "erp_api", "write_model": "sale"}
    connect("erp_db", sqlite(**extra))
    connect("erp_api", {"conn_type": "http", "host": "h", "login": "u", "password": "HIDDEN"})
    hook = ErpHook(adapters=lent_adapter)

    reader, fields = hook.get_erp()  # type: ignore[misc]

    assert reader.engine.url.database == __file__
    assert fields["write_model"] == "sale"
    assert fields["write_conn_id"] == Endpoint("erp_api", "h", None, "", "u", "HIDDEN")
    assert "HIDDEN" not in repr(fields)
    assert hook.may_write()


def test_a_field_that_an_adapter_lacks_is_named(
    connect: Callable[..., None], lent_adapter: Any
) -> None:
    from shipment_tracking.hooks.erp_hook import ErpHook

    connect("erp_db", sqlite(write="lent", write_model="sale"))

    with pytest.raises(ConnectionFieldError, match="erp_db: extra write_conn_id is missing, which"):
        ErpHook(adapters=lent_adapter).get_erp()


@pytest.mark.parametrize("conn_id", ["erp_db", "warehouse_db"])
@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"sslmode": "required"}, "extra sslmode is 'required'; it must be one of disable, allow"),
        ({"sslmode": True}, "extra sslmode is 'True'; it must be one of disable, allow"),
        ({"connect_timeout": "10s"}, "extra connect_timeout is '10s'; it must be a whole number"),
        ({"connect_timeout": 1.5}, "extra connect_timeout is '1.5'; it must be a whole number"),
        ({"connect_timeout": -1}, "extra connect_timeout is '-1'; it must be a whole number"),
    ],
)
def test_a_value_that_postgresql_does_not_take_is_named_with_its_field(
    connect: Callable[..., None], conn_id: str, extra: dict[str, Any], message: str
) -> None:
    connect(conn_id, {"conn_type": "postgres", "host": "h", "extra": extra})

    with pytest.raises(ConnectionFieldError) as caught:
        hook_of(conn_id)[1]()

    assert str(caught.value).startswith(f"connection {conn_id}: {message}")


@pytest.mark.parametrize("timeout", [10, "10"])
def test_seconds_to_connect_are_a_number_or_its_digits(
    connect: Callable[..., None], timeout: object
) -> None:
    extra = {"connect_timeout": timeout, "sslmode": "prefer"}
    connect("warehouse_db", {"conn_type": "postgres", "host": "h", "extra": extra})

    engine = hook_of("warehouse_db")[1]()

    assert engine.url.query["connect_timeout"] == "10"


@pytest.mark.parametrize(
    ("extra", "may_delete"), [({}, False), ({"prune": "off"}, False), ({"prune": "delete"}, True)]
)
def test_n1_a_warehouse_is_pruned_only_once_its_connection_says_so(
    connect: Callable[..., None], extra: dict[str, Any], may_delete: bool
) -> None:
    from shipment_tracking.hooks.warehouse_hook import WarehouseHook

    connect("warehouse_db", {"conn_type": "postgres", "host": "h", "extra": extra})

    assert WarehouseHook().may_delete() is may_delete


def test_n1_an_unknown_word_about_pruning_is_refused(connect: Callable[..., None]) -> None:
    from shipment_tracking.hooks.warehouse_hook import WarehouseHook

    connect("warehouse_db", {"conn_type": "postgres", "host": "h", "extra": {"prune": "yes"}})

    with pytest.raises(ConnectionFieldError, match="warehouse_db: extra prune is 'yes'"):
        WarehouseHook().get_conn()


def test_mysql_is_reached_over_tls_however_its_files_are_named(
    connect: Callable[..., None], tmp_path: Path
) -> None:
    from shipment_tracking.hooks.erp_hook import ErpHook

    ca = tmp_path / "ca.pem"
    ca.touch()
    connect("flat", mysql(ssl_ca=str(ca), ssl_check_hostname=False))
    connect("nested", mysql(ssl={"ca": str(ca), "check_hostname": False}))

    for conn_id in ("flat", "nested"):
        engine = ErpHook(conn_id).get_conn().engine
        (_, passed) = engine.dialect.create_connect_args(engine.url)

        assert passed["ssl"] == {"ca": str(ca), "check_hostname": False}


@pytest.mark.parametrize("extra", ['{"timezone": ', '["Asia/Shanghai"]', "8", "null"])
@pytest.mark.parametrize("conn_id", ["erp_db", "warehouse_db", "platform_1688", "notify_ops"])
def test_an_extra_that_is_no_json_object_is_refused_by_every_hook(
    monkeypatch: pytest.MonkeyPatch, airflow_database: URL, conn_id: str, extra: str
) -> None:
    kind, opened = hook_of(conn_id)
    fields = {"conn_type": kind, "host": "h", "extra": extra}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

    with pytest.raises(ConnectionFieldError, match=f"{conn_id}: extra is not a JSON object"):
        opened()


@pytest.mark.parametrize("conn_id", ["erp_db", "warehouse_db", "platform_1688", "notify_ops"])
def test_a_variable_that_airflow_cannot_read_is_named(
    monkeypatch: pytest.MonkeyPatch, airflow_database: URL, conn_id: str
) -> None:
    from shipment_tracking.hooks.platform_hook import is_account

    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    monkeypatch.setenv(variable, '{"conn_type": "postgres", "password": "HIDDEN"')

    with pytest.raises(ConnectionFieldError, match=f"{variable} cannot be read") as caught:
        hook_of(conn_id)[1]()

    assert "HIDDEN" not in str(caught.value)
    assert is_account(conn_id), "its lane says what is wrong"


def hook_of(conn_id: str) -> tuple[str, Callable[[], Any]]:
    """The type that the connection must have, and what reads it."""
    from shipment_tracking.hooks.channel_hook import ChannelHook
    from shipment_tracking.hooks.erp_hook import ErpHook
    from shipment_tracking.hooks.platform_hook import PlatformHook
    from shipment_tracking.hooks.warehouse_hook import WarehouseHook

    return {
        "erp_db": ("sqlite", ErpHook().get_conn),
        "warehouse_db": ("postgres", WarehouseHook().get_conn),
        "platform_1688": ("ecommerce_platform", PlatformHook("platform_1688").account),
        "notify_ops": ("generic", ChannelHook("ops").get_conn),
    }[conn_id]


@pytest.mark.parametrize("conn_id", ["erp_db", "warehouse_db"])
def test_a_database_out_of_reach_is_named_by_an_error_of_the_usual_type(
    connect: Callable[..., None], conn_id: str
) -> None:
    from shipment_tracking.hooks.erp_hook import ErpHook
    from shipment_tracking.hooks.warehouse_hook import WarehouseHook

    connect(
        conn_id, {"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "password": "HIDDEN"}
    )
    engine = ErpHook().get_conn().engine if conn_id == "erp_db" else WarehouseHook().get_conn()

    with pytest.raises(OperationalError, match=f"connection {conn_id}: its database cannot be rea"):
        engine.connect()


def test_an_error_of_a_statement_names_the_connection_of_its_database(
    connect: Callable[..., None], tmp_path: Path
) -> None:
    from shipment_tracking.hooks.erp_hook import ErpHook

    file = tmp_path / "erp.db"
    file.touch()
    connect("erp_db", {"conn_type": "sqlite", "host": str(file)})

    with (
        ErpHook().get_conn().engine.connect() as connection,
        pytest.raises(OperationalError, match=r"\(connection erp_db\)\n.*no such table") as caught,
    ):
        connection.execute(text("select * from nowhere"))

    assert str(caught.value.orig) == "no such table: nowhere"


def test_the_warehouse_is_reached_through_psycopg_and_must_be_postgres(
    connect: Callable[..., None],
) -> None:
    from shipment_tracking.hooks.warehouse_hook import WarehouseHook

    connect("warehouse_db", {"conn_type": "postgres", "host": "h", "login": "u", "schema": "w"})
    assert WarehouseHook().get_conn().url.drivername == "postgresql+psycopg"

    connect("warehouse_db", {"conn_type": "mysql", "host": "h"})
    with pytest.raises(ConnectionFieldError, match="warehouse_db is of type mysql"):
        WarehouseHook().get_conn()


def test_the_warehouses_extra_holds_how_to_connect_and_nothing_else(
    connect: Callable[..., None],
) -> None:
    from shipment_tracking.hooks.warehouse_hook import WarehouseHook

    connect("warehouse_db", {"conn_type": "postgres", "host": "h"}, sslmode="verify-full")
    hook = WarehouseHook(connect_timeout=5)
    assert hook.get_conn().url.query == {"sslmode": "verify-full", "connect_timeout": "5"}

    connect("warehouse_db", {"conn_type": "postgres", "host": "h"}, ssl_mode="verify-full")
    with pytest.raises(ConnectionFieldError, match="warehouse_db: extra has unknown fields ssl_m"):
        WarehouseHook().get_conn()
