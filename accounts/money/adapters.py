"""Providers as withdrawals know them: what becomes of one that is approved, in its transaction.

A line in ``_ADAPTERS`` for each kind that the settings name (``accounts.providers.config``).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol

from django.conf import settings

from accounts.access.actor import Actor
from accounts.models import Balance, Withdrawal
from accounts.money.payout_rows import begin_payout
from accounts.money.withdrawal_states import settle
from accounts.notices import BalanceState
from accounts.providers.config import MANUAL, SANDBOX, WEBHOOK, kind_of_provider


class Adapter(Protocol):
    """Who moves money outside."""

    # Withdrawals wait for the approval of others, and say where the money is to go.
    is_real: bool

    def pay_out(
        self, by: Actor, record: Withdrawal, balance: Balance, *, now: datetime
    ) -> list[BalanceState]:
        """Begin to pay a withdrawal that is approved; return the balance where it has left."""


class _Manual:
    """Operators pay out by hand and say so (``settle_withdrawal``)."""

    is_real = True

    def pay_out(
        self, by: Actor, record: Withdrawal, balance: Balance, *, now: datetime
    ) -> list[BalanceState]:
        """Wait for an operator."""
        return []


class _Sandbox:
    """The faucet's other end: money that was made up leaves at once, approved by nobody."""

    is_real = False

    def pay_out(
        self, by: Actor, record: Withdrawal, balance: Balance, *, now: datetime
    ) -> list[BalanceState]:
        """Settle it."""
        return [settle(record, balance, by, now=now)]


class _Webhook:
    """A provider over HTTP: the outbox holds it until the provider has it (``payouts``)."""

    is_real = True

    def pay_out(
        self, by: Actor, record: Withdrawal, balance: Balance, *, now: datetime
    ) -> list[BalanceState]:
        """Put it into the outbox."""
        begin_payout(record, provider=settings.ZAVORA_PROVIDER_NAME, now=now)
        return []


_ADAPTERS: Final[Mapping[str, Adapter]] = {
    MANUAL: _Manual(),
    SANDBOX: _Sandbox(),
    WEBHOOK: _Webhook(),
}


def adapter() -> Adapter:
    """Return the adapter of the provider that is set."""
    return _ADAPTERS[kind_of_provider()]
