"""Where the trading page is."""

from django.urls import path

from zavora.pages import statements, trading

urlpatterns = [
    path("", trading.trade, name="trade"),
    path("trade/<str:symbol>", trading.trade, name="trade"),
    path("account/statements", statements.statements, name="statements"),
]
