"""Every page and every form by everybody, as docs/security.md says."""

import re
from typing import Any

import httpx
import pytest

from tests.access import page_rules, rules
from tests.access.people import CSRF, People
from tests.routes import ANYTHING_ELSE, METHODS, page_paths

# Who looks on comes first, whose it is last: then it is still there.
CALLERS = sorted(page_rules.PAGE_CALLERS, key=lambda name: name == "session")
NO_BODY = ("GET", "DELETE")
# By whom a method is tried that no rule names: it has to be refused before anybody is looked at.
# All others have the same right as one of these, or less.
KINDS = ("nobody", "token", "session", "operator", "viewer")
# What is not answered: there is no such method, or nobody gets as far as that.
REFUSED = {"405", "404", "403", "log-in"}


def headers_of(people: People, caller: str, *, ends: bool) -> dict[str, str]:
    """Return what somebody sends; ``ends``: a session that is not needed any more."""
    if caller == "nobody":
        return {"Cookie": f"csrftoken={CSRF}", "X-CSRFToken": CSRF}
    if caller == "token":
        return {**headers_of(people, "nobody", ends=False), **people.headers("all")}
    user = {"other session": "other", "operator": "operator"}.get(
        caller, caller if caller in ("viewer", "trader") else "owner"
    )
    return people.cookie(user, with_csrf=caller != "no CSRF", spare=ends)


def path_of(people: People, path: str) -> str:
    """Return an address for a pattern: of the owner's own things where it names some."""
    # Whoever leaves the other account still shares the first, from which an allow-list would keep
    # transfers.
    is_other = path.endswith(("/leave", "/allow-list"))
    parts = {
        "<str:symbol>": "BTC-EUR",
        "<int:key_id>": str(people.doomed_token),
        "<int:factor_id>": str(people.doomed_factor),
        "<int:session_id>": str(people.doomed_session),
        "<uuid:account_id>": people.second("owner") if is_other else people.accounts["owner"],
        "<int:member_id>": str(people.doomed_members[path.endswith("/remove")]),
        "<int:invitation_id>": str(people.doomed_invitation),
        "<int:withdrawal_id>": str(people.doomed_withdrawal),
        "<int:address_id>": str(people.doomed_address),
        "<int:alert_id>": str(people.doomed_alerts[path.endswith("/remove")]),
        "<int:report_id>": "1",  # there is none: whose it is, tests of the file say
        "<str:uidb64>": "MQ",
        "<str:token>": "no-such-token",
        "<str:key>": "no-such-key",
        "<slug:name>": "trading",
        ANYTHING_ELSE: "no/such/page",
    }
    for part, value in parts.items():
        path = path.replace(part, value)
    assert "<" not in path, path
    return path


def form_of(people: People, path: str, caller: str) -> dict[str, str]:
    """Return a form that is filled in as it should be, about the owner's account."""
    # The same report once more would be the same one.
    first = f"2025-01-{CALLERS.index(caller) + 1:02}"
    money = {"account": people.accounts["owner"], "asset": "EUR", "amount": "0.01"}
    forms = {
        "/account/tokens": {"scopes": "read", "label": "matrix"},
        "/account/tokens/<int:key_id>/rename": {"label": "renamed"},
        "/account/statements": {
            "account": people.accounts["owner"],
            "kind": "trades",
            "format": "csv",
            "first": first,
            "last": "2025-01-31",
        },
        "/account/alerts": {
            "market": "BTC/EUR", "condition": "falls_to", "price": "1", "by_page": "on",
        },
        "/account/alerts/<int:alert_id>": {
            "condition": "falls_to", "price": "1", "by_page": "on", "note": "matrix",
        },
        "/account/deposit": money,
        # The allow-list may be on by now: this one is in the book.
        "/account/withdraw": {**money, "address": "my own"},
        "/account/addresses": {**money, "address": "my own"},
        "/account/addresses/<uuid:account_id>/allow-list": {"is_on": "yes"},
        "/account/accounts": {"label": "matrix"},
        "/account/accounts/<uuid:account_id>/name": {"label": "matrix"},
        "/account/accounts/<uuid:account_id>/members": {
            "email": "matrix.new@example.com", "role": "viewer",
        },
        "/account/accounts/<uuid:account_id>/members/<int:member_id>/role": {"role": "trader"},
        "/account/transfers": {
            **money, "from_account": people.accounts["owner"], "to_account": people.second("owner"),
        },
    }  # fmt: skip
    return {**forms.get(path, {}), "key": re.sub(r"\W", "", path)}


