"""Every page there is, taken from the URL configuration, and how a browser gets to see each.

A path that is in neither list fails ``tests/rules/test_pages.py``, so that nothing new goes unseen.
"""

from typing import Final, NamedTuple


class Shown(NamedTuple):
    """A page to look at; ``status`` is what it is answered with. ``{account}`` is the visitor's."""

    path: str
    status: int = 200


# Of paths with parts in them one that shows a page; a link that was never mailed is one, too.
FOR_EVERYBODY: Final = {
    "/": Shown("/"),
    "/trade/<str:symbol>": Shown("/trade/BTC-EUR"),
    "/signup": Shown("/signup"),
    "/login": Shown("/login"),
    "/login/mail": Shown("/login/mail"),
    "/login/mail/<str:key>": Shown("/login/mail/x"),
    "/login/forgotten": Shown("/login/forgotten"),
    "/login/email/<str:token>": Shown("/login/email/x"),
    "/login/old-email/<str:token>": Shown("/login/old-email/x"),
    "/account/password/<str:uidb64>/<str:token>": Shown("/account/password/x/y"),
    "/liabilities": Shown("/liabilities"),
    "/markets": Shown("/markets"),
    "/status": Shown("/status"),
    "/help": Shown("/help"),
    "/help/<slug:name>": Shown("/help/trading"),
    "/account/alerts/mails/<str:token>": Shown("/account/alerts/mails/x", 400),
    "/admin/login/": Shown("/admin/login/"),
    "/api/docs": Shown("/api/docs"),
    "/<anything else>": Shown("/nothing", 404),
}
FOR_USERS: Final = {
    "/account": Shown("/account"),
    "/account/<uuid:account_id>/fees": Shown("/account/{account}/fees"),
    "/account/alerts": Shown("/account/alerts"),
    "/account/addresses": Shown("/account/addresses"),
    "/account/confirm": Shown("/account/confirm"),
    "/account/data": Shown("/account/data"),
    "/account/delete": Shown("/account/delete"),
    "/account/email": Shown("/account/email"),
    "/account/invitations/<str:token>": Shown("/account/invitations/x", 404),
    "/account/password": Shown("/account/password"),
    "/account/security": Shown("/account/security"),
    "/account/security/app": Shown("/account/security/app"),
    "/account/security/codes": Shown("/account/security/codes"),
    "/account/security/passkey": Shown("/account/security/passkey"),
    "/account/statements": Shown("/account/statements"),
    "/account/tokens": Shown("/account/tokens"),
    "/fills": Shown("/fills"),
    "/orders": Shown("/orders"),
    "/portfolio": Shown("/portfolio"),
    "/wallet": Shown("/wallet"),
}
# What shows no page: forms' targets, which lead to one of those above, and files.
NO_PAGES: Final = {
    "/account/accounts",
    "/account/alerts/<int:alert_id>/remove",
    "/account/fees",
    "/account/accounts/<uuid:account_id>/invitations/<int:invitation_id>/withdraw",
    "/account/accounts/<uuid:account_id>/leave",
    "/account/accounts/<uuid:account_id>/members",
    "/account/accounts/<uuid:account_id>/members/<int:member_id>/remove",
    "/account/accounts/<uuid:account_id>/members/<int:member_id>/role",
    "/account/accounts/<uuid:account_id>/name",
    "/account/addresses/<uuid:account_id>/<int:address_id>/remove",
    "/account/addresses/<uuid:account_id>/allow-list",
    "/account/data/<int:report_id>/download",
    "/account/deposit",
    "/account/security/factors/<int:factor_id>/remove",
    "/account/security/sessions/<int:session_id>/end",
    "/account/security/sessions/end",
    "/account/tokens/<int:key_id>/rename",
    "/account/tokens/<int:key_id>/revoke",
    "/account/transfers",
    "/account/withdraw",
    "/account/withdrawals/<uuid:account_id>/<int:withdrawal_id>/cancel",
    "/admin/logout/",
    "/api/<anything else>",
    "/api/providers/webhook",
    "/api/schema",
    "/favicon.ico",
    "/login/passkey",
    "/logout",
    "/portfolio/file",
    "/robots.txt",
    "/wallet/file",
}
# Pages that stand at the end of a way; who goes it looks at them: tests/e2e/test_alerts.py,
# tests/e2e/test_signing_in.py, and the operators' pages (tests/e2e/test_operators_pages.py).
ON_A_WAY: Final = {"/account/alerts/<int:alert_id>", "/login/code", "/admin/password_change/"}
