"""From a command on the wire to commands of the engine, given what is not the engine's own state.

The worker and the journal's replay share this, so that a replay gives the engine the same.
"""

from collections.abc import Callable, Mapping

import msgspec

from matching import wire
from matching.engine import Engine
from matching.engine.types import (
    Amend,
    Cancel,
    CancelAll,
    ConfigureMarket,
    Place,
    SetPhase,
)
from matching.markets.terms import AssetTerms, MarketTerms, build_terms
from zavora.foundation.errors import ValidationFailed
from zavora.foundation.money import NotExact, parse_decimal


class Given(msgspec.Struct, frozen=True, gc=False):
    """What a command is decided with beside the books: journaled, so that a replay has it too.

    ``fresh_id`` is a placed order's id, or an amended one's new priority; ``funds_units`` what the
    account has available of the asset it pays with, ``owner_id`` whose account it is (0: not
    known).
    """

    time_us: int
    fresh_id: int = 0
    funds_units: int = 0
    maker_ppm: int = 0
    taker_ppm: int = 0
    owner_id: int = 0


class Refused(Exception):
    """The worker refuses a command before the engine sees it."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def place(command: wire.PlaceOrder, given: Given, terms: MarketTerms) -> Place:
    """Return the engine's command; raise Refused where a figure does not fit the market."""
    price_ticks = _fitting("price", command.price, terms.price_to_ticks)
    quantity_lots = _fitting("quantity", command.quantity, terms.quantity_to_lots)
    budget_units = _fitting("quote_quantity", command.quote_quantity, terms.quote_amount_to_units)
    if (price_ticks is None) != (command.order_type == "market"):
        raise Refused("validation_error", "price: expected for limit orders, and only for them")
    if (quantity_lots is None) == (budget_units is None):
        raise Refused("validation_error", "quantity: expected it or quote_quantity")
    if budget_units is not None and command.order_type != "market":
        raise Refused("validation_error", "quote_quantity: expected for market orders only")
    return Place(
        command.market_id,
        command.account_id,
        given.fresh_id,
        command.side,
        command.order_type,
        command.time_in_force,
        command.post_only,
        price_ticks,
        quantity_lots,
        budget_units,
        command.client_order_id,
        given.maker_ppm,
        given.taker_ppm,
        given.funds_units,
        given.time_us,
        given.owner_id,
    )


def cancel(command: wire.CancelOrder, given: Given, engine: Engine) -> Cancel:
    """Return the engine's command; a client order id is looked up among the open orders."""
    order_id = command.order_id
    if order_id is None:
        order = engine.order_by_client_id(
            command.market_id, command.account_id, command.client_order_id or ""
        )
        order_id = 0 if order is None else order.order_id
    return Cancel(command.market_id, command.account_id, order_id, given.time_us, command.reason)


def cancel_all(
    command: wire.CancelAllOrders, given: Given, market_ids: list[int]
) -> list[CancelAll]:
    """Return one command for each market concerned, in id order."""
    concerned = market_ids if command.market_id is None else [command.market_id]
    return [
        CancelAll(market_id, command.account_id, command.side, given.time_us)
        for market_id in concerned
    ]


def amend(command: wire.AmendOrder, given: Given, terms: MarketTerms) -> Amend:
    """Return the engine's command; raise Refused where a figure does not fit the market."""
    price_ticks = _fitting("price", command.price, terms.price_to_ticks)
    quantity_lots = _fitting("quantity", command.quantity, terms.quantity_to_lots)
    return Amend(
        command.market_id,
        command.account_id,
        command.order_id,
        price_ticks,
        quantity_lots,
        given.fresh_id,
        given.funds_units,
        given.time_us,
    )


def configured_terms(
    command: wire.ConfigureMarket, *, shard_id: int, assets: Mapping[int, AssetTerms]
) -> MarketTerms:
    """Return the terms that a command asks for; raise Refused where they cannot be exact."""
    base, quote = assets.get(command.base_id), assets.get(command.quote_id)
    if base is None or quote is None:
        raise Refused("validation_error", "base and quote: expected known assets")
    try:
        return build_terms(
            market_id=command.market_id,
            symbol=command.symbol,
            shard_id=shard_id,
            base=base,
            quote=quote,
            tick_size=parse_decimal(command.tick_size),
            lot_size=parse_decimal(command.lot_size),
            min_notional=parse_decimal(command.min_notional),
            max_notional=parse_decimal(command.max_notional),
            max_price=parse_decimal(command.max_price),
            max_quantity=parse_decimal(command.max_quantity),
            band_ppm=command.band_ppm,
            maker_fee_ppm=command.maker_fee_ppm,
            taker_fee_ppm=command.taker_fee_ppm,
            phase=command.phase,
            is_demo=command.is_demo,
            self_trade_scope=command.self_trade_scope,  # type: ignore[arg-type]
            max_open_orders=command.max_open_orders,
        )
    except NotExact as error:
        raise Refused("validation_error", str(error)) from None
    except ValidationFailed as error:
        raise refused_rules(error) from None


def refused_rules(error: ValidationFailed) -> Refused:
    """Return the refusal of a market's rules, each wrong one by name."""
    named = "; ".join(f"{name}: {expected}" for name, expected in error.details.items())
    return Refused("validation_error", named or str(error))


def configure(terms: MarketTerms, given: Given) -> ConfigureMarket:
    """Return the engine's command for new terms."""
    return ConfigureMarket(terms.rules, terms.phase, given.time_us)  # type: ignore[arg-type]


def set_phase(command: wire.SetMarketPhase, given: Given) -> SetPhase:
    """Return the engine's command."""
    return SetPhase(command.market_id, command.phase, given.time_us)  # type: ignore[arg-type]


def _fitting(field: str, text: str | None, convert: Callable[[str], int]) -> int | None:
    if text is None:
        return None
    try:
        return convert(text)
    except NotExact as error:
        raise Refused("validation_error", f"{field}: {error}") from None
