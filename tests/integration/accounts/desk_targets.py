"""Somebody with one of everything, and what is filled into the forms about it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group

from accounts.models import AuditRecord, LedgerEntry, LedgerTransaction, Report
from accounts.services import (
    create_asset,
    create_token,
    credit_deposit,
    ensure_user,
    set_asset_active,
    set_user_active,
)
from matching.fee_models import FeeTier
from matching.models import Market, Shard
from tests.actors import SYSTEM
from tests.admin_walk import (
    Target,
)
from tests.integration.accounts.leaving_rows import bodies_of_what_leaves, rows_of_what_leaves

PASSWORD = "correct horse battery"
FEES = {"maker_ppm": "-5", "taker_ppm": "50", "reason": "seen"}
FEE_BODIES = {
    ("accounts.account", "change_fees"): FEES,
    ("matching.feetier", "add"): {**FEES, "level": "2", "min_volume": "2000"},
    ("matching.feetier", "change"): {**FEES, "min_volume": "900"},
    ("matching.feetier", "remove"): {"reason": "no more"},
}
FREE = {"maker_fee_ppm": "0"}  # to change what a market has takes the permission for fees
TIER = {"level": 1, "min_volume": 1000, "maker_fee_ppm": 1, "taker_fee_ppm": 2}


def make_target(name, usd, *, is_staff):
    """A person with one of everything."""
    user = ensure_user(by=SYSTEM, email=f"{name}@example.com", is_staff=is_staff)
    account = user.accounts.get()
    credit_deposit(
        by=SYSTEM, account_id=account.public_id, asset="USD", amount=Decimal(100),
        external_reference=f"wire-{name}", reason="for the test",
    )  # fmt: skip
    key, _ = create_token(by=SYSTEM, user_id=user.pk, scopes=["read"])
    shut = ensure_user(by=SYSTEM, email=f"shut-{name}@example.com", is_staff=is_staff)
    set_user_active(by=SYSTEM, user_id=shut.pk, is_active=False)
    frozen = shut.accounts.get()
    type(frozen).objects.filter(pk=frozen.pk).update(status="frozen")
    group, _ = Group.objects.get_or_create(name="Finance")
    shard, _ = Shard.objects.get_or_create(id=0)
    limits = dict.fromkeys(("max_notional", "max_price", "max_quantity"), 10**6)
    market, _ = Market.objects.get_or_create(
        symbol="USD/OLD", base=usd, quote=usd.old, shard=shard, tick_size=1, lot_size=1, **limits
    )
    rows = {
        "auth.group": group,
        "accounts.user": user,
        "accounts.user:let_in": shut,
        "accounts.user:erase": shut,
        "accounts.user:reset_factors": with_factor(name, is_staff=is_staff),
        "accounts.apikey": key,
        "accounts.account": account,
        "accounts.account:unfreeze": frozen,
        "accounts.asset": usd,
        "accounts.asset:open_asset": usd.old,
        **rows_of_what_leaves(account),
        "accounts.balance": account.balances.get(),
        "accounts.ledgertransaction": LedgerTransaction.objects.first(),
        "accounts.ledgerentry": LedgerEntry.objects.first(),
        "accounts.deposit": account.deposits.get(),
        "accounts.auditrecord": AuditRecord.objects.first(),
        "accounts.report": make_daily_report(),
        "accounts.report:hand_over": make_personal_report(user),
        "matching.market": market,
        "matching.shard": shard,
        "matching.feetier": FeeTier.objects.get_or_create(**TIER)[0],
    }
    money = {"account": str(account.public_id), "asset": "USD", "amount": "1"}
    rules = {"tick_size": "1", "lot_size": "1", "maker_fee_ppm": "7", "taker_fee_ppm": "0"}
    rules |= dict.fromkeys(("min_notional", "max_notional", "max_price", "max_quantity"), "9")
    staff = {"is_staff": "on"} if is_staff else {}
    passwords = {"old_password": PASSWORD, "new_password1": "purple lamp garden seven"}
    bodies = {
        **bodies_of_what_leaves(account),
        ("", "password_change"): {**passwords, "new_password2": "purple lamp garden seven"},
        ("auth.group", "add"): {"name": "Support"},
        ("auth.group", "change"): {"name": "Money"},
        ("accounts.user", "add"): {"email": "new@example.com", **staff},
        ("accounts.user", "change"): {"is_staff": "on", "is_superuser": "on"},
        ("accounts.account", "add"): {"email": user.email, "label": "Second"},
        ("accounts.asset", "add"): {"code": "JPY", "name": "Yen", "scale": "0"},
        ("accounts.ledgertransaction", "add"): {**money, "reason": "typo", "confirmed": "yes"},
        ("accounts.deposit", "add"): {
            **money, "external_reference": "wire-9", "reason": "seen at the bank", "key": "k",
            "confirmed": "yes",
        },
        ("matching.market", "add"): {
            **rules, "base": "USD", "quote": "EUR", "phase": "halted", "shard_id": "0",
        },
        ("matching.market", "change"): rules | FREE,
        **FEE_BODIES,
    }  # fmt: skip
    return Target(name, rows, bodies)


def with_factor(name, *, is_staff):
    """Somebody with a second factor, and nothing else."""
    user = ensure_user(by=SYSTEM, email=f"factor-{name}@example.com", is_staff=is_staff)
    Authenticator.objects.get_or_create(user=user, type="totp", defaults={"data": {}})
    return user


def make_personal_report(user):
    """All that is known of somebody, done."""
    end = datetime(2026, 1, 1, tzinfo=UTC)
    period = {"period_from": end - timedelta(days=1), "period_to": end}
    about = {"person": user, "kind": "personal", "format": "zip", **period}
    return Report.objects.get_or_create(**about, defaults={"state": "done"})[0]


def make_daily_report():
    """The day of the exchange, which operators may download."""
    day = {"period_from": datetime(2026, 1, 1, tzinfo=UTC), "kind": "daily", "format": "csv"}
    day["period_to"] = day["period_from"] + timedelta(days=1)
    report, _ = Report.objects.get_or_create(**day, defaults={"state": "done"})
    return report


def make_assets():
    usd = create_asset(by=SYSTEM, code="USD", name="US dollar", scale=8)
    create_asset(by=SYSTEM, code="EUR", name="Euro", scale=8)
    usd.old = create_asset(by=SYSTEM, code="OLD", name="Old", scale=8)
    set_asset_active(by=SYSTEM, code="OLD", is_active=False)
    return usd
