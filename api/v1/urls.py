"""Django's part of the API. The edge's paths never arrive here (``zavora/asgi.py``)."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView

from api.transport.caching import public
from api.transport.errors import not_found_view
from api.v1.openapi.page import docs
from api.v1.rest import (
    accounts,
    addresses,
    alerts,
    history,
    history_files,
    keys,
    liabilities,
    order_lists,
    portfolios,
    preferences,
    reports,
    transfers,
)

urlpatterns = [
    path("v1/accounts", accounts.AccountsView.as_view()),
    path("v1/accounts/<str:account>", accounts.AccountView.as_view()),
    path("v1/accounts/<str:account>/balances", accounts.BalancesView.as_view()),
    path("v1/accounts/<str:account>/fees", accounts.FeesView.as_view()),
    path("v1/accounts/<str:account>/deposit", accounts.DepositView.as_view()),
    path("v1/accounts/<str:account>/withdraw", accounts.WithdrawView.as_view()),
    path("v1/accounts/<str:account>/withdrawals", accounts.WithdrawalsView.as_view()),
    path(
        "v1/accounts/<str:account>/withdrawals/<str:withdrawal>", accounts.WithdrawalView.as_view()
    ),
    path("v1/accounts/<str:account>/addresses", addresses.AddressesView.as_view()),
    path("v1/accounts/<str:account>/addresses/<str:address>", addresses.AddressView.as_view()),
    path("v1/accounts/<str:account>/orders", history.OrdersView.as_view()),
    path("v1/accounts/<str:account>/order-lists", order_lists.OrderListsView.as_view()),
    path("v1/accounts/<str:account>/trades", history.FillsView.as_view()),
    path("v1/accounts/<str:account>/orders/file", history_files.OrdersFileView.as_view()),
    path("v1/accounts/<str:account>/trades/file", history_files.FillsFileView.as_view()),
    path("v1/accounts/<str:account>/ledger", accounts.LedgerView.as_view()),
    path("v1/accounts/<str:account>/portfolio", portfolios.PortfolioView.as_view()),
    path("v1/accounts/<str:account>/portfolio/history", portfolios.HistoryView.as_view()),
    path("v1/portfolio", portfolios.OwnPortfolioView.as_view()),
    path("v1/portfolio/history", portfolios.OwnHistoryView.as_view()),
    path("v1/transfers", transfers.TransfersView.as_view()),
    path("v1/alerts", alerts.AlertsView.as_view()),
    path("v1/alerts/<str:alert>", alerts.AlertView.as_view()),
    path("v1/preferences", preferences.PreferencesView.as_view()),
    path("v1/keys", keys.KeysView.as_view()),
    path("v1/keys/<str:key>", keys.KeyView.as_view()),
    path("v1/accounts/<str:account>/reports", reports.ReportsView.as_view()),
    path("v1/accounts/<str:account>/reports/<str:report>", reports.ReportView.as_view()),
    path("v1/accounts/<str:account>/reports/<str:report>/download", reports.FileView.as_view()),
    path("v1/accounts/<str:account>/liabilities/<str:snapshot>", liabilities.ProofView.as_view()),
    path("v1/liabilities", liabilities.LiabilitiesView.as_view()),
    path("v1/markets/<path:symbol>/candles", history.CandlesView.as_view()),
    path("schema", public(SpectacularAPIView.as_view()), name="schema"),
    path("docs", public(docs), name="docs"),
    # Also in development, where Django would show its own page.
    re_path(r"^", not_found_view),
]
