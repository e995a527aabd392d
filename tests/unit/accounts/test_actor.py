"""Actors: what they may, and how the journal calls them."""

import pytest

from accounts.access.actor import Actor, ActorKind, Permission
from accounts.access.callers import Caller
from zavora.foundation.errors import Forbidden


def operator(*permissions, is_superuser=False):
    return Actor.operator(
        user_id=12, name="op@example.com", permissions=permissions, is_superuser=is_superuser
    )


def test_an_operator_may_what_was_given_by_name_and_nothing_else():
    desk = operator("accounts.add_deposit")

    desk.require(Permission.CREDIT_DEPOSIT)
    for permission in set(Permission) - {Permission.CREDIT_DEPOSIT}:
        with pytest.raises(Forbidden) as refusal:
            desk.require(permission)
        assert refusal.value.details == {"permission": permission.value}


def test_superusers_and_the_exchange_itself_may_everything():
    for actor in (operator(is_superuser=True), Actor.system("manage.py deposit")):
        for permission in Permission:
            actor.require(permission)
        actor.require_everything("give rights")
        actor.require_over(is_privileged=True, what="shut out users")


def test_no_permission_reaches_over_staff():
    desk = operator(*Permission)

    desk.require_over(is_privileged=False, what="shut out users")
    with pytest.raises(Forbidden, match="only a superuser may shut out users of staff"):
        desk.require_over(is_privileged=True, what="shut out users")


@pytest.mark.parametrize("key_id", [None, 7])
def test_a_caller_is_a_customer_whatever_else_the_person_may_be(key_id):
    caller = Caller(12, "boss@example.com", key_id, frozenset({"trade"}), {}, only_account=5)

    actor = caller.actor(address="192.0.2.1", request_id="r")

    assert actor.is_customer
    assert actor.kind == (ActorKind.USER if key_id is None else ActorKind.KEY)
    assert (actor.key_id, actor.only_account, actor.address) == (key_id, 5, "192.0.2.1")
    assert not any(actor.may(permission) for permission in Permission)


def test_what_is_written_for_good_names_people_by_number():
    assert (operator().text, operator().recorded_name) == ("user:12", "user:12")
    assert Actor.system("manage.py halt_market").recorded_name == "manage.py halt_market"


def test_the_journal_names_an_actor_in_one_short_line():
    assert Actor.system("manage.py halt_market").text == "system:manage.py halt_market"
    assert Actor.system("a\tb\n\0c" + "x" * 500).text == "system:abc" + "x" * 97
