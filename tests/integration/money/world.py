"""Few accounts that many threads act on at once, and a book beside the exchange of what came of it.

The book has what came in and what left, as those outside know it: by what was answered, and by what
the provider did. The tables of the exchange are compared with it, and with themselves.
"""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from django.db.models import Sum
from django.test import Client, override_settings
from django.utils import timezone

from accounts.access.actor import Permission
from accounts.models import Approval, Balance, LedgerEntry, ProviderEvent, Withdrawal
from accounts.providers.config import SANDBOX, kind_of_provider
from accounts.services import (
    apply_event,
    create_account,
    create_token,
    deposit,
    ensure_user,
    submit_threshold,
)
from matching.models import Market, Order
from matching.reconcile import reconcile
from tests.actors import SYSTEM, customer, operator
from tests.integration.matching.worker_setup import make_market
from tests.provider_simulator import Simulator
from tests.providers import PROVIDER, SETTINGS, WEBHOOK

GIVEN: Final = Decimal(200)
ASSETS: Final = ("USD", "BTC")
# What needs nobody's approval, and what an operator may do alone.
AUTO_MAX: Final = Decimal(20)
ALONE_MAX: Final = Decimal(15)
OWNERS: Final = 2
STAFF: Final = 4
MODES: Final[dict[str, dict[str, Any]]] = {
    "sandbox": {"ZAVORA_FAUCET": True, "ZAVORA_PROVIDER": "sandbox"},
    "manual": {"ZAVORA_FAUCET": False, "ZAVORA_PROVIDER": "manual"},
    "webhook": {"ZAVORA_FAUCET": False, "ZAVORA_PROVIDER": "webhook"},
}
OPEN: Final = ("new", "partially_filled")


