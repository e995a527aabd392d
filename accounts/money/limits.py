"""How much of an asset may leave in a day, in UTC: by account, and by how well a person is known.

An account's own limit takes the place of its owner's level's. A level's limit counts what leaves
all accounts of the person, so it is checked under the owner's lock: more accounts do not help.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Sum

from accounts.access.actor import Actor, Permission
from accounts.access.rights import is_privileged, require_over_owner
from accounts.approval_rows import moment
from accounts.audit import checked_reason, record_act
from accounts.models import Account, Asset, User, Withdrawal, WithdrawalLimit
from accounts.money.postings import ZERO, get_asset
from accounts.money.reconcile import plain
from accounts.people.locks import lock_account, lock_user
from zavora.foundation.errors import ValidationFailed
from zavora.foundation.money import EXACT, NotExact, decimal_to_units

LEVEL_MAX: Final = 9
# What was given back has not left.
_GIVEN_BACK: Final = (
    Withdrawal.State.CANCELLED,
    Withdrawal.State.REFUSED,
    Withdrawal.State.FAILED,
)


def lock_owner_of(account_id: UUID) -> None:
    """Lock whose account it is, before the account: all that leaves a person's accounts waits."""
    owner_id = Account.objects.filter(public_id=account_id).values_list("owner_id", flat=True)
    list(User.objects.select_for_update(no_key=True).filter(pk__in=list(owner_id)))


def day_of(now: datetime) -> tuple[datetime, datetime]:
    """Return when the day in UTC began, and when the next one does."""
    began = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return began, began + timedelta(days=1)


def check_limits(account: Account, asset: Asset, amount: Decimal, *, now: datetime) -> None:
    """Raise ValidationFailed where ``amount`` more would pass a day's limit.

    The owner and the account are locked.
    """
    remaining = left_of_day(account, asset, now=now)
    if remaining is not None and amount > remaining:
        _, ends = day_of(now)
        raise ValidationFailed(
            f"above the day's limit of {asset.code}",
            amount=f"expected at most {plain(remaining)} until {ends:%Y-%m-%d %H:%M} UTC",
        )


def left_of_day(account: Account, asset: Asset, *, now: datetime) -> Decimal | None:
    """Return how much of an asset may still leave an account today; None: there is no limit."""
    limit = WithdrawalLimit.objects.filter(account=account, asset=asset).first()
    of: dict[str, Any] = {"account": account}
    if limit is None:
        level = User.objects.filter(accounts=account).values("verification_level")
        limit = WithdrawalLimit.objects.filter(level__in=level, asset=asset).first()
        of = {"account__owner": account.owner_id}
    if limit is None:
        return None
    began, ends = day_of(now)
    left = Withdrawal.objects.filter(**of, asset=asset, created_at__gte=began, created_at__lt=ends)
    sums = left.exclude(state__in=_GIVEN_BACK).aggregate(total=Sum("amount"))
    return max(ZERO, EXACT.subtract(limit.per_day, sums["total"] or ZERO))


@transaction.atomic(durable=True)
def set_withdrawal_limit(
    *,
    by: Actor,
    asset: str,
    per_day: Decimal | None,
    reason: str,
    account_id: UUID | None = None,
    level: int | None = None,
    now: datetime | None = None,
) -> WithdrawalLimit | None:
    """Set how much of an asset may leave a day, of an account or at a level; None: no limit.

    Raises Forbidden (for a staff member's account to all but superusers), AccountNotFound, or
    ValidationFailed.
    """
    by.require(Permission.CHANGE_LIMIT)
    reason = checked_reason(reason)
    if (account_id is None) == (level is None):
        raise ValidationFailed("whose limit", level="expected a level or an account, not both")
    if level is not None and not 0 <= level <= LEVEL_MAX:
        raise ValidationFailed("bad level", level=f"expected a whole number from 0 to {LEVEL_MAX}")
    account = None if account_id is None else lock_account(account_id)
    if account is not None:
        require_over_owner(by, account, what="limit accounts")
    the_asset = get_asset(asset)
    if per_day is not None:
        check_figure(per_day, the_asset, name="per_day")
    of: dict[str, Any] = {"account": account, "level": level, "asset": the_asset}
    limit = WithdrawalLimit.objects.select_for_update().filter(**of).first()
    was = None if limit is None else plain(limit.per_day)
    if per_day is None:
        if limit is not None:
            limit.delete()
        limit = None
    else:
        changed: dict[str, Any] = {"per_day": per_day, "updated_at": moment(now)}
        limit, _ = WithdrawalLimit.objects.update_or_create(**of, defaults=changed)
    record_act(
        by, "limit.set",
        f"asset:{the_asset.code}" if account is None else f"account:{account.public_id}",
        reason=reason, asset=the_asset.code, level=level, was={"per_day": was},
        now={"per_day": None if per_day is None else plain(per_day)},
    )  # fmt: skip
    return limit


@transaction.atomic(durable=True)
def set_verification_level(*, by: Actor, user_id: int, level: int, reason: str) -> User:
    """Say how well the exchange knows a person. Raises Forbidden, NotFound, ValidationFailed."""
    by.require(Permission.CHANGE_LEVEL)
    reason = checked_reason(reason)
    if not 0 <= level <= LEVEL_MAX:
        raise ValidationFailed("bad level", level=f"expected a whole number from 0 to {LEVEL_MAX}")
    user = lock_user(user_id)
    by.require_over(is_privileged=is_privileged(user), what="verify people")
    if user.verification_level != level:
        was, user.verification_level = user.verification_level, level
        user.save(update_fields=["verification_level"])
        record_act(
            by, "user.level", f"user:{user.pk}", reason=reason,
            was={"level": was}, now={"level": level},
        )  # fmt: skip
    return user


def check_figure(amount: Decimal, asset: Asset, *, name: str) -> None:
    """Raise ValidationFailed unless an amount is zero or more and fits the asset's scale."""
    try:
        units = decimal_to_units(amount, asset.scale)
    except NotExact as error:
        raise ValidationFailed("the amount does not fit the asset", **{name: str(error)}) from None
    if not 0 <= units < 10 ** (20 + asset.scale):
        raise ValidationFailed("bad amount", **{name: "expected zero or more, below 10^20"})
