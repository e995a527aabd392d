"""Customers with one row of everything, made without workers: what lists of operators show.

The tables' own triggers hold here, too; what the worker copies is written row by row.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import connection

from accounts.models import (
    Account,
    Asset,
    Balance,
    Invitation,
    LedgerEntry,
    LedgerTransaction,
    LiabilityLeaf,
    LiabilitySnapshot,
    LiabilityTree,
    Membership,
    Note,
    Payout,
    PortfolioBook,
    PortfolioPoint,
    Preferences,
    ProviderEvent,
    Report,
    ReportPart,
    StatusSpan,
    Transfer,
    User,
)
from accounts.services import (
    add_address,
    create_asset,
    create_token,
    credit_deposit,
    ensure_user,
    request_withdrawal,
    set_withdrawal_limit,
)
from marketdata.models import AlertProgress, Candle, CandleProgress, PriceAlert
from matching import wire
from matching.commands.place import PlaceOrder
from matching.fee_models import FeeDay, FeeTier, FeeVolume
from matching.models import (
    Checkpoint,
    CheckpointPart,
    Command,
    Event,
    Handover,
    Market,
    MarketState,
    Order,
    OrderAmendment,
    OrderConditions,
    OrderKey,
    OrderList,
    PreventedMatch,
    Protection,
    Shard,
    Switch,
    Trade,
    TrailMark,
)
from tests.actors import SYSTEM

TIME = datetime(2026, 11, 25, 13, 29, 5, tzinfo=UTC)
PRICE = Decimal("62000.10")
QUANTITY = Decimal("0.10")


def end_here() -> None:
    """Let what is deferred to the commit run now, where a test is one transaction."""
    if connection.in_atomic_block:
        connection.check_constraints()


@dataclass
class Desk:
    """A market and its shard, and customers to whom more can be added."""

    market: Market
    assets: dict[str, Asset]
    customers: list[Account] = field(default_factory=list)
    last_id: int = 10**14  # a time of 2025, as ids are

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id

    def add(self, email: str) -> Account:
        """Make a customer who bought of an older one, and has a row in every other table, too."""
        user = ensure_user(by=SYSTEM, email=email)
        account = user.accounts.get()
        number = len(self.customers)
        Authenticator.objects.create(user=user, type="totp", data={})
        UserSession.objects.create(
            user=user, ip="192.0.2.1", user_agent="Firefox", session_key=f"session-{number}"
        )
        credit_deposit(
            by=SYSTEM, account_id=account.public_id, asset="USD", amount=Decimal("9000.5"),
            external_reference=f"wire-{number}", reason="for the test",
        )  # fmt: skip
        create_token(by=SYSTEM, user_id=user.pk, scopes=["read"], label=f"bot-{number}")
        Preferences.objects.create(user=user, version=1, document={})
        book = PortfolioBook.objects.create(owner=user, currency=Asset.objects.get(code="USD"))
        PortfolioPoint.objects.create(book=book, account=account, hour=TIME, state={})
        PriceAlert.objects.create(
            user=user, market=self.market, condition="rises_to", price=PRICE + 1, since_sequence=1
        )
        withdrawal = request_withdrawal(
            by=SYSTEM,
            account_id=account.public_id,
            asset="USD",
            amount=Decimal(10),
            address=f"iban-{number}",
        )
        Payout.objects.create(withdrawal=withdrawal, account=account, provider="bank")
        ProviderEvent.objects.create(
            provider="bank", event_id=f"event-{number}", kind="deposit.seen",
            reference=f"in-{number}", account=account, outcome="unmatched",
        )  # fmt: skip
        add_address(by=SYSTEM, account_id=account.public_id, asset="USD", address=f"iban-{number}")
        set_withdrawal_limit(
            by=SYSTEM, account_id=account.public_id, asset="USD", per_day=Decimal(10**6),
            reason="for the test",
        )  # fmt: skip
        invited = {"account": account, "made_by": user, "role": "viewer"}
        Invitation.objects.create(
            email=f"invited-{number}@example.org", token_digest=f"digest-{number}",
            created_at=TIME, expires_at=TIME + timedelta(days=7), **invited,
        )  # fmt: skip
        if self.customers:
            Membership.objects.create(user=self.customers[-1].owner, created_at=TIME, **invited)
        Note.objects.create(user=user, author=user, text=f"called {number}", created_at=TIME)
        maker = self.customers[-1] if self.customers else account
        self.customers.append(account)
        order = self.order(account, "buy", f"Web-{number}-aB")
        self.trade(order, self.order(maker, "sell", None))
        self.command(order)
        self.conditions(order)
        self.prevented(order, maker)
        OrderKey.objects.create(
            account=account, key=f"key-{number}", fingerprint=b"f" * 16,
            result=wire.encode(wire.Reply("")),
        )  # fmt: skip
        Event.objects.create(
            market=self.market, prev_sequence=number, sequence=number + 1, payload=b"\x90",
            batch_at=TIME,
        )  # fmt: skip
        self.report(account)
        Switch.objects.create(shard_id=0, account_id=account.pk, key_id=0, due_at=TIME)
        FeeVolume.objects.create(
            account=account, market=self.market, day=TIME.date(), amount=PRICE * QUANTITY
        )
        self.candle(number)
        if maker != account:
            self.transfer(maker, account)
        end_here()
        return account

    def order(self, account: Account, side: str, name: str | None) -> Order:
        order_id = self.next_id()
        return Order.objects.create(
            id=order_id, account=account, market=self.market, client_order_id=name, side=side,
            order_type="limit", time_in_force="ioc", price=PRICE, quantity=QUANTITY,
            remaining_quantity=0, filled_quantity=QUANTITY, filled_quote=PRICE * QUANTITY,
            maker_fee_ppm=0, taker_fee_ppm=0, priority=order_id, status="filled",
            created_at=TIME, updated_at=TIME,
        )  # fmt: skip

    def trade(self, taker: Order, maker: Order) -> Trade:
        trade_id = self.next_id()
        sequence = Trade.objects.count() + 1
        row = Trade.objects.create(
            id=trade_id, market=self.market, sequence=sequence, run_sequence=sequence,
            price=PRICE, quantity=QUANTITY, amount=PRICE * QUANTITY, taker_side="buy",
            maker_order=maker, taker_order=taker, maker_account=maker.account,
            taker_account=taker.account, maker_fee=Decimal("6.2"), taker_fee=Decimal("0.0001"),
            created_at=TIME,
        )  # fmt: skip
        LedgerTransaction.objects.create(
            id=trade_id, kind="trade", reference=str(trade_id), created_at=TIME
        )
        LedgerEntry.objects.bulk_create(
            LedgerEntry(
                transaction_id=trade_id, account=account, asset=self.assets[asset], kind="trade",
                amount=amount, created_at=TIME,
            )
            for account, asset, amount in (
                (taker.account, "BTC", QUANTITY),
                (maker.account, "BTC", -QUANTITY),
                (maker.account, "USD", PRICE * QUANTITY),
                (taker.account, "USD", -PRICE * QUANTITY),
            )
        )  # fmt: skip
        Balance.objects.get_or_create(
            account=taker.account, asset=self.assets["BTC"], defaults={"available": QUANTITY}
        )
        return row

    def conditions(self, order: Order) -> None:
        """Let an order have waited behind a price of its market's."""
        OrderConditions.objects.create(
            order=order, trigger="stop", trail_bps=125, activation_price=PRICE,
            display_quantity=QUANTITY / 2, expires_at=TIME, trigger_state="triggered",
        )  # fmt: skip
        TrailMark.objects.create(
            market=self.market, reference="last", rises=True, number=order.pk, price=PRICE
        )

    def prevented(self, taker: Order, maker: Account) -> None:
        """Let an order have met another one that was its owner's, too, then."""
        PreventedMatch.objects.create(
            id=self.next_id(), market=self.market, mode="taker", price=PRICE, quantity=QUANTITY,
            maker_order=taker, taker_order=taker, maker_account=maker,
            taker_account=taker.account, created_at=TIME,
        )  # fmt: skip
        OrderAmendment.objects.create(
            id=self.next_id(), market=self.market, order=taker, price_before=PRICE, price=PRICE,
            quantity_before=QUANTITY, quantity=QUANTITY / 2, created_at=TIME,
        )  # fmt: skip
        OrderList.objects.create(
            id=self.next_id(), market=self.market, account=maker, kind="oco", created_at=TIME
        )
        Protection.objects.get_or_create(
            market=self.market,
            account=maker,
            defaults={"fills_max": 3, "window_ms": 1_000, "began_at": TIME, "quantity": QUANTITY},
        )

    def transfer(self, payer: Account, receiver: Account) -> Transfer:
        """Make a transfer. Here each person has one account, so it is between two of them."""
        record = Transfer(
            owner_id=receiver.owner_id, from_account=payer, to_account=receiver,
            asset=self.assets["USD"], amount=Decimal("2.5"), created_at=TIME,
        )  # fmt: skip
        record.transaction = LedgerTransaction.objects.create(
            kind="transfer", reference=str(record.public_id), created_at=TIME
        )
        record.save(force_insert=True)
        LedgerEntry.objects.bulk_create(
            LedgerEntry(
                transaction=record.transaction, account=account, asset=record.asset,
                kind="transfer", amount=amount, created_at=TIME,
            )
            for account, amount in ((payer, -record.amount), (receiver, record.amount))
        )  # fmt: skip
        return record

    def command(self, order: Order) -> Command:
        place = PlaceOrder(
            order.account_id, self.market.pk, "buy", "limit", "ioc", False, f"{PRICE}",
            f"{QUANTITY}", None, order.client_order_id, None, 2**50,
        )  # fmt: skip
        return Command.objects.create(
            id=self.next_id(), shard=self.market.shard, sequence=self.last_id, kind="place",
            stream_id="1-1", account=order.account, market=self.market, order_id=order.pk,
            body=wire.encode(place), request_id=f"request-{order.pk}", batch_at=TIME,
            funds=Decimal("9000.5"), reached_engine=True, outcome="applied",
        )  # fmt: skip

    def report(self, account: Account) -> Report:
        """Make a statement of two parts, and a snapshot in which the account alone is counted."""
        report = Report.objects.create(
            account=account, asked_by=account.owner, kind="statement", format="csv",
            period_from=TIME - timedelta(days=1), period_to=TIME, state="done", progress=100,
            size=4, digest="0" * 64, finished_at=TIME, expires_at=TIME + timedelta(days=30),
        )  # fmt: skip
        for number in range(2):
            ReportPart.objects.create(report=report, number=number, body=b"ab")
        tree = LiabilityTree.objects.create(
            snapshot=LiabilitySnapshot.objects.create(secret=b"s" * 32, taken_at=TIME),
            asset=self.assets["USD"], root="f" * 64, total=Decimal("9000.5"), leaves=1,
            blocks=b"b" * 64,
        )  # fmt: skip
        LiabilityLeaf.objects.create(
            tree=tree, position=0, account=account, amount=Decimal("9000.5")
        )
        return report

    def candle(self, number: int) -> Candle:
        return Candle.objects.create(
            market=self.market, interval="1m", open_time=TIME + timedelta(minutes=number),
            open=PRICE, high=PRICE, low=PRICE, close=PRICE, volume=QUANTITY,
            quote_volume=PRICE * QUANTITY, taker_buy_volume=QUANTITY,
            taker_buy_quote_volume=PRICE * QUANTITY, trades=1, first_trade_sequence=1,
            last_trade_sequence=1,
        )  # fmt: skip


