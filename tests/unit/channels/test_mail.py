"""E-mail: what the server says of the whole mail counts, and nothing travels in the clear."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shipment_tracking.channels.mail import REFUSALS, Mail
from shipment_tracking.channels.refusals import Meaning
from shipment_tracking.channels.registry import destinations
from shipment_tracking.errors import ConnectionFieldError, DeliveryError, ReceiverClosedError

pytestmark = [
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
    pytest.mark.server,
]

EVENT = UUID("6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11")
TEXT = "订单 SO1 的包裹已签收\n最新轨迹：快件已签收"
PASSWORD = "HIDDEN-password"


class Inbox:
    """Keeps what it takes; answers a step as a test wants."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.answers: dict[str, str] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, to: str, _: Any) -> str:
        answer = self.answers.get(to) or self.answers.get("RCPT", "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(to)
        return answer

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, a: str, _: Any) -> str:
        envelope.mail_from = a
        return self.answers.get("MAIL", "250 OK")

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.answers.get("DATA", "250 OK")
        if answer.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content, policy=default))
            self.recipients.append(envelope.rcpt_tos)
        return answer


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    right = LoginPassword(b"shop", PASSWORD.encode())
    return AuthResult(success=data == right, handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("mail") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def serve(inbox: Inbox, certificate: Path) -> Callable[..., Any]:
    """A mail server that speaks as told; gives the channel that fits to it."""

    @contextmanager
    def run(security: str = "tls", *, login: bool = True) -> Iterator[Mail]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        options: dict[str, Any] = {"hostname": "localhost", "port": free_port()}
        if security == "tls":
            options["ssl_context"] = context
        if security == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        if login:
            options |= {"authenticator": authenticate, "auth_required": True}
        server = Controller(inbox, auth_require_tls=security == "starttls", **options)
        server.start()
        try:
            yield Mail(
                host="localhost",
                port=options["port"],
                security=security,
                sender="shop@example.com",
                to=("ops@example.com", "night@example.com"),
                login="shop" if login else None,
                password=PASSWORD if login else None,
                trust=ssl.create_default_context(cafile=certificate),
            )
        finally:
            server.stop()

    return run


@pytest.fixture
def refused(inbox: Inbox, serve: Callable[..., Any]) -> Callable[..., DeliveryError]:
    """The error of a mail whose steps are answered so."""

    def send(**answers: str) -> DeliveryError:
        inbox.answers = answers
        with serve(login=False) as mail, pytest.raises(DeliveryError) as caught:
            mail.send(EVENT, {"text": TEXT})
        return caught.value

    return send


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_mail_says_what_changed_and_a_repeat_is_the_same_mail(security, serve, inbox):
    with serve(security) as mail:
        mail.send(EVENT, {"text": TEXT})
        mail.send(EVENT, {"text": TEXT})

    first, again = inbox.mails
    assert first["Subject"] == "订单 SO1 的包裹已签收"
    assert first.get_content().strip().replace("\r", "") == TEXT
    assert first["From"] == "shop@example.com"
    assert inbox.recipients[0] == ["ops@example.com", "night@example.com"]
    assert first["Message-ID"] == again["Message-ID"] == f"<{EVENT}@shipment-tracking.invalid>"


def test_a_wrong_password_closes_the_channel_without_a_word_of_it(serve, inbox):
    with serve() as mail, pytest.raises(ReceiverClosedError, match="correct login and") as caught:
        replace(mail, password="HIDDEN-other").send(EVENT, {"text": TEXT})

    assert "HIDDEN" not in str(caught.value)
    assert inbox.mails == []


def test_a_server_that_wants_a_login_closes_a_channel_without_one(serve):
    with serve() as mail, pytest.raises(ReceiverClosedError, match="set login and password"):
        replace(mail, login=None).send(EVENT, {"text": TEXT})


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_certificate_that_nobody_trusts_gets_no_mail(security, serve, inbox):
    with serve(security) as mail, pytest.raises(DeliveryError, match="SSLCertVerificationError"):
        replace(mail, trust=None).send(EVENT, {"text": TEXT})

    assert inbox.mails == []


def test_a_server_without_starttls_closes_the_channel(serve, inbox):
    with serve("none", login=False) as mail, pytest.raises(ReceiverClosedError):
        replace(mail, security="starttls").send(EVENT, {"text": TEXT})

    assert inbox.mails == []


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("code", [421, 450, 451, 452, 500, *REFUSALS])
def test_each_code_of_a_step_means_what_the_table_says(step, code, refused):
    error = refused(**{step: f"{code} because of 19900000001"})

    meaning = REFUSALS[code].meaning if code in REFUSALS else Meaning.TRANSIENT
    assert isinstance(error, ReceiverClosedError) is (meaning == Meaning.CLOSED)
    assert error.permanent is (meaning != Meaning.TRANSIENT)
    assert str(error).startswith(f"the receiver answers {code} (because of *)")


def test_one_refused_recipient_keeps_no_other_from_the_mail(serve, inbox, caplog):
    caplog.set_level("WARNING")
    inbox.answers = {"night@example.com": "550 no such user"}
    with serve() as mail:
        mail.send(EVENT, {"text": TEXT})

    assert inbox.recipients == [["ops@example.com"]]
    assert "1 of 2 recipients of a mail were refused" in caplog.text


@contextmanager
def talker(*said: bytes) -> Iterator[int]:
    """A server that says these lines in turn and is gone then; without any it stays silent."""
    over = threading.Event()

    def talk() -> None:
        connection, _ = listener.accept()
        with connection:
            for number, line in enumerate(said):
                if number:
                    connection.recv(1000)
                connection.sendall(line)
            over.wait(0 if said else 30)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        thread.join()


def plain(port: int, timeout: float = 10) -> Mail:
    return Mail("127.0.0.1", port, "none", "a@example.com", ("b@example.com",), timeout=timeout)


@pytest.mark.parametrize("said", [(b"220 x\r\n",), (b"220 x\r\n", b"25"), (b"2",)])
def test_half_an_answer_is_none(said):
    with talker(*said) as port, pytest.raises(DeliveryError) as caught:
        plain(port).send(EVENT, {"text": TEXT})

    assert not caught.value.permanent


@pytest.mark.parametrize("farewell", [b"421 too many\r\n", b"250 ok\r\n", b"2", b""])
def test_a_mail_that_was_taken_stays_so_whatever_the_farewell(farewell):
    steps = (b"220 x", b"250 x", b"250 x", b"250 x", b"354 x", b"250 taken")
    with talker(*(b"%s\r\n" % step for step in steps), farewell) as port:
        plain(port).send(EVENT, {"text": TEXT})


def test_a_server_that_greets_with_a_refusal_is_tried_again():
    with talker(b"554 no service for you\r\n") as port, pytest.raises(DeliveryError) as caught:
        plain(port).send(EVENT, {"text": TEXT})

    assert str(caught.value) == "the receiver answers 554 to the connection (no service for you)"
    assert not caught.value.permanent


def test_a_server_that_says_nothing_is_waited_for_no_longer_than_told():
    with talker() as port, pytest.raises(DeliveryError, match=r"^no answer in time$"):
        plain(port, timeout=0.05).send(EVENT, {"text": TEXT})


def test_a_server_that_is_down_is_tried_again():
    with pytest.raises(DeliveryError, match=r"^no connection \(ConnectionRefusedError\)$"):
        plain(1).send(EVENT, {"text": TEXT})


FIELDS = {
    "type": "email",
    "host": "smtp.example.com",
    "sender": "shop@example.com",
    "to": ["ops@example.com"],
}


@pytest.mark.parametrize(("security", "port"), [("tls", 465), ("starttls", 587)])
def test_the_port_is_that_of_the_security(security, port):
    (destination,) = destinations("ops", [FIELDS | {"security": security, "per_minute": 30}])

    assert (destination.channel.port, destination.channel.limits.per_minute) == (port, 30)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"to": []}, "to is []; it must be a list of addresses"),
        ({"to": ["ops"]}, "to is 'ops'; it must be"),
        ({"to": ["a@b.c\r\nBcc: d@e.f"]}, "to is "),
        ({"sender": "shop"}, "sender is 'shop'; it must be an address such as shop@example.com"),
        ({"port": 0}, "port is 0; it must be a port number"),
        ({"security": "none"}, 'security is "none"; only a server on this machine may do without'),
        ({"security": "ssl"}, "security is 'ssl'; it must be one of tls, starttls, none"),
    ],
)
def test_a_broken_field_is_named(changes, said):
    with pytest.raises(ConnectionFieldError) as caught:
        destinations("ops", [FIELDS | changes])

    assert str(caught.value).startswith(f"connection notify_ops: channel email: {said}")
