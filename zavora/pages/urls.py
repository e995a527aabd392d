"""Where the pages are that stand above all apps: trading, fees, statements, one's own data."""

from django.urls import path

from zavora.pages import fees, help_pages, markets, personal, statements, status, trading

urlpatterns = [
    path("", trading.trade, name="trade"),
    path("markets", markets.markets, name="markets"),
    path("help", help_pages.overview, name="help"),
    path("help/<slug:name>", help_pages.document, name="help_document"),
    path("status", status.status, name="status"),
    path("account/fees", fees.own_fees, name="own_fees"),
    path("account/<uuid:account_id>/fees", fees.fees, name="account_fees"),
    path("trade/<str:symbol>", trading.trade, name="trade"),
    path("account/statements", statements.statements, name="statements"),
    path("account/data", personal.own_data, name="own_data"),
    path("account/data/<int:report_id>/download", personal.download, name="download_own_data"),
    path("account/delete", personal.delete_account, name="delete_account"),
]
