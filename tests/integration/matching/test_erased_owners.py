"""Orders of who is erased: one that is open keeps them, and afterwards the worker takes none."""

import pytest
from django.db import transaction

from accounts.models import Balance
from accounts.privacy.erasure import erase_now
from accounts.services import ensure_user
from tests.actors import SYSTEM
from tests.integration.reports.past import past_exchange
from zavora.foundation.errors import Conflict


def erase(user):
    with transaction.atomic():
        erase_now(SYSTEM, user_id=user.pk, now=user.created_at)


@pytest.mark.django_db(transaction=True)
def test_an_order_is_seen_or_refused():
    with past_exchange() as past:
        past.move(past.ann, "USD", "20.00")
        (reply,) = past.apply(past.order(past.ann, "buy", "0.0010", "20000.00"))
        assert reply.code == ""
        assert Balance.objects.get(account=past.ann).available == 0  # all of it is held
        with pytest.raises(Conflict) as refused:
            erase(past.ann.owner)
        assert refused.value.details == {
            "balances": "20 USD",
            "orders": "held by open orders or withdrawals: 20 USD",
        }

        carol = ensure_user(by=SYSTEM, email="carol@example.com").accounts.get()
        erase(carol.owner)
        (reply,) = past.apply(past.order(carol, "buy", "0.0010", "20000.00"))
        assert reply.code == "account_frozen"
