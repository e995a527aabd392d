"""Who may call what of the customers' pages and the rest of the site; ``rules`` has the APIs."""

from collections.abc import Mapping
from typing import Final

from tests.access.rules import ANYBODY, YES, Rule
from tests.routes import ANYTHING_ELSE

PAGE_CALLERS: Final = (
    "nobody", "token", "session", "no CSRF", "other session", "operator", "viewer", "trader",
)  # fmt: skip
FORM: Final = Rule("anybody", by_form=True)
PERSON: Final = Rule("logged in")
PERSONS_FORM: Final = Rule("logged in", by_form=True)
OWN_FORM: Final = Rule("logged in, own", is_owned=True, by_form=True)
SHARED_FORM: Final = Rule("logged in, own or shared", is_owned=True, by_form=True, is_shared=True)
OWN_PAGE: Final = Rule("logged in, own page")
SHARED_PAGE: Final = Rule("logged in, own or shared page", is_shared=True)
# A member's own: the account's owner has none.
MEMBERS_FORM: Final = Rule("logged in, a member", is_owned=True, by_form=True, is_shared=True)
INVITED: Final = Rule("logged in, who is invited")
INVITED_FORM: Final = Rule("logged in, who is invited", by_form=True)
STAFF: Final = Rule("staff")
STAFF_FORM: Final = Rule("staff", by_form=True)
NOTHING: Final = Rule("nobody: there is nothing")
# A provider's, whose requests are signed; whoever they are, people are not.
SIGNED: Final = Rule("a provider's signature")
PAGES: Final[Mapping[str, Rule]] = {
    "GET /": ANYBODY,
    "GET /trade/<str:symbol>": ANYBODY,
    "GET /markets": ANYBODY,
    "GET /status": ANYBODY,
    "GET /help": ANYBODY,
    "GET /help/<slug:name>": ANYBODY,
    "GET /api/docs": ANYBODY,
    "GET /api/schema": ANYBODY,
    "GET /favicon.ico": ANYBODY,
    "GET /robots.txt": ANYBODY,
    "POST /api/providers/webhook": SIGNED,
    f"GET /{ANYTHING_ELSE}": NOTHING,
    f"GET /api/{ANYTHING_ELSE}": NOTHING,
    "GET /login": ANYBODY,
    "POST /login": FORM,
    "GET /login/code": ANYBODY,
    "POST /login/code": FORM,
    "GET /login/passkey": ANYBODY,
    "POST /login/passkey": FORM,
    "GET /login/mail": ANYBODY,
    "GET /login/mail/<str:key>": ANYBODY,
    "POST /login/mail/<str:key>": FORM,
    "GET /login/forgotten": ANYBODY,
    "POST /login/forgotten": FORM,
    "GET /signup": ANYBODY,
    "POST /signup": FORM,
    "POST /logout": FORM,
    "GET /account": PERSON,
    "GET /account/confirm": PERSON,
    "POST /account/confirm": PERSONS_FORM,
    "GET /account/email": PERSON,
    "POST /account/email": PERSONS_FORM,
    "GET /login/email/<str:token>": ANYBODY,
    "POST /login/email/<str:token>": FORM,
    "GET /login/old-email/<str:token>": ANYBODY,
    "POST /login/old-email/<str:token>": FORM,
    "GET /account/password": PERSON,
    "POST /account/password": PERSONS_FORM,
    "GET /account/security": PERSON,
    "GET /account/security/app": PERSON,
    "POST /account/security/app": PERSONS_FORM,
    "GET /account/security/passkey": PERSON,
    "POST /account/security/passkey": PERSONS_FORM,
    "GET /account/security/codes": PERSON,
    "POST /account/security/codes": PERSONS_FORM,
    "POST /account/security/factors/<int:factor_id>/remove": OWN_FORM,
    "POST /account/security/sessions/end": PERSONS_FORM,
    "POST /account/security/sessions/<int:session_id>/end": OWN_FORM,
    "GET /account/fees": PERSON,
    "GET /account/<uuid:account_id>/fees": SHARED_PAGE,
    "POST /account/accounts": PERSONS_FORM,
    "POST /account/accounts/<uuid:account_id>/name": OWN_FORM,
    "POST /account/accounts/<uuid:account_id>/members": OWN_FORM,
    "POST /account/accounts/<uuid:account_id>/members/<int:member_id>/role": OWN_FORM,
    "POST /account/accounts/<uuid:account_id>/members/<int:member_id>/remove": OWN_FORM,
    "POST /account/accounts/<uuid:account_id>/invitations/<int:invitation_id>/withdraw": OWN_FORM,
    "POST /account/accounts/<uuid:account_id>/leave": MEMBERS_FORM,
    "GET /account/invitations/<str:token>": INVITED,
    "POST /account/invitations/<str:token>": INVITED_FORM,
    "GET /orders": PERSON,
    "GET /fills": PERSON,
    "GET /portfolio": PERSON,
    "POST /portfolio": PERSONS_FORM,
    "GET /portfolio/file": PERSON,
    "GET /wallet": PERSON,
    "GET /wallet/file": PERSON,
    "GET /account/transfers": PERSON,
    "POST /account/transfers": OWN_FORM,
    "GET /account/tokens": PERSON,
    "GET /account/statements": PERSON,
    "POST /account/statements": SHARED_FORM,
    "GET /account/alerts": PERSON,
    "POST /account/alerts": PERSONS_FORM,
    "GET /account/alerts/<int:alert_id>": OWN_PAGE,
    "POST /account/alerts/<int:alert_id>": OWN_FORM,
    "POST /account/alerts/<int:alert_id>/remove": OWN_FORM,
    "GET /account/alerts/mails/<str:token>": ANYBODY,
    "POST /account/alerts/mails/<str:token>": FORM,
    "GET /account/data": PERSON,
    "POST /account/data": PERSONS_FORM,
    "GET /account/data/<int:report_id>/download": PERSON,
    "GET /account/delete": PERSON,
    "POST /account/delete": PERSONS_FORM,
    "GET /liabilities": ANYBODY,
    "POST /account/tokens": PERSONS_FORM,
    "POST /account/tokens/<int:key_id>/rename": OWN_FORM,
    "POST /account/tokens/<int:key_id>/revoke": OWN_FORM,
    "POST /account/deposit": OWN_FORM,
    "POST /account/withdraw": OWN_FORM,
    "POST /account/withdrawals/<uuid:account_id>/<int:withdrawal_id>/cancel": OWN_FORM,
    "GET /account/addresses": PERSON,
    "POST /account/addresses": OWN_FORM,
    "POST /account/addresses/<uuid:account_id>/<int:address_id>/remove": OWN_FORM,
    "POST /account/addresses/<uuid:account_id>/allow-list": OWN_FORM,
    "GET /account/password/<str:uidb64>/<str:token>": ANYBODY,
    "POST /account/password/<str:uidb64>/<str:token>": FORM,
    "GET /admin/login/": ANYBODY,
    "POST /admin/login/": FORM,
    "POST /admin/logout/": FORM,
    "GET /admin/password_change/": STAFF,
    "POST /admin/password_change/": STAFF_FORM,
}


def page_cell(_call: str, rule: Rule, caller: str) -> str:
    """Return what becomes of a page or a form: yes, the log-in page, or the refusal."""
    if rule is NOTHING:
        return "404"
    if rule is SIGNED:
        return "401"
    if rule.by_form and caller == "no CSRF":
        return "403"
    if rule.words == "anybody":
        return YES
    if caller in ("nobody", "token"):
        return "log-in"
    if rule.words == "staff":
        return YES if caller == "operator" else "log-in"
    if rule in (INVITED, INVITED_FORM):
        # The link that is tried is nobody's: who is invited is another test's.
        return "404" if rule is INVITED else YES
    is_member = caller in ("viewer", "trader")
    is_outside = caller in ("other session", "operator") or (is_member and not rule.is_shared)
    if rule is MEMBERS_FORM:
        return YES if is_member else "not there"
    if rule in (OWN_PAGE, SHARED_PAGE) and is_outside:
        return "404"
    return "not there" if rule.is_owned and is_outside else YES
