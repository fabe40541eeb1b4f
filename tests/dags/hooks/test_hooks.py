"""Hooks: Airflow connections in, engines and clients out; a broken field is named."""

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

PLATFORM = {
    "conn_type": "ecommerce_platform",
    "host": "https://gw.open.1688.com",
    "login": "1688000001",
    "password": "HIDDEN-secret",
    "extra": {
        "platform": "1688",
        "dialect": "param2",
        "access_token": "HIDDEN-token",
        "refresh_token": None,
        "qps": 3,
    },
}


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, airflow_database: URL) -> Callable[..., None]:
    """Defines an Airflow connection; keys of ``extra`` may be given flat, None takes one out."""

    def define(conn_id: str, connection: dict[str, Any], **changes: Any) -> None:
        extra = {key: value for key, value in changes.items() if key not in connection}
        found = connection | {key: value for key, value in changes.items() if key in connection}
        found["extra"] = dict(connection.get("extra", {})) | extra
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(found))

    return define


def test_a_platform_connection_becomes_an_account_that_never_shows_its_secrets(
    connect: Callable[..., None],
) -> None:
    from shipment_tracking.hooks.platform_hook import PlatformHook

    connect("platform_1688", PLATFORM)

    account = PlatformHook("platform_1688").account()

    assert account.gateway == "https://gw.open.1688.com"
    assert (account.app_key, account.qps) == ("1688000001", 3.0)
    assert "HIDDEN" not in repr(account)


def test_without_qps_five_calls_a_second_are_allowed(connect: Callable[..., None]) -> None:
    from shipment_tracking.hooks.platform_hook import PlatformHook

    connect("platform_1688", PLATFORM, qps=None)

    assert PlatformHook("platform_1688").account().qps == 5.0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"login": ""}, "app key"),
        ({"password": ""}, "app secret"),
        ({"access_token": None}, "access_token"),
        ({"host": "https://gw.open.1688.com/openapi"}, "without a path"),
        ({"host": "gw.open.1688.com"}, "without a path"),
        ({"host": ""}, "gateway"),
        ({"host": "https://gw:abc"}, "without a path"),
        ({"host": "https://[gw"}, "without a path"),
        ({"host": "https://gw.open.1688.com?x=1"}, "without a path"),
        ({"host": "https://user@gw.open.1688.com"}, "without a path"),
        ({"dialect": "soap"}, "dialect is 'soap'"),
        ({"platform": "taobao"}, "platform is 'taobao'"),
        ({"qps": "many"}, "qps is 'many'"),
        ({"qps": 0}, "qps is 0"),
        ({"dialect": "top"}, "platform is '1688', not one of the texts 'taobao', 'tmall'"),
        ({"platform": 1688}, "platform is 1688, not one of the texts '1688'"),
        ({"dialect": "router", "access_token": ""}, "access_token"),
        ({"sign_method": "sha1"}, "sign_method is 'sha1'"),
        ({"acces_token": "x"}, "acces_token"),
        ({"feed": "messages"}, "feed is 'messages'; the dialect param2 has orders, or leave it"),
        ({"dialect": "router", "feed": "orders"}, "the dialect router has none: leave it empty"),
        ({"conn_type": "http"}, "of type http"),
    ],
)
def test_a_broken_field_is_named_with_its_connection(
    connect: Callable[..., None], changes: dict[str, Any], named: str
) -> None:
    from shipment_tracking.hooks.platform_hook import PlatformHook

    connect("platform_1688", PLATFORM, **changes)

    with pytest.raises(ConnectionFieldError, match="connection platform_1688") as caught:
        PlatformHook("platform_1688").account()

    assert named in str(caught.value)
    assert "HIDDEN" not in str(caught.value)


