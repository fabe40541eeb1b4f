"""A channel's access token is fetched once for all workers, and stored encrypted."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, text

from shipment_tracking.channels.port import AccessToken
from shipment_tracking.errors import DeliveryError
from shipment_tracking.warehouse.access_tokens import SharedTokens
from shipment_tracking.warehouse.tokens import WarehouseTokens


class App:
    """Gives a new token each time, after ``ready``."""

    name = "wechat wxsandbox"
    key = "0123456789abcdef"

    def __init__(self) -> None:
        self.fetches = 0
        self.ready = threading.Event()
        self.ready.set()
        self.error: Exception | None = None
        self.life = timedelta(hours=2)
        self.padding = ""

    def fetch(self) -> AccessToken:
        self.ready.wait(30)
        self.fetches += 1
        if self.error:
            raise self.error
        return AccessToken(f"token-{self.fetches}{self.padding}", datetime.now(UTC) + self.life)


class Cipher:
    """A Fernet key of its own."""

    def __init__(self) -> None:
        self._fernet = Fernet(Fernet.generate_key())
        self.encrypt = self._fernet.encrypt
        self.decrypt = self._fernet.decrypt


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def workers(warehouse: Engine) -> list[SharedTokens]:
    """Four workers, each with a connection of its own, that know the same key."""
    cipher = Cipher()
    return [
        SharedTokens(
            lambda: WarehouseTokens(warehouse, cipher, lease=timedelta(seconds=30)),
            patience=timedelta(seconds=20),
        )
        for _ in range(4)
    ]


def at_once(workers: list[SharedTokens], app: App, refused: str = "") -> list[str]:
    app.ready.clear()
    with ThreadPoolExecutor(len(workers)) as pool:
        asked = [pool.submit(worker.get, app, refused=refused) for worker in workers]
        threading.Timer(0.5, app.ready.set).start()
        return [each.result() for each in asked]


def test_workers_that_start_at_once_fetch_one_token(workers, app):
    assert at_once(workers, app) == ["token-1"] * 4
    assert app.fetches == 1


def test_workers_whose_token_is_refused_renew_it_once(workers, app):
    at_once(workers, app)

    assert at_once(workers, app, refused="token-1") == ["token-2"] * 4
    assert app.fetches == 2


def test_a_worker_that_comes_later_uses_the_stored_token(workers, app):
    workers[0].get(app)

    assert workers[1].get(app) == "token-1"
    assert app.fetches == 1


def test_a_token_refused_before_another_renewal_is_not_renewed_again(workers, app):
    workers[0].get(app)
    workers[1].get(app)
    workers[0].get(app, refused="token-1")

    assert workers[1].get(app, refused="token-1") == "token-2"
    assert app.fetches == 2


def test_a_worker_knows_the_end_of_a_token_that_another_fetched(workers, app):
    app.life = timedelta(minutes=2)
    workers[0].get(app)
    app.life = timedelta(hours=2)

    assert workers[1].get(app) == "token-2"
    assert workers[2].get(app) == "token-2"


def test_a_long_token_is_stored_whole(workers, app):
    app.padding = "x" * 2048

    assert workers[0].get(app) == workers[1].get(app) == f"token-1{app.padding}"


def test_a_stored_token_is_encrypted(workers, app, warehouse):
    workers[0].get(app)

    with warehouse.connect() as connection:
        (row,) = connection.execute(text("select t::text, t.secret from tracking.token as t"))
    assert "token-1" not in row[0]
    assert b"token-1" not in bytes(row.secret)


def test_a_fetch_that_fails_lets_the_next_worker_fetch_at_once(workers, app):
    app.error = DeliveryError("no connection")
    with pytest.raises(DeliveryError, match="no connection"):
        workers[0].get(app)
    app.error = None

    assert workers[1].get(app) == "token-2"


def test_a_worker_that_hangs_while_fetching_is_waited_for_a_while_only(workers, app, warehouse):
    hung = WarehouseTokens(warehouse, Cipher(), lease=timedelta(minutes=2))
    assert hung.lease(app.key, app.name)
    waiting = SharedTokens(
        lambda: WarehouseTokens(warehouse, Cipher()), patience=timedelta(0), sleep=lambda _: None
    )

    with pytest.raises(DeliveryError, match="another worker is fetching the access token"):
        waiting.get(app)


def test_a_key_that_was_changed_costs_one_fetch(workers, app, warehouse):
    class Changed(Cipher):
        def __init__(self) -> None:
            super().__init__()
            self.decrypt = lambda secret: None  # type: ignore[assignment, return-value]

    workers[0].get(app)
    other = SharedTokens(lambda: WarehouseTokens(warehouse, Changed()))

    assert other.get(app) == "token-2"
