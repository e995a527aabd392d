"""Accounts of one owner and transfers between them in this API's words, with their failures."""

from typing import Any, Final

from api.binance.words.errors import CompatError
from api.binance.words.text import eight, ms_of

# The one wallet that an account has.
SPOT: Final = "SPOT"

Report = dict[str, Any]


def invalid_account() -> CompatError:
    """Return the answer to what is no account of the owner, or the same one twice."""
    return CompatError(-1109, "Invalid account.")


def too_little_to_transfer() -> CompatError:
    """Return the answer to a transfer of more than the paying account has available."""
    return CompatError(-5002, "You have insufficient balance.")


def transfer_failed() -> CompatError:
    """Return the answer to a transfer that its accounts do not allow now."""
    return CompatError(-5010, "Asset transfer fail.")


def sub_account(row: Any) -> Report:
    """Return an account; its id stands for the e-mail address that it does not have."""
    return {
        "subUserId": row.pk,
        "email": str(row.public_id),
        "remark": row.label,
        "isFreeze": row.status == "frozen",
        "createTime": ms_of(row.created_at),
        "isManagedSubAccount": False,
        "isAssetManagementSubAccount": False,
    }


def transfer(row: Any) -> Report:
    """Return a transfer, from a row that has its accounts and its asset."""
    return {
        "tranId": row.pk,
        "fromEmail": str(row.from_account.public_id),
        "toEmail": str(row.to_account.public_id),
        "asset": row.asset.code,
        "amount": eight(row.amount),
        "createTimeStamp": ms_of(row.created_at),
        "fromAccountType": SPOT,
        "toAccountType": SPOT,
        "status": "SUCCESS",
        "clientTranId": row.idempotency_key or "",
    }
