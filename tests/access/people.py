"""Everybody who may come to an exchange, with what they come with, made in one command.

They are new people each time: an exchange may be walked by several files.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
import psycopg

from tests.exchange import Exchange
from tests.signed import SigningKey, let_memory_be_old, now_text

CSRF: Final = "m" * 32
# Who signs, and with which key.
SIGNERS: Final = {
    "signed": "all",
    "signed read": "read",
    "signed limited": "limited",
    "signed revoked": "revoked",
    "unsigned": "all",
}
MAKE: Final = """
import json
import secrets
import time
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest
from django.utils import timezone
from accounts.models import ApiKey
from accounts.notices import publish_credentials_on_commit
from accounts.services import (
    accept_invitation, add_address, append_part, create_account, create_api_key, create_token,
    deposit, ensure_user, finish_report, invite_member, publish_liabilities, request_report,
    request_withdrawal, revoke_key, take_report,
)
from marketdata.alerts.services import AlertTerms, set_alert
from tests.actors import SYSTEM, customer

ALL = ["read", "trade", "withdraw"]
EACH = {one: [one] for one in ALL}
rights = {"operator": {"is_staff": True, "is_superuser": True}}
tag = secrets.token_hex(4)
users = {
    name: ensure_user(by=SYSTEM, email=f"matrix.{name}.{tag}@example.com", **rights.get(name, {}))
    for name in ("owner", "other", "operator", "frozen", "viewer", "trader")
}
accounts = {name: user.accounts.get() for name, user in users.items()}
owner = users["owner"]
seconds = {
    name: create_account(by=SYSTEM, owner_id=users[name].pk, label="Second")
    for name in ("owner", "frozen")
}
second = seconds["owner"]
for name in ("owner", "frozen"):
    deposit(
        by=SYSTEM, account_id=accounts[name].public_id, asset="EUR", amount=Decimal(10_000),
        source="bank",
    )

def token(user, scopes, **more):
    row, text = create_token(by=SYSTEM, user_id=user.pk, scopes=scopes, **more)
    return row, text

def key(user, scopes, account):
    return create_api_key(
        by=SYSTEM, user_id=user.pk, kind="ed25519", scopes=scopes,
        account_id=account and account.public_id,
    )

rows, tokens, keys = {}, {}, {}
several = ("all", "revoked", "expired", "elsewhere", "ended")
for name, scopes in {**EACH, **dict.fromkeys(several, ALL)}.items():
    rows[name], tokens[name] = token(owner, scopes)
    keys[name] = key(owner, scopes, accounts["owner"])
rows["limited"], tokens["limited"] = token(owner, ALL, account_id=second.public_id)
keys["limited"] = key(owner, ALL, second)
keys["unlimited"] = key(owner, ALL, None)
for name in ("other", "operator", "frozen"):
    rows[name], tokens[name] = token(users[name], ALL)
    keys[name] = key(users[name], ALL, accounts[name])
def invited(account, email, role):
    by = customer(owner)
    return invite_member(by=by, account_id=account.public_id, email=email, role=role)

def member(account, user, role):
    _, link = invited(account, user.email, role)
    return accept_invitation(by=customer(user), token=link)

for role, scopes in (("viewer", ["read"]), ("trader", ["read", "trade"])):
    for one in (accounts["owner"], second):
        member(one, users[role], role)
    row, tokens[f"{role} key"] = token(
        users[role], scopes, account_id=accounts["owner"].public_id
    )
    keys[role] = key(users[role], scopes, accounts["owner"])
    # Whatever such a key may, it does not exceed the role.
    ApiKey.objects.filter(pk__in=[row.pk, keys[role].key_id]).update(scopes=ALL)
    publish_credentials_on_commit(users[role].pk)
revoke_key(by=SYSTEM, key_id=rows["revoked"].pk)
ended = {"expired": {"expires_at": timezone.now() - timedelta(seconds=1)},
         "elsewhere": {"ip_allowed": ["192.0.2.7", "2001:db8::1"]}}
