"""Reads of amendments: bounded queries, explicit order, no locks."""

from django.db.models import F

from matching.models import OrderAmendment
from matching.orders.selectors import PAGE_MAX


def list_amendments(
    order_id: int,
    *,
    from_id: int | None = None,
    before_id: int | None = None,
    of_quantity: bool = False,
    is_oldest: bool = False,
    limit: int = 500,
) -> list[OrderAmendment]:
    """Return amendments of an order, which the caller knows to be who asks's own.

    ``from_id`` (inclusive) and ``before_id`` take a part, ``of_quantity`` those by which the
    quantity became another. The oldest of them first where ``is_oldest``, else the newest.
    """
    rows = OrderAmendment.objects.filter(order_id=order_id)
    if from_id is not None:
        rows = rows.filter(pk__gte=from_id)
    if before_id is not None:
        rows = rows.filter(pk__lt=before_id)
    if of_quantity:
        rows = rows.exclude(quantity=F("quantity_before"))
    return list(rows.order_by("pk" if is_oldest else "-pk")[: min(limit, PAGE_MAX)])
