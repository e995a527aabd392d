"""Where the pages are that stand above all apps: trading, fees, statements, one's own data."""

from django.urls import path

from zavora.pages import alerts, fees, help_pages, markets, personal, statements, status, trading

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
    path("account/alerts", alerts.alerts, name="alerts"),
    path("account/alerts/<int:alert_id>", alerts.change, name="change_alert"),
    path("account/alerts/<int:alert_id>/remove", alerts.remove, name="remove_alert"),
    path("account/alerts/mails/<str:token>", alerts.stop_mails, name="stop_alert_mails"),
    path("account/data", personal.own_data, name="own_data"),
    path("account/data/<int:report_id>/download", personal.download, name="download_own_data"),
    path("account/delete", personal.delete_account, name="delete_account"),
]
