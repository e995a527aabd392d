"""Changes of markets and accounts that reach the engine as commands, like any order.

The row is written by the worker in the commit of the command; what is returned is read after it.
"""

import uuid
from decimal import Decimal
from typing import Final

import msgspec
from django.db import connection
from django.db.models import Value
from django.db.models.functions import Replace

from accounts import services as account_services
from accounts.access.actor import Actor, Permission
from accounts.audit import note_act
from accounts.money.postings import get_asset
from matching import wire
from matching.engine.types import SelfTradeScope
from matching.gateway import client as gateway
from matching.markets.selectors import get_market_terms, list_shard_ids
from matching.markets.soundness import FIGURES, PHASES, sound_terms
from matching.markets.terms import AssetTerms, MarketTerms
from matching.models import Market
from zavora.foundation.errors import Conflict, OutcomeUnknown, ValidationFailed, ZavoraError
from zavora.foundation.money import EXACT

# The rules that ``change_market`` changes, and what makes a market that very market.
CHANGEABLE: Final = frozenset(FIGURES) | {
    "band_ppm",
    "maker_fee_ppm",
    "taker_fee_ppm",
    "phase",
    "is_demo",
    "self_trade_scope",
    "max_open_orders",
}
_FIXED: Final = ("market_id", "symbol", "shard_id", "base", "quote")
# Below the 10^20 of NUMERIC(38, 18); a market may set less.
DEFAULT_MAXIMUM: Final = Decimal(10**12)
# Five times what large venues let an account have open in a market; a market may set another one.
DEFAULT_MAX_OPEN_ORDERS: Final = 1_000


def new_market_command(
    *,
    by: Actor,
    base: str,
    quote: str,
    tick_size: Decimal,
    lot_size: Decimal,
    min_notional: Decimal = Decimal(0),
    max_notional: Decimal = DEFAULT_MAXIMUM,
    max_price: Decimal = DEFAULT_MAXIMUM,
    max_quantity: Decimal = DEFAULT_MAXIMUM,
    band_ppm: int | None = None,
    maker_fee_ppm: int = 0,
    taker_fee_ppm: int = 0,
    phase: str = "continuous",
    shard_id: int = 0,
    is_demo: bool = False,
    self_trade_scope: SelfTradeScope = "owner",
    max_open_orders: int | None = DEFAULT_MAX_OPEN_ORDERS,
) -> wire.ConfigureMarket:
    """Return the command that adds a market, its id drawn from the table's own sequence.

    It carries who asks, for the journal. Raises Forbidden, ValidationFailed (rules that cannot be
    exact, unknown asset) or Conflict (the symbol exists, or the names run together to that of
    another market). Nothing is written but the sequence.
    """
    by.require(Permission.ADD_MARKET)
    base_asset, quote_asset = _asset_terms(base), _asset_terms(quote)
    symbol = f"{base_asset.code}/{quote_asset.code}"
    if Market.objects.filter(symbol=symbol).exists():
        raise Conflict(f"market {symbol} exists already", symbol=symbol)
    _check_run_together(symbol)
    terms = sound_terms(
        market_id=0,
        symbol=symbol,
        shard_id=shard_id,
        base=base_asset,
        quote=quote_asset,
        tick_size=tick_size,
        lot_size=lot_size,
        min_notional=min_notional,
        max_notional=max_notional,
        max_price=max_price,
        max_quantity=max_quantity,
        band_ppm=band_ppm,
        maker_fee_ppm=maker_fee_ppm,
        taker_fee_ppm=taker_fee_ppm,
        phase=phase,
        is_demo=is_demo,
        self_trade_scope=self_trade_scope,
        max_open_orders=max_open_orders,
    )
    terms = msgspec.structs.replace(terms, market_id=_next_market_id())
    return configure_command(by=by, terms=terms)


def _check_run_together(symbol: str) -> None:
    """Refuse a market that the compatible API could not tell from another: X/YZ beside XY/Z.

    Of two that are added at the same moment both may pass; then only the older one is offered
    there (``api.binance.words.symbols``).
    """
    name = symbol.replace("/", "")
    rows = Market.objects.annotate(name=Replace("symbol", Value("/"), Value("")))
    other = rows.filter(name=name).values_list("symbol", flat=True).first()
    if other is not None:
        raise Conflict(
            f"market {symbol} would be called {name} by the compatible API, as {other} is",
            symbol=symbol,
            other=other,
        )


def configure_command(*, by: Actor, terms: MarketTerms) -> wire.ConfigureMarket:
    """Return the command that gives a market these terms, in the name of who asks for it."""
    return wire.ConfigureMarket(
        market_id=terms.market_id,
        symbol=terms.symbol,
        base_id=terms.base.asset_id,
        quote_id=terms.quote.asset_id,
        tick_size=_text(terms.tick_size),
        lot_size=_text(terms.lot_size),
        min_notional=_text(terms.min_notional),
        max_notional=_text(terms.max_notional),
        max_price=_text(terms.max_price),
        max_quantity=_text(terms.max_quantity),
        band_ppm=terms.band_ppm,
        maker_fee_ppm=terms.maker_fee_ppm,
        taker_fee_ppm=terms.taker_fee_ppm,
        phase=terms.phase,
        is_demo=terms.is_demo,
        actor=by.text,
        self_trade_scope=terms.self_trade_scope,
        max_open_orders=terms.max_open_orders,
    )


