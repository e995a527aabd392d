"""Accounts and money: balances, deposits, withdrawals, the ledger."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.access.callers import SCOPE_TRADE, SCOPE_WITHDRAW
from accounts.access.rates import take_withdrawal
from accounts.money import selectors as money_selectors
from accounts.people import selectors as people_selectors
from api.v1 import fee_words, words
from api.v1.cursors import next_cursor, take_page
from api.v1.fields import Fields
from api.v1.header_keys import checked_header_key
from api.v1.openapi.operations import documented
from api.v1.rest.base import (
    LIST_WEIGHTS,
    ApiView,
    actor_of,
    answer,
    caller_of,
    own_account,
    query_of,
    reached_account,
    row_id,
)
from matching.fees.selectors import get_account_fees
from zavora.foundation.errors import Forbidden


class AccountsView(ApiView):
    """The caller's accounts."""

    scopes = {"POST": SCOPE_TRADE}

    @documented("accounts_list", "Account", is_list=True)
    def get(self, request: Request) -> Response:
        """List the caller's accounts, oldest first, then those that others share with them."""
        query_of(request).check()
        caller = caller_of(request)
        rows = people_selectors.list_reached_accounts(caller.user_id)
        return answer(words.accounts(rows, caller))

    @documented("accounts_create", "Account", body="CreateAccountIn")
    def post(self, request: Request) -> Response:
        """Open an account."""
        fields = Fields(request.data)
        label = fields.label("label")
        fields.check()
        row = services.create_account(
            by=actor_of(request), owner_id=caller_of(request).user_id, label=label or ""
        )
        return answer(words.account(row))


class AccountView(ApiView):
    """One account."""

    scopes = {"PATCH": SCOPE_TRADE}

    @documented("accounts_read", "Account")
    def get(self, request: Request, account: str) -> Response:
        """Read one of the caller's accounts, or one that is shared with them."""
        account_id, pk = reached_account(request, account)
        query_of(request).check()
        role = caller_of(request).role_in(pk)
        return answer(words.account(people_selectors.get_account(account_id), role=role))

    @documented("accounts_rename", "Account", body="RenameAccountIn")
    def patch(self, request: Request, account: str) -> Response:
        """Give one of the caller's accounts another name."""
        account_id, _ = own_account(request, account)
        fields = Fields(request.data)
        label = fields.label("label", required=True)
        fields.check()
        row = services.rename_account(
            by=actor_of(request), account_id=account_id, label=label or ""
        )
        return answer(words.account(row))


class FeesView(ApiView):
    """What an account pays."""

    @documented("accounts_fees", "AccountFees")
    def get(self, request: Request, account: str) -> Response:
        """Read what an account pays in every market and why, its volume and its tier."""
        account_id, _ = reached_account(request, account)
        query_of(request).check()
        row = people_selectors.get_account(account_id)
        return answer(fee_words.account_fees(get_account_fees(row)))


class BalancesView(ApiView):
    """What an account has."""

    @documented("accounts_balances", "Balance", is_list=True)
    def get(self, request: Request, account: str) -> Response:
        """List an account's balances, by asset."""
        account_id, _ = reached_account(request, account)
        query_of(request).check()
        rows = money_selectors.list_balances(account_id)
        return answer([words.balance(row, account_id) for row in rows])


class DepositView(ApiView):
    """Money in, where the sandbox faucet is on."""

    scopes = {"POST": SCOPE_TRADE}

    @documented("accounts_deposit", "Balance", body="DepositIn", has_key=True)
    def post(self, request: Request, account: str) -> Response:
        """Credit an account. With an Idempotency-Key a repeat credits nothing."""
        account_id, _ = own_account(request, account)
        if not settings.ZAVORA_FAUCET:
            raise Forbidden("The faucet is switched off here.")
        fields = Fields(request.data)
        asset, amount = take_money(fields)
        fields.check()
        services.deposit(
            by=actor_of(request),
            account_id=account_id,
            asset=asset,
            amount=amount,
            source=services.SOURCE_FAUCET,
            key=key_of(request),
        )
        return answer(_balance(account_id, asset))


