"""The v1 shapes: how trades, markets and books read in JSON, for REST and sockets alike.

Orders are in ``order_words``.

Decimals are strings in the figures' own scales, times RFC 3339 with six decimals, ids strings.
Account ids are public UUIDs; a counterparty's ids are null for a caller who does not own them.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from accounts.access.callers import Caller, Role
from api.v1.order_words import SELF_TRADE
from api.v1.order_words import Shape as Shape
from api.v1.times import moment_text, now_text, time_text
from marketdata.candles.intervals import INTERVALS, next_open_us
from marketdata.feed.view import Ticker
from marketdata.wire import CandleState, PublicTrade
from matching import wire
from matching.markets.calendar import Change, next_phase
from matching.markets.terms import MarketTerms, Promotion
from zavora.foundation.money import PPM, decimal_to_units, format_decimal, units_to_text
from zavora.foundation.times import microseconds_of, now_us

PHASE: Final = {
    "pre_open": "PreOpen",
    "auction": "Auction",
    "continuous": "Continuous",
    "post_only": "PostOnly",
    "cancel_only": "CancelOnly",
    "halted": "Halted",
    "closed": "Closed",
    "delisted": "Delisted",
}
SELF_TRADE_SCOPE: Final = {"owner": "Owner", "account": "Account"}
_UNITS: Final = {"s": "Second", "m": "Minute", "h": "Hour", "d": "Day", "w": "Week", "M": "Month"}
# 1m -> Minute1, 12h -> Hour12, 1M -> Month1
INTERVAL: Final = {name: f"{_UNITS[name[-1]]}{name[:-1]}" for name in INTERVALS}
_INTERVAL_OF: Final = {name.lower(): interval for interval, name in INTERVAL.items()}
INTERVAL_DEFAULT: Final = "1m"
# Those that take orders.
TRADING_PHASES: Final = frozenset({"continuous", "post_only", "auction"})

ACCOUNT_STATUS: Final = {
    "active": "Active",
    "cancel_only": "CancelOnly",
    "frozen": "Frozen",
    "closed": "Closed",
}
ROLE: Final = {Role.OWNER: "Owner", Role.TRADER: "Trader", Role.VIEWER: "Viewer"}
# Three states as clients have always known them, and behind them the stages.
WITHDRAWAL_STATE: Final = {
    "pending": "Pending",
    "approved": "Pending",
    "settled": "Settled",
    "cancelled": "Cancelled",
    "refused": "Cancelled",
    "failed": "Cancelled",
}
WITHDRAWAL_STAGE: Final = {
    "pending": "Pending",
    "approved": "Approved",
    "settled": "Settled",
    "cancelled": "Cancelled",
    "refused": "Refused",
    "failed": "Failed",
}


def interval_of(value: Any) -> str | None:
    """Return the interval that a client means, the default for None; None for what is none.

    The emitted names are taken, too; "1m" and "1M" differ in their letter case only.
    """
    if value is None:
        return INTERVAL_DEFAULT
    if not isinstance(value, str):
        return None
    return value if value in INTERVALS else _INTERVAL_OF.get(value.lower())


def trade(state: wire.TradeState, terms: MarketTerms, own_accounts: Mapping[int, UUID]) -> Shape:
    """Return a Trade of an order's reply; ``own_accounts`` maps the caller's keys to public ids."""
    taker_buys = state.taker_side == "buy"
    taker = own_accounts.get(state.taker_account_id)
    maker = own_accounts.get(state.maker_account_id)
    taker_order = str(state.taker_order_id) if taker else None
    maker_order = str(state.maker_order_id) if maker else None
    taker_id, maker_id = (str(taker) if taker else None), (str(maker) if maker else None)
    return {
        "id": str(state.sequence),
        "market": terms.symbol,
        "price": state.price,
        "quantity": state.quantity,
        "amount": state.amount,
        "buyer_order_id": taker_order if taker_buys else maker_order,
        "seller_order_id": maker_order if taker_buys else taker_order,
        "buyer_id": taker_id if taker_buys else maker_id,
        "seller_id": maker_id if taker_buys else taker_id,
        "taker_side": state.taker_side,
        "created_at": time_text(state.created_us),
    }


def public_trade(state: PublicTrade, terms: MarketTerms) -> Shape:
    """Return a PublicTrade."""
    return {
        "id": str(state.sequence),
        "market": terms.symbol,
        "price": state.price,
        "quantity": state.quantity,
        "taker_side": state.taker_side,
        "timestamp": time_text(state.created_us),
        "auction": state.is_auction,
    }


def fill(state: wire.TradeState, terms: MarketTerms, *, is_maker: bool) -> Shape:
    """Return a Fill: a trade as one of its parties sees it."""
    buys = (state.taker_side == "buy") != is_maker
    fee = state.maker_fee if is_maker else state.taker_fee
    return {
        "id": str(state.sequence),
        "order_id": str(state.maker_order_id if is_maker else state.taker_order_id),
        "market": terms.symbol,
        "side": "Buy" if buys else "Sell",
        "price": state.price,
        "quantity": state.quantity,
        "amount": state.amount,
        "fee": fee,
        "fee_asset": terms.fee_asset(fee, buys=buys).code,
        "liquidity": "Auction" if state.is_auction else "Maker" if is_maker else "Taker",
        "created_at": time_text(state.created_us),
    }


def auction(state: wire.AuctionState | None) -> Shape | None:
    """Return an Auction: what would trade if it ended now; None where there is none."""
    if state is None:
        return None
    return {
        "price": state.price,
        "quantity": state.quantity,
        "surplus": state.surplus,
        "ends_at": None if state.ends_us is None else time_text(state.ends_us),
    }


def market(terms: MarketTerms, in_auction: wire.AuctionState | None = None) -> Shape:
    """Return a Market, with the auction that it holds."""
    delists_at = terms.rules.delists_at
    return {
        "symbol": terms.symbol,
        "base_asset": terms.base.code,
        "quote_asset": terms.quote.code,
        "base_scale": terms.base.scale,
        "quote_scale": terms.quote.scale,
        "price_tick": plain(terms.rules.tick_size),
        "quantity_step": plain(terms.rules.lot_size),
        "min_order_size": plain(terms.rules.min_notional),
        "max_order_size": plain(terms.rules.max_notional),
        "max_price": plain(terms.rules.max_price),
        "max_quantity": plain(terms.rules.max_quantity),
        "max_price_deviation": _rate_or_none(terms.rules.band_ppm),
        "dynamic_collar": _rate_or_none(terms.rules.dynamic_collar_ppm),
        "static_collar": _rate_or_none(terms.rules.static_collar_ppm),
        "interruption_s": terms.rules.interruption_s,
        "max_open_orders": terms.rules.max_open_orders,
        "max_trigger_orders": terms.integers.max_trigger_orders,
        "max_order_lists": terms.integers.max_order_lists,
        "max_position": None
        if terms.rules.max_position is None
        else plain(terms.rules.max_position),
        "max_messages": terms.rules.max_messages,
        "max_iceberg_parts": terms.integers.max_iceberg_parts,
        "trigger_protection": rate(terms.integers.protection_ppm),
        "min_trail_bps": terms.integers.min_trail_bps,
        "max_trail_bps": terms.integers.max_trail_bps,
        "self_trade_scope": SELF_TRADE_SCOPE[terms.rules.self_trade_scope],
        "self_trade_prevention": SELF_TRADE[terms.integers.self_trade_mode],
        "self_trade_preventions": [SELF_TRADE[one] for one in terms.integers.self_trade_modes],
        "trading_enabled": terms.rules.phase in TRADING_PHASES,
        "state": PHASE[terms.rules.phase],
        "auction": auction(in_auction),
        "schedule": terms.rules.schedule or None,
        "time_zone": terms.rules.time_zone,
        "next_phase": _next_phase(next_phase(terms.rules, now_us())),
        "delists_at": None if delists_at is None else moment_text(delists_at),
        "maker_fee": rate(terms.rules.maker_fee_ppm),
        "taker_fee": rate(terms.rules.taker_fee_ppm),
        "auction_fee": _rate_or_none(terms.rules.auction_fee_ppm),
        "promotion": _promotion(terms.promotion),
        "is_demo": terms.rules.is_demo,
    }


def _next_phase(change: Change | None) -> Shape | None:
    """Return a NextPhase: what the clock makes of a market, if nobody else does before."""
    if change is None:
        return None
    return {"state": PHASE[change.phase], "at": time_text(change.at_us)}


def _promotion(promotion: Promotion | None) -> Shape | None:
    """Return a Promotion: whether it has begun or ended is the reader's to tell."""
    if promotion is None:
        return None
    return {
        "maker_fee": rate(promotion.maker_ppm),
        "taker_fee": rate(promotion.taker_ppm),
        "starts_at": time_text(promotion.from_us),
        "ends_at": time_text(promotion.until_us),
    }