for name, change in ended.items():
    ApiKey.objects.filter(pk__in=[rows[name].pk, keys[name].key_id]).update(**change)
publish_credentials_on_commit(owner.pk)

def session(user):
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore()
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    # That whoever sits there has shown it just now counts as long as the tests take.
    request.session["account_authentication_methods"] = [
        {"method": "mfa", "at": time.time() + 86_400}
    ]
    request.session["account_authentication_methods_user"] = str(user.pk)
    request.session.save()
    return request.session.session_key

whose = ("owner", "other", "operator", "viewer", "trader")
sessions = {name: [session(users[name]) for _ in range(4)] for name in whose}
# A report that is done, of two who ask for their own, and all balances published.
end = (timezone.now() - timedelta(days=2)).replace(microsecond=0)
reports = {}
for name in ("owner", "frozen"):
    report = request_report(
        by=SYSTEM, account_id=accounts[name].public_id, kind="statement", format="csv",
        period_from=end - timedelta(days=1), period_to=end,
    )
    reports[name] = report.pk
while (attempt := take_report(by=SYSTEM)) is not None:
    append_part(by=SYSTEM, attempt=attempt, body=json.dumps({"data": []}).encode(), progress=1)
    finish_report(by=SYSTEM, attempt=attempt, digest="")
snapshot = publish_liabilities(by=SYSTEM)
# Pending, as they are where money is real.
settings.ZAVORA_FAUCET = False
pending = {
    name: [
        request_withdrawal(
            by=SYSTEM, account_id=accounts[name].public_id, asset="EUR", amount=Decimal("0.01"),
            address="far",
        ).pk
        for _ in range(count)
    ]
    for name, count in (("owner", 40), ("frozen", 2))
}
addresses = {
    name: [
        add_address(
            by=SYSTEM, account_id=accounts[name].public_id, asset="EUR", address=f"there-{number}"
        ).pk
        for number in range(count)
    ]
    for name, count in (("owner", 40), ("frozen", 2))
}

def alert():
    terms = AlertTerms(condition="falls_to", price="1")
    return set_alert(by=customer(owner), market="BTC/EUR", terms=terms).alert_id

