"""The plain exchange's order entry: a REST framework view with a serializer and a token."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from benchmarks.baseline import matching
from benchmarks.baseline.models import Account, Order, Trade


class OrderIn(serializers.Serializer[Any]):
    """What an order's body holds."""

    user_id = serializers.UUIDField()
    market = serializers.CharField(max_length=33)
    side = serializers.ChoiceField(["Buy", "Sell"])
    order_type = serializers.ChoiceField(["Limit"])
    time_in_force = serializers.ChoiceField(["GTC", "IOC"], default="GTC")
    price = serializers.DecimalField(38, 18, min_value=Decimal("1e-18"))
    quantity = serializers.DecimalField(38, 18, min_value=Decimal("1e-18"))
    client_order_id = serializers.CharField(max_length=64, required=False, default=None)


class OrdersView(APIView):
    """POST places an order."""

    def post(self, request: Request) -> Response:
        """Place an order and answer with it and its trades, after the commit."""
        body = OrderIn(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        account = Account.objects.filter(
            public_id=asked["user_id"], owner_id=request.user.pk, status="active"
        ).first()
        if account is None:
            return Response({"error": "account_not_found"}, 404)
        try:
            order, trades = matching.place(
                account=account,
                market_symbol=asked["market"],
                side=asked["side"].lower(),
                time_in_force=asked["time_in_force"].lower(),
                price=asked["price"],
                quantity=asked["quantity"],
                client_order_id=asked["client_order_id"],
            )
        except matching.Refused as refused:
            return Response({"error": str(refused)}, 400)
        return Response({"data": {"order": _order(order), "trades": [_trade(t) for t in trades]}})


def _order(order: Order) -> dict[str, Any]:
    return {
        "id": str(order.pk),
        "client_order_id": order.client_order_id,
        "side": order.side,
        "price": str(order.price),
        "quantity": str(order.quantity),
        "remaining_quantity": str(order.remaining),
        "status": order.status,
        "created_at": order.created_at.isoformat(),
    }


def _trade(trade: Trade) -> dict[str, Any]:
    return {
        "id": str(trade.pk),
        "price": str(trade.price),
        "quantity": str(trade.quantity),
        "amount": str(trade.amount),
        "maker_fee": str(trade.maker_fee),
        "taker_fee": str(trade.taker_fee),
        "created_at": trade.created_at.isoformat(),
    }
