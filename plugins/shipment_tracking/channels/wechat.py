"""Sends a buyer a subscribe message of the shop's mini program or official account in WeChat."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Literal
from urllib.parse import quote, urlsplit
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator

from shipment_tracking.channels.access_tokens import ProcessTokens
from shipment_tracking.channels.fields import ChannelFields, Secret, Text, Url, own_sentence
from shipment_tracking.channels.port import (
    SHANGHAI,
    SHORT,
    AccessToken,
    AccessTokens,
    Limits,
    fingerprint,
)
from shipment_tracking.channels.refusals import NO_CONTACT, Meaning, Refusal, judge
from shipment_tracking.channels.transport import TIMEOUT, post_json
from shipment_tracking.channels.wechat_values import FACTS, IDS, KINDS, kind_of, value
from shipment_tracking.errors import DeliveryError, ReceiverClosedError, UnreachableError

log = logging.getLogger(__name__)

GATEWAY = "https://api.weixin.qq.com"
LIMITS = Limits(at_once=4, per_minute=600, medium=SHORT)
MINI_PROGRAM: Final = "mini_program"
OFFICIAL_ACCOUNT: Final = "official_account"
PATHS = {
    MINI_PROGRAM: "/cgi-bin/message/subscribe/send",
    OFFICIAL_ACCOUNT: "/cgi-bin/message/subscribe/bizsend",
}
TOKEN_PATH = "/cgi-bin/stable_token"
WEB_LANGUAGES = {"zh": "zh_CN", "en": "en_US"}

BAD_TOKEN = (40001, 40014, 42001)
DAY_LIMIT = 45009
_BUSY = Refusal(Meaning.TRANSIENT)
_FAST = Refusal(Meaning.LIMITED, wait=60)
_DAY = Refusal(Meaning.LIMITED)
_TOKEN = Refusal(Meaning.TRANSIENT, "let no other program force new stable tokens for this app")
_APP = Refusal(Meaning.CLOSED, "correct app_id and app_secret")
_ADDRESS = Refusal(Meaning.CLOSED, "add this machine's address to the app's list of IP addresses")
_RIGHTS = Refusal(Meaning.CLOSED, "let the app's administrator enable subscribe messages")
_TEMPLATE = Refusal(Meaning.CLOSED, "copy template_id of this app's template again")
_PAGE = Refusal(Meaning.CLOSED, "correct page; it must be in the published version of the app")
_VALUE = Refusal(Meaning.PERMANENT, "compare fields with those of the template")
_PERSON = Refusal(Meaning.UNREACHABLE)
LOGIN_REFUSALS = {
    -1: _BUSY,
    40001: _APP,
    40002: _APP,
    40013: _APP,
    40125: _APP,
    40164: _ADDRESS,
    40243: Refusal(Meaning.CLOSED, "unfreeze the app's secret, or put a new one in app_secret"),
    41002: _APP,
    41004: _APP,
    DAY_LIMIT: _DAY,
    45011: _FAST,
    50004: _RIGHTS,
    50007: _RIGHTS,
    89501: _ADDRESS,
    89503: _ADDRESS,
    89506: _ADDRESS,
    89507: _ADDRESS,
}
"""Of a call for an access token."""
REFUSALS = {
    -1: _BUSY,
    40001: _TOKEN,
    40003: Refusal(
        Meaning.PERMANENT, "let find_contact.sql return the openid that the buyer has in this app"
    ),
    40013: _APP,
    40014: _TOKEN,
    40037: _TEMPLATE,
    40165: _PAGE,
    41030: _PAGE,
    42001: _TOKEN,
    43004: _PERSON,
    43019: _PERSON,
    43101: _PERSON,
    43107: _RIGHTS,
    43108: _BUSY,
    43116: _TEMPLATE,
    44002: _VALUE,
    DAY_LIMIT: _DAY,
    45011: _FAST,
    45168: Refusal(Meaning.PERMANENT, "WeChat refuses a word of it"),
    47001: _VALUE,
    47003: _VALUE,
    48001: _RIGHTS,
    48004: _RIGHTS,
}
"""Of a message. ``DAY_LIMIT`` waits for the end of the day in Shanghai."""


@dataclass(frozen=True, slots=True)
class App:
    """
    A mini program or an official account; a ``Login``.

    :param timeout: seconds to connect, to read.
    :param clock: gives the present, aware.
    """

    app_id: str
    secret: str = field(repr=False)
    url: str = GATEWAY
    timeout: tuple[float, float] = TIMEOUT
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def name(self) -> str:
        """The app's id."""
        return f"wechat {self.app_id}"

    @property
    def key(self) -> str:
        """A digest of id and secret."""
        return fingerprint(self.url, self.app_id, self.secret)

    def fetch(self) -> AccessToken:
        """
        The app's stable token, which leaves the tokens of the shop's other programs valid.

        :raises DeliveryError: WeChat gives none.
        """
        request = {
            "grant_type": "client_credential",
            "appid": self.app_id,
            "secret": self.secret,
            "force_refresh": False,
        }
        answer = post_json(f"{self.url}{TOKEN_PATH}", request, timeout=self.timeout)
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if isinstance(token, str) and token and isinstance(seconds, int):
            return AccessToken(token, self.clock() + timedelta(seconds=seconds))
        if not answer.get("errcode"):
            raise DeliveryError("the answer holds no access token")
        self.check(answer, LOGIN_REFUSALS)
        raise DeliveryError("the answer holds no access token")

    def check(self, answer: Mapping[str, Any], table: Mapping[Any, Refusal], *secrets: str) -> None:
        """:raises DeliveryError: the answer is not success; no secret is in the text."""
        wait = seconds_of_day_left(self.clock())
        refusals = {**table, DAY_LIMIT: Refusal(Meaning.LIMITED, wait=wait)}
        judge(
            answer.get("errcode"),
            answer.get("errmsg"),
            refusals,
            success=0,
            secrets=(self.secret, *secrets),
        )


