"""Sends a text, with HTML if there is any, by e-mail over TLS; the answer to the whole counts."""

import logging
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from email.utils import formatdate
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from shipment_tracking.channels.fields import (
    ChannelFields,
    OptionalSecret,
    Text,
    need_both,
    own_sentence,
)
from shipment_tracking.channels.port import Limits, fingerprint
from shipment_tracking.channels.refusals import UNKNOWN, Meaning, Refusal, hide
from shipment_tracking.domain.hosts import is_host, is_loopback
from shipment_tracking.errors import DeliveryError

log = logging.getLogger(__name__)

TIMEOUT = 10.0  # seconds for each step
LIMITS = Limits(most_items=200, takes_html=True)
LONGEST_SUBJECT = 100  # characters
PORTS = {"tls": 465, "starttls": 587, "none": 25}
REFUSALS = {
    501: Refusal(Meaning.CLOSED, "correct sender and to"),
    530: Refusal(Meaning.CLOSED, "set login and password"),
    534: Refusal(Meaning.CLOSED, "use a password for applications"),
    535: Refusal(Meaning.CLOSED, "correct login and password"),
    538: Refusal(Meaning.CLOSED, 'set security to "tls"'),
    550: Refusal(Meaning.CLOSED, "correct sender and to"),
    551: Refusal(Meaning.CLOSED, "correct to"),
    552: Refusal(Meaning.PERMANENT),
    553: Refusal(Meaning.CLOSED, "correct sender and to"),
    554: Refusal(Meaning.PERMANENT),
}
"""Any other code, among them all from 400 to 499, is tried again."""


@dataclass(frozen=True, slots=True)
class Mail:
    """
    A mail server and who gets the mails.

    :param security: ``tls`` from the first byte, ``starttls``, or ``none``.
    :param timeout: seconds for each step of the conversation.
    :param trust: what server certificates are trusted; the system's where there is none.
    """

    host: str
    port: int
    security: str
    sender: str
    to: Sequence[str]
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    limits: Limits = LIMITS
    timeout: float = TIMEOUT
    trust: ssl.SSLContext | None = field(default=None, repr=False)

    @property
    def identity(self) -> str:
        """The account of the server."""
        account = fingerprint(self.host, str(self.port), self.login or "", self.sender, *self.to)
        return f"email {account}"

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        """
        Send one mail; a repeat has the same Message-ID.

        :raises DeliveryError: the server does not say that it took the mail for anybody.
        """
        try:
            with closing(self._connect()) as server:
                if self.login:
                    server.login(self.login, self.password or "")
                refused = server.send_message(self._mail(event_id, body))
                # The mail is taken, whatever becomes of the farewell.
                with suppress(OSError, smtplib.SMTPException):
                    server.quit()
        except smtplib.SMTPRecipientsRefused as error:
            raise self._refused(*next(iter(error.recipients.values()))) from None
        except smtplib.SMTPResponseException as error:
            # A greeting says nothing of the mail.
            is_greeting = isinstance(error, smtplib.SMTPConnectError)
            code = error.smtp_code if not is_greeting else f"{error.smtp_code} to the connection"
            raise self._refused(code, error.smtp_error) from None
        except smtplib.SMTPNotSupportedError:
            raise Refusal(
                Meaning.CLOSED, "compare security, login and password with what it offers"
            ).error("no such command") from None
        except (OSError, smtplib.SMTPException) as error:
            # smtplib hides the time-out of an answer.
            if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
                raise DeliveryError("no answer in time") from None
            raise DeliveryError(f"no connection ({type(error).__name__})") from None
        if refused:
            log.warning("%d of %d recipients of a mail were refused", len(refused), len(self.to))

    def _connect(self) -> smtplib.SMTP:
        trust = self.trust or ssl.create_default_context()
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=trust)
        server = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        if self.security == "starttls":
            try:
                server.starttls(context=trust)
            except BaseException:
                server.close()
                raise
        return server

    def _mail(self, event_id: UUID, body: Mapping[str, Any]) -> EmailMessage:
        text = str(body["text"])
        mail = EmailMessage()
        first_line = " ".join(text.strip().partition("\n")[0].split())
        mail["Subject"] = first_line[:LONGEST_SUBJECT] or "-"
        mail["From"] = self.sender
        mail["To"] = ", ".join(self.to)
        mail["Date"] = formatdate()
        mail["Message-ID"] = f"<{event_id}@shipment-tracking.invalid>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(text)
        if html := body.get("html"):
            mail.add_alternative(str(html), subtype="html")
        return mail

    def _refused(self, code: int | str, said: bytes | str) -> DeliveryError:
        words = said.decode(errors="replace") if isinstance(said, bytes) else said
        refusal = REFUSALS.get(code, UNKNOWN) if isinstance(code, int) else UNKNOWN
        return refusal.error(hide(f"{code} ({words})", self.password or ""))


def _address(address: str) -> str:
    name, at, domain = address.rpartition("@")
    if not (name and at and domain) or not address.isprintable() or set(address) & set(" ,;<>"):
        raise ValueError
    return address


def _host(host: str) -> str:
    if not is_host(host):
        raise ValueError
    return host


Address = Annotated[
    str, AfterValidator(_address), Field(description="an address such as shop@example.com")
]


class MailFields(ChannelFields):
    """A mail server, the sender's account there, and who gets the mails."""

    may_digest: ClassVar[bool] = True

    host: Annotated[
        str, AfterValidator(_host), Field(description="a host name such as smtp.example.com")
    ]
    sender: Address
    to: list[Address] = Field(
        min_length=1, description='a list of addresses such as ["shop@example.com"]'
    )
    security: Literal["tls", "starttls", "none"] = Field(
        "tls", description="one of tls, starttls, none"
    )
    port: int | None = Field(None, ge=1, le=65535, description="a port number")
    login: Text | None = Field(None, description="a text")
    password: OptionalSecret = None
    per_minute: int | None = Field(
        None, ge=1, description="how many mails a minute the server takes"
    )

    @field_validator("security")
    @classmethod
    def _encrypts(cls, security: str, info: ValidationInfo) -> str:
        if security == "none" and not is_loopback(info.data.get("host", "")):
            raise own_sentence('security is "none"; only a server on this machine may do without')
        return security

    @model_validator(mode="after")
    def _has_both(self) -> Self:
        need_both(self.login, self.password)
        return self

    def open(self) -> Mail:
        """The channel; nothing is connected yet."""
        return Mail(
            host=self.host,
            port=self.port or PORTS[self.security],
            security=self.security,
            sender=self.sender,
            to=tuple(self.to),
            login=self.login,
            password=self.password.get_secret_value() if self.password else None,
            limits=replace(LIMITS, per_minute=self.per_minute),
        )
