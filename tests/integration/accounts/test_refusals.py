"""Whatever a service refuses leaves every table as it was, the records of acts among them."""

import pytest

from tests.admin_walk import fingerprint
from tests.rules.refused import REFUSED, things_of
from zavora.foundation.errors import ZavoraError

pytestmark = pytest.mark.django_db

CASES = [(name, number) for name, calls in REFUSED.items() for number in range(len(calls))]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_a_refusal_writes_nothing(usd, settings, name, number):
    settings.ZAVORA_FAUCET = False
    ann, bob = things_of("ann"), things_of("bob")
    before = fingerprint()

    with pytest.raises(ZavoraError):
        REFUSED[name][number](ann, bob)

    assert fingerprint() == before
