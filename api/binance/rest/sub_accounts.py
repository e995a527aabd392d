"""The owner's other accounts, and transfers between them, as masters of sub-accounts call them.

Accounts have no e-mail addresses here: an account's id stands where one is asked for. The master is
the account that the key speaks for.
"""

import re
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import InterfaceError, OperationalError

from accounts import services
from accounts.money.selectors import TransfersAsked, count_transfers, list_transfers
from accounts.people.selectors import list_accounts
from api.binance.rest.params import Params
from api.binance.rest.routes import CompatRequest, Route, Routes, Security
from api.binance.words import errors, transfers
from api.transport.threads import in_thread, read_lasting
from zavora.foundation import lasting
from zavora.foundation.errors import (
    AccountFrozen,
    AccountNotFound,
    Conflict,
    InsufficientBalance,
    ValidationFailed,
)
from zavora.foundation.idempotency import KEY_LENGTH_MAX
from zavora.foundation.times import moment_of

ACCOUNTS_PAGE_MAX: Final = 200
TRANSFERS_PAGE_MAX: Final = 500
PAGES_MAX: Final = 1_000
_ACCOUNT_ID: Final = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE
)
# What the service names as wrong, by its own names, and what clients call it.
_PARAMETERS: Final = {"asset": "asset", "amount": "amount", "key": "clientTranId"}

Report = dict[str, Any]


def _account_of(request: CompatRequest, name: str) -> UUID | None:
    """Return the account that a parameter names, None without one; -1109 for what is none."""
    text = request.params.text(name)
    if text is None:
        return None
    if _ACCOUNT_ID.fullmatch(text) is None:
        raise transfers.invalid_account()
    return UUID(text)


async def list_sub_accounts(request: CompatRequest) -> Report:
    """Return the accounts that the key reaches beside the one that it speaks for, oldest first."""
    params = request.params
    wanted = _account_of(request, "email")
    is_frozen = params.flag("isFreeze") if "isFreeze" in params else None
    page = params.integer("page", default=1, low=1, high=PAGES_MAX) or 1
    limit = params.limit(default=1, high=ACCOUNTS_PAGE_MAX)
    rows = [
        row
        for row in await read_lasting(list_accounts, request.caller.user_id)
        if row.public_id in request.caller.accounts
        and row.public_id != request.account_id
        and wanted in (None, row.public_id)
        and is_frozen in (None, row.status == "frozen")
    ]
    shown = rows[(page - 1) * limit : page * limit]
    return {"subAccounts": [transfers.sub_account(row) for row in shown]}


async def transfer(request: CompatRequest) -> Report:
    """Move money between two accounts; the one that is not named is the master."""
    params = request.params
    _require_spot(params)
    from_account = _account_of(request, "fromEmail") or request.account_id
    to_account = _account_of(request, "toEmail") or request.account_id
    key = params.text("clientTranId")
    if key is not None and len(key) > KEY_LENGTH_MAX:
        raise errors.invalid_parameter("clientTranId")
    asset = params.needed("asset")
    amount = Decimal(params.decimal("amount", required=True) or 0)
    try:
        record = await in_thread(
            services.transfer,
            by=request.caller.actor(address=request.ip, request_id=request.request_id),
            from_account=from_account,
            to_account=to_account,
            asset=asset,
            amount=amount,
            key=key,
        )
    except (OperationalError, InterfaceError):
        # The commit may have been the last thing that the database did.
        raise errors.outcome_unknown() from None
    except ValidationFailed as error:
        raise _refused(error) from None
    except AccountNotFound:
        raise transfers.invalid_account() from None
    except InsufficientBalance:
        raise transfers.too_little_to_transfer() from None
    except AccountFrozen:
        raise transfers.transfer_failed() from None
    except Conflict:
        raise errors.invalid_parameter("clientTranId") from None
    await lasting.wait_async()
    return {"tranId": record.pk, "clientTranId": record.idempotency_key or ""}


def _refused(error: ValidationFailed) -> errors.CompatError:
    """Return what a client is told of a field that the service refused."""
    if "to_account" in error.details:
        return transfers.invalid_account()
    for name, parameter in _PARAMETERS.items():
        if name in error.details:
            return errors.invalid_parameter(parameter)
    return transfers.transfer_failed()


def _require_spot(params: Params) -> None:
    """Raise -1130 for other wallets than the one that an account has."""
    for name in ("fromAccountType", "toAccountType"):
        if params.needed(name) != transfers.SPOT:
            raise errors.invalid_parameter(name)


async def list_universal_transfers(request: CompatRequest) -> Report:
    """Return the transfers of the accounts that the key reaches, newest first."""
    params = request.params
    sides = {name: _account_of(request, name) for name in ("fromEmail", "toEmail")}
    if None not in sides.values():
        raise errors.not_required("toEmail")
    reached = request.caller.accounts
    if any(one is not None and one not in reached for one in sides.values()):
        raise transfers.invalid_account()
    start_us, end_us = params.start_us(), params.end_us()
    page = params.integer("page", default=1, low=1, high=PAGES_MAX) or 1
    limit = params.limit(default=TRANSFERS_PAGE_MAX, high=TRANSFERS_PAGE_MAX)
    asked = TransfersAsked(
        owner_id=request.caller.user_id,
        account=request.caller.only_account,
        from_account=_pk(reached, sides["fromEmail"]),
        to_account=_pk(reached, sides["toEmail"]),
        key=params.text("clientTranId"),
        start=None if start_us is None else moment_of(start_us),
        end=None if end_us is None else moment_of(end_us),
    )
    rows, total = await read_lasting(_read_transfers, asked, (page - 1) * limit, limit)
    return {"result": [transfers.transfer(row) for row in rows], "totalCount": total}


def _read_transfers(asked: TransfersAsked, offset: int, limit: int) -> tuple[list[Any], int]:
    return list_transfers(asked, offset=offset, limit=limit), count_transfers(asked)


def _pk(reached: dict[UUID, int], account_id: UUID | None) -> int | None:
    return None if account_id is None else reached[account_id]


_LIST: Final = "/sapi/v1/sub-account/list"
_TRANSFER: Final = "/sapi/v1/sub-account/universalTransfer"
_READ: Final = Security.USER_DATA
ROUTES: Final[Routes] = {
    ("GET", _LIST): Route(list_sub_accounts, 1, _READ, needs_feed=False),
    ("GET", _TRANSFER): Route(list_universal_transfers, 1, _READ, needs_feed=False),
    ("POST", _TRANSFER): Route(
        transfer,
        1,
        Security.TRADE,
        required=("fromAccountType", "toAccountType", "asset", "amount"),
        needs_feed=False,
    ),
}
