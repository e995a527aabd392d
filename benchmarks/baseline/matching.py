"""Matching in SQL, one transaction an order, as small Django exchanges do it.

The market's row is locked first: without it two orders that cross could both come to rest, and
orders that lock each other's balances would deadlock. Balances are locked in id order, once all
matching orders are known.
"""

from decimal import ROUND_UP, Decimal

from django.db import IntegrityError, transaction

from benchmarks.baseline.models import Account, Balance, LedgerEntry, Market, Order, Trade

OPEN = ("new", "partially_filled")
SMALLEST = Decimal("0.00000001")
PAGE = 4


class Refused(Exception):
    """The order is refused whole; the message says why."""


def place(
    *,
    account: Account,
    market_symbol: str,
    side: str,
    time_in_force: str,
    price: Decimal,
    quantity: Decimal,
    client_order_id: str | None,
) -> tuple[Order, list[Trade]]:
    """Place a limit order, match it, settle it and return it with its trades."""
    if client_order_id is not None:
        earlier = Order.objects.filter(account=account, client_order_id=client_order_id).first()
        if earlier is not None:
            return earlier, list(Trade.objects.filter(taker=earlier))
    try:
        with transaction.atomic():
            market = Market.objects.select_for_update().get(symbol=market_symbol)
            if price % market.tick_size or quantity % market.lot_size:
                raise Refused("price or quantity does not fit the market")
            order = Order.objects.create(
                account=account,
                market=market,
                client_order_id=client_order_id,
                side=side,
                time_in_force=time_in_force,
                price=price,
                quantity=quantity,
                remaining=quantity,
                status="new",
            )
            return order, _match_and_settle(market, order)
    except IntegrityError:
        raise Refused("this client order id is being used at the moment") from None


def _match_and_settle(market: Market, order: Order) -> list[Trade]:
    fills, stop = _find_fills(market, order)
    accounts = {order.account_id, *(maker.account_id for maker, _ in fills)}
    balances = {
        (balance.account_id, balance.asset): balance
        for balance in Balance.objects.select_for_update()
        .filter(account__in=accounts, asset__in=(market.base, market.quote))
        .order_by("id")
    }
    paid = market.quote if order.side == "buy" else market.base
    hold = order.price * order.quantity if order.side == "buy" else order.quantity
    own = balances[order.account_id, paid]
    if own.available < hold:
        raise Refused("insufficient_balance")
    own.available -= hold
    own.locked += hold
    trades, entries = [], []
    for maker, quantity in fills:
        trade, of_trade = _settle(market, order, maker, quantity, balances)
        trades.append(trade)
        entries.append(of_trade)
    if order.remaining and (stop or order.time_in_force == "ioc"):
        rest = order.price * order.remaining if order.side == "buy" else order.remaining
        own.locked -= rest
        own.available += rest
        order.status = "cancelled" if stop else "expired"
    order.save(update_fields=["remaining", "status", "updated_at"])
    if fills:
        makers = [maker for maker, _ in fills]
        Order.objects.bulk_update(makers, ["remaining", "status", "updated_at"])
        Trade.objects.bulk_create(trades)
        for trade, of_trade in zip(trades, entries, strict=True):
            for entry in of_trade:
                entry.trade_id = trade.pk
        LedgerEntry.objects.bulk_create([entry for of_trade in entries for entry in of_trade])
        Balance.objects.bulk_update(balances.values(), ["available", "locked"])
    else:
        own.save(update_fields=["available", "locked"])
    return trades


def _find_fills(market: Market, order: Order) -> tuple[list[tuple[Order, Decimal]], bool]:
    """Return what meets the order, best price first, then oldest; and whether it met its own."""
    if order.side == "buy":
        opposite = Order.objects.filter(side="sell", price__lte=order.price)
        ordering = ("price", "id")
    else:
        opposite = Order.objects.filter(side="buy", price__gte=order.price)
        ordering = ("-price", "id")
    opposite = opposite.filter(market=market, status__in=OPEN).order_by(*ordering)
    fills: list[tuple[Order, Decimal]] = []
    wanted, place = order.remaining, 0
    while wanted:
        page = list(opposite.select_for_update()[place : place + PAGE])
        for maker in page:
            if not wanted:
                break
            if maker.account_id == order.account_id:
                return fills, True
            quantity = min(wanted, maker.remaining)
            fills.append((maker, quantity))
            wanted -= quantity
        if len(page) < PAGE:
            break
        place += PAGE
    return fills, False


def _settle(
    market: Market,
    taker: Order,
    maker: Order,
    quantity: Decimal,
    balances: dict[tuple[int, str], Balance],
) -> tuple[Trade, list[LedgerEntry]]:
    """Move a fill's money in memory; return its trade and its entries, unsaved."""
    amount = maker.price * quantity
    buyer, seller = (taker, maker) if taker.side == "buy" else (maker, taker)
    buyer_rate = market.taker_fee if buyer is taker else market.maker_fee
    seller_rate = market.taker_fee if seller is taker else market.maker_fee
    buyer_fee = (quantity * buyer_rate).quantize(SMALLEST, ROUND_UP)
    seller_fee = (amount * seller_rate).quantize(SMALLEST, ROUND_UP)
    spent = balances[buyer.account_id, market.quote]
    spent.locked -= buyer.price * quantity
    spent.available += (buyer.price - maker.price) * quantity
    balances[buyer.account_id, market.base].available += quantity - buyer_fee
    balances[seller.account_id, market.base].locked -= quantity
    balances[seller.account_id, market.quote].available += amount - seller_fee
    for order in (taker, maker):
        order.remaining -= quantity
        order.status = "partially_filled" if order.remaining else "filled"
    trade = Trade(
        market=market,
        maker=maker,
        taker=taker,
        price=maker.price,
        quantity=quantity,
        amount=amount,
        maker_fee=seller_fee if seller is maker else buyer_fee,
        taker_fee=buyer_fee if buyer is taker else seller_fee,
    )
    movements = [
        (buyer.account_id, market.base, "trade", quantity),
        (buyer.account_id, market.quote, "trade", -amount),
        (seller.account_id, market.base, "trade", -quantity),
        (seller.account_id, market.quote, "trade", amount),
        (buyer.account_id, market.base, "fee", -buyer_fee),
        (None, market.base, "fee", buyer_fee),
        (seller.account_id, market.quote, "fee", -seller_fee),
        (None, market.quote, "fee", seller_fee),
    ]
    return trade, [
        LedgerEntry(account_id=account_id, asset=asset, kind=kind, amount=moved)
        for account_id, asset, kind, moved in movements
        if moved
    ]
