"""A provider, its webhooks, operators and owners at once, and a process that is killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Deposit, LedgerTransaction, Payout, ProviderEvent, Withdrawal
from accounts.money.payouts import LEASE
from accounts.money.selectors import get_balance
from accounts.money.sending import send_due
from accounts.people.locks import lock_account
from accounts.providers.client import Sent, sender
from accounts.providers.config import get_provider
from accounts.services import (
    cancel_own_withdrawal,
    cancel_withdrawal,
    give_up_payout,
    record_sent,
    set_account_status,
    take_payout,
)
from accounts.tasks import apply_provider_events, send_payouts
from matching.reconcile import reconcile
from tests.actors import SYSTEM, customer
from tests.approving import approve_up_to
from tests.integration.accounts.test_races import WAIT_S, Thread, run_together, wait_until_blocked
from tests.provider_simulator import running_simulator
from tests.providers import (
    NAME,
    PROVIDER,
    SETTINGS,
    WEBHOOK,
    Killed,
    PlannedProvider,
    ask_for_payout,
    dead_payout,
    deposit_of,
    event_of,
    post,
    sent_payout,
)
from zavora.foundation.errors import Conflict
from zavora.runner.home import PROJECT_DIR

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def provider(settings):
    for name, value in SETTINGS.items():
        setattr(settings, name, value)


@pytest.fixture
def ready(funded):
    approve_up_to(100)
    return funded


def figures(account):
    balance = get_balance(account.public_id, "USD")
    return (balance.available, balance.locked)


def at_once(account, *calls):
    """Run calls that all stand before the account's lock, in this order, when it opens."""
    with transaction.atomic():
        lock_account(account.public_id)
        threads = [Thread(call) for call in calls]
        for count, thread in enumerate(threads, start=1):
            thread.start()
            wait_until_blocked(count)
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()
    return threads


def test_without_the_lock_two_send_the_same(ready):
    """The control: both find it due and send it; only the provider's own care pays it once."""
    payout = ask_for_payout(ready, 60)
    both_have_looked = threading.Barrier(2, timeout=WAIT_S)

    def careless():
        found = Payout.objects.get(pk=payout.pk)
        assert found.state == "waiting"
        both_have_looked.wait()
        Payout.objects.filter(pk=found.pk).update(state="sending", attempts=found.attempts + 1)
        return str(found.public_id)

    threads = run_together(careless, careless)
    assert [thread.result for thread in threads] == [str(payout.public_id)] * 2
    assert Payout.objects.get().attempts == 1  # and of one of them nobody knows


def test_of_many_who_take_a_payout_at_once_one_has_it(ready):
    payout = ask_for_payout(ready, 60)
    take = [lambda: take_payout(by=PROVIDER, payout_id=payout.pk)] * 6
    threads = at_once(ready, *take)
    assert [thread.error for thread in threads] == [None] * 6
    assert sum(thread.result is not None for thread in threads) == 1
    assert Payout.objects.get().attempts == 1


def test_many_senders_at_once_send_each_payout_once(ready):
    for _ in range(6):
        ask_for_payout(ready, 5)
    provider, sent = PlannedProvider(), Counter()

    def send(request):
        sent[request.reference] += 1
        return provider.send(request)

    threads = run_together(*[lambda: send_due(PROVIDER, NAME, send)] * 4)
    assert [thread.error for thread in threads] == [None] * 4
    assert sorted(sent.values()) == [1] * 6
    assert set(Payout.objects.values_list("state", flat=True)) == {"sent"}


def test_of_a_cancel_and_a_sending_at_once_one_wins(ready):
    outcomes = Counter()
    for turn in range(6):
        payout = ask_for_payout(ready, 1)
        calls = [
            lambda pk=payout.pk: take_payout(by=PROVIDER, payout_id=pk),
            lambda pk=payout.withdrawal_id: cancel_own_withdrawal(
                by=customer(ready.owner), account_id=ready.public_id, withdrawal_id=pk
            ),
        ]
        at_once(ready, *(calls if turn % 2 else calls[::-1]))
        payout.refresh_from_db()
        outcomes[payout.state, payout.withdrawal.state] += 1
    # What was taken stays held: it may have left.
    assert outcomes == {("sending", "approved"): 3, ("cancelled", "cancelled"): 3}
    assert figures(ready) == (97, 3)
    assert reconcile() == []


def test_a_freeze_that_was_answered_lets_nothing_be_sent(ready):
    payout = ask_for_payout(ready, 1)
    with transaction.atomic():
        lock_account(ready.public_id)
        freeze = Thread(
            lambda: set_account_status(by=SYSTEM, account_id=ready.public_id, status="frozen")
        )
        freeze.start()
        wait_until_blocked(1)
        late = Thread(lambda: take_payout(by=PROVIDER, payout_id=payout.pk))
        late.start()
        wait_until_blocked(2)
    for thread in (freeze, late):
        thread.join(WAIT_S)
    assert (freeze.error, late.error, late.result) == (None, None, None)
    assert Payout.objects.get().attempts == 0