def create_market(*, by: Actor, shard_id: int = 0, **rules: object) -> MarketTerms:
    """Add a market to a running shard; takes the arguments of ``new_market_command``.

    Raises Forbidden, what that raises, and what ``gateway.submit`` raises.
    """
    command = new_market_command(by=by, shard_id=shard_id, **rules)  # type: ignore[arg-type]
    _submit(command, by=by, act="market.create", subject=command.symbol, shard_id=shard_id)
    return get_market_terms(command.symbol)


def change_market(*, by: Actor, symbol: str, **changes: object) -> MarketTerms:
    """Change rules of a market by name of ``MarketTerms``; tick and lot only halted and empty.

    Raises Forbidden; ValidationFailed or InvalidOrder where the rules do not allow it;
    MarketNotFound.
    """
    by.require(Permission.CHANGE_MARKET)
    terms = get_market_terms(symbol)
    if unknown := set(changes) - CHANGEABLE:
        raise ValidationFailed(
            "unknown rule",
            **{name: f"expected one of {', '.join(sorted(CHANGEABLE))}" for name in unknown},
        )
    kept = {name: getattr(terms, name) for name in (*CHANGEABLE, *_FIXED)}
    changed = sound_terms(**(kept | changes))
    _submit(
        configure_command(by=by, terms=changed), by=by, act="market.change", subject=symbol,
        shard_id=terms.shard_id, **{name: str(value) for name, value in changes.items()},
    )  # fmt: skip
    return get_market_terms(symbol)


def set_market_phase(*, by: Actor, symbol: str, phase: str) -> MarketTerms:
    """Move a market to a trading phase.

    Raises Forbidden, ValidationFailed, MarketNotFound, gateway errors.
    """
    by.require(Permission.CHANGE_MARKET)
    if phase not in PHASES:
        raise ValidationFailed("unknown phase", phase=f"expected one of {', '.join(PHASES)}")
    terms = get_market_terms(symbol)
    command = wire.SetMarketPhase(terms.market_id, phase, actor=by.text)
    _submit(
        command, by=by, act="market.phase", subject=symbol, shard_id=terms.shard_id, phase=phase
    )
    return get_market_terms(symbol)


def freeze_account(*, by: Actor, account_id: uuid.UUID) -> None:
    """Freeze an account, then cancel its orders in every shard.

    The row commits first, with the record of who froze it: no new order passes while the cancels
    are on their way. Idempotent; repeat it after a gateway error, which comes once every shard was
    asked.
    """
    account = account_services.set_account_status(by=by, account_id=account_id, status="frozen")
    command = wire.CancelAllOrders(account.pk, None, None, actor=by.text)
    failure: ZavoraError | None = None
    for shard_id in list_shard_ids():
        try:
            gateway.submit_sync(command, shard_id=shard_id, request_id=_request_id(by))
        except ZavoraError as error:
            failure = error
    if failure is not None:
        raise failure


def unfreeze_account(*, by: Actor, account_id: uuid.UUID) -> None:
    """Let an account trade again."""
    account_services.set_account_status(by=by, account_id=account_id, status="active")


def _asset_terms(code: str) -> AssetTerms:
    asset = get_asset(code)
    return AssetTerms(asset.pk, asset.code, asset.scale)


def _submit(
    command: wire.WireCommand,
    *,
    by: Actor,
    act: str,
    subject: str,
    shard_id: int,
    **details: object,
) -> None:
    """Submit an operator's command: that it was asked is on record before anything is queued.

    The journal's row, which commits with the effect, names the actor and the same request. What
    came of it is recorded as well where an answer came; without one the journal tells.
    """
    by = msgspec.structs.replace(by, request_id=_request_id(by))
    note_act(by, act, f"market:{subject}", outcome="asked", **details)
    try:
        gateway.submit_sync(command, shard_id=shard_id, request_id=by.request_id)
    except OutcomeUnknown:
        note_act(by, act, f"market:{subject}", outcome="unanswered")
        raise
    except ZavoraError as error:
        note_act(by, act, f"market:{subject}", outcome=f"refused: {error.code}")
        raise
    note_act(by, act, f"market:{subject}", outcome="done")


def _request_id(by: Actor) -> str:
    return by.request_id or str(uuid.uuid4())


def _next_market_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", (Market._meta.db_table,))
        return int(cursor.fetchone()[0])


def _text(value: Decimal) -> str:
    """Return a rule as plain text without needless zeros."""
    return f"{EXACT.create_decimal(value).normalize(EXACT):f}"
