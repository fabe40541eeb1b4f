"""
Errors, named by what to do about them.

    ShipmentTrackingError
    ├── PersonNeededError       trying again is useless: manual action required, the text says how
    │   ├── ConnectionFieldError    an Airflow connection lacks something
    │   ├── StatementError          an ERP statement or its folder breaks the contract
    │   ├── MessageError            a notice's text cannot be written
    │   ├── InputError              too many rows of the ERP, or a text, cannot be used
    │   ├── CarrierTableError       the table of carriers, or a list for it, cannot be read
    │   ├── PollingTableError       the table of polling has a mistake
    │   ├── CalendarTableError      the table of holidays has a mistake
    │   ├── OwnerTextsError         the owner's texts.csv has a mistake
    │   ├── ParamError              the params of a run contradict each other
    │   ├── ReportFolderError       the files of a report cannot be written
    │   ├── WarehouseRefusedError   the warehouse cannot be used as it is
    │   ├── ClosureRefusedError     too many orders left the ERP's list at once
    │   ├── QualityError            the warehouse does not hold what it promises
    │   ├── RedTasksError           tasks of the run are red; the text lists them
    │   ├── LaneStoppedError        most of an account's orders fail alike
    │   ├── ChannelRefusedError     a receiver takes nothing until its connection is corrected
    │   ├── AuthError               the platform does not let this account in
    │   │   └── TokenError          its access token, or the one to renew it with, is not usable
    │   └── PlatformBugError        the platform calls our request malformed
    ├── DeliveryError           a receiver did not take a message: sent again, unless permanent
    │   ├── ReceiverClosedError     wrong credentials or address: no message will do
    │   ├── UnreachableError        this person gets nothing on this channel: suppressed
    │   └── RateLimitedError        too many messages: this one waits, without having failed
    ├── ChannelDownError        channels failed in this run; the others got everything
    ├── ReplyError              a stored reply cannot be read: it is tried again, then quarantined
    ├── WritebackError          the ERP takes most writes not: they are tried again
    └── PlatformError           a platform answered something else than data
        ├── RetryableError      transient: ask again
        │   ├── QuotaError      too fast: ask again after a while, and let everybody wait
        │   └── UnmappedError   a code that we do not know: ask again, and count it
        ├── RejectedError       this order only: skip it, go on
        ├── AuthError           (see above)
        └── PlatformBugError    (see above)
"""

from datetime import datetime


class ShipmentTrackingError(Exception):
    """Everything this package raises on purpose."""


class PersonNeededError(ShipmentTrackingError):
    """Trying again is useless until a person has acted; the text says what to do."""


class ConnectionFieldError(PersonNeededError, ValueError):
    """A field of an Airflow connection is missing, unknown or unusable; the text names both."""


class MessageError(PersonNeededError, ValueError):
    """A text under ``include/messages`` cannot be used; the text names the file and the line."""


class InputError(PersonNeededError, ValueError):
    """Too many of the ERP's rows, or some texts, cannot be used; the text names them."""


class CarrierTableError(PersonNeededError, ValueError):
    """The table of carriers, or a reply to refresh it from, is unusable; the text says where."""


class PollingTableError(PersonNeededError, ValueError):
    """The table of polling has a mistake; the text names file, line and remedy."""


class CalendarTableError(PersonNeededError, ValueError):
    """The table of holidays has a mistake; the text names file, line and remedy."""


class OwnerTextsError(PersonNeededError, ValueError):
    """The owner's texts.csv has a mistake; the text names file, line and remedy."""


class ParamError(PersonNeededError, ValueError):
    """The params of a run contradict each other."""


class StatementError(PersonNeededError, ValueError):
    """An ERP statement breaks its contract; the text names the file and the column or row."""


class ReportFolderError(PersonNeededError):
    """The files of a report cannot be written; the text names the setting."""


class WarehouseRefusedError(PersonNeededError):
    """The warehouse cannot be used; the text says what to run or change."""


class ClosureRefusedError(PersonNeededError):
    """More orders left the ERP's list than is believable; nothing was closed."""


class QualityError(PersonNeededError):
    """A check of the warehouse is violated; the text says which, how often, and the first rows."""


class RedTasksError(PersonNeededError):
    """Tasks of this run are red; the text lists each with its message, a line each."""


class LaneStoppedError(PersonNeededError):
    """Most orders of one account fail for the same reason; the text names the account."""


class DeliveryError(ShipmentTrackingError):
    """
    A receiver did not take a message; neither its address nor a secret is in the text.

    :param permanent: sending this message again is useless.
    :param retry_after: seconds the receiver asked us to wait, if it did.
    """

    def __init__(self, message: str, *, permanent: bool = False, retry_after: float = 0) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after


class ReceiverClosedError(DeliveryError):
    """A receiver takes no message at all until a person corrects the connection."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class UnreachableError(DeliveryError):
    """
    A receiver takes nothing for this person, which is no trouble of the channel.

    :param reason: why the notice is suppressed, as in ``analytics.notifications``.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message, permanent=True)
        self.reason = reason


class RateLimitedError(DeliveryError):
    """A receiver takes no message for a while; the one that met this has not failed."""


class ChannelDownError(ShipmentTrackingError):
    """A channel failed in this run; what waits for it is kept, and all else was sent."""


class ChannelRefusedError(PersonNeededError):
    """A channel's receiver refuses everything until its connection is corrected."""


class ReplyError(ShipmentTrackingError, ValueError):
    """A stored reply cannot be read as its dialect says."""


class WritebackError(ShipmentTrackingError):
    """The ERP refused most of what was to be written; the text gives its first reason."""


class PlatformError(ShipmentTrackingError):
    """
    A platform's answer that is not data.

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
    A transient error.

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


class UnmappedError(RetryableError):
    """The platform's code is in no table of ours; it is counted by its name."""


class AuthError(PersonNeededError, PlatformError):
    """The account is not let in: key, secret, token or permission."""


class TokenError(AuthError):
    """The access token, or the refresh token, is missing, expired or revoked."""


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


class PlatformBugError(PersonNeededError, PlatformError):
    """The platform says that our request is malformed."""
