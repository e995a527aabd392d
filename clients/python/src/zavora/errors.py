"""What can go wrong, as a small tree: catch as much of it as you can act on.

::

    ZavoraError
    |-- NoConnection            nothing was sent: the exchange is not there
    |-- OutcomeUnknown          it may have taken effect; ask for it, or repeat with the same key
    |-- Unreadable              an answer that this client has no words for
    |-- FellBehind              a live feed was read too slowly
    |-- Closed                  the client or the stream was closed
    `-- Refused                 the exchange said no: `status`, `code`, `details`, `request_id`
        |-- BadRequest          400
        |   |-- InvalidOrder    a market's rule; `reason` says which
        |   `-- InsufficientBalance
        |-- InvalidFields       422; `fields` says what was expected of each
        |-- Unauthorized        401; `reason` says why
        |-- Forbidden           403
        |-- NotFound            404, also for what is somebody else's
        |-- Conflict            409
        |   |-- OrderNotOpen
        |   `-- MarketHalted
        |-- RateLimited         429; `retry_after_s`
        |-- Unavailable         503; nothing was queued; `retry_after_s`
        `-- ServerFault         any other 5xx
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final


class ZavoraError(Exception):
    """Anything that this client raises by itself."""


class NoConnection(ZavoraError):
    """The exchange could not be reached: nothing was sent."""


class OutcomeUnknown(ZavoraError):
    """A request may have taken effect: its answer did not come.

    `key` is the idempotency key that it was sent with, for an order its client order id: look it
    up, or repeat the request with the same key.
    """

    def __init__(self, message: str, *, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


class Unreadable(ZavoraError):
    """An answer is not what the API is known to say."""


class FellBehind(ZavoraError):
    """More came of a live feed than its reader took. Follow it anew."""


class Closed(ZavoraError):
    """The client or the stream was closed."""


class Refused(ZavoraError):
    """The exchange said no, and changed nothing."""

    codes: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str = "",
        details: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.details: Mapping[str, Any] = details or {}
        self.request_id = request_id
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        """Return what is wrong with which field, or else the message."""
        return "; ".join(f"{name}: {what}" for name, what in self.fields.items()) or self.message

    @property
    def reason(self) -> str | None:
        """The stable word for why, where there is one."""
        found = self.details.get("reason")
        return found if isinstance(found, str) else None

    @property
    def fields(self) -> Mapping[str, str]:
        """What was expected of which field; empty where no field is to blame."""
        return {}


class BadRequest(Refused):
    """It could not be read, or a rule refuses it."""

    codes = ("bad_request",)


class InvalidOrder(BadRequest):
    """A rule of the market refuses the order; `reason` says which."""

    codes = ("invalid_order",)


class InsufficientBalance(BadRequest):
    """There is not enough available."""

    codes = ("insufficient_balance",)


class InvalidFields(Refused):
    """Fields are missing or not as expected; `fields` names each."""

    codes = ("validation_error",)

    @property
    def fields(self) -> Mapping[str, str]:
        """What was expected of which field."""
        return {name: str(what) for name, what in self.details.items()}


class Unauthorized(Refused):
    """The credential is missing, unknown, or was not used as it must be."""

    codes = ("unauthorized",)


class Forbidden(Refused):
    """The credential may not do this."""

    codes = ("forbidden", "account_frozen")


class NotFound(Refused):
    """There is no such thing, or it is somebody else's."""

    codes = ("not_found", "order_not_found", "market_not_found", "account_not_found")


class Conflict(Refused):
    """It does not go together with what there is: such as the same key with other content."""

    codes = ("conflict",)


class OrderNotOpen(Conflict):
    """The order is not open any more."""

    codes = ("order_not_open",)


class MarketHalted(Conflict):
    """The market takes no such orders now."""

    codes = ("market_halted",)


class RateLimited(Refused):
    """Too much was asked for; `retry_after_s` says when it would pass."""

    codes = ("rate_limit_exceeded",)


class Unavailable(Refused):
    """Nothing was queued; it may be asked again after `retry_after_s`."""

    codes = ("overloaded", "engine_unavailable")


class ServerFault(Refused):
    """The exchange failed."""

    codes = ("internal_error",)


def _tree(kind: type[Refused]) -> list[type[Refused]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _tree(child))]


_BY_CODE: Final = {code: kind for kind in _tree(Refused) for code in kind.codes}
_BY_STATUS: Final[dict[int, type[Refused]]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: InvalidFields,
    429: RateLimited,
    503: Unavailable,
}


def kind_of(code: str, status: int) -> type[Refused]:
    """Return the class of a refusal: by its code, for an unknown one by its status."""
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status)
    if kind is None:
        return ServerFault if status >= 500 else Refused
    return kind
