"""Changes of markets and accounts that reach the engine as commands, like any order.

The row is written by the worker in the commit of the command; what is returned is read after it.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
from django.db import connection
from django.db.models import Value
from django.db.models.functions import Replace

from accounts import services as account_services
from accounts.access.actor import Actor, Permission
from accounts.access.rights import require_over_owner
from accounts.audit import on_record
from accounts.money.postings import get_asset
from accounts.people.selectors import get_account
from matching.commands.base import WireCommand
from matching.commands.cancel_all import CancelAllOrders
from matching.commands.configure import ConfigureMarket, configure_command
from matching.commands.phase import AUCTION_MAX_S, SetMarketPhase
from matching.gateway import client as gateway
from matching.markets.calendar import last_change, next_change
from matching.markets.selectors import get_market_terms, get_moved_lately, list_shard_ids
from matching.markets.soundness import PHASES, sound_terms
from matching.markets.terms import (
    DELISTING_RULES,
    FEE_RULES,
    RULES,
    AssetTerms,
    MarketRules,
    MarketTerms,
)
from matching.models import Market
from zavora.foundation.errors import Conflict, ValidationFailed, ZavoraError
from zavora.foundation.times import now_us

# What makes a market that very market.
_FIXED: Final = ("market_id", "symbol", "shard_id", "base", "quote")


def new_market_command(
    *, by: Actor, base: str, quote: str, shard_id: int = 0, **rules: Any
) -> ConfigureMarket:
    """Return the command that adds a market, its id drawn from the table's own sequence.

    ``rules`` are those of ``MarketRules``, tick size and lot size at least. The command carries who
    asks, for the journal. Raises Forbidden, ValidationFailed (rules that cannot be exact, unknown
    asset) or Conflict (the symbol exists, or the names run together to that of another market).
    Nothing is written but the sequence.
    """
    by.require(Permission.ADD_MARKET)
    if rules.get("delists_at") is not None:
        by.require(Permission.DELIST_MARKET)
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
        rules=MarketRules(**rules),
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


def create_market(*, by: Actor, shard_id: int = 0, **rules: object) -> MarketTerms:
    """Add a market to a running shard; takes the arguments of ``new_market_command``.

    Raises Forbidden, what that raises, and what ``gateway.submit`` raises.
    """
    command = new_market_command(by=by, shard_id=shard_id, **rules)  # type: ignore[arg-type]
    _submit(
        command, by=by, act="market.create", subject=command.symbol, shard_id=shard_id,
        was={}, now=_rules_in(command, RULES),
    )  # fmt: skip
    return get_market_terms(command.symbol)


def change_market(*, by: Actor, symbol: str, **changes: object) -> MarketTerms:
    """Change rules of a market by name of ``MarketRules``; tick and lot only halted and empty.

    Fees need a permission of their own, and so does when a market ends (``delists_at``; None calls
    it off), and no other. Raises Forbidden; ValidationFailed or InvalidOrder where the rules do not
    allow it; MarketNotFound; Conflict where the market has ended.
    """
    if set(changes) & FEE_RULES:
        by.require(Permission.CHANGE_FEES)
    if set(changes) & DELISTING_RULES:
        by.require(Permission.DELIST_MARKET)
    if not changes or set(changes) - FEE_RULES - DELISTING_RULES:
        by.require(Permission.CHANGE_MARKET)
    terms = get_market_terms(symbol)
    _require_listed(terms)
    if unknown := set(changes) - set(RULES):
        raise ValidationFailed(
            "unknown rule",
            **{name: f"expected one of {', '.join(sorted(RULES))}" for name in unknown},
        )
    fixed = {name: getattr(terms, name) for name in _FIXED}
    changed = sound_terms(**fixed, rules=msgspec.structs.replace(terms.rules, **changes))
    before = configure_command(by=by, terms=terms)
    command = configure_command(
        by=by, terms=changed, keeps_phase="phase" not in changes, is_change=True
    )
    _submit(
        command, by=by, act="market.change", subject=symbol,
        was=_rules_in(before, changes), now=_rules_in(command, changes),
    )  # fmt: skip
    return get_market_terms(symbol)


def set_market_phase(*, by: Actor, symbol: str, phase: str, auction_s: int = 0) -> MarketTerms:
    """Move a market to a trading phase, as an operator may whatever phase it is in.

    ``auction_s``: after how many seconds an auction ends by itself; 0: when it is ended. Raises
    Forbidden, ValidationFailed, MarketNotFound, gateway errors.
    """
    by.require(Permission.CHANGE_MARKET)
    if phase not in PHASES:
        raise ValidationFailed("unknown phase", phase=f"expected one of {', '.join(PHASES)}")
    terms = get_market_terms(symbol)
    if auction_s and (phase != "auction" or not 0 < auction_s <= AUCTION_MAX_S):
        raise ValidationFailed(
            "no time of an auction",
            auction_s=f"expected seconds from 1 to {AUCTION_MAX_S}, for auctions only",
        )
    return _set_phase(by, terms, phase, auction_s=auction_s)


def resume_market(*, by: Actor, symbol: str) -> MarketTerms:
    """Let a market be in the phase that its schedule has now; without one, let it trade.

    Raises Forbidden, MarketNotFound, gateway errors.
    """
    by.require(Permission.CHANGE_MARKET)
    terms = get_market_terms(symbol)
    schedule, time_zone, time_us = terms.rules.schedule, terms.rules.time_zone, now_us()
    change = last_change(schedule, time_zone, time_us) if schedule else None
    if change is None:
        return _set_phase(by, terms, Market.Phase.CONTINUOUS)
    following = None
    if change.phase == "auction":
        following = next_change(schedule, time_zone, time_us)
    return _set_phase(by, terms, change.phase, ends_us=following.at_us if following else 0)


def _set_phase(
    by: Actor, terms: MarketTerms, phase: str, *, auction_s: int = 0, ends_us: int = 0
) -> MarketTerms:
    _require_listed(terms)
    command = SetMarketPhase(
        terms.market_id, phase, actor=by.text, auction_s=auction_s, ends_us=ends_us
    )
    _submit(
        command, by=by, act="market.phase", subject=terms.symbol,
        was={"phase": terms.rules.phase}, now={"phase": phase},
    )  # fmt: skip
    return get_market_terms(terms.symbol)


def _require_listed(terms: MarketTerms) -> None:
    """Refuse what would change a market that has ended; its row says so for good."""
    if terms.rules.phase == "delisted":
        raise Conflict(
            f"market {terms.symbol} was delisted: nothing of it changes", symbol=terms.symbol
        )


def freeze_account(*, by: Actor, account_id: uuid.UUID) -> None:
    """Freeze an account, then cancel its orders in every shard.

    The row commits first, with the record of who froze it: no new order passes while the cancels
    are on their way. Idempotent; repeat it after a gateway error, which comes once every shard was
    asked.
    """
    account = account_services.set_account_status(by=by, account_id=account_id, status="frozen")
    _cancel_everywhere(by, account.pk)


def cancel_orders(*, by: Actor, account_id: uuid.UUID) -> None:
    """Cancel the open orders of somebody's account in every shard; new ones may follow.

    That it was asked is on record before anything is queued; the journal names who asked. Raises
    Forbidden, AccountNotFound, and gateway errors, once every shard was asked.
    """
    by.require(Permission.CANCEL_ORDERS)
    account = get_account(account_id)
    require_over_owner(by, account, what="cancel orders")
    with on_record(by, "account.cancel_orders", f"account:{account.public_id}") as by:
        _cancel_everywhere(by, account.pk)


def _cancel_everywhere(by: Actor, account_pk: int) -> None:
    """Ask every shard to cancel an account's orders; raise the last failure afterwards.

    Then the markets that were moved lately: one that was under way was in no shard.
    """
    everything = CancelAllOrders(account_pk, None, None, actor=by.text)
    failures = [_failure_of(everything, by, shard_id) for shard_id in list_shard_ids()]
    for market_id in get_moved_lately().market_ids:
        there = msgspec.structs.replace(everything, market_id=market_id)
        failures.append(_failure_of(there, by, None))
    for failure in filter(None, reversed(failures)):
        raise failure


def _failure_of(command: WireCommand, by: Actor, shard_id: int | None) -> ZavoraError | None:
    """Submit a command; return what failed, if it did."""
    try:
        gateway.submit_sync(command, shard_id=shard_id, request_id=_request_id(by))
    except ZavoraError as error:
        return error
    return None


def unfreeze_account(*, by: Actor, account_id: uuid.UUID) -> None:
    """Let an account trade again."""
    account_services.set_account_status(by=by, account_id=account_id, status="active")


def _rules_in(command: ConfigureMarket, names: Iterable[str]) -> dict[str, object]:
    """Return rules of a market as records of acts hold them: figures are text in commands."""
    rules = {name: getattr(command, name) for name in names}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in rules.items()
    }


def _asset_terms(code: str) -> AssetTerms:
    asset = get_asset(code)
    return AssetTerms(asset.pk, asset.code, asset.scale)


def _submit(
    command: WireCommand,
    *,
    by: Actor,
    act: str,
    subject: str,
    shard_id: int | None = None,
    **details: object,
) -> None:
    """Submit an operator's command, to its market's shard where none is named.

    The journal's row, which commits with the effect, names the actor and the same request.
    """
    with on_record(by, act, f"market:{subject}", **details) as by:
        gateway.submit_sync(command, shard_id=shard_id, request_id=by.request_id)


def _request_id(by: Actor) -> str:
    return by.request_id or str(uuid.uuid4())


def _next_market_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", (Market._meta.db_table,))
        return int(cursor.fetchone()[0])
