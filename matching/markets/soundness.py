"""What a market's rules must be, asked wherever they come in: by service, command and journal.

``build_terms`` says whether rules can be exact; here is what would be a market on which nothing can
be placed, or figures that the tables hold otherwise than the engine. A journal is replayed without
these questions: what it applied once, it applies again.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, get_args

from matching.engine.phases import LISTED
from matching.engine.rules import SELF_TRADE_MODES, MarketPhase, SelfTradeScope
from matching.markets.calendar import time_zones
from matching.markets.schedules import BadSchedule, read_schedule
from matching.markets.terms import (
    FIGURES,
    OPTIONAL_FIGURES,
    PROMOTION,
    AssetTerms,
    MarketRules,
    MarketTerms,
    build_terms,
    wrong_limits,
)
from zavora.foundation.errors import ValidationFailed
from zavora.foundation.money import DECIMAL_LENGTH_MAX, INTEGER_DIGITS_MAX, SCALE_MAX, scale_of

# Those that an operator may choose: a market is delisted when its time has come.
PHASES: Final = tuple(phase for phase in get_args(MarketPhase) if phase in LISTED)
SELF_TRADE_SCOPES: Final[tuple[str, ...]] = get_args(SelfTradeScope)
# Beyond this a limit limits nothing: a book of so many orders of one account is no book.
OPEN_ORDERS_MAX: Final = 1_000_000
# More waiting orders of one account than this are no limit, either.
TRIGGER_ORDERS_MAX: Final = 10_000
ORDER_LISTS_MAX: Final = 10_000
# In ten seconds no worker takes more than this, from all accounts together.
MESSAGES_MAX: Final = 1_000_000
ICEBERG_PARTS_MAX: Final = 10_000
# Ten times its trigger price is more than any market order to buy should hold.
PROTECTION_PPM_MAX: Final = 9_000_000
TRAIL_BPS_MAX: Final = 9_999
# A trade at ten times the last price is nothing that a collar keeps off.
COLLAR_PPM_MAX: Final = 9_000_000
INTERRUPTION_MAX_S: Final = 86_400
# As the column.
BAND_PPM_MAX: Final = 2**31 - 1
SHARD_ID_MAX: Final = 62
_BOUND: Final = Decimal(10**INTEGER_DIGITS_MAX)


def require_figures(figures: Mapping[str, Decimal]) -> None:
    """Hold figures against NUMERIC(38, 18). Raises ValidationFailed naming those that do not fit.

    They are then safe to compute with: finite, and at most 38 digits each.
    """
    wrong = {}
    for name, value in figures.items():
        if not value.is_finite():
            wrong[name] = "expected a finite decimal"
        elif not 0 <= value < _BOUND:
            wrong[name] = f"expected a figure from zero to below 10^{INTEGER_DIGITS_MAX}"
        elif len(value.as_tuple().digits) > DECIMAL_LENGTH_MAX or scale_of(value) > SCALE_MAX:
            wrong[name] = f"expected at most {SCALE_MAX} decimals"
    if wrong:
        raise ValidationFailed("the market's rules cannot be kept", **wrong)


def sound_terms(
    *,
    market_id: int,
    symbol: str,
    shard_id: int,
    base: AssetTerms,
    quote: AssetTerms,
    rules: MarketRules,
) -> MarketTerms:
    """Return the terms of rules as ``build_terms`` does. Raises ValidationFailed by name."""
    require_figures(_figures_of(rules))
    terms = build_terms(
        market_id=market_id, symbol=symbol, shard_id=shard_id, base=base, quote=quote, rules=rules
    )
    require_sound(terms)
    return terms


def require_sound(terms: MarketTerms) -> None:
    """Hold terms that are exact against each other. Raises ValidationFailed naming the fields."""
    require_figures(_figures_of(terms.rules))
    wrong = _wrong_words(terms) | _wrong_counts(terms) | wrong_limits(terms)
    wrong |= _wrong_promotion(terms) | _wrong_calendar(terms.rules)
    if wrong:
        raise ValidationFailed("the market's rules contradict themselves", **wrong)


def _figures_of(rules: MarketRules) -> dict[str, Decimal]:
    """Return the rules that are decimals, by name; those that a market need not have if it has."""
    figures = {name: getattr(rules, name) for name in (*FIGURES, *OPTIONAL_FIGURES)}
    return {name: value for name, value in figures.items() if value is not None}


def _wrong_promotion(terms: MarketTerms) -> dict[str, str]:
    given = {name: getattr(terms.rules, name) for name in PROMOTION}
    missing = [name for name, value in given.items() if value is None]
    if 0 < len(missing) < len(given):
        return dict.fromkeys(missing, "expected all four of a promotion, or none of them")
    times = [value for value in given.values() if isinstance(value, datetime)]
    if any(time.tzinfo is None for time in times):
        return {"promotion_starts_at": "expected times with their offset from UTC"}
    if times and times[0] >= times[1]:
        return {"promotion_ends_at": "expected a time after promotion_starts_at"}
    return {}


def _wrong_words(terms: MarketTerms) -> dict[str, str]:
    wrong = {}
    if terms.base.asset_id == terms.quote.asset_id:
        wrong["quote"] = "expected another asset than the base"
    if terms.rules.phase not in PHASES:
        wrong["phase"] = f"expected one of {', '.join(PHASES)}"
    if terms.rules.self_trade_scope not in SELF_TRADE_SCOPES:
        wrong["self_trade_scope"] = f"expected one of {', '.join(SELF_TRADE_SCOPES)}"
    modes = terms.integers.self_trade_modes
    if not set(modes) <= set(SELF_TRADE_MODES) or len(set(modes)) < len(modes):
        wrong["self_trade_modes"] = f"expected some of {','.join(SELF_TRADE_MODES)}, each once"
    elif terms.rules.self_trade_mode not in modes:
        wrong["self_trade_mode"] = "expected one of self_trade_modes"
    return wrong


def _wrong_counts(terms: MarketTerms) -> dict[str, str]:
    wrong = {}
    if not 0 <= terms.shard_id <= SHARD_ID_MAX:
        wrong["shard_id"] = f"expected a number from 0 to {SHARD_ID_MAX}"
    if terms.rules.band_ppm is not None and not 0 <= terms.rules.band_ppm <= BAND_PPM_MAX:
        wrong["band_ppm"] = f"expected parts per million from 0 to {BAND_PPM_MAX}, or nothing"
    if (
        terms.rules.max_open_orders is not None
        and not 0 < terms.rules.max_open_orders <= OPEN_ORDERS_MAX
    ):
        wrong["max_open_orders"] = f"expected a number from 1 to {OPEN_ORDERS_MAX}, or nothing"
    wrong |= _wrong_condition_limits(terms.rules) | _wrong_auction_limits(terms.rules)
    return wrong | _wrong_maxima(terms.rules)


def _wrong_maxima(rules: MarketRules) -> dict[str, str]:
    """Return which maxima of an account's lists and messages are none, by name."""
    wrong = {}
    lists, messages = rules.max_order_lists, rules.max_messages
    if lists is not None and not 0 <= lists <= ORDER_LISTS_MAX:
        wrong["max_order_lists"] = f"expected a number from 0 to {ORDER_LISTS_MAX}, or nothing"
    if messages is not None and not 1 <= messages <= MESSAGES_MAX:
        wrong["max_messages"] = f"expected a number from 1 to {MESSAGES_MAX}, or nothing"
    return wrong


