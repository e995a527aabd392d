"""What order lists alone are refused with, by the published codes and messages."""

from typing import Final

from api.binance.words.errors import CompatError, order_refused

# By side and place: what each kind of order of an OCO is told where it is on the wrong side.
_MISPLACED: Final = {
    ("limit", "buy"): (-1165, "A limit order in a buy OCO must be below."),
    ("limit", "sell"): (-1166, "A limit order in a sell OCO must be above."),
    ("stop", "buy"): (-1196, "A stop loss order in a buy OCO must be above."),
    ("stop", "sell"): (-1197, "A stop loss order in a sell OCO must be below."),
    ("take_profit", "buy"): (-1198, "A take profit order in a buy OCO must be below."),
    ("take_profit", "sell"): (-1199, "A take profit order in a sell OCO must be above."),
}


def not_in_oco() -> CompatError:
    """Refuse an order of a type that an OCO cannot have."""
    return CompatError(-1158, "Order type not supported in OCO.")


def iceberg_not_gtc(iceberg_name: str, lifetime_name: str) -> CompatError:
    """Refuse an iceberg quantity of an order that does not rest."""
    return CompatError(
        -1160, f"Parameter '{iceberg_name}' is not supported if '{lifetime_name}' is not GTC."
    )


def none_contingent() -> CompatError:
    """Refuse an OCO of two limit orders."""
    return CompatError(-1168, "At least one OCO order must be contingent.")


def misplaced(kind: str, side: str) -> CompatError:
    """Refuse an OCO of which an order is above that must be below, or the other way round."""
    return CompatError(*_MISPLACED[kind, side])


def prices_unrelated() -> CompatError:
    """Refuse an OCO whose prices are not on both sides of the last price."""
    return order_refused("The relationship of the prices for the orders is not correct.")


def unknown_list() -> CompatError:
    """Say that the account has no such list."""
    return CompatError(-2013, "Order list does not exist.")
