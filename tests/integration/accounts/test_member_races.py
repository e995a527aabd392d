"""Members at once: an invitation makes one member, and no key outlives the membership it is of."""

import pytest
from django.db import transaction

from accounts.access.selectors import find_api_key
from accounts.models import ApiKey, Membership
from accounts.people.invitations import find_invitation
from accounts.people.locks import lock_account
from accounts.services import (
    KeyTerms,
    accept_invitation,
    create_key,
    ensure_user,
    remove_member,
)
from tests.actors import SYSTEM, customer
from tests.integration.accounts.test_races import WAIT_S, Thread, wait_until_blocked
from tests.members import invited, shared
from zavora.foundation.errors import NotFound, ValidationFailed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bob(db):
    return ensure_user(by=SYSTEM, email="bob@example.com")


def start_in_turn(*calls):
    """Start calls, each once the one before waits for a lock that this transaction holds."""
    threads = [Thread(call) for call in calls]
    for number, thread in enumerate(threads, 1):
        thread.start()
        wait_until_blocked(number)
    return threads


def results_of(threads):
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()
    return [type(thread.error or thread.result) for thread in threads]


def test_of_two_who_accept_at_once_one_becomes_a_member(account, bob):
    token = invited(account, bob.email)

    def accept():
        return accept_invitation(by=customer(bob), token=token)

    with transaction.atomic():
        lock_account(account.public_id)
        assert find_invitation(bob.pk, token)  # the control: both find it open, and wait with that
        threads = start_in_turn(accept, accept)

    assert results_of(threads) == [Membership, NotFound]
    assert Membership.objects.filter(account=account, user=bob).count() == 1


def narrow_key(account):
    return KeyTerms(scopes=["read"], account_id=account.public_id)


@pytest.mark.parametrize("comes_first", ["key", "end"])
def test_a_key_made_while_the_membership_ends_is_none(account, bob, comes_first):
    member = shared(account, bob, "viewer")
    owner = customer(account.owner)
    calls = {
        "key": lambda: create_key(by=customer(bob), kind="hmac", terms=narrow_key(account)),
        "end": lambda: remove_member(by=owner, account_id=account.public_id, member_id=member.pk),
    }
    order = sorted(calls, key=lambda name: name != comes_first)

    with transaction.atomic():
        Membership.objects.select_for_update().get(pk=member.pk)
        threads = start_in_turn(*(calls[name] for name in order))

    expected = {"key": tuple if comes_first == "key" else ValidationFailed, "end": type(None)}
    assert results_of(threads) == [expected[name] for name in order]
    shared(account, bob, "viewer")
    assert all(find_api_key(key.lookup) is None for key in ApiKey.objects.all())


def test_without_the_lock_such_a_key_would_be_good_again(account, bob):
    """The control: who only looks whether there is a membership makes a key after it ended."""
    member = shared(account, bob, "viewer")
    with transaction.atomic():
        assert Membership.objects.filter(pk=member.pk).exists()
        ending = Thread(
            lambda: remove_member(
                by=customer(account.owner), account_id=account.public_id, member_id=member.pk
            )
        )
        ending.start()
        assert results_of([ending]) == [type(None)]
        ApiKey.objects.create(
            owner=bob, kind="bearer", lookup="x" * 64, scopes=["read"], account=account
        )

    shared(account, bob, "viewer")
    assert ApiKey.objects.filter(revoked_at__isnull=True, account=account, owner=bob).exists()