def effects(people: People) -> list[Any]:
    """Return what of the owner's the forms can change."""
    tables = people.tables
    key = tables.execute(
        "SELECT revoked_at, label FROM accounts_apikey WHERE id = %s", [people.doomed_token]
    )
    withdrawals = tables.execute(
        "SELECT w.id, w.state FROM accounts_withdrawal w JOIN accounts_account a"
        " ON a.id = w.account_id WHERE a.public_id = %s ORDER BY w.id",
        [people.accounts["owner"]],
    )
    deposits = tables.execute(
        "SELECT count(*) FROM accounts_deposit d JOIN accounts_account a"
        " ON a.id = d.account_id WHERE a.public_id = %s",
        [people.accounts["owner"]],
    )
    names = tables.execute(
        "SELECT label, has_allow_list FROM accounts_account WHERE public_id = ANY(%s) ORDER BY id",
        [[people.accounts["owner"], people.second("owner")]],
    )
    transfers = tables.execute(
        "SELECT count(*) FROM accounts_transfer t JOIN accounts_account a"
        " ON a.id = t.from_account_id WHERE a.public_id = %s",
        [people.accounts["owner"]],
    )
    book = tables.execute(
        "SELECT b.id, b.removed_at FROM accounts_withdrawaladdress b"
        " JOIN accounts_account a ON a.id = b.account_id WHERE a.public_id = %s ORDER BY b.id",
        [people.accounts["owner"]],
    )
    reports = tables.execute(
        "SELECT count(*) FROM accounts_report r JOIN accounts_account a"
        " ON a.id = r.account_id WHERE a.public_id = %s",
        [people.accounts["owner"]],
    )
    members = tables.execute(
        "SELECT m.id, m.role FROM accounts_membership m JOIN accounts_account a"
        " ON a.id = m.account_id WHERE a.public_id = ANY(%s) ORDER BY m.id",
        [[people.accounts["owner"], people.second("owner")]],
    )
    invitations = tables.execute(
        "SELECT i.id, i.withdrawn_at FROM accounts_invitation i JOIN accounts_account a"
        " ON a.id = i.account_id WHERE a.public_id = %s ORDER BY i.id",
        [people.accounts["owner"]],
    )
    alerts = tables.execute(
        "SELECT p.id, p.note FROM marketdata_pricealert p JOIN accounts_account a"
        " ON a.owner_id = p.user_id WHERE a.public_id = %s ORDER BY p.id",
        [people.accounts["owner"]],
    )
    kept = [
        tables.execute(f"SELECT count(*) FROM {table} WHERE id = %s", [row]).fetchone()
        for table, row in (
            ("mfa_authenticator", people.doomed_factor),
            ("usersessions_usersession", people.doomed_session),
        )
    ]
    found = (
        *(key, withdrawals, deposits, names, transfers, book, reports), members, invitations,
        alerts,
    )  # fmt: skip
    return [kept, *(rows.fetchall() for rows in found)]


def cell_of(answer: httpx.Response) -> str:
    """Return what became of a request, as the table says it."""
    to = answer.headers.get("Location", "")
    if answer.status_code == 302 and re.match(r"/(?:login|admin/login/)\?next=", to):
        return "log-in"
    if answer.status_code in (401, 403, 404, 405):
        return str(answer.status_code)
    assert answer.status_code in (200, 302, 400), (answer.status_code, answer.text)
    return rules.YES


@pytest.mark.parametrize("path", page_paths())
def test_pages(people: People, path: str) -> None:
    for method in METHODS:
        call = f"{method} {path}"
        rule = page_rules.PAGES.get(call)
        found = {}
        for caller in CALLERS if rule is not None else KINDS:
            before = effects(people) if rule is not None and rule.is_owned else None
            ends = path in ("/logout", "/admin/logout/") and caller in (
                "session", "other session", "operator", "viewer", "trader",
            )  # fmt: skip
            answer = people.http.request(
                method,
                path_of(people, path),
                headers=headers_of(people, caller, ends=ends and method == "POST"),
                data=None if method in NO_BODY else form_of(people, path, caller),
            )
            found[caller] = cell_of(answer)
            if before is not None and found[caller] == rules.YES:
                # Of what is not theirs people are told what they are told of what is not there.
                found[caller] = rules.YES if effects(people) != before else "not there"
        if rule is None:
            assert set(found.values()) <= REFUSED, call
        else:
            assert found == {c: page_rules.page_cell(call, rule, c) for c in CALLERS}, call