@pytest.mark.parametrize("platform", ["taobao", "tmall"])
def test_a_shop_of_taobao_or_tmall_is_reached_by_its_own_protocol(
    connect: Callable[..., None], platform: str
) -> None:
    from shipment_tracking.hooks.platform_hook import PlatformHook
    from shipment_tracking.platforms import dialects
    from shipment_tracking.platforms.taobao import TaobaoClient

    shop = {"host": "https://eco.taobao.com", "platform": platform, "dialect": "top"}
    connect("platform_shop", PLATFORM, **shop)
    connect("platform_old_shop", PLATFORM, **shop, sign_method="md5")

    account = PlatformHook("platform_shop").account()

    assert (account.platform, account.gateway) == (platform, "https://eco.taobao.com")
    assert dialects.CLIENTS[account.dialect] is TaobaoClient
    assert account.sign_method == "hmac-sha256"
    assert account.feed == ""
    assert PlatformHook("platform_old_shop").account().sign_method == "md5"


def test_a_router_is_spoken_to_without_a_session_where_it_asks_for_none(
    connect: Callable[..., None],
) -> None:
    from shipment_tracking.hooks.platform_hook import PlatformHook

    connect("platform_shop", PLATFORM, platform="tmall", dialect="router", access_token=None)
    connect("platform_buyer", PLATFORM, dialect="router")

    assert PlatformHook("platform_shop").account().access_token == ""
    assert PlatformHook("platform_buyer").account().access_token == "HIDDEN-token"


def test_an_account_is_a_connection_of_our_type(connect: Callable[..., None]) -> None:
    from shipment_tracking.hooks.platform_hook import is_account

    connect("platform_1688", PLATFORM)
    connect("elsewhere", PLATFORM, conn_type="http")

    assert is_account("platform_1688")
    assert not is_account("elsewhere")
    assert not is_account("nowhere")


