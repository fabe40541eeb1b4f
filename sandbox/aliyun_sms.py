"""Aliyun's text messages: a gateway that checks keys, signatures, numbers and templates."""

import base64
import hmac
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

KEY = "sandbox-sms-key"
SECRET = "sandbox-sms-secret"
SIGN_NAME = "测试店铺"
TEMPLATE_CODE = "SMS_100000001"
VARIABLES = ("order", "waybill")
TOLERANCE = 900.0  # seconds
MOST_A_DAY = 50
EMOJI = re.compile("[\u2600-\u27bf\U00010000-\U0010ffff]")
PHONE = re.compile(r"(\+?86)?1[3-9]\d{9}")


@dataclass
class SmsGateway:
    """Keeps what it takes: number, template and variables of each message."""

    messages: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    _sent: Counter[str] = field(default_factory=Counter)
    _nonces: set[str] = field(default_factory=set)

    def answer(self, method: str, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """HTTP status and body of the answer to one call."""
        refused = self._check_call(method, form) or self._check_message(form)
        if refused:
            status, code, words = refused
            return status, {"Code": code, "Message": words, "RequestId": "sandbox"}
        values = json.loads(form.get("TemplateParam", "{}"))
        for phone in form["PhoneNumbers"].split(","):
            self._sent[phone] += 1
            self.messages.append((phone, form["TemplateCode"], values))
        return 200, {"Code": "OK", "Message": "OK", "BizId": "1^0", "RequestId": "sandbox"}

    def _check_call(self, method: str, form: Mapping[str, str]) -> tuple[int, str, str] | None:
        if form.get("AccessKeyId") != KEY:
            return 404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."
        if form.get("Signature") != sign(method, form):
            return 400, "SignatureDoesNotMatch", "Specified signature does not match."
        called_at = datetime.strptime(form["Timestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if abs((datetime.now(UTC) - called_at).total_seconds()) > TOLERANCE:
            return 400, "InvalidTimeStamp.Expired", "Specified time stamp is expired."
        if form["SignatureNonce"] in self._nonces:
            return 400, "SignatureNonceUsed", "Specified signature nonce was used already."
        self._nonces.add(form["SignatureNonce"])
        if (form.get("Action"), form.get("Version")) != ("SendSms", "2017-05-25"):
            return 404, "InvalidAction.NotFound", "Specified api is not found."
        return None

    def _check_message(self, form: Mapping[str, str]) -> tuple[int, str, str] | None:
        phones = form.get("PhoneNumbers", "").split(",")
        if not all(PHONE.fullmatch(phone) for phone in phones):
            return 200, "isv.MOBILE_NUMBER_ILLEGAL", "invalid mobile number"
        if form.get("SignName") != SIGN_NAME:
            return 200, "isv.SMS_SIGNATURE_ILLEGAL", "签名不合法(不存在或被拉黑)"
        if form.get("TemplateCode") != TEMPLATE_CODE:
            return 200, "isv.SMS_TEMPLATE_ILLEGAL", "模板不合法(不存在或被拉黑)"
        values = json.loads(form.get("TemplateParam", "{}"))
        if not set(VARIABLES) <= values.keys():
            return 200, "isv.TEMPLATE_MISSING_PARAMETERS", "模板变量缺少对应参数值"
        if not all(value and value.strip() for value in values.values()):
            return 200, "isv.INVALID_JSON_PARAM", "参数格式错误，请修改为字符串值"
        if any(EMOJI.search(value) for value in values.values()):
            return 200, "isv.INVALID_PARAMETERS", "参数异常"
        if any("http" in value or "www." in value for value in values.values()):
            return 200, "isv.PARAM_NOT_SUPPORT_URL", "变量不支持传入URL"
        if any(len(value) > 35 for value in values.values()):
            return 200, "isv.PARAM_LENGTH_LIMIT", "参数超过长度限制"
        if any(self._sent[phone] >= MOST_A_DAY for phone in phones):
            return 200, "isv.BUSINESS_LIMIT_CONTROL", "触发天级流控Permits:50"
        return None


def sign(method: str, form: Mapping[str, str]) -> str:
    """The signature that a call must have."""
    pairs = sorted((name, value) for name, value in form.items() if name != "Signature")
    query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)
    signed = f"{method}&%2F&{quote(query, safe='~')}"
    digest = hmac.digest(f"{SECRET}&".encode(), signed.encode(), "sha1")
    return base64.b64encode(digest).decode()