print(json.dumps({
    "alerts": [alert() for _ in range(8)],
    "addresses": addresses,
    "accounts": {name: str(row.public_id) for name, row in accounts.items()},
    "seconds": {name: str(row.public_id) for name, row in seconds.items()},
    "tokens": tokens,
    "keys": {n: {"key": k.key, "secret": k.secret, "id": k.key_id,
                 "account": str(k.account_id)} for n, k in keys.items()},
    "sessions": sessions,
    "pending": pending,
    "reports": reports,
    "snapshot": snapshot.pk,
    "doomed_members": [
        member(accounts["owner"], ensure_user(by=SYSTEM, email=f"{one}.{tag}@example.com"),
               "viewer").pk
        for one in ("matrix.cat", "matrix.dog")
    ],
    "doomed_invitation": invited(accounts["owner"], f"late.{tag}@example.com", "viewer")[0].pk,
    "doomed_token": token(owner, ["read"])[0].pk,
    "doomed_factor": Authenticator.objects.create(
        user=owner, type="totp", data={"secret": ""}
    ).pk,
    "doomed_session": UserSession.objects.create(
        user=owner, ip="::", user_agent="matrix", session_key=session(owner)
    ).pk,
}))
"""


class People:
    """What everybody has, and a browser that keeps nothing."""

    def __init__(
        self,
        exchange: Exchange,
        made: dict[str, Any],
        http: httpx.Client,
        tables: psycopg.Connection[Any],
    ) -> None:
        self.exchange = exchange
        self.http = http
        self.tables = tables  # of the exchange itself, which each statement sees as they are
        self.accounts: dict[str, str] = made["accounts"]
        self._seconds: dict[str, str] = made["seconds"]
        self.tokens: dict[str, str] = {**made["tokens"], "unknown": "zvr_" + "x" * 43}
        self.keys: dict[str, dict[str, Any]] = made["keys"]
        self.doomed_token: int = made["doomed_token"]
        self.doomed_members: list[int] = made["doomed_members"]
        self.doomed_invitation: int = made["doomed_invitation"]
        self.snapshot: int = made["snapshot"]
        self._reports: dict[str, int] = made["reports"]
        self.doomed_factor: int = made["doomed_factor"]
        self.doomed_session: int = made["doomed_session"]
        self._sessions: dict[str, list[str]] = made["sessions"]
        self._pending: dict[str, list[int]] = made["pending"]
        self.doomed_withdrawal = self._pending["owner"].pop()
        self._addresses: dict[str, list[int]] = made["addresses"]
        self._alerts: list[int] = made["alerts"]
        self.doomed_alerts = [self._alerts.pop(), self._alerts.pop()]
        self.doomed_address = self._addresses["owner"].pop()
        self._frozen_orders = [self.new_order("frozen") for _ in range(9)]
        self._frozen_lists = [self.new_list("frozen") for _ in range(6)]
        self.listen_keys = {"nobody": "y" * 60, "unknown": "x" * 60}
        self.listen_keys |= {name: self.listen_key(name) for name in ("revoked", "ended")}
        self._end_keys()
        self.tables.execute(
            "UPDATE accounts_account SET status = 'frozen' WHERE public_id = %s",
            [self.accounts["frozen"]],
        )

    def _end_keys(self) -> None:
        """Let one key be revoked by its owner, and end the listen key of another."""
        revoked = f"/account/tokens/{self.keys['revoked']['id']}/revoke"
        answer = self.http.post(revoked, headers=self.cookie("owner"))
        assert (answer.status_code, answer.headers["Location"]) == (302, "/account/tokens")
        answer = self.http.delete(
            "/api/v3/userDataStream",
            params={"listenKey": self.listen_keys["ended"]},
            headers={"X-MBX-APIKEY": self.keys["ended"]["key"]},
        )
        assert answer.status_code == 200, answer.text

    # --- who comes with what ----------------------------------------------------------------------

    def headers(self, caller: str) -> dict[str, str]:
        """Return the headers that somebody sends to v1 and to pages."""
        if caller == "nobody" or caller in SIGNERS:
            return {}
        if caller in ("session", "no CSRF", "foreign page", "cookie"):
            return self.cookie("owner", with_csrf=caller == "session")
        if caller == "other session":
            return self.cookie("other")
        if caller in ("viewer", "trader"):
            return self.cookie(caller)
        return {"Authorization": f"Bearer {self.tokens[caller]}"}

    def signed_headers(self, caller: str, request: httpx.Request) -> dict[str, str]:
        """Return what signs a request, where this caller does; ``unsigned``: another one's."""
        if caller not in SIGNERS:
            return {}
        method = "X" if caller == "unsigned" else request.method
        return self._signing_key(caller).headers(
            method, request.url.raw_path.decode(), request.content
        )

    def signed_params(self, caller: str) -> dict[str, str]:
        """Return what ``authenticate`` of the socket is sent by somebody who signs."""
        params = self._signing_key(caller).params()
        return {**params, "timestamp": now_text()} if caller == "unsigned" else params

    def _signing_key(self, caller: str) -> SigningKey:
        made = self.keys[SIGNERS[caller]]
        return SigningKey(made["key"], made["secret"])

    def cookie(self, user: str, *, with_csrf: bool = True, spare: bool = False) -> dict[str, str]:
        """Return the headers of a browser; ``spare``: of a session that may end."""
        session = self._sessions[user].pop() if spare else self._sessions[user][0]
        if not with_csrf:
            return {"Cookie": f"sessionid={session}"}
        return {"Cookie": f"sessionid={session}; csrftoken={CSRF}", "X-CSRFToken": CSRF}

    # --- things to act on -------------------------------------------------------------------------

    def account(self, caller: str) -> str:
        """Return the account that somebody asks for: the owner's; who is frozen for their own."""
        return self.accounts["frozen" if caller == "frozen" else "owner"]

    def second(self, caller: str) -> str:
        """Return another account of the same owner."""
        return self._seconds["frozen" if caller == "frozen" else "owner"]

    def order(self, caller: str) -> str:
        """Return the id of an open order on that account, of its own for each attempt."""
        return self._frozen_orders.pop() if caller == "frozen" else self.new_order("all")

    def new_order(self, token: str) -> str:
        """Place an order that rests."""
        account = self.accounts["frozen" if token == "frozen" else "owner"]
        answer = self.http.post(
            "/api/v1/orders",
            json=order(account),
            headers={"Authorization": f"Bearer {self.tokens[token]}"},
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["data"]["order"]["id"])

    def list_of_orders(self, caller: str) -> str:
        """Return the id of a list of orders there, of its own for each attempt."""
        return self._frozen_lists.pop() if caller == "frozen" else self.new_list("all")

    def new_list(self, token: str) -> str:
        """Place a list of orders of which the first rests."""
        account = self.accounts["frozen" if token == "frozen" else "owner"]
        answer = self.http.post(
            "/api/v1/orders/lists",
            json=order_list(account),
            headers={"Authorization": f"Bearer {self.tokens[token]}"},
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["data"]["list"]["id"])

    def is_open(self, order_id: str) -> bool:
        """Return whether an order of the owner's still rests."""
        answer = self.http.get(f"/api/v1/orders/{order_id}", headers=self.headers("read"))
        return bool(answer.json()["data"]["status"] == "New")

    def withdrawal(self, caller: str) -> int:
        """Return the id of a pending withdrawal from it, of its own for each attempt."""
        return self._pending["frozen" if caller == "frozen" else "owner"].pop()

    def address(self, caller: str) -> int:
        """Return the id of an entry of its address book, of its own for each attempt."""
        return self._addresses["frozen" if caller == "frozen" else "owner"].pop()

    def alert(self, caller: str) -> int:
        """Return the id of an alert of the owner's; their session may remove it."""
        return self._alerts.pop() if caller == "session" else self._alerts[0]

    def report(self, caller: str) -> int:
        """Return the id of a finished report about it."""
        return self._reports["frozen" if caller == "frozen" else "owner"]

    def listen_key(self, key: str) -> str:
        """Make an API key's listen key."""
        answer = self.http.post(
            "/api/v3/userDataStream", headers={"X-MBX-APIKEY": self.keys[key]["key"]}
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["listenKey"])

    def leave(self) -> None:
        """Take everything out of the books again."""
        for name, token in (("owner", "all"), ("frozen", "frozen")):
            self.http.post(
                "/api/v1/orders/cancel-all",
                json={"account": self.accounts[name]},
                headers={"Authorization": f"Bearer {self.tokens[token]}"},
            )


def order(account: str) -> dict[str, Any]:
    """Return the body of an order that rests far below the market."""
    body = {"user_id": account, "market": "BTC/EUR", "side": "buy", "order_type": "Limit"}
    return {**body, "price": "1", "quantity": "1"}


def order_list(account: str) -> dict[str, Any]:
    """Return the body of a list: an order that rests so, and one that follows when it fills."""
    bought = {"side": "buy", "order_type": "Limit", "price": "1", "quantity": "1"}
    orders = [bought, {**bought, "side": "sell", "price": "1000"}]
    return {"user_id": account, "market": "BTC/EUR", "kind": "OTO", "orders": orders}


@contextmanager
def everybody(exchange: Exchange) -> Iterator[People]:
    """Make everybody on a running exchange; their orders end with the block."""
    made = json.loads(exchange.manage("shell", "-c", MAKE).strip().splitlines()[-1])
    let_memory_be_old(exchange.redis_url)
    # One client for all: each of them would read the certificates of the machine anew.
    with (
        httpx.Client(base_url=exchange.base_url, timeout=30) as http,
        psycopg.connect(exchange.database_url, autocommit=True) as tables,
    ):
        people = People(exchange, made, http, tables)
        yield people
        people.leave()