def make_desk() -> Desk:
    """Make a market of BTC/USD with its state, and no customer yet."""
    assets = {
        code: create_asset(by=SYSTEM, code=code, name=name, scale=8)
        for code, name in (("BTC", "Bitcoin"), ("USD", "US dollar"))
    }
    shard, _ = Shard.objects.get_or_create(id=0)
    limits: dict[str, Any] = dict.fromkeys(("max_notional", "max_price", "max_quantity"), 10**9)
    market = Market.objects.create(
        symbol="BTC/USD", base=assets["BTC"], quote=assets["USD"], shard=shard,
        tick_size=Decimal("0.01"), lot_size=Decimal("0.00001"), **limits,
    )  # fmt: skip
    MarketState.objects.create(market=market, last_price=PRICE)
    FeeTier.objects.create(level=1, min_volume=10**6, maker_fee_ppm=-50, taker_fee_ppm=500)
    FeeDay.objects.create(day=TIME.date(), effective_at=TIME, accounts_moved=1)
    CandleProgress.objects.create(market=market, last_trade_sequence=1)
    StatusSpan.objects.create(component="watch", state="up", began_at=TIME, seen_at=TIME)
    AlertProgress.objects.create(market=market, last_trade_sequence=1)
    checkpoint = Checkpoint.objects.create(
        shard=shard, journal_sequence=1, state_hash="0" * 64, format="zavora checkpoint 1",
        open_orders=0, parts=1, size=2, digest="0" * 64, created_at=TIME,
    )  # fmt: skip
    CheckpointPart.objects.create(checkpoint=checkpoint, number=0, body=b"ab")
    Handover.objects.create(
        market=market, from_shard=0, to_shard=1, journal_sequence=1, event_sequence=1, last_id=1,
        state_hash="0" * 64, format="zavora handover 1", open_orders=0, parts=[b"ab"],
        released_at=TIME, created_at=TIME,
    )  # fmt: skip
    return Desk(market, assets)


