"""Sends a buyer a text message by Aliyun; only the code OK counts as taken."""

import base64
import hmac
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

from pydantic import Field, field_validator

from shipment_tracking.channels.fields import ChannelFields, Secret, Text, Url
from shipment_tracking.channels.port import Limits, fingerprint
from shipment_tracking.channels.refusals import NO_CONTACT, Meaning, Refusal, judge
from shipment_tracking.channels.transport import TIMEOUT, post
from shipment_tracking.errors import DeliveryError, UnreachableError

GATEWAY = "https://dysmsapi.aliyuncs.com"
LIMITS = Limits(at_once=4)
LONGEST_VALUE = 35  # characters of one variable
_REFUSED = re.compile(
    r"(?:https?://|www\.)[^\s，。；、）)】]+"
    r"|(?<![a-z0-9_.-])(?:[a-z0-9-]+\.)+(?:com|cn|net|org|info|top|cc|vip|shop|hk|tw)"
    r"(?![a-z0-9_-])(?:[/:][!-~]*)?"
    r"|(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"
    r"|[\u2600-\u27bf\ufe0e\ufe0f\u20e3\U00010000-\U0010ffff]",
    re.I,
)
_BETWEEN = re.compile(r"[\s()\u2010-\u2015\u200b-\u200f-]")
_MOBILE = re.compile(r"(?:\+?86|0086|\+)?1\d{10}")
FACTS = (
    "erp_key",
    "platform_order_id",
    "waybill_no",
    "carrier_name",
    "occurred_at",
    "latest_trace",
    "eta",
)
"""What a template's variables may hold; the first two are those of the first order."""

_KEY = Refusal(Meaning.CLOSED, "correct access_key_id and access_key_secret")
_RIGHTS = Refusal(Meaning.CLOSED, "allow the key's user to send messages")
_ACCOUNT = Refusal(Meaning.CLOSED, "pay for the account, or open the service")
_TEMPLATE = Refusal(Meaning.CLOSED, "compare sign_name, template_code and params with the console")
_MESSAGE = Refusal(Meaning.PERMANENT)
REFUSALS = {
    "InvalidAccessKeyId.NotFound": _KEY,
    "InvalidAccessKeyId.Inactive": _KEY,
    "SignatureDoesNotMatch": _KEY,
    "IncompleteSignature": _KEY,
    "InvalidTimeStamp.Expired": Refusal(Meaning.CLOSED, "correct this machine's time"),
    "Forbidden.RAM": _RIGHTS,
    "isp.RAM_PERMISSION_DENY": _RIGHTS,
    "isv.ACCOUNT_ABNORMAL": _ACCOUNT,
    "isv.ACCOUNT_NOT_EXISTS": _ACCOUNT,
    "isv.AMOUNT_NOT_ENOUGH": _ACCOUNT,
    "isv.OUT_OF_SERVICE": _ACCOUNT,
    "isv.PRODUCT_UNSUBSCRIBE": _ACCOUNT,
    "isv.PRODUCT_UN_SUBSCRIPT": _ACCOUNT,
    "isv.DENY_IP_RANGE": Refusal(Meaning.CLOSED, "send from an address in mainland China"),
    "isv.SMS_SIGNATURE_ILLEGAL": _TEMPLATE,
    "isv.SMS_SIGN_ILLEGAL": _TEMPLATE,
    "isv.SMS_SIGNATURE_SCENE_ILLEGAL": _TEMPLATE,
    "isv.SMS_TEMPLATE_ILLEGAL": _TEMPLATE,
    "isv.TEMPLATE_MISSING_PARAMETERS": _TEMPLATE,
    "isv.INVALID_JSON_PARAM": _MESSAGE,
    "isv.INVALID_PARAMETERS": _MESSAGE,
    "isv.MOBILE_NUMBER_ILLEGAL": _MESSAGE,
    "isv.MOBILE_COUNT_OVER_LIMIT": _MESSAGE,
    "isv.BLACK_KEY_CONTROL_LIMIT": _MESSAGE,
    "isv.PARAM_LENGTH_LIMIT": _MESSAGE,
    "isv.PARAM_NOT_SUPPORT_URL": _MESSAGE,
    "isv.SMS_CONTENT_ILLEGAL": _MESSAGE,
    # 50 a day for one number; the other numbers get theirs.
    "isv.BUSINESS_LIMIT_CONTROL": Refusal(Meaning.TRANSIENT),
    "isv.DAY_LIMIT_CONTROL": Refusal(Meaning.LIMITED, wait=3600),
    "isv.MONTH_LIMIT_CONTROL": Refusal(Meaning.LIMITED, wait=3600),
    "Throttling": Refusal(Meaning.LIMITED, wait=60),
    "Throttling.User": Refusal(Meaning.LIMITED, wait=60),
}


