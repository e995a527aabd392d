"""What matching adds to the pages of people, accounts and the ledger: orders, and freezing."""

from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.access.page_actors import operator_of
from matching.admin.look_ups import transactions_of_order
from matching.services import cancel_orders, freeze_account, unfreeze_account
from zavora.foundation.admin.base import Additions, Related, add_to
from zavora.foundation.admin.forms import for_each

# What accounts and their owners have here, before what accounts knows of.
LISTS: Final = (
    ("matching.order", "orders"),
    ("matching.trade", "trades"),
    ("matching.command", "journal"),
)


@admin.action(
    description="Freeze the selected accounts and cancel their orders", permissions=["freeze"]
)
def freeze(model_admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
    """Freeze accounts in every shard."""
    by = operator_of(request)
    return for_each(
        model_admin,
        request,
        rows,
        lambda account: freeze_account(by=by, account_id=account.public_id),
        done="frozen",
    )


@admin.action(description="Unfreeze the selected accounts", permissions=["freeze"])
def unfreeze(model_admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
    """Let accounts trade again."""
    by = operator_of(request)
    return for_each(
        model_admin,
        request,
        rows,
        lambda account: unfreeze_account(by=by, account_id=account.public_id),
        done="unfrozen",
    )


@admin.action(
    description="Cancel all open orders of the selected accounts", permissions=["cancel_orders"]
)
def cancel_all(model_admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
    """Cancel what is open in every shard."""
    by = operator_of(request)
    return for_each(
        model_admin,
        request,
        rows,
        lambda account: cancel_orders(by=by, account_id=account.public_id),
        done="open orders cancelled",
    )


add_to(
    "accounts.account",
    Additions(
        actions=(freeze, unfreeze, cancel_all),
        related=tuple(
            Related(label, lambda account: str(account.public_id), text) for label, text in LISTS
        ),
    ),
)
add_to(
    "accounts.user",
    Additions(
        related=tuple(Related(label, lambda user: user.email, text) for label, text in LISTS)
    ),
)
add_to(
    "accounts.ledgertransaction",
    Additions(look_ups=(transactions_of_order,), searched_by=("order id",)),
)
