"""
Errors, named by what to do about them.

    ShipmentTrackingError
    ├── ConnectionFieldError    an Airflow connection lacks something: correct the connection
    ├── StatementError          an ERP statement breaks its contract: correct the SQL file
    ├── WarehouseRefusedError   the warehouse cannot be used as it is: do what the message says
    ├── ClosureRefusedError     too many orders left the ERP's list at once: look, then accept
    ├── LaneStoppedError        most of an account's orders fail alike: correct the account
    ├── ReplyError              a stored reply cannot be read: it is tried again, then set aside
    └── PlatformError           a platform answered something else than data
        ├── RetryableError      passing: ask again
        │   └── QuotaError      too fast: ask again after a while, and let everybody wait
        ├── AuthError           this account is not let in: a person must act
        ├── RejectedError       this order only: skip it, go on
        └── PlatformBugError    our request is wrong: a developer must act
"""

from datetime import datetime


class ShipmentTrackingError(Exception):
    """Everything this package raises on purpose."""


class ConnectionFieldError(ShipmentTrackingError, ValueError):
    """A field of an Airflow connection is missing, unknown or unusable; the text names both."""


class StatementError(ShipmentTrackingError, ValueError):
    """An ERP statement breaks its contract; the text names the file and the column or row."""


class WarehouseRefusedError(ShipmentTrackingError):
    """The warehouse cannot be used; the text says what to run or change."""


class ClosureRefusedError(ShipmentTrackingError):
    """More orders left the ERP's list than is believable; nothing was closed."""


class LaneStoppedError(ShipmentTrackingError):
    """Most orders of one account fail for the same reason; the text names the account."""


class ReplyError(ShipmentTrackingError, ValueError):
    """A stored reply cannot be read as its dialect says."""


class PlatformError(ShipmentTrackingError):
    """
    A platform's answer that is no data.

    :param message: what happened and, where a person can do something, what.
    :param code: the platform's own error code.
    :param request_id: the platform's own id of the call, for its support desk.
    """

    def __init__(self, message: str, *, code: str = "", request_id: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id

    def __str__(self) -> str:
        marks = [f"code {self.code}"] if self.code else []
        marks += [f"request {self.request_id}"] if self.request_id else []
        return super().__str__() + (f" ({', '.join(marks)})" if marks else "")


class RetryableError(PlatformError):
    """
    Passing trouble.

    :param retry_after: seconds the platform asked us to wait, if it did.
    """

    def __init__(
        self, message: str, *, code: str = "", request_id: str = "", retry_after: float = 0
    ) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.retry_after = retry_after


class QuotaError(RetryableError):
    """
    The platform pushed back; nobody who shares the app key may call before ``until``.

    :param until: aware time, if the end is known.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        request_id: str = "",
        retry_after: float = 0,
        until: datetime | None = None,
    ) -> None:
        super().__init__(message, code=code, request_id=request_id, retry_after=retry_after)
        self.until = until


class AuthError(PlatformError):
    """The account is not let in: key, secret, token or permission."""


class RejectedError(PlatformError):
    """
    The platform refuses this one order.

    :param final: asking again will never help (for example: older than a year).
    """

    def __init__(
        self, message: str, *, code: str = "", request_id: str = "", final: bool = False
    ) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.final = final


class PlatformBugError(PlatformError):
    """The platform says that our request is malformed."""
