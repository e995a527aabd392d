"""Rows and forms of what leaves an account, for the matrix of the operators' pages."""

from decimal import Decimal

from django.test import override_settings

from accounts.access.actor import Actor
from accounts.services import (
    add_address,
    ensure_user,
    request_withdrawal,
    set_withdrawal_limit,
    submit_adjustment,
)
from tests.actors import SYSTEM
from tests.approving import approve_up_to
from tests.providers import dead_payout, unmatched_event


def rows_of_what_leaves(account):
    """Return withdrawals, an address, a limit and an approval of an account, by model."""
    approve_up_to(10)
    withdrawal, waiting = (
        request_withdrawal(
            by=SYSTEM, account_id=account.public_id, asset="USD", amount=Decimal(amount),
            address="somewhere",
        )
        for amount in (10, 11)
    )  # fmt: skip
    entry = add_address(by=SYSTEM, account_id=account.public_id, asset="USD", address="home")
    limit = set_withdrawal_limit(
        by=SYSTEM, account_id=account.public_id, asset="USD", per_day=Decimal(500), reason="new",
    )  # fmt: skip
    with override_settings(ZAVORA_ADJUST_ALONE_MAX=Decimal(0)):
        asker = ensure_user(by=SYSTEM, email="asker@desk.example", is_staff=True)
        adjustment = submit_adjustment(
            by=Actor.operator(
                user_id=asker.pk, name=asker.email, permissions=(), is_superuser=True
            ),
            account_id=account.public_id, asset="USD", amount=Decimal(3), reason="miscounted",
        )  # fmt: skip
    return {
        "accounts.withdrawal": withdrawal,
        "accounts.withdrawal:approve": waiting,
        "accounts.withdrawal:refuse": waiting,
        "accounts.payout": dead_payout(account, 5),
        "accounts.providerevent": unmatched_event(account),
        "accounts.withdrawaladdress": entry,
        "accounts.withdrawallimit": limit,
        "accounts.approval": adjustment,
    }


def bodies_of_what_leaves(account):
    """Return the forms about them."""
    decided = {"answered": "yes", "reason": "as it should be"}
    return {
        **dict.fromkeys(
            [("accounts.user", act) for act in ("export_data", "reset_factors", "erase")], decided
        ),
        ("accounts.user", "set_level"): {"answered": "yes", "level": "2", "reason": "seen"},
        ("accounts.asset", "change"): {"amount": "1", "reason": "too much at once"},
        ("accounts.withdrawal", "approve"): decided,
        ("accounts.withdrawal", "refuse"): decided,
        ("accounts.withdrawal", "fail"): decided,
        ("accounts.payout", "give_up"): decided,
        ("accounts.approval", "approve"): decided,
        ("accounts.approval", "refuse"): decided,
        ("accounts.withdrawallimit", "add"): {
            "account": str(account.public_id), "asset": "EUR", "per_day": "7", "reason": "new",
        },
        ("accounts.withdrawallimit", "change"): {"per_day": "7", "reason": "new"},
    }  # fmt: skip
