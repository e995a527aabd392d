"""Who owns what in the naive exchange, and what trades cost."""

from tests.property.naive_fees import naive_auction_fees, naive_fees
from tests.property.naive_orders import NaiveMarket, NaiveOrder, NaiveTrade, RefusedError


class NaiveFunds:
    """Markets and what each account owns in all, locked or not."""

    def __init__(self) -> None:
        self.markets: dict[int, NaiveMarket] = {}
        self.owned: dict[tuple[int, int], int] = {}
        self.fees: dict[int, int] = {}

    def credit(self, account_id: int, asset_id: int, units: int) -> None:
        self.owned[account_id, asset_id] = self.owned.get((account_id, asset_id), 0) + units

    def locked(self) -> dict[tuple[int, int], int]:
        """What the open orders of each account keep locked of each asset."""
        locked: dict[tuple[int, int], int] = {}
        for market in self.markets.values():
            for order in market.orders:
                if order.status == "open":
                    buys = order.side == "buy"
                    asset_id = market.rules.quote_id if buys else market.rules.base_id
                    key = order.account_id, asset_id
                    locked[key] = locked.get(key, 0) + market.held(order)
        return locked

    def available(self, account_id: int, asset_id: int) -> int:
        key = account_id, asset_id
        return self.owned.get(key, 0) - self.locked().get(key, 0)

    def check_funds(self, market: NaiveMarket, order: NaiveOrder, more: int) -> None:
        rules = market.rules
        asset_id = rules.quote_id if order.side == "buy" else rules.base_id
        if more > 0 and self.available(order.account_id, asset_id) < more:
            raise RefusedError("insufficient_balance")

    def transfer(self, market: NaiveMarket, entry: tuple) -> None:
        """Move what two orders of one owner would have traded between its accounts."""
        _, _, maker_id, taker_id, price, lots = entry
        maker, taker = (
            next(order for order in market.orders if order.order_id == order_id)
            for order_id in (maker_id, taker_id)
        )
        buyer, seller = (taker, maker) if taker.side == "buy" else (maker, taker)
        rules = market.rules
        for account_id, sign in ((buyer.account_id, 1), (seller.account_id, -1)):
            self.credit(account_id, rules.base_id, sign * lots * rules.lot_units)
            self.credit(account_id, rules.quote_id, -sign * lots * rules.tick_lot_units * price)

    def pay(self, market: NaiveMarket, log: list, entry: tuple) -> tuple[str, NaiveTrade]:
        """Move the money of a trade, and return it as the rules describe it."""
        _, sequence, maker, taker, price, lots, _, *auction = entry
        rules = market.rules
        base = lots * rules.lot_units
        quote = lots * rules.tick_lot_units * price
        fees = naive_auction_fees if auction else naive_fees
        buyer_fee, seller_fee, rebate = fees(market, maker, taker, base, quote)
        rebated = rules.base_id if taker.side == "buy" else rules.quote_id
        self.credit(maker.account_id, rebated, rebate)
        self.fees[rebated] = self.fees.get(rebated, 0) - rebate
        buyer, seller = (taker, maker) if taker.side == "buy" else (maker, taker)
        self.credit(buyer.account_id, rules.base_id, base - buyer_fee)
        self.credit(buyer.account_id, rules.quote_id, -quote)
        self.credit(seller.account_id, rules.quote_id, quote - seller_fee)
        self.credit(seller.account_id, rules.base_id, -base)
        self.fees[rules.base_id] = self.fees.get(rules.base_id, 0) + buyer_fee
        self.fees[rules.quote_id] = self.fees.get(rules.quote_id, 0) + seller_fee
        run = [
            trade.sequence
            for word, trade, *_ in log
            if word == "trade"
            and isinstance(trade, NaiveTrade)
            and (auction or (trade.taker_id, trade.price) == (taker.order_id, price))
        ]
        return (
            "trade",
            NaiveTrade(
                sequence,
                run[0] if run else sequence,
                maker.order_id,
                taker.order_id,
                price,
                lots,
                buyer_fee,
                seller_fee,
                rebate,
            ),
        )