def test_a_simulated_clock_is_refused_beside_a_real_gateway(
    connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from shipment_tracking.hooks.platform_hook import PlatformHook

    monkeypatch.setenv("SHIPMENT_TRACKING_CLOCK_URL", "http://127.0.0.1:1/clock")
    connect("platform_1688", PLATFORM)
    connect("sandbox", PLATFORM, host="http://127.0.0.1:8688")

    assert PlatformHook("sandbox").account().gateway == "http://127.0.0.1:8688"
    with pytest.raises(ConnectionFieldError, match="SHIPMENT_TRACKING_CLOCK_URL"):
        PlatformHook("platform_1688").account()


def mysql(**extra: Any) -> dict[str, Any]:
    return {"conn_type": "mysql", "host": "h", "schema": "erp", "extra": extra}


def sqlite(**extra: Any) -> dict[str, Any]:
    return {"conn_type": "sqlite", "host": "x", "extra": extra}


def generic(url: str, message: str = "not the address of a database") -> tuple[dict[str, Any], str]:
    return {"conn_type": "generic", "extra": {"sqlalchemy_url": url}}, message


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        ({"conn_type": "sqlite", "host": "/tmp/erp.db"}, "sqlite:////tmp/erp.db"),
        (
            {"conn_type": "mysql", "host": "h", "login": "u", "password": "p", "schema": "erp"},
            "mysql+pymysql://u:***@h/erp?charset=utf8mb4",
        ),
        (
            {"conn_type": "postgres", "host": "h", "port": 5433, "login": "u", "schema": "erp"},
            "postgresql+psycopg://u@h:5433/erp?client_encoding=utf8",
        ),
        (
            {"conn_type": "generic", "extra": {"sqlalchemy_url": "sqlite:////tmp/other.db"}},
            "sqlite:////tmp/other.db",
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
        generic("oracel://u:HIDDEN@h/erp", "SQLAlchemy knows no database oracel"),
        generic("firebird://u:HIDDEN@h/erp", "SQLAlchemy knows no database firebird"),
        generic("oracle+oracledb://u:HIDDEN@h/erp", "pip install 'oracledb'"),
        (mysql(ssl_mode="REQUIRED"), "unknown fields ssl_mode; known are timezone, write, ssl_ca"),
        (mysql(ssl={"verify": 1}), "extra ssl must be an object of some of ca, cert, key"),
        (mysql(ssl="/ca.pem"), "extra ssl must be an object of some of ca, cert, key"),
        (mysql(ssl_ca="/nowhere.pem"), "ssl_ca is '/nowhere.pem', which is not a file here"),
        (sqlite(write="yes"), """extra write is 'yes'; it must be "off\""""),
        (sqlite(write="tryton"), "extra write is 'tryton'"),
        (sqlite(write=True), "extra write is True"),
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


@pytest.mark.parametrize(
    ("extra", "may_write"),
    [({}, False), ({"write": "off"}, False), ({"write": ""}, False), ({"write": "sql"}, True)],
)
def test_n1_an_erp_may_be_written_to_only_once_its_connection_says_so(
    connect: Callable[..., None], extra: dict[str, Any], may_write: bool
) -> None:
    from shipment_tracking.hooks.erp_hook import ErpHook

    connect("erp_db", {"conn_type": "sqlite", "host": "x", "extra": extra})

    assert ErpHook().get_conn().may_write is may_write


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

    connect("erp_db", {"conn_type": "sqlite", "host": str(tmp_path / "erp.db")})

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


def test_airflow_offers_the_connection_type_with_its_form(airflow_database: URL) -> None:
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    from shipment_tracking.hooks.platform_hook import EXTRA_FIELDS, PlatformHook
    from shipment_tracking.provider import get_provider_info

    assert PlatformHook.conn_type in ProvidersManagerTaskRuntime().hooks
    (form,) = get_provider_info()["connection-types"]
    assert form["hook-class-name"].endswith(PlatformHook.__name__)
    assert tuple(form["conn-fields"]) == EXTRA_FIELDS
    assert all(field["description"] for field in form["conn-fields"].values())


def test_the_form_offers_what_the_hook_takes() -> None:
    from shipment_tracking.platforms.dialects import FEEDS, PLATFORMS
    from shipment_tracking.platforms.taobao import SIGN_METHODS
    from shipment_tracking.provider import get_provider_info

    (form,) = get_provider_info()["connection-types"]
    offered = {name: field["schema"].get("enum") for name, field in form["conn-fields"].items()}

    assert set(offered["platform"]) == {name for names in PLATFORMS.values() for name in names}
    assert offered["dialect"] == list(PLATFORMS)
    assert offered["sign_method"] == list(SIGN_METHODS)
    assert set(offered["feed"]) == {*(feed for feeds in FEEDS.values() for feed in feeds)}


@pytest.mark.parametrize("key", ["", "{FERNET_KEY}"])
def test_without_a_fernet_key_no_token_is_stored(
    connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    from shipment_tracking.hooks.platform_hook import token_cipher

    # What a task sees where nobody set a key is the placeholder of Airflow's default.
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", key)

    assert token_cipher() is None


def test_tokens_are_stored_under_airflows_key(connect: Callable[..., None]) -> None:
    from shipment_tracking.hooks.platform_hook import token_cipher

    cipher = token_cipher()
    assert cipher is not None
    secret = cipher.encrypt(b"token")

    assert b"token" not in secret
    assert cipher.decrypt(secret) == b"token"
    assert cipher.decrypt(b"written under another key") is None


@pytest.mark.parametrize(
    ("host", "port", "gateway"),
    [
        ("https://gw.example", 443, "https://gw.example"),
        ("https://gw.example:443", None, "https://gw.example"),
        ("https://gw.example", 8443, "https://gw.example:8443"),
        ("http://gw.example:8080", 8080, "http://gw.example:8080"),
        ("https://gw.example", 0, "https://gw.example"),
    ],
)
def test_n3_a_gateway_is_the_same_with_its_usual_port_or_none(
    connect: Callable[..., None], host: str, port: int | None, gateway: str
) -> None:
    from shipment_tracking.hooks.platform_hook import PlatformHook

    connect("platform_1688", PLATFORM | {"host": host, "port": port})

    assert PlatformHook("platform_1688").account().gateway == gateway
