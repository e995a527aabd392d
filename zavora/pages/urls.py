"""Where the pages are that stand above all apps: trading, money, statements, one's own data."""

from django.urls import path

from zavora.pages import (
    alerts,
    fees,
    help_pages,
    markets,
    own_activity,
    personal,
    portfolio,
    statements,
    status,
    trading,
    wallet,
    wallet_acts,
)

urlpatterns = [
    path("", trading.trade, name="trade"),
    path("markets", markets.markets, name="markets"),
    path("help", help_pages.overview, name="help"),
    path("help/<slug:name>", help_pages.document, name="help_document"),
    path("status", status.status, name="status"),
    path("account/fees", fees.own_fees, name="own_fees"),
    path("account/<uuid:account_id>/fees", fees.fees, name="account_fees"),
    path("trade/<str:symbol>", trading.trade, name="trade"),
    path("orders", own_activity.orders, name="orders"),
    path("fills", own_activity.fills, name="fills"),
    path("portfolio", portfolio.portfolio, name="portfolio"),
    path("portfolio/file", portfolio.portfolio_csv, name="portfolio_csv"),
    path("wallet", wallet.wallet, name="wallet"),
    path("wallet/file", wallet.wallet_csv, name="wallet_csv"),
    path("account/deposit", wallet_acts.faucet_deposit, name="faucet_deposit"),
    path("account/withdraw", wallet_acts.withdraw, name="request_withdrawal"),
    path(
        "account/withdrawals/<uuid:account_id>/<int:withdrawal_id>/cancel",
        wallet_acts.cancel_withdrawal,
        name="cancel_withdrawal",
    ),
    path("account/transfers", wallet_acts.transfers, name="transfers"),
    path("account/statements", statements.statements, name="statements"),
    path("account/alerts", alerts.alerts, name="alerts"),
    path("account/alerts/<int:alert_id>", alerts.change, name="change_alert"),
    path("account/alerts/<int:alert_id>/remove", alerts.remove, name="remove_alert"),
    path("account/alerts/mails/<str:token>", alerts.stop_mails, name="stop_alert_mails"),
    path("account/data", personal.own_data, name="own_data"),
    path("account/data/<int:report_id>/download", personal.download, name="download_own_data"),
    path("account/delete", personal.delete_account, name="delete_account"),
]
