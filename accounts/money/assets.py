"""Assets: what can be held, and how finely."""

from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.access.actor import Actor, Permission
from accounts.audit import checked_reason, record_act
from accounts.models import Asset
from accounts.money.postings import AMOUNT_BOUND
from accounts.money.reconcile import plain
from accounts.people.services import LABEL_LENGTH_MAX
from zavora.foundation.errors import Conflict, NotFound, ValidationFailed
from zavora.foundation.money import SCALE_MAX, NotExact, decimal_to_units


@transaction.atomic(durable=True)
def create_asset(*, by: Actor, code: str, name: str, scale: int) -> Asset:
    """Add an asset with ``scale`` decimals, for good. Idempotent where all of it is the same.

    Raises Forbidden, ValidationFailed, or Conflict where the code stands for something else.
    """
    by.require(Permission.ADD_ASSET)
    if not (2 <= len(code) <= 16 and code.isascii() and code.isalnum() and code.isupper()):
        raise ValidationFailed("bad asset code", code="expected 2 to 16 capital letters and digits")
    if not 0 <= scale <= SCALE_MAX:
        raise ValidationFailed("bad scale", scale=f"expected a whole number from 0 to {SCALE_MAX}")
    if len(name) > LABEL_LENGTH_MAX or not name.isprintable():
        raise ValidationFailed(
            "bad asset name", name=f"expected at most {LABEL_LENGTH_MAX} printable characters"
        )
    asset, made = Asset.objects.get_or_create(code=code, defaults={"name": name, "scale": scale})
    if not made and (asset.scale != scale or asset.name != name):
        raise Conflict("the asset exists with another name or scale", code=code)
    if made:
        record_act(by, "asset.create", f"asset:{code}", name=name, scale=scale)
    return asset


@transaction.atomic(durable=True)
def set_asset_active(*, by: Actor, code: str, is_active: bool) -> Asset:
    """Open or close deposits and withdrawals of an asset; its markets have phases of their own.

    Raises Forbidden, NotFound.
    """
    by.require(Permission.CHANGE_ASSET)
    asset = Asset.objects.select_for_update().filter(code=code).first()
    if asset is None:
        raise NotFound("no such asset")
    if asset.is_active != is_active:
        asset.is_active = is_active
        asset.save(update_fields=["is_active"])
        record_act(
            by, "asset.open" if is_active else "asset.close", f"asset:{code}",
            was={"is_active": not is_active}, now={"is_active": is_active},
        )  # fmt: skip
    return asset


def checked_threshold(code: str, amount: Decimal) -> Asset:
    """Return the asset where an amount can be its threshold; else raise NotFound, ValidationFailed.

    Zero or more, exactly in the asset's scale; nothing is locked.
    """
    asset = Asset.objects.filter(code=code).first()
    if asset is None:
        raise NotFound("no such asset")
    try:
        decimal_to_units(amount, asset.scale)
    except NotExact as error:
        raise ValidationFailed("the amount does not fit the asset", amount=str(error)) from None
    if not 0 <= amount < AMOUNT_BOUND:
        raise ValidationFailed("bad amount", amount="expected zero or more, below 10^20")
    return asset


def change_threshold_now(
    by: Actor, *, code: str, amount: Decimal, reason: str, **more: Any
) -> Asset:
    """Set up to what an asset's withdrawals need no approval, in the present transaction.

    That ``by`` may, and alone, is known; ``more`` goes on record. Raises as ``checked_threshold``.
    """
    checked_threshold(code, amount)
    asset = Asset.objects.select_for_update().get(code=code)
    was, asset.withdrawal_auto_max = asset.withdrawal_auto_max, amount
    if was != amount:
        asset.save(update_fields=["withdrawal_auto_max"])
        record_act(
            by, "asset.threshold", f"asset:{code}", reason=checked_reason(reason),
            was={"withdrawal_auto_max": plain(was)}, now={"withdrawal_auto_max": plain(amount)},
            **more,
        )  # fmt: skip
    return asset
