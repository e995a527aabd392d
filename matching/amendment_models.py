"""The history of orders' amendments: what workers write of them, and nobody else."""

from django.db import models

from zavora.foundation.fields import AmountField


class OrderAmendment(models.Model):
    """A change of what an open order asks for: its figures before it, and after it.

    A leg of a list that became smaller when its turn came counts: nobody asked for that.
    """

    is_append_only = True

    id = models.BigIntegerField(primary_key=True, editable=False)
    market = models.ForeignKey(
        "matching.Market",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    order = models.ForeignKey(
        "matching.Order",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    # Empty: the order has none.
    price_before = AmountField(null=True)
    price = AmountField(null=True)
    quantity_before = AmountField(null=True)
    quantity = AmountField(null=True)
    trigger_price_before = AmountField(null=True)
    trigger_price = AmountField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "amendment of an order"
        verbose_name_plural = "amendments of orders"
        indexes = [models.Index(fields=["order", "id"], name="amendment_order")]

    def __str__(self) -> str:
        return f"amendment {self.id}"
