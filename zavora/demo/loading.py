"""Bring the demo into an exchange, once: repeated, it adds what is missing and changes nothing."""

import json
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings

from accounts.access.actor import Actor
from accounts.access.selectors import find_caller_by_token, list_keys
from accounts.people.selectors import list_accounts
from accounts.services import (
    TOKENS_OF_A_USER_MAX,
    create_asset,
    create_token,
    credit_deposit,
    ensure_user,
    revoke_key,
)
from matching.markets.selectors import get_shard_time_us, list_market_terms
from matching.markets.terms import RULES, MarketTerms
from matching.services import create_market, new_market_command
from matching.worker.offline import OfflineShard
from zavora.demo.catalogue import (
    ASSETS,
    DEMO_PASSWORD,
    MARKETS,
    OPERATOR,
    SCALE,
    TRADED,
    TRADERS,
    VISITOR,
    DemoMarket,
    Person,
)
from zavora.demo.history import HOUR_US, MINUTE_US, STRETCHES, make_history
from zavora.foundation.errors import Conflict, EngineUnavailable, InvariantBroken
from zavora.foundation.secrets import get_or_create_secret
from zavora.foundation.times import now_us

BY: Final = Actor.system("manage.py load_demo")
TOKENS_FILE: Final = "demo_traders.json"
TOKEN_LABEL: Final = "demo traders"  # noqa: S105 - a label

log = structlog.get_logger(__name__)


def load_demo(*, with_history: bool) -> list[str]:
    """Load what is missing of the demo; return lines that tell how to log in."""
    for code, name in ASSETS:
        create_asset(by=BY, code=code, name=name, scale=SCALE)
    password = _password()
    account_pks = {
        person.email: _person(person, password) for person in (VISITOR, OPERATOR, *TRADERS)
    }
    started_us = now_us()
    begin_us = started_us - STRETCHES[0][0]
    _markets(time_us=begin_us - MINUTE_US if with_history else started_us)
    if with_history:
        _history([account_pks[person.email] for person in TRADERS], begin_us, started_us)
    _tokens()
    return [
        f"Trader:   {VISITOR.email} / {password}",
        f"Operator: {OPERATOR.email} / {password} (at /admin/)",
    ]


def tokens_path() -> Path:
    """Return where the demo traders' tokens lie, readable by the owner only."""
    return Path(settings.ZAVORA_HOME) / "secrets" / TOKENS_FILE


def _password() -> str:
    """Return the logins' password: a known one in development, else this installation's own."""
    if settings.DEBUG:
        return DEMO_PASSWORD
    return get_or_create_secret(Path(settings.ZAVORA_HOME), "demo_password")


def _person(person: Person, password: str) -> int:
    """Make a person with an account and funds; return the account's primary key."""
    is_trader = person in TRADERS
    user = ensure_user(
        by=BY,
        email=person.email,
        password=None if is_trader else password,
        is_staff=person is OPERATOR,
        is_superuser=person is OPERATOR,
        is_demo=is_trader,
    )
    account = list_accounts(user.pk)[0]
    for asset, amount in person.funds:
        _fund(account.public_id, asset, amount)
    return account.pk


def _fund(account_id: UUID, asset: str, amount: str) -> None:
    try:
        credit_deposit(
            by=BY,
            account_id=account_id,
            asset=asset,
            amount=Decimal(amount),
            external_reference=f"demo:{account_id}:{asset}",
            reason="play money of the demo",
            key=f"demo:{asset}",
        )
    except Conflict:
        # An older demo gave another amount; what was given stays.
        log.info("demo_funds_kept", asset=asset)


# --- markets and their history -------------------------------------------------------------------


def _shard_of(index: int) -> int:
    shards: Sequence[int] = settings.ZAVORA_SHARDS
    return shards[index % len(shards)]


def _markets(*, time_us: int) -> None:
    """Add the markets that are missing: offline, or through the workers if they run already."""
    existing = {terms.symbol for terms in list_market_terms()}
    missing: dict[int, list[DemoMarket]] = defaultdict(list)
    for index, market in enumerate(MARKETS):
        if market.symbol not in existing:
            missing[_shard_of(index)].append(market)
    for shard_id, markets in missing.items():
        try:
            with OfflineShard(shard_id) as shard:
                commands = [
                    new_market_command(by=BY, shard_id=shard_id, **_rules(market))
                    for market in markets
                ]
                for reply in shard.apply(commands, time_us=time_us):
                    if reply.code:
                        raise InvariantBroken(f"demo market refused: {reply.message}")
        except EngineUnavailable:  # a worker owns the shard
            for market in markets:
                create_market(by=BY, shard_id=shard_id, **_rules(market))


def _rules(market: DemoMarket) -> dict[str, Any]:
    rules = {name: getattr(market, name) for name in RULES if hasattr(market, name)}
    return rules | {
        "base": market.base,
        "quote": market.quote,
        "is_demo": bool(market.quote_step),
    }


def _history(trader_account_pks: Sequence[int], begin_us: int, end_us: int) -> None:
    """Simulate the past of shards that have none: where nothing happened after ``begin_us``."""
    symbols = {market.symbol for market in TRADED}
    shard_terms: dict[int, list[MarketTerms]] = defaultdict(list)
    for terms in list_market_terms():
        if terms.symbol in symbols and get_shard_time_us(terms.shard_id) < begin_us:
            shard_terms[terms.shard_id].append(terms)
    if not shard_terms:
        return
    started = time.monotonic()
    maker, taker = trader_account_pks
    try:
        trades = make_history(
            shard_terms, maker_account_id=maker, taker_account_id=taker, now_us=end_us
        )
    except EngineUnavailable:
        log.info("demo_history_skipped", why="a worker owns the shard already")
        return
    log.info(
        "demo_history_made",
        trades=trades,
        hours=STRETCHES[0][0] // HOUR_US,
        seconds=round(time.monotonic() - started, 1),
    )


# --- the demo traders' tokens --------------------------------------------------------------------


def _tokens() -> None:
    """Keep a valid token for each demo trader in the home; older ones are revoked."""
    path = tokens_path()
    kept = _read_tokens(path)
    fresh: dict[str, str] = {}
    for person in TRADERS:
        token = kept.get(person.email, "")
        caller = find_caller_by_token(token)
        if caller is None or caller.email != person.email:
            user = ensure_user(by=BY, email=person.email, is_demo=True)
            for key in list_keys(user.pk, limit=TOKENS_OF_A_USER_MAX):
                if key.label == TOKEN_LABEL:
                    revoke_key(by=BY, key_id=key.pk)
            _, token = create_token(
                by=BY, user_id=user.pk, scopes=["read", "trade"], label=TOKEN_LABEL
            )
        fresh[person.email] = token
    if fresh != kept:
        _write_private(path, json.dumps(fresh))


def _read_tokens(path: Path) -> dict[str, str]:
    try:
        tokens = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return tokens if isinstance(tokens, dict) else {}


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    new.replace(path)
