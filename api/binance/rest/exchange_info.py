"""What there is to trade, and by which rules: the markets' own terms as symbols and filters."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from api.binance import limits
from api.binance.rest.params import Params
from api.binance.rest.routes import CompatRequest, Route, Routes
from api.binance.words import errors
from api.binance.words.errors import CompatError
from api.binance.words.public_shapes import Shape
from api.binance.words.reports import SELF_TRADE_MODES
from api.binance.words.symbols import find_market, list_offered, symbol_of
from api.binance.words.text import eight
from marketdata.feed.feed import MarketView
from matching.markets.terms import MarketTerms
from zavora.foundation.money import EXACT, PPM
from zavora.foundation.times import now_ms

SPOT: Final = "SPOT"
_STATUS_OF_PHASE: Final[Mapping[str, str]] = {
    "pre_open": "BREAK",
    "auction": "AUCTION_MATCH",
    "continuous": "TRADING",
    "post_only": "TRADING",
    "cancel_only": "HALT",
    "halted": "HALT",
    "closed": "BREAK",
    # It stays among the symbols, as all that happened in it can still be asked for.
    "delisted": "BREAK",
}
_STATUSES: Final = frozenset(_STATUS_OF_PHASE.values())
_PLAIN_TYPES: Final = ("LIMIT", "LIMIT_MAKER", "MARKET")
_TRIGGER_TYPES: Final = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
# What a phase takes beside orders that wait; any other that is not here takes all, or nothing.
_TYPES_OF_PHASE: Final[Mapping[str, tuple[str, ...]]] = {
    "post_only": ("LIMIT_MAKER",),
    "auction": ("LIMIT",),
}


def get_exchange_info(request: CompatRequest) -> Shape:
    """Return the limits and the symbols."""
    return {
        "timezone": "UTC",
        "serverTime": now_ms(),
        "rateLimits": limits.rate_limits(),
        "exchangeFilters": [],
        "symbols": [symbol_shape(view.terms) for view in _views(request.params)],
    }


def _views(params: Params) -> list[MarketView]:
    symbol, symbols = params.text("symbol"), params.symbols()
    permissions, status = _permissions(params), params.text("symbolStatus")
    if status is not None and status not in _STATUSES:
        raise errors.invalid_parameter("symbolStatus")
    is_named = symbol is not None or symbols is not None
    both_names = symbol is not None and symbols is not None
    if both_names or (is_named and (permissions is not None or status is not None)):
        raise CompatError(-1128, "Combination of optional parameters invalid.")
    if symbol is not None:
        return [find_market(symbol)]
    if symbols is not None:
        return [find_market(name) for name in symbols]
    if permissions is not None and SPOT not in permissions:
        return []
    return [view for view in list_offered() if status in (None, status_of(view.terms))]


def _permissions(params: Params) -> list[str] | None:
    """Return the permissions asked for: one word, or a JSON array of them."""
    text = params.text("permissions")
    if text is None or not text.startswith("["):
        return None if text is None else [text]
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise errors.invalid_parameter("permissions") from None
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise errors.invalid_parameter("permissions")
    return found


def status_of(terms: MarketTerms) -> str:
    """Return whether a market trades, by the published words."""
    return _STATUS_OF_PHASE[terms.rules.phase]


def symbol_shape(terms: MarketTerms) -> Shape:
    """Return a market."""
    integers = terms.integers
    return {
        "symbol": symbol_of(terms),
        "status": status_of(terms),
        "baseAsset": terms.base.code,
        "baseAssetPrecision": terms.base.scale,
        "quoteAsset": terms.quote.code,
        "quotePrecision": terms.quote.scale,
        "quoteAssetPrecision": terms.quote.scale,
        "baseCommissionPrecision": terms.base.scale,
        "quoteCommissionPrecision": terms.quote.scale,
        "orderTypes": order_types_of(terms),
        "icebergAllowed": integers.max_iceberg_parts > 1,
        "ocoAllowed": _takes_triggers(terms),
        "otoAllowed": True,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": _takes_triggers(terms),
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": terms.rules.phase != "delisted",
        "isMarginTradingAllowed": False,
        "filters": filters_of(terms),
        "permissions": [],
        "permissionSets": [[SPOT]],
        "defaultSelfTradePreventionMode": SELF_TRADE_MODES[integers.self_trade_mode],
        "allowedSelfTradePreventionModes": [
            word for mode, word in SELF_TRADE_MODES.items() if mode in integers.self_trade_modes
        ],
    }


def order_types_of(terms: MarketTerms) -> tuple[str, ...]:
    """Return the types of orders that a market takes now."""
    phase = terms.rules.phase
    plain = _TYPES_OF_PHASE.get(phase, _PLAIN_TYPES)
    is_waiting_taken = _takes_triggers(terms) and phase != "post_only"
    return plain + _TRIGGER_TYPES if is_waiting_taken else plain


def _takes_triggers(terms: MarketTerms) -> bool:
    return terms.integers.max_trigger_orders != 0


def filters_of(terms: MarketTerms) -> list[Shape]:
    """Return the rules that the engine holds orders of a market to."""
    quantities = {
        "minQty": eight(terms.rules.lot_size),
        "maxQty": eight(_floor(terms.rules.max_quantity, terms.rules.lot_size)),
        "stepSize": eight(terms.rules.lot_size),
    }
    filters: list[Shape] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": eight(terms.rules.tick_size),
            "maxPrice": eight(_floor(terms.rules.max_price, terms.rules.tick_size)),
            "tickSize": eight(terms.rules.tick_size),
        },
        {"filterType": "LOT_SIZE", **quantities},
        {"filterType": "ICEBERG_PARTS", "limit": terms.integers.max_iceberg_parts},
        {"filterType": "MARKET_LOT_SIZE", **quantities},
        _trail_filter(terms.integers.min_trail_bps, terms.integers.max_trail_bps),
        {
            "filterType": "NOTIONAL",
            "minNotional": eight(terms.rules.min_notional),
            # A market order by quantity is worth what the last price says (new_orders).
            "applyMinToMarket": True,
            "maxNotional": eight(terms.rules.max_notional),
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
    ]
    if terms.rules.band_ppm is not None:
        filters.append(_band_filter(terms.rules.band_ppm))
    return filters + _maxima_of(terms)


def _maxima_of(terms: MarketTerms) -> list[Shape]:
    """Return what an account may have in a market, each as far as there is a bound."""
    integers, largest = terms.integers, terms.rules.max_position
    counted: list[tuple[str, str, int | str | None]] = [
        ("MAX_NUM_ORDERS", "maxNumOrders", integers.max_open_orders),
        ("MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", integers.max_trigger_orders),
        ("MAX_NUM_ORDER_LISTS", "maxNumOrderLists", integers.max_order_lists),
        ("MAX_POSITION", "maxPosition", None if largest is None else eight(largest)),
    ]
    return [{"filterType": kind, name: bound} for kind, name, bound in counted if bound is not None]


def _trail_filter(low_bps: int, high_bps: int) -> Shape:
    return {
        "filterType": "TRAILING_DELTA",
        "minTrailingAboveDelta": low_bps,
        "maxTrailingAboveDelta": high_bps,
        "minTrailingBelowDelta": low_bps,
        "maxTrailingBelowDelta": high_bps,
    }


def _band_filter(band_ppm: int) -> Shape:
    band = EXACT.divide(Decimal(band_ppm), Decimal(PPM))
    up = eight(EXACT.add(Decimal(1), band))
    down = eight(max(Decimal(0), EXACT.subtract(Decimal(1), band)))
    return {
        "filterType": "PERCENT_PRICE_BY_SIDE",
        "bidMultiplierUp": up,
        "bidMultiplierDown": down,
        "askMultiplierUp": up,
        "askMultiplierDown": down,
        # Compared with the last price.
        "avgPriceMins": 0,
    }


def _floor(value: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of ``step`` that is not above ``value``."""
    return EXACT.multiply(EXACT.divide_int(value, step), step)


ROUTES: Final[Routes] = {
    ("GET", "/api/v3/exchangeInfo"): Route(get_exchange_info, 20),
}