def ticker(state: Ticker, in_auction: wire.AuctionState | None = None) -> Shape:
    """Return a Ticker with its market's auction; what no trade of 24 hours tells is null."""
    return {
        "market": state.market,
        "bid": state.bid,
        "ask": state.ask,
        "last": state.last,
        "change_24h": state.change_24h,
        "change_24h_percent": state.change_24h_percent,
        "high_24h": state.high_24h,
        "low_24h": state.low_24h,
        "volume_24h": state.volume_24h,
        "quote_volume_24h": state.quote_volume_24h,
        "vwap_24h": state.vwap_24h,
        "auction": auction(in_auction),
        # A market in which nothing ever happened is as of now.
        "timestamp": time_text(state.time_us) if state.time_us else now_text(),
    }


def candle(state: CandleState, symbol: str) -> Shape:
    """Return a Candle; it closes when the next one opens."""
    return {
        "market": symbol,
        "interval": INTERVAL[state.interval],
        "open_time": time_text(state.open_us),
        "close_time": time_text(next_open_us(state.interval, state.open_us)),
        "open": state.open,
        "high": state.high,
        "low": state.low,
        "close": state.close,
        "volume": state.volume,
        "quote_volume": state.quote_volume,
        "trades": state.trades,
    }


def rate(ppm: int) -> str:
    """Return parts per million as a decimal fraction: 750 -> ``0.00075``."""
    return plain(Decimal(ppm) / PPM)