@dataclass(frozen=True, slots=True)
class WeChat:
    """
    A template of an app.

    :param account: ``mini_program`` or ``official_account``.
    :param fields: for each field of the template the fact that it holds.
    :param page: where a tap leads: a page of the mini program, or an address; it may name ids such
        as ``{erp_key}``.
    :param web_language: of the mini program's own frame around the message.
    """

    app: App
    account: str
    template_id: str
    fields: Mapping[str, str]
    page: str | None = None
    web_language: str = WEB_LANGUAGES["zh"]
    tokens: AccessTokens = field(default_factory=ProcessTokens, repr=False)
    limits: Limits = LIMITS

    @property
    def identity(self) -> str:
        """The app, whose templates share its limits."""
        return f"wechat {fingerprint(self.app.url, self.app.app_id)}"

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        """
        Send a message to each contact that has an openid.

        :raises UnreachableError: no contact has one, or none of them wants messages.
        :raises DeliveryError: WeChat does not say that it took a message.
        """
        contacts = {
            contact["wechat_openid"]: contact
            for contact in body.get("contacts", [])
            if contact.get("wechat_openid")
        }
        if not contacts:
            raise UnreachableError("no contact has a wechat_openid", reason=NO_CONTACT)
        refused = []
        for openid, contact in contacts.items():
            try:
                self._send_to(openid, _facts(contact, body))
            except DeliveryError as error:
                if isinstance(error, ReceiverClosedError) or not error.permanent:
                    raise
                refused.append(error)
        if len(refused) == len(contacts):
            raise next((e for e in refused if not isinstance(e, UnreachableError)), refused[0])
        for each in refused:
            log.warning("one of %d contacts of a message gets none: %s", len(contacts), each)

    def _send_to(self, openid: str, facts: Mapping[str, Any]) -> None:
        message = self._message(openid, facts)
        token = self.tokens.get(self.app)
        answer = self._post(token, message)
        if answer.get("errcode") in BAD_TOKEN:
            token = self.tokens.get(self.app, refused=token)
            answer = self._post(token, message)
        self.app.check(answer, REFUSALS, token, openid)

    def _post(self, token: str, message: Mapping[str, Any]) -> dict[str, Any]:
        url = f"{self.app.url}{PATHS[self.account]}?access_token={quote(token, safe='')}"
        return post_json(url, message, timeout=self.app.timeout)

    def _message(self, openid: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        message: dict[str, Any] = {
            "touser": openid,
            "template_id": self.template_id,
            "data": {
                name: {"value": value(name, fact, facts)} for name, fact in self.fields.items()
            },
            "miniprogram_state": "formal",
            "lang": self.web_language,
        }
        if self.page:
            message["page"] = _page(self.page, facts)
        return message


def seconds_of_day_left(now: datetime) -> float:
    """Seconds until the day ends in Shanghai; ``now`` is aware."""
    here = now.astimezone(SHANGHAI)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - here).total_seconds()


