"""What a reply's code means: the one table from the worker's refusals to errors."""

from typing import Final

from matching import wire
from matching.markets.terms import MESSAGES_WINDOW_S
from zavora.foundation import errors
from zavora.foundation.times import now_us

# Reasons of the engine and the worker that are not the plain "a rule of the market refuses it".
_CODES: Final[dict[str, str]] = {
    "insufficient_balance": "insufficient_balance",
    "market_not_found": "market_not_found",
    "market_halted": "market_halted",
    "market_post_only": "market_halted",
    "market_auction": "market_halted",
    "market_delisted": "market_halted",
    "order_not_open": "order_not_open",
    "cancel_restricted": "order_not_open",
    "order_not_found": "order_not_found",
    "account_frozen": "account_frozen",
    "account_not_found": "account_not_found",
    "conflict": "conflict",
    "expired": "expired",
    "wrong_shard": "wrong_shard",
    "validation_error": "validation_error",
    "too_many_messages": "rate_limit_exceeded",
    "bad_command": "internal_error",
    "void": "internal_error",
}

_ERRORS: Final[dict[str, type[errors.ZavoraError]]] = {
    error.code: error
    for error in (
        errors.ValidationFailed,
        errors.InvalidOrder,
        errors.InsufficientBalance,
        errors.AccountFrozen,
        errors.OrderNotFound,
        errors.MarketNotFound,
        errors.AccountNotFound,
        errors.Conflict,
        errors.OrderNotOpen,
        errors.MarketHalted,
        errors.RateLimited,
        errors.InternalError,
        errors.OutcomeUnknown,
    )
} | {
    # Neither took effect, and another attempt may.
    "expired": errors.EngineUnavailable,
    "wrong_shard": errors.EngineUnavailable,
}


def code_of(reason: str) -> str:
    """Return the reply code of a reason; what is not listed is a rule's refusal."""
    return _CODES.get(reason, "invalid_order")


def error_of_refusal(refusal: wire.Refusal) -> errors.ZavoraError:
    """Return the error that a half's refusal stands for."""
    return error_of(wire.Reply(code_of(refusal.reason), refusal.message, refusal.reason))


def error_of(reply: wire.Reply) -> errors.ZavoraError:
    """Return the error that a refusing reply stands for."""
    error_class = _ERRORS.get(reply.code, errors.InternalError)
    if error_class is errors.RateLimited:  # the next window of the clock is another
        wait_s = MESSAGES_WINDOW_S - now_us() // 1_000_000 % MESSAGES_WINDOW_S
        return errors.RateLimited(
            reply.message, reason=reply.reason, limit=reply.limit, retry_after=wait_s
        )
    return error_class(reply.message, reason=reply.reason)