def test_a_deposit_that_is_told_twice_at_once_is_credited_once(account, usd):
    def tell():
        return post(Client(), deposit_of("confirmed", "in-1", account, 7)).json()

    threads = run_together(*[tell] * 6)
    assert [thread.error for thread in threads] == [None] * 6
    told = Counter(thread.result["data"]["outcome"] for thread in threads)
    # One that met the other's lock too long is applied later.
    assert told["applied"] == 1
    assert told["nothing"] + told["waiting"] == 5
    assert Deposit.objects.count() == 1
    assert figures(account) == (7, 0)
    assert reconcile() == []


def test_of_giving_up_and_the_providers_word_at_once_one_wins(ready):
    outcomes = Counter()
    for turn in range(4):
        payout = dead_payout(ready, 1)
        calls = [
            lambda pk=payout.pk: give_up_payout(by=SYSTEM, payout_id=pk, reason="no use"),
            lambda pk=payout.public_id: post(Client(), event_of("withdrawal.paid", pk, 1)).json(),
        ]
        threads = at_once(ready, *(calls if turn % 2 else calls[::-1]))
        payout.refresh_from_db()
        errors = [type(thread.error) for thread in threads if thread.error]
        outcomes[payout.state, payout.withdrawal.state, *errors] += 1
    assert outcomes == {("given up", "failed"): 2, ("paid", "settled", Conflict): 2}
    assert ProviderEvent.objects.filter(outcome="contradicts").count() == 2
    assert figures(ready) == (98, 0)
    assert reconcile() == []


def test_a_webhook_that_meets_a_lock_is_answered_and_applied_later(ready):
    with transaction.atomic():
        lock_account(ready.public_id)
        telling = Thread(lambda: post(Client(), deposit_of("confirmed", "in-1", ready, 7)).json())
        telling.start()
        telling.join(WAIT_S)  # while the lock is held
        assert not telling.is_alive()
    assert telling.result == {"data": {"outcome": "waiting"}}
    assert figures(ready) == (100, 0)
    ProviderEvent.objects.update(received_at=timezone.now() - timedelta(minutes=1))
    apply_provider_events()
    assert figures(ready) == (107, 0)
    assert reconcile() == []


# --- a process that is killed ---------------------------------------------------------------------

SEND = "import django; django.setup(); from accounts.tasks import send_payouts; send_payouts()"


def begin_to_send(simulator):
    """Start a process that sends what is due, on this test's database; it waits for the answer."""
    database = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    told = {
        "DATABASE_URL": database._replace(path=f"/{name}").geturl(),
        "DJANGO_SETTINGS_MODULE": "zavora.settings", "DEBUG": "1", "ZAVORA_FAUCET": "0",
        **{key: str(value) for key, value in SETTINGS.items() if isinstance(value, str)},
        "ZAVORA_PROVIDER_WEBHOOK_SECRETS": ",".join(SETTINGS["ZAVORA_PROVIDER_WEBHOOK_SECRETS"]),
        "ZAVORA_PROVIDER_URL": f"{simulator.url}/api",
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", SEND], cwd=PROJECT_DIR, env={**os.environ, **told}
    )


def wait_until_asked(simulator, process, count):
    deadline = time.monotonic() + 2 * WAIT_S
    while len(simulator.state["requests"]) < count:
        assert process.poll() is None, "it has ended without asking"
        assert time.monotonic() < deadline, "the provider was not asked"


def test_a_process_that_is_killed_between_sending_and_recording(ready, settings, live_server):
    payout = ask_for_payout(ready, 60)
    with running_simulator() as simulator:
        settings.DEBUG = True
        settings.ZAVORA_PROVIDER_URL = f"{simulator.url}/api"
        simulator.plan("late", webhook=f"{live_server.url}{WEBHOOK}")
        process = begin_to_send(simulator)
        wait_until_asked(simulator, process, 1)
        process.send_signal(signal.SIGKILL)
        process.wait(WAIT_S)
        payout.refresh_from_db()
        assert (payout.state, payout.attempts) == ("sending", 1)
        with pytest.raises(Conflict):  # the provider has it, whatever is on record here
            cancel_withdrawal(by=SYSTEM, withdrawal_id=payout.withdrawal_id)
        send_payouts()
        assert len(simulator.state["requests"]) == 1, "its lease has not ended"

        simulator.plan("answer")
        Payout.objects.update(due_at=timezone.now() - timedelta(seconds=1))
        send_payouts()
        payout.refresh_from_db()
        assert (payout.state, payout.attempts, payout.is_in_doubt) == ("sent", 2, False)
        told = event_of("withdrawal.paid", payout.public_id, 60)
        assert [simulator.tell(told)["status"] for _ in range(2)] == [200, 200]
        assert simulator.tell(told, secret="f" * 32)["status"] == 401
        state = simulator.state
    assert [one["key"] for one in state["requests"]] == [str(payout.public_id)] * 2
    assert list(state["payouts"]) == [str(payout.public_id)]
    assert Withdrawal.objects.get().state == "settled"
    assert LedgerTransaction.objects.filter(kind="withdrawal").count() == 1
    assert figures(ready) == (40, 0)
    assert reconcile() == []


