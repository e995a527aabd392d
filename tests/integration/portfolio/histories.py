"""Random histories of two people on two markets, and what a naive accountant makes of the ledger.

Nothing of ``zavora.portfolio`` is used here, nor a candle: the accountant reads entries and trades.
"""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import Account, Asset, LedgerEntry, LedgerTransaction, Transfer
from accounts.money.postings import change_balance, lock_balance, total_of
from accounts.services import create_account, create_asset
from marketdata.candles.services import count_trades
from matching.commands.place import PlaceOrder
from matching.markets.selectors import list_market_terms
from matching.models import Trade
from matching.services import new_market_command
from tests.actors import SYSTEM
from tests.integration.reports.past import Past
from tests.property.naive_portfolio import Accountant, Posted, Traded, rounded
from zavora.foundation.time_ids import first_id_of
from zavora.foundation.times import microseconds_of

MINUTE = timedelta(minutes=1)


class History(Past):
    """BTC/USD and EUR/USD, whose maker gets a rebate; Ann has a second account."""

    def __init__(self, shard: Any, *, days: int = 20, seed: int = 1) -> None:
        super().__init__(shard)
        self.now = timezone.now() - timedelta(days=days)
        self.random = random.Random(seed)
        create_asset(by=SYSTEM, code="EUR", name="Euro", scale=2)
        create_asset(by=SYSTEM, code="DUST", name="Never traded", scale=4)
        self.euro = new_market_command(
            by=SYSTEM, base="EUR", quote="USD", tick_size=Decimal("0.0001"),
            lot_size=Decimal("0.01"), maker_fee_ppm=-500, taker_fee_ppm=1_000,
        )  # fmt: skip
        (reply,) = self.apply(self.euro)
        assert reply.code == ""
        self.second = create_account(by=SYSTEM, owner_id=self.ann.owner_id)
        for account in (self.ann, self.second, self.bob):
            for asset, amount in (("USD", "400000.00"), ("EUR", "300000.00"), ("BTC", "10")):
                self.move(account, asset, amount)

    def step(self) -> None:
        """Let something happen, some minutes after what was before."""
        self.now += self.random.choice((timedelta(), MINUTE, 37 * MINUTE, timedelta(hours=9)))
        mine = self.random.choice((self.ann, self.second))
        kind = self.random.choice(("buy", "sell", "buy", "sell", "move", "transfer", "rest"))
        if kind in ("buy", "sell"):
            self.meet(mine, kind, self.random.choice((self.command, self.euro)))
        elif kind == "move":
            asset = self.random.choice(("USD", "EUR", "BTC", "DUST"))
            amount = f"{self.random.randint(1, 900) / 100:.2f}"
            self.move(mine, asset, amount)
            if self.random.random() < 0.5:
                self.move(mine, asset, f"-{amount}")
        elif kind == "transfer":
            other = self.second if mine is self.ann else self.ann
            amount = Decimal(self.random.randint(1, 99)).scaleb(-2)
            self.carry(mine, other, self.random.choice(("USD", "EUR", "BTC")), amount)
        else:  # it holds money and moves none
            self.apply(self.ordered(mine, "buy", self.command, "0.0100", "1000.00"))

    def meet(self, mine: Account, side: Any, market: Any) -> None:
        is_btc = market is self.command
        price = self.random.randint(1_900_000, 2_100_000) if is_btc else 11_000
        price += 0 if is_btc else self.random.randint(-500, 500)
        text = f"{price / 100:.2f}" if is_btc else f"{price / 10_000:.4f}"
        quantity = f"{self.random.randint(1, 2_000) / 10_000:.4f}" if is_btc else "12.34"
        other = "sell" if side == "buy" else "buy"
        orders = [
            self.ordered(mine, side, market, quantity, text),
            self.ordered(self.bob, other, market, quantity, text),
        ]
        for reply in self.apply(*orders[:: self.random.choice((1, -1))]):
            assert reply.code == "", reply

    def ordered(self, account: Account, side: Any, market: Any, quantity: str, price: str) -> Any:
        return PlaceOrder(
            account.pk, market.market_id, side, "limit", "gtc", False, price, quantity,
            None, None, None, 2**50,
        )  # fmt: skip

    def carry(self, payer: Account, receiver: Account, code: str, amount: Decimal) -> None:
        """Transfer, with the time and the ids of then."""
        self.now += timedelta(seconds=1)
        asset = Asset.objects.get(code=code)
        first = first_id_of(microseconds_of(self.now) // 1_000) | 63 << 7
        row: dict[str, Any] = {"kind": "transfer", "created_at": self.now}
        with transaction.atomic():
            moved = LedgerTransaction.objects.create(id=first, reference=str(first), **row)
            entries = []
            for number, (account, signed) in enumerate(((payer, -amount), (receiver, amount))):
                balance = lock_balance(account=account, asset=asset)
                change_balance(balance, available=signed, locked=Decimal(0), now=self.now)
                entries.append(
                    LedgerEntry(
                        id=first + number, transaction=moved, account=account, asset=asset,
                        amount=signed, balance_after=total_of(balance), **row,
                    )
                )  # fmt: skip
            LedgerEntry.objects.bulk_create(entries)
            Transfer.objects.create(
                owner_id=payer.owner_id, from_account=payer, to_account=receiver, asset=asset,
                amount=amount, transaction=moved, created_at=self.now,
            )  # fmt: skip


def count_candles() -> None:
    for terms in list_market_terms():
        while count_trades(terms):
            pass


class Ledger:
    """All that a person's accounts have in the ledger, as the accountant goes through it."""

    def __init__(self, owner_id: int, currency: str) -> None:
        assets = {one.pk: one for one in Asset.objects.all()}
        self.codes = {one.code: one.pk for one in assets.values()}
        self.currency = self.codes[currency]
        self.scales = {pk: one.scale for pk, one in assets.items()}
        accounts = list(Account.objects.filter(owner_id=owner_id).values_list("pk", flat=True))
        rows = LedgerEntry.objects.filter(account_id__in=accounts).order_by("pk")
        self.groups: dict[int, list[LedgerEntry]] = {}
        for row in rows:
            self.groups.setdefault(row.transaction_id, []).append(row)
        self.trades = list(Trade.objects.select_related("market").order_by("pk"))
        self.by_id = {trade.pk: trade for trade in self.trades}

    def price(self, symbol: str, before: datetime) -> Fraction | None:
        """Return the last price before a moment."""
        found = [
            one.price
            for one in self.trades
            if one.market.symbol == symbol and one.created_at < before
        ]
        return Fraction(found[-1]) if found else None

    def each(self, asset: int, moment: datetime) -> Fraction | None:
        """Return what one of an asset was worth in the currency right before a moment."""
        usd, eur = self.codes["USD"], self.codes["EUR"]
        in_usd = {
            usd: Fraction(1),
            eur: self.price("EUR/USD", moment),
            self.codes["BTC"]: self.price("BTC/USD", moment),
        }
        this, that = in_usd.get(asset), in_usd[self.currency]
        if asset == self.currency:
            return Fraction(1)
        return None if this is None or that is None else this / that

    def worth(self, asset: int, amount: Decimal, moment: datetime) -> Decimal | None:
        each = self.each(asset, moment)
        if asset == self.currency or each is None:
            return amount if asset == self.currency else None
        return rounded(Fraction(amount) * each, self.scales[self.currency])

    def account_for(self, until: datetime) -> Accountant:
        """Go through everything before a moment."""
        accountant = Accountant(self.currency, self.scales)
        for pk, group in self.groups.items():
            if group[0].created_at >= until:
                continue
            minute = group[0].created_at.replace(second=0, microsecond=0)
            trade = self.by_id.get(pk)
            accountant.book(
                [Posted(one.account_id, one.asset_id, one.kind, one.amount) for one in group],
                None
                if trade is None
                else Traded(trade.market.quote_id, trade.maker_account_id, trade.taker_account_id),
                lambda asset, amount, at=minute: self.worth(asset, amount, at),
            )
        return accountant