class Provider:
    """What the provider has decided for good about each payout, beside the simulator's own."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.ended: dict[str, str] = {}
        self.told: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def end(self, reference: str, how: str) -> bool:
        """Decide that a payout is paid, has failed or is void; False where it was before."""
        with self.lock:
            if reference in self.ended or reference in self.simulator.state["payments"]:
                return False
            self.ended[reference] = how
            return True

    def paid(self) -> set[str]:
        """Return the references of what was paid."""
        by_word = {reference for reference, how in self.ended.items() if how == "paid"}
        return by_word | set(self.simulator.state["payments"])


class World:
    """People, money, a market with its worker elsewhere, and the book."""

    def __init__(self, simulator: Simulator, webhook_url: str) -> None:
        self.market: Market = make_market("BTC", "USD")
        submit_threshold(by=SYSTEM, code="USD", amount=AUTO_MAX, reason="for the trial")
        submit_threshold(by=SYSTEM, code="BTC", amount=AUTO_MAX, reason="for the trial")
        self.owners = [
            ensure_user(by=SYSTEM, email=f"owner-{n}@example.com") for n in range(OWNERS)
        ]
        for owner in self.owners:
            create_account(by=SYSTEM, owner_id=owner.pk, label="second")
        # Two of each owner: all of a thread's acts meet those of the others.
        self.accounts = [one for owner in self.owners for one in owner.accounts.order_by("pk")]
        scopes = ("read", "trade", "withdraw")
        self.tokens = {
            owner.pk: create_token(by=SYSTEM, user_id=owner.pk, scopes=scopes)[1]
            for owner in self.owners
        }
        rights = {"is_staff": True, "is_superuser": True}
        self.staff = [
            ensure_user(by=SYSTEM, email=f"staff-{n}@desk.example", **rights) for n in range(STAFF)
        ]
        # Owners are operators, too: of what is their own they decide nothing.
        self.people = [operator(*Permission, user_id=one.pk) for one in (*self.staff, *self.owners)]
        self.provider = Provider(simulator)
        self.settings = {
            **SETTINGS, "DEBUG": True, "ZAVORA_PROVIDER_URL": f"{simulator.url}/api",
            "ZAVORA_ADJUST_ALONE_MAX": ALONE_MAX, "ZAVORA_WITHDRAWALS_PER_HOUR": 0,
        }  # fmt: skip
        simulator.plan("answer", webhook=f"{webhook_url}{WEBHOOK}")
        self.ahead = timedelta(0)
        self.counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._browsers = threading.local()
        # The book: amounts by asset and what they are called.
        self.came: dict[tuple[str, str], Decimal] = {}
        self.asked: dict[int, tuple[str, Decimal]] = {}
        self.waits: dict[int, tuple[str, Decimal]] = {}
        self.settled_here: set[int] = set()
        self.told_of: dict[str, tuple[str, Decimal]] = {}
        for account in self.accounts:
            for asset in ASSETS:
                self.deposit(account, asset, GIVEN, f"first-{account.pk}-{asset}")

    @contextlib.contextmanager
    def mode(self, name: str) -> Iterator[None]:
        """Let money be moved outside by the sandbox, by hand or by the provider."""
        with override_settings(**{**self.settings, **MODES[name]}):
            yield

    # --- who acts -----------------------------------------------------------------------------

    def browser(self, user: Any) -> Client:
        """Return this thread's browser of somebody who is logged in."""
        found: dict[int, Client] = self._browsers.__dict__.setdefault("found", {})
        if user.pk not in found:
            found[user.pk] = Client()
            found[user.pk].force_login(user)
        return found[user.pk]

    def owner_of(self, account: Any) -> Any:
        """Return an account's owner as they act."""
        return customer(next(one for one in self.owners if one.pk == account.owner_id))

    def key(self) -> str:
        """Return an idempotency key that nobody used."""
        return uuid4().hex

    def count(self, act: str, outcome: str) -> None:
        """Note what came of an act."""
        with self._lock:
            self.counts[act, outcome] += 1

    # --- the book -----------------------------------------------------------------------------

    def deposit(self, account: Any, asset: str, amount: Decimal, reference: str) -> None:
        """Let the exchange credit what came from a bank; the same reference comes once."""
        deposit(
            by=SYSTEM, account_id=account.public_id, asset=asset, amount=amount, source="bank",
            external_reference=reference,
        )  # fmt: skip
        self.came[asset, reference] = amount

    def expected(self) -> dict[str, Decimal]:
        """Return what must be there of each asset: what came less what left, as the book has it."""
        totals = dict.fromkeys(ASSETS, Decimal(0))
        for (asset, _), amount in self.came.items():
            totals[asset] += amount
        done = Approval.objects.filter(pk__in=list(self.waits), state="approved")
        for pk in done.values_list("pk", flat=True):
            asset, amount = self.waits[pk]
            totals[asset] += amount
        credited = ProviderEvent.objects.filter(kind="deposit.confirmed", outcome="applied")
        references = list(credited.values_list("reference", flat=True))
        assert len(set(references)) == len(references), "one deposit was credited twice"
        for reference in references:
            asset, amount = self.told_of[reference]
            totals[asset] += amount
        for pk in self.left():
            asset, amount = self.asked[pk]
            totals[asset] -= amount
        return totals

    def left(self) -> set[int]:
        """Return the withdrawals that have left: by the exchange's hand, or the provider's."""
        rows = Withdrawal.objects.filter(state="settled").values_list("pk", "payout__public_id")
        settled = dict(rows)
        assert self.settled_here <= set(settled), "what was paid out is no more"
        paid = self.provider.paid()
        by_provider = {str(settled[pk]) for pk in set(settled) - self.settled_here}
        assert by_provider <= paid, "the provider did not pay what has left"
        return set(settled)

    def note_sandbox(self, withdrawal_id: int) -> None:
        """Note a withdrawal that has left at once, as those do that are approved in the sandbox."""
        settled = Withdrawal.objects.filter(pk=withdrawal_id, state="settled", payout=None)
        if kind_of_provider() == SANDBOX and settled.exists():
            self.settled_here.add(withdrawal_id)

    # --- what must be true --------------------------------------------------------------------

    def check(self) -> None:
        """Compare the tables with themselves and with the book; nobody acts meanwhile."""
        for event in ProviderEvent.objects.filter(outcome="waiting"):
            apply_event(by=PROVIDER, event_id=event.pk)
        assert [found.text() for found in reconcile()] == []
        assert not Balance.objects.filter(available__lt=0).exists()
        assert not Balance.objects.filter(locked__lt=0).exists()
        assert self.found() == self.expected()

    def found(self) -> dict[str, Decimal]:
        """Return what customers and the exchange itself have of each asset."""
        rows = Balance.objects.values_list("asset__code").annotate(Sum("available"), Sum("locked"))
        totals = {code: available + locked for code, available, locked in rows}
        fees = LedgerEntry.objects.filter(account__kind="fees").values_list("asset__code")
        for code, amount in fees.annotate(Sum("amount")):
            totals[code] += amount
        return totals

    def row(self, model: Any, index: int, **which: Any) -> Any:
        """Return one of a model's newest rows, so that acts meet; None where there is none."""
        rows = list(model.objects.filter(**which).order_by("-pk")[:4])
        return rows[index % len(rows)] if rows else None

    def open_order(self, index: int) -> Order | None:
        """Return one of the open orders."""
        found: Order | None = self.row(Order, index, status__in=OPEN)
        return found

    def now(self) -> Any:
        """Return the clock by which payouts fall due."""
        return timezone.now() + self.ahead
