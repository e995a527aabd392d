"""Random deposits, withdrawals and transfers of one owner: each balance is what a sum says."""

from collections import Counter
from decimal import Decimal
from uuid import uuid4

from django.db import connection
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import AuditRecord, Balance, LedgerTransaction, Transfer
from accounts.money.reconcile import find_breaks
from accounts.services import (
    cancel_own_withdrawal,
    create_account,
    create_asset,
    deposit,
    ensure_user,
    request_withdrawal,
    set_account_status,
    transfer,
)
from tests.actors import SYSTEM, customer
from zavora.foundation.errors import ZavoraError

ASSETS = (("FINE", 18), ("WHOLE", 0))
ACCOUNTS = 3
BOUND = 10**20

account = st.integers(0, ACCOUNTS - 1)
asset = st.integers(0, len(ASSETS) - 1)
# In smallest units: small figures meet each other's limits, large ones the tables'.
units = st.one_of(st.integers(1, 40), st.just(20), st.integers(10**19, 10**38 - 1))
key = st.one_of(st.none(), st.sampled_from(["a", "b"]))
step = st.one_of(
    st.tuples(st.just("deposit"), account, asset, units),
    st.tuples(st.just("withdraw"), account, asset, units, st.booleans()),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("transfer"), account, account, asset, units, key),
    st.tuples(st.just("transfer"), account, account, asset, units, key),
    st.tuples(st.just("freeze"), account),
)


class Model:
    """What must be so: available and held units by account and asset, and who is frozen."""

    def __init__(self):
        self.available = Counter()
        self.held = Counter()
        self.outside = Counter()
        self.frozen = set()
        self.keys = {}
        self.pending = []

    def may_hold(self, where, units):
        return self.available[where] + self.held[where] + units < BOUND * 10 ** ASSETS[where[1]][1]

    def deposit(self, account, asset, units):
        if account in self.frozen or not self.may_hold((account, asset), units):
            return False
        self.available[account, asset] += units
        self.outside[asset] -= units
        return True

    def withdraw(self, account, asset, units, is_paid_at_once):
        if account in self.frozen or self.available[account, asset] < units:
            return False
        self.available[account, asset] -= units
        if is_paid_at_once:
            self.outside[asset] += units
        else:
            self.held[account, asset] += units
            self.pending.append((account, asset, units))
        return True

    def cancel(self, index):
        account, asset, units = self.pending.pop(index)
        self.held[account, asset] -= units
        self.available[account, asset] += units

    def transfer(self, payer, receiver, asset, units, key):
        if payer == receiver:
            return False
        asked = (receiver, asset, units)
        if key is not None and (payer, key) in self.keys:
            return self.keys[payer, key] == asked
        if {payer, receiver} & self.frozen or self.available[payer, asset] < units:
            return False
        if not self.may_hold((receiver, asset), units):
            return False
        self.available[payer, asset] -= units
        self.available[receiver, asset] += units
        if key is not None:
            self.keys[payer, key] = asked
        return True


class Exchange:
    """The same by the services; each says whether it was done."""

    def __init__(self):
        self.assets = [
            create_asset(by=SYSTEM, code=code, name=code, scale=scale) for code, scale in ASSETS
        ]
        self.user = ensure_user(by=SYSTEM, email=f"{uuid4()}@example.com")
        self.accounts = [
            self.user.accounts.get(),
            *(create_account(by=SYSTEM, owner_id=self.user.pk) for _ in range(ACCOUNTS - 1)),
        ]
        self.pending = []

    def amount(self, asset, units):
        # Not by a context: that would round what has more than its digits.
        return Decimal(f"{units}e-{self.assets[asset].scale}")

    def about(self, asset, units):
        code = self.assets[asset].code
        return {"by": customer(self.user), "asset": code, "amount": self.amount(asset, units)}

    def deposit(self, account, asset, units):
        asked = {**self.about(asset, units), "by": SYSTEM}
        return deposit(account_id=self.accounts[account].public_id, source="bank", **asked)

    def withdraw(self, account, asset, units, is_paid_at_once):
        with override_settings(ZAVORA_FAUCET=is_paid_at_once):
            record = request_withdrawal(
                account_id=self.accounts[account].public_id,
                address="far",
                **self.about(asset, units),
            )
        if not is_paid_at_once:
            self.pending.append(record)
        return record

    def cancel(self, index):
        record = self.pending.pop(index)
        cancel_own_withdrawal(
            by=customer(self.user), account_id=record.account.public_id, withdrawal_id=record.pk
        )

    def transfer(self, payer, receiver, asset, units, key):
        return transfer(
            from_account=self.accounts[payer].public_id,
            to_account=self.accounts[receiver].public_id,
            key=key,
            **self.about(asset, units),
        )

    def freeze(self, account, status):
        set_account_status(by=SYSTEM, account_id=self.accounts[account].public_id, status=status)

    def balances(self, column):
        """Return the units of one column by account and asset, without zeros."""
        found = Counter()
        for row in Balance.objects.filter(account__in=self.accounts).select_related("asset"):
            figure = getattr(row, column)
            assert figure >= 0
            where = (self.accounts.index(row.account), self.assets.index(row.asset))
            found[where] = int(f"{figure:f}".replace(".", "")) // 10 ** (18 - row.asset.scale)
        return +found


def breaks():
    with connection.cursor() as cursor:
        return [found.text() for found in find_breaks(cursor, [])]


class RandomTransfers(TestCase):
    """A class, because Hypothesis then begins every example with the database as it was."""

    @settings(max_examples=15, deadline=None)
    @given(steps=st.lists(step, min_size=10, max_size=30))
    def test_each_balance_is_what_a_sum_says(self, steps):
        exchange, model = Exchange(), Model()
        # Else most would have nothing to transfer.
        begin = [("deposit", account, 0, 40) for account in range(ACCOUNTS)]
        for name, *arguments in [*begin, *steps]:
            self._do(exchange, model, name, arguments)

        assert exchange.balances("available") == +model.available
        assert exchange.balances("locked") == +model.held
        # What the customer has, and what came from outside: the same, asset by asset.
        for asset in range(len(ASSETS)):
            inside = sum(
                units
                for column in ("available", "locked")
                for (_, which), units in exchange.balances(column).items()
                if which == asset
            )
            assert inside == -model.outside[asset]
        assert breaks() == []
        moved = Transfer.objects.count()
        assert moved == LedgerTransaction.objects.filter(kind="transfer").count()
        assert moved == AuditRecord.objects.filter(act="transfer").count()

    def _do(self, exchange, model, name, arguments):
        if name == "freeze":
            (account,) = arguments
            model.frozen ^= {account}
            exchange.freeze(account, "frozen" if account in model.frozen else "active")
        elif name == "cancel":
            if model.pending:
                index = arguments[0] % len(model.pending)
                model.cancel(index)
                exchange.cancel(index)
        else:
            is_meant = getattr(model, name)(*arguments)
            try:
                getattr(exchange, name)(*arguments)
                is_done = True
            except ZavoraError:
                is_done = False
            assert is_done == is_meant, (name, arguments)