def test_a_provider_that_is_away_is_tried_again_with_longer_waits_and_then_given_to_operators(
    ready, settings
):
    payout = ask_for_payout(ready, 60)
    with running_simulator() as simulator:
        settings.DEBUG = True
        settings.ZAVORA_PROVIDER_URL = f"{simulator.url}/api"
        simulator.plan("error")
        now, waits = timezone.now(), []
        send = sender(get_provider())
        while payout.state != "dead":
            assert send_due(PROVIDER, NAME, send, lambda now=now: now) == (1, 0)
            payout.refresh_from_db()
            waits.append((payout.due_at - now).total_seconds())
            assert send_due(PROVIDER, NAME, send, lambda now=now: now) == (0, 0)
            now = payout.due_at
        assert waits[:-1] == [10, 20, 40, 80, 160, 320, 640, 1280, 2560]
        assert len(simulator.state["requests"]) == 10
    assert payout.is_in_doubt
    with pytest.raises(Conflict, match="void"):
        give_up_payout(by=SYSTEM, payout_id=payout.pk, reason="away for good")
    assert figures(ready) == (40, 60)
    give_up_payout(by=SYSTEM, payout_id=payout.pk, reason="away for good", is_void=True)
    assert figures(ready) == (100, 0)
    assert reconcile() == []


def test_who_was_stopped_beyond_the_lease_neither_sends_nor_records(ready):
    payout = ask_for_payout(ready, 60)
    first = take_payout(by=PROVIDER, payout_id=payout.pk)
    later = first.until + timedelta(seconds=1)
    second = take_payout(by=PROVIDER, payout_id=payout.pk, now=later)

    def record(taken, known):
        return record_sent(
            by=PROVIDER, payout_id=payout.pk, attempt=taken.attempt, sent=Sent(known)
        )

    assert record(first, "failed").state == "sending"
    assert figures(ready) == (40, 60)
    assert record(second, "accepted").state == "sent"
    assert record(second, "failed").state == "sent"
    assert figures(ready) == (40, 60)
    # One whose clock went on between the taking and the sending.
    provider = PlannedProvider()
    other = ask_for_payout(ready, 5)
    times = iter([later, later, later + LEASE, later + LEASE])
    assert send_due(PROVIDER, NAME, provider.send, lambda: next(times)) == (0, 0)
    assert str(other.public_id) not in provider.known


def test_what_a_killed_process_may_have_sent_is_in_doubt_until_the_provider_speaks(ready):
    payout = ask_for_payout(ready, 60)
    provider = PlannedProvider()
    provider.plan = "killed after"
    with pytest.raises(Killed):
        send_due(PROVIDER, NAME, provider.send)
    now = timezone.now() + LEASE
    for plan, is_in_doubt in (("down", True), ("answer", False)):
        provider.plan = plan
        assert send_due(PROVIDER, NAME, provider.send, lambda now=now: now) == (1, 0)
        payout.refresh_from_db()
        assert payout.is_in_doubt is is_in_doubt
        now = payout.due_at


def test_what_one_provider_was_asked_is_not_sent_to_the_next_one(ready):
    """Neither what it may have, nor what it never had: operators decide."""
    sent_payout(ready, 60)
    ask_for_payout(ready, 5)
    later = timezone.now() + timedelta(days=1)
    provider = PlannedProvider()
    assert send_due(PROVIDER, "another", provider.send, lambda: later) == (0, 0)
    assert provider.known == {}
    sent, never_sent = Payout.objects.order_by("pk")
    with pytest.raises(Conflict, match="void"):
        give_up_payout(by=SYSTEM, payout_id=sent.pk, reason="it closed down")
    give_up_payout(by=SYSTEM, payout_id=sent.pk, reason="it closed down", is_void=True)
    cancel_withdrawal(by=SYSTEM, withdrawal_id=never_sent.withdrawal_id)
    assert figures(ready) == (100, 0)
    assert reconcile() == []


def test_a_lost_webhook_is_asked_for(ready):
    payout = sent_payout(ready, 60)
    provider = PlannedProvider()
    provider.plan = "pay at once"
    assert send_due(PROVIDER, NAME, provider.send) == (0, 0)
    assert send_due(PROVIDER, NAME, provider.send, lambda: payout.due_at) == (1, 0)
    assert Withdrawal.objects.get().state == "settled"
    assert figures(ready) == (40, 0)
