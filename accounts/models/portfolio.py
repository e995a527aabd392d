"""Tables of what is counted forward of portfolios: derived from the ledger, made anew at any time.

Nothing here is money: what an account has stands in its balances, and how it came there in the
ledger. ``reconcile`` compares both (``accounts.money.reconcile_portfolios``).
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from accounts.models.money import Asset
from accounts.models.people import Account, User


class PortfolioBook(models.Model):
    """What all accounts of a person have cost and brought, in one currency, up to an entry."""

    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    currency = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+", db_index=False)
    # All ledger transactions count whose first entry has this id or a lower one, and no others.
    position = models.BigIntegerField(default=0)
    # Entries of these transactions that have higher ids.
    ahead = ArrayField(models.BigIntegerField(), default=list)
    # Up to when that is all there was; empty: it never was.
    counted_until = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "currency"], name="portfolio_book_once")
        ]

    def __str__(self) -> str:
        return f"portfolio of user {self.owner_id}"


class PortfolioPoint(models.Model):
    """How an account stood after the last entry of an hour that had any.

    Of hours that are older than some days the last of each day is kept.
    """

    book = models.ForeignKey(
        PortfolioBook, on_delete=models.CASCADE, related_name="points", db_index=False
    )
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    hour = models.DateTimeField()
    # As ``zavora.portfolio.accounting`` has it: whole numbers of smallest units.
    state = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "account", "hour"], name="portfolio_point_once")
        ]

    def __str__(self) -> str:
        return f"account {self.account_id} after {self.hour:%Y-%m-%d %H:%M} UTC"
