"""The failures a caller can act on: one small family, mapped to statuses in one place only.

That place is ``api/transport/errors.py``.
A code never changes its meaning. ``InvariantBroken`` is not of the family: it is a bug.
"""

from typing import Any, ClassVar


class ZavoraError(Exception):
    """A refusal with a stable ``code``; ``details`` are JSON-ready and safe to show."""

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


class BadRequest(ZavoraError):
    """The request could not be read at all."""

    code = "bad_request"


class ValidationFailed(ZavoraError):
    """Readable, but a field is missing or has a wrong type, format, sign, scale, tick or lot.

    ``details`` maps each field to what was expected.
    """

    code = "validation_error"


class InvalidOrder(ZavoraError):
    """A valid order that a rule of its market refuses."""

    code = "invalid_order"


class InsufficientBalance(ZavoraError):
    """The account does not have what the request would take."""

    code = "insufficient_balance"


class Unauthorized(ZavoraError):
    """No credential, or one that is not valid."""

    code = "unauthorized"


class Forbidden(ZavoraError):
    """The credential is valid but does not allow this (scope, role, IP, CSRF)."""

    code = "forbidden"


class AccountFrozen(ZavoraError):
    """The account's status does not allow this."""

    code = "account_frozen"


class NotFound(ZavoraError):
    """No such thing, or somebody else's."""

    code = "not_found"


class OrderNotFound(NotFound):
    """No such order, or somebody else's."""

    code = "order_not_found"


class MarketNotFound(NotFound):
    """No such market."""

    code = "market_not_found"


class AccountNotFound(NotFound):
    """No such account, or somebody else's."""

    code = "account_not_found"


class Conflict(ZavoraError):
    """The same idempotency key came with other content."""

    code = "conflict"


class OrderNotOpen(ZavoraError):
    """The order is known but no longer open."""

    code = "order_not_open"


class MarketHalted(ZavoraError):
    """The market does not take this in its present phase."""

    code = "market_halted"


class RateLimited(ZavoraError):
    """Too many requests; ``details['retry_after']`` is in seconds."""

    code = "rate_limit_exceeded"
    retryable = True


class Overloaded(ZavoraError):
    """The backlog is full; nothing was queued."""

    code = "overloaded"
    retryable = True


class EngineUnavailable(ZavoraError):
    """No matching worker is alive for the market; nothing was queued."""

    code = "engine_unavailable"
    retryable = True


class OutcomeUnknown(ZavoraError):
    """Queued, but no answer in time: look it up, or repeat with the same key."""

    code = "outcome_unknown"


class InternalError(ZavoraError):
    """The command failed inside and was recorded as void; nothing of it took effect."""

    code = "internal_error"


class InvariantBroken(Exception):
    """Something that cannot be is so: a bug. Rolls back, alerts, tells the client nothing."""
