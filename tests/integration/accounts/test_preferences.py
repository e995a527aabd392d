"""Two browsers that write what one person chose: neither is lost without being told."""

import pytest
from django.db import transaction

from accounts.models import Preferences
from accounts.people.locks import lock_user
from accounts.people.preferences import Kept, get_preferences
from accounts.services import ensure_user, save_preferences
from tests.actors import SYSTEM, customer
from tests.integration.accounts.test_member_races import results_of, start_in_turn
from zavora.foundation.errors import Conflict, ValidationFailed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ann(db):
    return ensure_user(by=SYSTEM, email="ann@example.com")


def test_each_write_replaces_all_and_counts(ann):
    by = customer(ann)
    assert get_preferences(ann.pk).version == 0
    assert save_preferences(by=by, document={"theme": "dark", "hot_keys": True}).version == 1
    assert save_preferences(by=by, document={"theme": "light"}, version=1).version == 2
    kept = get_preferences(ann.pk)
    assert (kept.choices.theme, kept.choices.hot_keys) == ("light", False)

    with pytest.raises(Conflict) as refused:
        save_preferences(by=by, document={"theme": "dark"}, version=1)
    assert refused.value.details == {"version": 2}
    with pytest.raises(ValidationFailed):
        save_preferences(by=by, document={"theme": "none"}, version=2)
    assert get_preferences(ann.pk) == kept
    # Whoever does not say what they read replaces what is there.
    assert save_preferences(by=by, document={}).version == 3


@pytest.mark.parametrize("version", [0, 1])
def test_of_two_who_write_upon_the_same_version_the_second_is_told(ann, version):
    for _ in range(version):
        save_preferences(by=customer(ann), document={})

    def save(theme):
        return save_preferences(by=customer(ann), document={"theme": theme}, version=version)

    with transaction.atomic():
        lock_user(ann.pk)
        # The control: both have read the same version, and wait with that.
        assert get_preferences(ann.pk).version == version
        threads = start_in_turn(lambda: save("dark"), lambda: save("light"))

    assert results_of(threads) == [Kept, Conflict]
    assert (Preferences.objects.get().version, get_preferences(ann.pk).choices.theme) == (
        version + 1,
        "dark",
    )