class WithdrawView(ApiView):
    """Money out."""

    scopes = {"POST": SCOPE_WITHDRAW}

    @documented("accounts_withdraw", "WithdrawalAnswer", body="WithdrawIn", has_key=True)
    def post(self, request: Request, account: str) -> Response:
        """Withdraw from an account; return the balance after the hold, and the withdrawal."""
        account_id, _ = own_account(request, account)
        fields = Fields(request.data)
        asset, amount = take_money(fields)
        address = fields.label("address", length_max=128)
        fields.check()
        take_withdrawal(caller_of(request).user_id)
        record = services.request_withdrawal(
            by=actor_of(request),
            account_id=account_id,
            asset=asset,
            amount=amount,
            address=address or "",
            key=key_of(request),
        )
        balance = _balance(account_id, asset)
        return answer({**balance, "withdrawal": words.withdrawal(record, account_id)})


class WithdrawalsView(ApiView):
    """What an account asked to withdraw."""

    weights = LIST_WEIGHTS

    @documented("accounts_withdrawals", "Withdrawal", is_list=True, is_paged=True)
    def get(self, request: Request, account: str) -> Response:
        """List an account's withdrawals and their states, newest first."""
        account_id, _ = own_account(request, account)
        fields = query_of(request)
        limit, before = take_page(fields)
        fields.check()
        rows = money_selectors.list_withdrawals(account_id, cursor=before, limit=limit + 1)
        page = [words.withdrawal(row, account_id) for row in rows[:limit]]
        return answer(page, next=next_cursor([row.pk for row in rows], limit))


class WithdrawalView(ApiView):
    """One withdrawal."""

    scopes = {"DELETE": SCOPE_WITHDRAW}

    @documented("accounts_cancel_withdrawal", "Withdrawal")
    def delete(self, request: Request, account: str, withdrawal: str) -> Response:
        """Cancel a pending withdrawal; what it holds is available again."""
        account_id, _ = own_account(request, account)
        query_of(request).check()
        record = services.cancel_own_withdrawal(
            by=actor_of(request),
            account_id=account_id,
            withdrawal_id=row_id(withdrawal, what="withdrawal"),
        )
        return answer(words.withdrawal(record, account_id))


class LedgerView(ApiView):
    """Every movement of an account."""

    weights = LIST_WEIGHTS
    is_history = True

    @documented("accounts_ledger", "LedgerEntry", is_list=True, is_paged=True, query=("asset",))
    def get(self, request: Request, account: str) -> Response:
        """List an account's ledger entries, newest first."""
        account_id, _ = reached_account(request, account)
        fields = query_of(request)
        limit, before = take_page(fields)
        asset = fields.text("asset", length_max=16, what="an asset's code")
        fields.check()
        rows = money_selectors.list_ledger(account_id, asset=asset, cursor=before, limit=limit + 1)
        page = [words.ledger_entry(row) for row in rows[:limit]]
        return answer(page, next=next_cursor([row.pk for row in rows], limit))


def take_money(fields: Fields) -> tuple[str, Decimal]:
    """Take ``asset`` and ``amount``; where one is wrong, ``check`` raises before they are used."""
    asset = fields.text("asset", required=True, length_max=16, what="an asset's code")
    amount = fields.decimal("amount", required=True)
    return asset or "", Decimal(amount or 0)


def key_of(request: Request) -> str | None:
    """Return a request's idempotency key, if it has one."""
    return checked_header_key(request.META.get("HTTP_IDEMPOTENCY_KEY"))


def _balance(account_id: UUID, asset: str) -> dict[str, Any]:
    row = money_selectors.get_balance(account_id, asset)
    if row is None:
        raise LookupError("a balance that was just written is not there")
    return words.balance(row, account_id)