def _wrong_condition_limits(rules: MarketRules) -> dict[str, str]:
    """Return which limits of orders with conditions are none, by name."""
    wrong = {}
    waiting = rules.max_trigger_orders
    if waiting is not None and not 0 <= waiting <= TRIGGER_ORDERS_MAX:
        wrong["max_trigger_orders"] = (
            f"expected a number from 0 to {TRIGGER_ORDERS_MAX}, or nothing"
        )
    if not 1 <= rules.max_iceberg_parts <= ICEBERG_PARTS_MAX:
        wrong["max_iceberg_parts"] = f"expected a number from 1 to {ICEBERG_PARTS_MAX}"
    if not 0 <= rules.protection_ppm <= PROTECTION_PPM_MAX:
        wrong["protection_ppm"] = f"expected parts per million from 0 to {PROTECTION_PPM_MAX}"
    if not 1 <= rules.max_trail_bps <= TRAIL_BPS_MAX:
        wrong["max_trail_bps"] = f"expected ten thousandths from 1 to {TRAIL_BPS_MAX}"
    elif not 1 <= rules.min_trail_bps <= rules.max_trail_bps:
        wrong["min_trail_bps"] = "expected ten thousandths from 1 to max_trail_bps"
    return wrong


def _wrong_auction_limits(rules: MarketRules) -> dict[str, str]:
    """Return which collars and times are none, by name."""
    wrong = {}
    for name in ("dynamic_collar_ppm", "static_collar_ppm"):
        ppm = getattr(rules, name)
        if ppm is not None and not 1 <= ppm <= COLLAR_PPM_MAX:
            wrong[name] = f"expected parts per million from 1 to {COLLAR_PPM_MAX}, or nothing"
    if not 1 <= rules.interruption_s <= INTERRUPTION_MAX_S:
        wrong["interruption_s"] = f"expected seconds from 1 to {INTERRUPTION_MAX_S}"
    return wrong


def _wrong_calendar(rules: MarketRules) -> dict[str, str]:
    """Return what is wrong with the times of a market, by name."""
    wrong = {}
    if rules.time_zone not in time_zones():
        wrong["time_zone"] = "expected a time zone's name, such as Europe/Berlin"
    try:
        schedule = read_schedule(rules.schedule)
    except BadSchedule as error:
        wrong["schedule"] = str(error)
    else:
        if rules.cancels_on_close and schedule.closes:
            wrong["cancels_on_close"] = (
                "expected off where the schedule closes the market: all orders would end each time"
            )
    if rules.delists_at is not None and rules.delists_at.tzinfo is None:
        wrong["delists_at"] = "expected a time with its offset from UTC"
    return wrong
