"""Add a market, or change the rules of one."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from accounts.access.actor import Actor
from matching.commands.base import (
    Batch,
    Figure,
    Given,
    Id,
    Kind,
    Refused,
    Shard,
    Step,
    WireCommand,
    refused_rules,
)
from matching.engine.checks import DELISTED
from matching.engine.commands import ConfigureMarket as ConfigureEngine
from matching.markets.soundness import require_sound
from matching.markets.terms import (
    DEFAULT_SELF_TRADE_MODES,
    FIGURES,
    OPTIONAL_FIGURES,
    MarketRules,
    MarketTerms,
    build_terms,
)
from zavora.foundation.errors import ValidationFailed
from zavora.foundation.money import EXACT, NotExact, parse_decimal


class ConfigureMarket(WireCommand, frozen=True, array_like=True, gc=False, tag="configure"):
    """Add a market, or change the rules of one. The worker writes the row.

    Rules go by their names in ``MarketRules``. ``actor`` says for the journal who asked for it
    (``accounts.access.actor.Actor.text``). ``keeps_phase``: a market that is there already stays in
    the phase that it is in, whatever ``phase`` says. ``is_change``: the market is there, wherever.
    """

    market_id: Id
    symbol: str
    base_id: Id
    quote_id: Id
    tick_size: Figure
    lot_size: Figure
    min_notional: Figure
    max_notional: Figure
    max_price: Figure
    max_quantity: Figure
    band_ppm: int | None
    maker_fee_ppm: int
    taker_fee_ppm: int
    phase: str
    is_demo: bool = False
    actor: str = ""
    # As journals without them mean it: their orders' owners are not known, and nothing was limited.
    self_trade_scope: str = "owner"
    max_open_orders: int | None = None
    promotion_maker_fee_ppm: int | None = None
    promotion_taker_fee_ppm: int | None = None
    promotion_starts_at: datetime | None = None
    promotion_ends_at: datetime | None = None
    # As before there were any: nobody trades with themselves, and there is no other limit.
    self_trade_mode: str = "taker"
    self_trade_modes: str = DEFAULT_SELF_TRADE_MODES
    max_trigger_orders: int | None = None
    max_iceberg_parts: int = 100
    protection_ppm: int = 50_000
    min_trail_bps: int = 10
    max_trail_bps: int = 2_000
    dynamic_collar_ppm: int | None = None
    static_collar_ppm: int | None = None
    interruption_s: int = 120
    auction_fee_ppm: int | None = None
    cancels_on_close: bool = False
    keeps_phase: bool = False
    schedule: str = ""
    time_zone: str = "UTC"
    delists_at: datetime | None = None
    max_order_lists: int | None = None
    max_position: Figure | None = None
    max_messages: int | None = None
    is_change: bool = False


class ConfigureKind(Kind[ConfigureMarket]):
    """Tick and lot change only while the market is halted and empty: the engine says so."""

    wire = ConfigureMarket
    name = "configure"
    names_assets = True

    def given(self, command: ConfigureMarket, batch: Batch) -> Given:
        """Return the time."""
        engine, market_id = batch.engine, command.market_id
        if batch.is_set_aside(market_id):
            # It is no new market, and its counters are not known here.
            raise Refused("wrong_shard", "the market is set aside")
        if command.is_change and not engine.has_market(market_id):
            raise Refused("wrong_shard", "the market is not matched here")
        if engine.has_market(market_id) and engine.market(market_id).phase == "delisted":
            raise Refused(DELISTED.reason, DELISTED.message)
        return Given(batch.time_us)

    def steps(self, command: ConfigureMarket, given: Given, shard: Shard) -> list[Step]:
        """Return one step; raise Refused where the rules cannot be exact."""
        terms = _terms_of(command, shard)
        if command.keeps_phase and shard.engine.has_market(command.market_id):
            phase = shard.engine.market(command.market_id).phase
            terms = replace(terms, rules=replace(terms.rules, phase=phase))
        configure = ConfigureEngine(terms.integers, terms.rules.phase, given.time_us)  # type: ignore[arg-type]
        return [Step(configure, terms)]

    def check(
        self, command: ConfigureMarket, given: Given, steps: list[Step], batch: Batch
    ) -> None:
        """Hold the rules against each other: a journal applies what it applied once."""
        try:
            require_sound(steps[0].terms)
        except ValidationFailed as error:
            raise refused_rules(error) from None
        if steps[0].terms.has_ended(given.time_us):
            raise Refused("validation_error", "delists_at: expected a time to come, or nothing")

    def new_terms(self, command: ConfigureMarket, steps: list[Step]) -> MarketTerms:
        """Return the terms that the command asked for."""
        return steps[0].terms


def configure_command(
    *, by: Actor, terms: MarketTerms, keeps_phase: bool = False, is_change: bool = False
) -> ConfigureMarket:
    """Return the command that gives a market these terms, in the name of who asks for it."""
    rules = {name: getattr(terms.rules, name) for name in MarketRules.__struct_fields__}
    figures = {name: _text(rules[name]) for name in _given_figures(rules)}
    return ConfigureMarket(
        market_id=terms.market_id,
        symbol=terms.symbol,
        base_id=terms.base.asset_id,
        quote_id=terms.quote.asset_id,
        actor=by.text,
        keeps_phase=keeps_phase,
        is_change=is_change,
        **(rules | figures),
    )


def _terms_of(command: ConfigureMarket, shard: Shard) -> MarketTerms:
    base, quote = shard.assets.get(command.base_id), shard.assets.get(command.quote_id)
    if base is None or quote is None:
        raise Refused("validation_error", "base and quote: expected known assets")
    rules: dict[str, Any] = {name: getattr(command, name) for name in MarketRules.__struct_fields__}
    try:
        rules |= {name: parse_decimal(rules[name]) for name in _given_figures(rules)}
        return build_terms(
            market_id=command.market_id,
            symbol=command.symbol,
            shard_id=shard.shard_id,
            base=base,
            quote=quote,
            rules=MarketRules(**rules),
        )
    except NotExact as error:
        raise Refused("validation_error", str(error)) from None
    except ValidationFailed as error:
        raise refused_rules(error) from None


def _given_figures(rules: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the rules that are decimals and are given."""
    return (*FIGURES, *(name for name in OPTIONAL_FIGURES if rules[name] is not None))


def _text(value: Decimal) -> str:
    """Return a figure's shortest text: a zero of forty decimals would not fit the wire."""
    return f"{EXACT.create_decimal(value).normalize(EXACT):f}"
