"""Where the trading page and that of fees are."""

from django.urls import path

from zavora.pages import fees, statements, trading

urlpatterns = [
    path("", trading.trade, name="trade"),
    path("account/<uuid:account_id>/fees", fees.fees, name="account_fees"),
    path("trade/<str:symbol>", trading.trade, name="trade"),
    path("account/statements", statements.statements, name="statements"),
]
