"""Whatever a service refuses leaves every table as it was, the records of acts among them."""

import pytest

from tests.admin_walk import Watch
from tests.rules.refused import REFUSED, things_of
from zavora.foundation.errors import ZavoraError


@pytest.mark.django_db
def test_a_refusal_writes_nothing(usd, settings):
    settings.ZAVORA_FAUCET = False
    ann, bob = things_of("ann"), things_of("bob")
    wrong = {}
    for name, calls in REFUSED.items():
        for number, call in enumerate(calls):
            with Watch() as watch:
                try:
                    call(ann, bob)
                    wrong[name, number] = "not refused"
                except ZavoraError:
                    pass
            if watch.has_changed:
                wrong[name, number] = "written"
    assert wrong == {}


@pytest.mark.django_db
def test_what_is_written_all_the_same_is_noticed(usd):
    with Watch() as watch:
        type(usd).objects.filter(pk=usd.pk).update(name="Another")
    assert watch.has_changed
    usd.refresh_from_db()
    assert usd.name != "Another"