@dataclass(frozen=True, slots=True)
class AliyunSms:
    """
    A signature and a template of an account.

    :param params: for each variable of the template the fact that it holds.
    :param timeout: seconds to connect, to read.
    """

    key: str = field(repr=False)
    secret: str = field(repr=False)
    sign_name: str
    template_code: str
    params: Mapping[str, str]
    url: str = GATEWAY
    timeout: tuple[float, float] = TIMEOUT
    limits: Limits = LIMITS

    @property
    def identity(self) -> str:
        """The account's signature and template."""
        return f"aliyun_sms {fingerprint(self.url, self.key, self.sign_name, self.template_code)}"

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        """
        Send one message to the phones of all contacts.

        :raises DeliveryError: Aliyun does not say that it took it.
        """
        found = [contact["phone"] for contact in body.get("contacts", []) if contact.get("phone")]
        phones = list(dict.fromkeys(map(_number, found)))
        if not phones:
            raise UnreachableError("no contact has a phone", reason=NO_CONTACT)
        parameters = {
            "AccessKeyId": self.key,
            "Action": "SendSms",
            "Format": "JSON",
            "OutId": str(event_id),
            "PhoneNumbers": ",".join(phones),
            "SignName": self.sign_name,
            "SignatureMethod": "HMAC-SHA1",
            "SignatureNonce": str(uuid4()),
            "SignatureVersion": "1.0",
            "TemplateCode": self.template_code,
            "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Version": "2017-05-25",
        }
        if self.params:
            parameters["TemplateParam"] = json.dumps(self._values(body), ensure_ascii=False)
        parameters["Signature"] = signature("POST", parameters, self.secret)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        content = urlencode(parameters).encode()
        answer = post(f"{self.url}/", content, headers, timeout=self.timeout)
        try:
            outcome = json.loads(answer.content)
        except ValueError:
            outcome = None
        # An error has another status than 200, too; its code says more.
        if not isinstance(outcome, dict) or "Code" not in outcome:
            answer.accept()
            raise DeliveryError("the answer is not a JSON object with a code")
        judge(
            outcome["Code"],
            outcome.get("Message"),
            REFUSALS,
            success="OK",
            secrets=(self.secret, self.key, *found, *phones),
        )

    def _values(self, body: Mapping[str, Any]) -> dict[str, str]:
        orders: Sequence[Mapping[str, Any]] = body.get("orders") or [{}]
        facts = {**body, **orders[0]}
        return {
            variable: _value(str(facts.get(fact) or "")) for variable, fact in self.params.items()
        }


def _number(phone: str) -> str:
    """A mobile number without what people write between its digits; any other as it is."""
    plain = _BETWEEN.sub("", unicodedata.normalize("NFKC", phone))
    return plain if _MOBILE.fullmatch(plain) else phone


def _value(text: str) -> str:
    """The text without addresses, hosts and emoji; Aliyun refuses these, and an empty value."""
    return " ".join(_REFUSED.sub(" ", text).split())[:LONGEST_VALUE] or "-"


class AliyunSmsFields(ChannelFields):
    """A key, and what its account may send."""

    for_customers: ClassVar[bool] = True
    for_staff: ClassVar[bool] = False

    access_key_id: Secret
    access_key_secret: Secret
    sign_name: Text
    template_code: Text
    params: dict[str, str] = Field(
        default_factory=dict,
        description='an object such as {"order": "erp_key"} with facts out of ' + ", ".join(FACTS),
    )
    url: Url = Field(GATEWAY, validate_default=True, description="an http or https address")

    @field_validator("params")
    @classmethod
    def _are_facts(cls, params: dict[str, str]) -> dict[str, str]:
        if not set(params.values()) <= set(FACTS):
            raise ValueError
        return params

    def open(self) -> AliyunSms:
        """The channel; nothing is connected yet."""
        return AliyunSms(
            self.access_key_id.get_secret_value(),
            self.access_key_secret.get_secret_value(),
            self.sign_name,
            self.template_code,
            self.params,
            self.url.get_secret_value().rstrip("/"),
        )


def signature(method: str, parameters: Mapping[str, str], secret: str) -> str:
    """What proves that a call with these parameters comes from somebody who knows the secret."""
    pairs = sorted(parameters.items())
    query = "&".join(f"{_encode(name)}={_encode(value)}" for name, value in pairs)
    signed = f"{method}&{_encode('/')}&{_encode(query)}"
    digest = hmac.digest(f"{secret}&".encode(), signed.encode(), "sha1")
    return base64.b64encode(digest).decode()


def _encode(text: str) -> str:
    return quote(text, safe="~")
