"""Where the trading page is."""

from django.urls import path

from api import pages

urlpatterns = [
    path("", pages.trade, name="trade"),
    path("trade/<str:symbol>", pages.trade, name="trade"),
]