def _rate_or_none(ppm: int | None) -> str | None:
    return None if ppm is None else rate(ppm)


def plain(value: Decimal) -> str:
    """Return a decimal without exponent and without trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def accounts(rows: Iterable[Any], caller: Caller) -> list[Shape]:
    """Return those Accounts that a caller's credential reaches."""
    reached = (row for row in rows if row.public_id in caller.accounts)
    return [account(row, role=caller.role_in(row.pk)) for row in reached]


def account(row: Any, *, role: Role = Role.OWNER) -> Shape:
    """Return an Account, with what the caller is to it."""
    return {
        "id": str(row.public_id),
        "label": row.label,
        "role": ROLE[role],
        "status": ACCOUNT_STATUS[row.status],
        **account_rates(row),
        "created_at": moment_text(row.created_at),
        "updated_at": moment_text(row.updated_at),
    }


def account_rates(row: Any) -> Shape:
    """Return an account's own fee rates; null where the market's hold."""
    rates = {"maker_fee": row.maker_fee_ppm, "taker_fee": row.taker_fee_ppm}
    return {name: None if ppm is None else rate(ppm) for name, ppm in rates.items()}


def balance(row: Any, account_id: UUID) -> Shape:
    """Return a Balance, from a row that has its asset."""
    scale = row.asset.scale
    available = decimal_to_units(row.available, scale)
    locked = decimal_to_units(row.locked, scale)
    return balance_of_units(
        account_id=account_id,
        asset=row.asset.code,
        scale=scale,
        available_units=available,
        locked_units=locked,
        updated_us=microseconds_of(row.updated_at),
    )


def balance_of_units(
    *,
    account_id: UUID,
    asset: str,
    scale: int,
    available_units: int,
    locked_units: int,
    updated_us: int,
) -> Shape:
    """Return a Balance from figures in the asset's smallest units."""
    return {
        "account_id": str(account_id),
        "asset": asset,
        "total": units_to_text(available_units + locked_units, scale),
        "available": units_to_text(available_units, scale),
        "locked": units_to_text(locked_units, scale),
        "updated_at": time_text(updated_us),
    }


def withdrawal(row: Any, account_id: UUID) -> Shape:
    """Return a Withdrawal, from a row that has its asset and its approval."""
    approval = row.approval
    return {
        "id": str(row.pk),
        "account_id": str(account_id),
        "asset": row.asset.code,
        "amount": format_decimal(row.amount, row.asset.scale),
        "address": row.address,
        "state": WITHDRAWAL_STATE[row.state],
        "stage": WITHDRAWAL_STAGE[row.state],
        "approvals_needed": 0 if approval is None else approval.approvers_needed,
        "approvals_given": 0 if approval is None else approval.approvers_given,
        "created_at": moment_text(row.created_at),
        "updated_at": moment_text(row.updated_at),
    }


def transfer(row: Any) -> Shape:
    """Return a Transfer, from a row that has its accounts and its asset."""
    return {
        "id": str(row.public_id),
        "from_account": str(row.from_account.public_id),
        "to_account": str(row.to_account.public_id),
        "asset": row.asset.code,
        "amount": format_decimal(row.amount, row.asset.scale),
        "created_at": moment_text(row.created_at),
    }


def address(row: Any, account_id: UUID) -> Shape:
    """Return an Address, from a row that has its asset."""
    return {
        "id": str(row.pk),
        "account_id": str(account_id),
        "asset": row.asset.code,
        "address": row.address,
        "label": row.label,
        "created_at": moment_text(row.created_at),
        "usable_at": moment_text(row.usable_at),
    }


def ledger_entry(row: Any) -> Shape:
    """Return a LedgerEntry, from a row that has its asset and its transaction."""
    scale = row.asset.scale
    after = row.balance_after
    return {
        "id": str(row.pk),
        "transaction_id": str(row.transaction_id),
        "kind": row.kind.capitalize(),
        "asset": row.asset.code,
        "amount": format_decimal(row.amount, scale),
        "balance_after": None if after is None else format_decimal(after, scale),
        "reference": row.transaction.reference,
        "created_at": moment_text(row.created_at),
    }
