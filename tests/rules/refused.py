"""What each service refuses: at least who may not, and what the tables must not hold.

Each call is tried on ``things_of`` two people, Ann's and Bob's; a refusal leaves every table as it
was, the records of acts among them.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Final

from django.test import override_settings

from accounts import services as accounts
from accounts.access.actor import Actor, Permission
from matching import services as markets
from matching.orders import services as orders
from tests.actors import SYSTEM, customer, operator
from tests.approving import approve_up_to
from tests.providers import ask_for_payout, dead_payout, unmatched_event
from tests.rules.refused_alerts import REFUSED_ALERTS
from tests.rules.refused_decisions import REFUSED_DECISIONS
from tests.rules.refused_fees import REFUSED_FEES
from tests.rules.refused_keys import REFUSED_KEYS
from tests.rules.refused_markets import REFUSED_MARKETS
from tests.rules.refused_members import REFUSED_MEMBERS
from tests.rules.refused_people import REFUSED_PEOPLE
from tests.rules.refused_providers import REFUSED_PROVIDERS
from tests.rules.refused_reports import REFUSED_REPORTS
from tests.rules.refusing import CREDIT, NOT_SUPERUSER, USD, Call, Things, all_but, key

PASSWORD: Final = "correct horse battery staple"
TOO_MUCH: Final = {"asset": "USD", "amount": Decimal(10**6)}
NOT_EXACT: Final = {"asset": "USD", "amount": Decimal("0.000000001")}
RULES: Final = {"base": "USD", "quote": "EUR", "tick_size": Decimal(1), "lot_size": Decimal(1)}
RIGHTS: Final = {"is_staff": True, "is_superuser": True}


def things_of(name: str, **rights: Any) -> Things:
    """Make a person with an account, a key, a withdrawal and one that waits for two persons.

    The faucet must be off.
    """
    approve_up_to(10)
    user = accounts.ensure_user(by=SYSTEM, email=f"{name}@example.com", password=PASSWORD, **rights)
    account = user.accounts.get()
    accounts.deposit(
        by=SYSTEM, account_id=account.public_id, asset="USD", amount=Decimal(100), source="bank"
    )
    withdrawal = accounts.request_withdrawal(
        by=SYSTEM,
        account_id=account.public_id,
        asset="USD",
        amount=Decimal(10),
        address="somewhere",
    )
    waiting = accounts.request_withdrawal(
        by=SYSTEM,
        account_id=account.public_id,
        asset="USD",
        amount=Decimal(20),
        address="somewhere",
    )
    token, _ = accounts.create_token(by=SYSTEM, user_id=user.pk, scopes=["read"])
    second = accounts.create_account(by=SYSTEM, owner_id=user.pk, label="Second")
    return SimpleNamespace(
        user=user,
        account=account.public_id,
        account_pk=account.pk,
        second=second.public_id,
        withdrawal=withdrawal.pk,
        waiting=waiting.pk,
        approval=waiting.approval_id,
        key=token.pk,
        outgoing=ask_for_payout(account, 1),
        dead=dead_payout(account, 1),
        event=unmatched_event(account),
    )


def _withdraw(by: Actor, things: Things, **more: Any) -> object:
    asked = {"account_id": things.account, "address": "somewhere", **USD, **more}
    return accounts.request_withdrawal(by=by, **asked)


def _transfer(by: Actor, things: Things, **more: Any) -> object:
    asked = {"from_account": things.account, "to_account": things.second, **USD, **more}
    return accounts.transfer(by=by, **asked)


def _rename(by: Actor, things: Things, label: str = "Savings") -> object:
    return accounts.rename_account(by=by, account_id=things.account, label=label)


@override_settings(ZAVORA_WITHDRAWAL_MFA=True)
def _withdraw_with_factor(by: Actor, things: Things) -> object:
    return _withdraw(by, things)


def _cancel_own(by: Actor, things: Things) -> object:
    return accounts.cancel_own_withdrawal(
        by=by, account_id=things.account, withdrawal_id=things.withdrawal
    )


def _faucet(by: Actor, things: Things, *, is_on: bool = True, **more: Any) -> object:
    asked = {"account_id": things.account, "source": "faucet", **USD, **more}
    with override_settings(ZAVORA_FAUCET=is_on):
        return accounts.deposit(by=by, **asked)


def _change_password(by: Actor, old: str = PASSWORD, new: str = "purple lamp garden six") -> object:
    return accounts.change_own_password(by=by, old_password=old, new_password=new)


REFUSED: Final[Mapping[str, tuple[Call, ...]]] = {
    **REFUSED_ALERTS,
    **REFUSED_DECISIONS,
    **REFUSED_FEES,
    **REFUSED_KEYS,
    **REFUSED_MARKETS,
    **REFUSED_MEMBERS,
    **REFUSED_PEOPLE,
    **REFUSED_PROVIDERS,
    **REFUSED_REPORTS,
    # --- money
    "request_withdrawal": (
        lambda ann, bob: _withdraw(customer(bob.user), ann),
        lambda ann, bob: _withdraw(key(ann, "read", "trade"), ann),
        lambda ann, bob: _withdraw(key(ann, "withdraw", only_account=bob.account_pk), ann),
        lambda ann, bob: _withdraw(NOT_SUPERUSER, ann),
        lambda ann, bob: _withdraw(customer(ann.user), ann, **TOO_MUCH),
        lambda ann, bob: _withdraw(customer(ann.user), ann, **NOT_EXACT),
        lambda ann, bob: _withdraw(customer(ann.user), ann, address=""),
        lambda ann, bob: _withdraw(customer(ann.user), ann, key=""),
        lambda ann, bob: _withdraw_with_factor(customer(ann.user), ann),
    ),
    "cancel_own_withdrawal": (
        lambda ann, bob: _cancel_own(customer(bob.user), ann),
        lambda ann, bob: _cancel_own(key(ann, "read", "trade"), ann),
        lambda ann, bob: _cancel_own(key(ann, "withdraw", only_account=bob.account_pk), ann),
        lambda ann, bob: _cancel_own(NOT_SUPERUSER, ann),
        lambda ann, bob: accounts.cancel_own_withdrawal(
            by=customer(bob.user), account_id=bob.account, withdrawal_id=ann.withdrawal
        ),
    ),
    "transfer": (
        lambda ann, bob: _transfer(customer(bob.user), ann),
        lambda ann, bob: _transfer(customer(ann.user), ann, to_account=bob.account),
        lambda ann, bob: _transfer(customer(ann.user), ann, from_account=bob.account),
        lambda ann, bob: _transfer(SYSTEM, ann, to_account=bob.account),
        lambda ann, bob: _transfer(key(ann, "read", "withdraw"), ann),
        lambda ann, bob: _transfer(key(ann, "trade", only_account=ann.account_pk), ann),
        lambda ann, bob: _transfer(NOT_SUPERUSER, ann),
        lambda ann, bob: _transfer(customer(ann.user), ann, **TOO_MUCH),
        lambda ann, bob: _transfer(customer(ann.user), ann, **NOT_EXACT),
        lambda ann, bob: _transfer(customer(ann.user), ann, to_account=ann.account),
        lambda ann, bob: _transfer(customer(ann.user), ann, key=""),
    ),
    "settle_withdrawal": (
        lambda ann, bob: accounts.settle_withdrawal(
            by=all_but(Permission.DECIDE_WITHDRAWAL), withdrawal_id=ann.withdrawal
        ),
        lambda ann, bob: accounts.settle_withdrawal(
            by=customer(ann.user), withdrawal_id=ann.withdrawal
        ),
        lambda ann, bob: accounts.settle_withdrawal(by=SYSTEM, withdrawal_id=1),
    ),
    "cancel_withdrawal": (
        lambda ann, bob: accounts.cancel_withdrawal(
            by=all_but(Permission.DECIDE_WITHDRAWAL), withdrawal_id=ann.withdrawal
        ),
        lambda ann, bob: accounts.cancel_withdrawal(
            by=customer(ann.user), withdrawal_id=ann.withdrawal
        ),
        lambda ann, bob: accounts.cancel_withdrawal(by=SYSTEM, withdrawal_id=1),
    ),
    "deposit": (
        lambda ann, bob: _faucet(customer(ann.user), ann, is_on=False),
        lambda ann, bob: _faucet(customer(ann.user), ann, amount=Decimal(10**12)),
        lambda ann, bob: _faucet(customer(bob.user), ann),
        lambda ann, bob: _faucet(key(ann, "read", "withdraw"), ann),
        lambda ann, bob: _faucet(key(ann, "trade", only_account=bob.account_pk), ann),
        lambda ann, bob: _faucet(NOT_SUPERUSER, ann),
        lambda ann, bob: _faucet(customer(ann.user), ann, source="bank"),
        lambda ann, bob: _faucet(SYSTEM, ann, source="operator"),
        lambda ann, bob: _faucet(SYSTEM, ann, source="bank", **NOT_EXACT),
    ),
    "credit_deposit": (
        lambda ann, bob: accounts.credit_deposit(
            by=all_but(Permission.CREDIT_DEPOSIT), account_id=ann.account, **CREDIT
        ),
        lambda ann, bob: accounts.credit_deposit(
            by=customer(ann.user), account_id=ann.account, **CREDIT
        ),
        lambda ann, bob: accounts.credit_deposit(
            by=SYSTEM, account_id=ann.account, **(CREDIT | {"reason": ""})
        ),
    ),
    "adjust_balance": (
        lambda ann, bob: accounts.adjust_balance(
            by=all_but(Permission.ADJUST_BALANCE), account_id=ann.account, reason="typo", **USD
        ),
        lambda ann, bob: accounts.adjust_balance(
            by=SYSTEM, account_id=ann.account, asset="USD", amount=Decimal(-91), reason="typo"
        ),
    ),
    "preview_credit": (
        lambda ann, bob: accounts.preview_credit(
            by=all_but(Permission.CREDIT_DEPOSIT), account_id=ann.account, **USD
        ),
    ),
    "preview_adjustment": (
        lambda ann, bob: accounts.preview_adjustment(
            by=all_but(Permission.ADJUST_BALANCE), account_id=ann.account, **USD
        ),
    ),
    "create_asset": (
        lambda ann, bob: accounts.create_asset(
            by=all_but(Permission.ADD_ASSET), code="JPY", name="Yen", scale=0
        ),
        lambda ann, bob: accounts.create_asset(by=SYSTEM, code="USD", name="other", scale=2),
    ),
    "set_asset_active": (
        lambda ann, bob: accounts.set_asset_active(
            by=all_but(Permission.CHANGE_ASSET), code="USD", is_active=False
        ),
        lambda ann, bob: accounts.set_asset_active(by=SYSTEM, code="JPY", is_active=False),
    ),
    # --- people
    "create_user": (
        lambda ann, bob: accounts.create_user(
            by=all_but(Permission.ADD_USER), email="n@example.com"
        ),
        lambda ann, bob: accounts.create_user(
            by=NOT_SUPERUSER, email="n@example.com", is_staff=True
        ),
        lambda ann, bob: accounts.create_user(by=SYSTEM, email=ann.user.email),
    ),
    "sign_up": (
        lambda ann, bob: accounts.sign_up(email=ann.user.email, password=PASSWORD),
        lambda ann, bob: accounts.sign_up(email="n@example.com", password="12345"),
    ),
    "ensure_user": (
        lambda ann, bob: accounts.ensure_user(by=NOT_SUPERUSER, email="n@example.com"),
        lambda ann, bob: accounts.ensure_user(by=customer(ann.user), email="n@example.com"),
        lambda ann, bob: accounts.ensure_user(by=SYSTEM, email="nobody"),
    ),
    "create_account": (
        lambda ann, bob: accounts.create_account(by=customer(bob.user), owner_id=ann.user.pk),
        lambda ann, bob: accounts.create_account(
            by=key(ann, "read", "withdraw"), owner_id=ann.user.pk
        ),
        lambda ann, bob: accounts.create_account(
            by=key(ann, "trade", only_account=ann.account_pk), owner_id=ann.user.pk
        ),
        lambda ann, bob: accounts.create_account(
            by=all_but(Permission.ADD_ACCOUNT), owner_id=ann.user.pk
        ),
        lambda ann, bob: accounts.create_account(
            by=customer(ann.user), owner_id=ann.user.pk, label="x" * 65
        ),
    ),
    "rename_account": (
        lambda ann, bob: _rename(customer(bob.user), ann),
        lambda ann, bob: _rename(key(ann, "read", "withdraw"), ann),
        lambda ann, bob: _rename(key(ann, "trade", only_account=bob.account_pk), ann),
        lambda ann, bob: _rename(NOT_SUPERUSER, ann),
        lambda ann, bob: _rename(customer(ann.user), ann, label=" "),
        lambda ann, bob: _rename(customer(ann.user), ann, label="x" * 65),
    ),
    "set_account_status": (
        lambda ann, bob: accounts.set_account_status(
            by=all_but(Permission.CHANGE_ACCOUNT), account_id=ann.account, status="frozen"
        ),
        lambda ann, bob: accounts.set_account_status(
            by=SYSTEM, account_id=ann.account, status="cold"
        ),
    ),
    "set_user_active": (
        lambda ann, bob: accounts.set_user_active(
            by=all_but(Permission.CHANGE_USER), user_id=ann.user.pk, is_active=False
        ),
        lambda ann, bob: accounts.set_user_active(by=SYSTEM, user_id=0, is_active=False),
    ),
    "confirm_own_email": (
        lambda ann, bob: accounts.confirm_own_email(by=customer(bob.user), email=ann.user.email),
        lambda ann, bob: accounts.confirm_own_email(by=SYSTEM, email=ann.user.email),
    ),
    "add_totp": (
        lambda ann, bob: accounts.add_totp(by=customer(ann.user), secret="A" * 32, code="x"),
        lambda ann, bob: accounts.add_totp(by=key(ann), secret="A" * 32, code="x"),
        lambda ann, bob: accounts.add_totp(by=NOT_SUPERUSER, secret="A" * 32, code="x"),
    ),
    "add_passkey": (
        lambda ann, bob: accounts.add_passkey(by=customer(ann.user), name="\0", credential={}),
        lambda ann, bob: accounts.add_passkey(by=key(ann), name="one", credential={}),
    ),
    "remove_factor": (
        lambda ann, bob: accounts.remove_factor(by=customer(ann.user), factor_id=0),
        lambda ann, bob: accounts.remove_factor(by=SYSTEM, factor_id=0),
    ),
    "renew_recovery_codes": (
        lambda ann, bob: accounts.renew_recovery_codes(by=customer(ann.user)),
        lambda ann, bob: accounts.renew_recovery_codes(by=key(ann)),
    ),
    "use_factor_code": (
        lambda ann, bob: accounts.use_factor_code(by=customer(ann.user), code="000000"),
        lambda ann, bob: accounts.use_factor_code(by=key(ann), code="000000"),
    ),
    "end_own_session": (
        lambda ann, bob: accounts.end_own_session(by=customer(ann.user), session_id=0),
        lambda ann, bob: accounts.end_own_session(by=key(ann), session_id=0),
    ),
    "end_other_sessions": (
        lambda ann, bob: accounts.end_other_sessions(by=key(ann), kept=None),
        lambda ann, bob: accounts.end_other_sessions(by=SYSTEM, kept=None),
    ),
    "forget_own_sessions": (lambda ann, bob: accounts.forget_own_sessions(by=SYSTEM),),
    "change_own_password": (
        lambda ann, bob: _change_password(customer(ann.user), old="wrong"),
        lambda ann, bob: _change_password(customer(ann.user), new="12345"),
        lambda ann, bob: _change_password(key(ann, "read", "trade", "withdraw")),
        lambda ann, bob: _change_password(SYSTEM),
    ),
    "make_reset_link": (
        lambda ann, bob: accounts.make_reset_link(
            by=all_but(Permission.MAKE_RESET_LINK), user_id=ann.user.pk
        ),
        lambda ann, bob: accounts.make_reset_link(by=customer(ann.user), user_id=ann.user.pk),
    ),
    "reset_password": (
        lambda ann, bob: accounts.reset_password(
            user_id=ann.user.pk, token="none", password=PASSWORD
        ),
    ),
    "set_user_rights": (
        lambda ann, bob: accounts.set_user_rights(by=NOT_SUPERUSER, user_id=ann.user.pk, **RIGHTS),
        lambda ann, bob: accounts.set_user_rights(
            by=customer(ann.user), user_id=ann.user.pk, **RIGHTS
        ),
    ),
    "save_group": (
        lambda ann, bob: accounts.save_group(by=NOT_SUPERUSER, name="Friends", permissions=[]),
    ),
    # --- markets, accounts in them, and what is kept of orders
    "new_market_command": (
        lambda ann, bob: markets.new_market_command(by=all_but(Permission.ADD_MARKET), **RULES),
        lambda ann, bob: markets.new_market_command(by=SYSTEM, **RULES),  # there is no EUR
    ),
    "create_market": (
        lambda ann, bob: markets.create_market(by=all_but(Permission.ADD_MARKET), **RULES),
        lambda ann, bob: markets.create_market(by=SYSTEM, **RULES),
    ),
    "change_market": (
        lambda ann, bob: markets.change_market(
            by=all_but(Permission.CHANGE_MARKET), symbol="USD/EUR", band_ppm=1
        ),
        lambda ann, bob: markets.change_market(
            by=all_but(Permission.CHANGE_FEES), symbol="USD/EUR", maker_fee_ppm=1
        ),
        lambda ann, bob: markets.change_market(
            by=operator(Permission.CHANGE_FEES), symbol="USD/EUR", maker_fee_ppm=1, band_ppm=1
        ),
        lambda ann, bob: markets.change_market(
            by=all_but(Permission.DELIST_MARKET), symbol="USD/EUR", delists_at=None
        ),
        lambda ann, bob: markets.change_market(by=SYSTEM, symbol="USD/EUR", maker_fee_ppm=1),
    ),
    "resume_market": (
        lambda ann, bob: markets.resume_market(
            by=all_but(Permission.CHANGE_MARKET), symbol="USD/EUR"
        ),
        lambda ann, bob: markets.resume_market(by=SYSTEM, symbol="USD/EUR"),
    ),
    "set_market_phase": (
        lambda ann, bob: markets.set_market_phase(
            by=all_but(Permission.CHANGE_MARKET), symbol="USD/EUR", phase="halted"
        ),
        lambda ann, bob: markets.set_market_phase(by=SYSTEM, symbol="USD/EUR", phase="asleep"),
    ),
    "freeze_account": (
        lambda ann, bob: markets.freeze_account(
            by=all_but(Permission.CHANGE_ACCOUNT), account_id=ann.account
        ),
        lambda ann, bob: markets.freeze_account(by=customer(ann.user), account_id=ann.account),
    ),
    "cancel_orders": (
        lambda ann, bob: markets.cancel_orders(
            by=all_but(Permission.CANCEL_ORDERS), account_id=ann.account
        ),
    ),
    "unfreeze_account": (
        lambda ann, bob: markets.unfreeze_account(
            by=all_but(Permission.CHANGE_ACCOUNT), account_id=ann.account
        ),
    ),
    "purge_events": (lambda ann, bob: orders.purge_events(by=NOT_SUPERUSER),),
    "purge_order_keys": (lambda ann, bob: orders.purge_order_keys(by=NOT_SUPERUSER),),
}
