"""What holds for every service: it knows who acts, it is one transaction, and it can refuse.

The services are found in the modules. Each list of exceptions says why, and may only shrink.
"""

import inspect

from tests.rules.refused import REFUSED
from tests.rules.services import durable_in_rooms, is_durable, services

WITHOUT_ACTOR = {
    "reset_password",  # who acts is known by the link's token alone, which the service itself asks
    "sign_up",  # a stranger's: there is nobody yet
}
NO_TRANSACTION = {
    # They write nothing.
    "new_market_command",
    "preview_adjustment",
    "preview_credit",
    # A worker commits the effect, so that it was asked is committed before it is queued.
    "cancel_orders",
    "change_market",
    "create_market",
    "move_market",
    "resume_market",
    "set_market_phase",
    # The status commits first: no new order passes while the cancels are on their way.
    "freeze_account",
    "unfreeze_account",  # one call of a service that is a transaction
    # Batch by batch, so that no transaction is long.
    "review_fees",
    "purge_events",
    "purge_order_keys",
}
NEVER_REFUSE: set[str] = set()


def test_there_are_services():
    assert len(services()) > 30


def test_no_transaction_of_a_room_is_hidden_from_these_rules():
    assert set(durable_in_rooms()) <= set(services()), durable_in_rooms()


def test_every_service_asks_who_acts():
    without = set()
    for name, service in services().items():
        first, *_ = inspect.signature(service).parameters.values()
        is_asked = first.name == "by" and first.kind is first.KEYWORD_ONLY
        if not (is_asked and first.default is first.empty):
            without.add(name)
    assert without == WITHOUT_ACTOR


def test_every_service_takes_nothing_by_position():
    for name, service in services().items():
        kinds = {one.kind for one in inspect.signature(service).parameters.values()}
        assert kinds <= {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}, name


def test_every_service_is_one_durable_transaction():
    without = {name for name, service in services().items() if not is_durable(service)}
    assert without == NO_TRANSACTION


def test_every_service_has_a_test_of_its_refusals():
    """``tests/integration/accounts/test_refusals.py`` tries each and asserts that nothing stays."""
    assert set(services()) - set(REFUSED) == NEVER_REFUSE
    assert set(REFUSED) <= set(services())
    assert all(REFUSED.values())
