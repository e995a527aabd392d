"""Every amount of the engine: the one file that multiplies by ``tick_lot_units``.

All in smallest units: of the quote asset for prices times quantities, of the base asset for
quantities alone. Rates in parts per million.
"""

from matching.engine.orders import Side
from matching.engine.rules import IntegerRules


def notional_units(rules: IntegerRules, price_ticks: int, quantity_lots: int) -> int:
    """Return what a quantity costs at a price, in quote units."""
    return price_ticks * quantity_lots * rules.tick_lot_units


def tick_lots_units(rules: IntegerRules, tick_lots: int) -> int:
    """Return a sum of prices times quantities in quote units."""
    return tick_lots * rules.tick_lot_units


def lot_cost_units(rules: IntegerRules, price_ticks: int) -> int:
    """Return what one lot costs at a price, in quote units."""
    return price_ticks * rules.tick_lot_units


def hold_units(rules: IntegerRules, side: Side, price_ticks: int, quantity_lots: int) -> int:
    """Return what a limit order's rest must hold: quote units for a buy, base units for a sell."""
    if side == "buy":
        return price_ticks * quantity_lots * rules.tick_lot_units
    return quantity_lots * rules.lot_units


def fee_units(received_units: int, rate_ppm: int) -> int:
    """Return the fee in the received asset's smallest units: rounded up, at most all of it."""
    fee = -(-received_units * rate_ppm // 1_000_000)
    return fee if fee < received_units else received_units


def rebate_units(taker_received_units: int, maker_ppm: int, taker_fee_units: int) -> int:
    """Return what a maker of a negative rate gets of the taker's fee, in that fee's asset.

    Rounded down and never more than that fee: no fill costs the house a unit of any asset (ADR 27).
    """
    return min(taker_fee_units, taker_received_units * -maker_ppm // 1_000_000)