def owned_by(model: Any, user: User) -> set[Any]:
    """Return the keys of a model's rows that belong to a user, found by the models alone."""
    accounts = list(user.accounts.values_list("pk", flat=True))
    publics = [f"account:{account.public_id}" for account in user.accounts.all()]
    if model is User:
        return {user.pk}
    if model is LedgerTransaction:
        rows = model.objects.filter(entries__account__in=accounts)
        return set(rows.values_list("pk", flat=True))
    if model._meta.label == "accounts.AuditRecord":
        subjects = [f"user:{user.pk}", *publics]
        by_user = model.objects.filter(user_id=user.pk)
        rows = by_user | model.objects.filter(subject__in=subjects)
        return set(rows.values_list("pk", flat=True))
    keys: set[Any] = set()
    if model is OrderConditions:  # whose it is its order knows
        rows = model.objects.filter(order__account__in=accounts)
        return set(rows.values_list("pk", flat=True))
    if model is Switch:  # its columns are plain numbers
        return set(model.objects.filter(account_id__in=accounts).values_list("pk", flat=True))
    for column in model._meta.get_fields():
        if column.many_to_one and column.related_model is Account:
            rows = model.objects.filter(**{f"{column.name}__in": accounts})
            keys.update(rows.values_list("pk", flat=True))
        is_a_persons = column.many_to_one or (column.one_to_one and column.concrete)
        if is_a_persons and column.related_model is User:
            keys.update(model.objects.filter(**{column.name: user}).values_list("pk", flat=True))
    return keys