def _facts(contact: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """What may be said to one contact: of several orders theirs."""
    orders = body.get("orders") or [{}]
    own = [order for order in orders if order.get("erp_key") == contact.get("erp_key")]
    return {**body, "short": body.get("text"), **(own or orders)[0]}


_ID = re.compile(r"\{(\w*)\}")


def _page(page: str, facts: Mapping[str, Any]) -> str:
    return _ID.sub(lambda found: quote(str(facts.get(found[1]) or ""), safe=""), page)


def _mistakes(fields: Mapping[str, str], language: str) -> Iterator[str]:
    for name, fact in fields.items():
        kind = kind_of(name)
        if kind is None:
            yield (
                f"fields: {name[:20]} cannot hold our facts; use fields of the types "
                f"{', '.join(KINDS)}, such as thing1"
            )
        elif fact not in kind.facts:
            yield f"fields: {name} must be one of {', '.join(kind.facts)}"
        elif kind is KINDS["phrase"] and language != "zh":
            yield f"fields: {name} takes Chinese only; set language to zh, or use a thing"


class WeChatFields(ChannelFields):
    """An app, one of its templates, and what the template's fields hold."""

    for_customers: ClassVar[bool] = True
    for_staff: ClassVar[bool] = False

    app_id: Text
    app_secret: Secret
    template_id: Text
    fields: dict[str, str] = Field(
        min_length=1,
        description='an object such as {"thing1": "short"} with facts out of ' + ", ".join(FACTS),
    )
    account: Literal["mini_program", "official_account"] = Field(
        MINI_PROGRAM, description=f"one of {', '.join(PATHS)}"
    )
    page: Text | None = Field(None, description="a text")
    url: Url = Field(GATEWAY, validate_default=True, description="an http or https address")

    @field_validator("fields")
    @classmethod
    def _fit(cls, fields: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if mistake := next(_mistakes(fields, info.data.get("language", "")), None):
            raise own_sentence(mistake)
        return fields

    @field_validator("page")
    @classmethod
    def _leads_somewhere(cls, page: str | None, info: ValidationInfo) -> str | None:
        if page is None:
            return None
        if not set(_ID.findall(page)) <= set(IDS):
            raise own_sentence(f"page may name {', '.join(IDS)} in braces, and nothing else")
        is_address = urlsplit(page).scheme == "https"
        if info.data.get("account") == OFFICIAL_ACCOUNT and not is_address:
            raise own_sentence("page of an official account must be an https address")
        if info.data.get("account") == MINI_PROGRAM and "://" in page:
            raise own_sentence("page of a mini program must be a page of it, not an address")
        return page

    def open(self) -> WeChat:
        """The channel; nothing is connected yet."""
        return self.open_with(ProcessTokens())

    def open_with(self, tokens: AccessTokens) -> WeChat:
        """The channel with access tokens that are kept there."""
        url = self.url.get_secret_value().rstrip("/")
        return WeChat(
            App(self.app_id, self.app_secret.get_secret_value(), url),
            self.account,
            self.template_id,
            self.fields,
            self.page,
            WEB_LANGUAGES[self.language],
            tokens,
        )
