"""Random acts of several threads at once on few accounts: the money adds up after each hundred.

``make money-trial`` makes 10,000 of them and says what it did; the tests make a few hundred. The
worker, the queue, the provider and its webhooks are real ones. What goes wrong has no smaller
example: threads never meet twice in the same way.
"""

import os
import secrets
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from django.core.management import CommandError
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st

from accounts.chain.verifying import verify_chain
from accounts.models import HELD_STATES, Approval, Balance, Payout, Withdrawal
from accounts.money.payout_rows import OPEN_STATES
from accounts.money.sending import send_due
from accounts.providers.client import sender
from accounts.providers.config import get_provider
from accounts.reports.selectors import list_sides
from accounts.services import cancel_withdrawal, expire_approval, give_up_payout
from matching.commands.cancel_all import CancelAllOrders
from matching.models import Order
from matching.services import set_market_phase, unfreeze_account
from tests.actors import SYSTEM
from tests.integration.accounts.test_races import Thread
from tests.integration.matching.worker_setup import running_worker
from tests.integration.money import provider_acts  # noqa: F401  (its acts are known by this)
from tests.integration.money.acts import LATER
from tests.integration.money.ways import ACTS, submit, tell
from tests.integration.money.world import MODES, OPEN, World
from tests.provider_simulator import running_simulator
from tests.providers import NAME, PROVIDER, event_of
from zavora.foundation.errors import ZavoraError

OPERATIONS = int(os.environ.get("ZAVORA_MONEY_OPERATIONS", "300"))
SEED = int(os.environ.get("ZAVORA_MONEY_SEED", "0")) or secrets.randbelow(2**32)
IS_TRIAL = OPERATIONS >= 1_000
TOGETHER = 100
THREADS = 4
WAIT_S = 120.0

pytestmark = [
    pytest.mark.django_db(transaction=True), pytest.mark.timeout(180 + OPERATIONS // 5),
]  # fmt: skip

number = st.integers(0, 255)
names = [name for name, (_, weight) in ACTS.items() for _ in range(weight)]
modes = [*MODES, "webhook"]
step = st.tuples(st.sampled_from(names), number, number, number, number)
steps = st.lists(step, min_size=TOGETHER, max_size=TOGETHER)


@pytest.fixture
def world(db: None, live_server) -> Iterator[World]:
    with running_simulator() as simulator:
        found = World(simulator, live_server.url)
        with running_worker():
            yield found


def carry_out(world, some):
    """Carry steps out one after the other, as one of several threads."""
    for name, *numbers in some:
        try:
            outcome = ACTS[name][0](world, *numbers) or "done"
        except ZavoraError as error:
            outcome = error.code
        except CommandError:
            outcome = "command refused"
        world.count(name, outcome)


def together(world, some):
    """Let each thread have its share of the steps, all at once; raise what failed."""
    shares = [some[first::THREADS] for first in range(THREADS)]
    threads = [Thread(lambda share=share: carry_out(world, share)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive(), "it hangs"
    for thread in threads:
        if thread.error is not None:
            raise thread.error


def end_everything(world):
    """Let all go, and let everything that is held come to its end, by the way it has to take."""
    set_market_phase(by=SYSTEM, symbol=world.market.symbol, phase="continuous")
    for account in world.accounts:
        unfreeze_account(by=SYSTEM, account_id=account.public_id)
        submit(CancelAllOrders(account.pk, world.market.pk, None))
    for approval in Approval.objects.filter(state="requested"):
        expire_approval(by=SYSTEM, approval_id=approval.pk, now=world.now() + LATER)
    with world.mode("webhook"):
        end_payouts(world)
    for row in Withdrawal.objects.filter(state__in=HELD_STATES):
        cancel_withdrawal(by=SYSTEM, withdrawal_id=row.pk)


def end_payouts(world):
    """Let the provider be well again and pay what it has; the rest is made void and given up."""
    world.provider.simulator.plan("answer")
    for _ in range(4):
        world.ahead += LATER
        _, failed = send_due(PROVIDER, NAME, sender(get_provider()), world.now)
        assert failed == 0
    rows = Payout.objects.filter(state__in=OPEN_STATES).select_related("withdrawal__asset")
    for payout in rows:
        reference, record = str(payout.public_id), payout.withdrawal
        world.provider.end(reference, "paid" if payout.state == "sent" else "void")
        is_paid = reference in world.provider.paid()
        if not is_paid and world.provider.ended[reference] == "void":
            give_up_payout(by=SYSTEM, payout_id=payout.pk, reason="void", is_void=True)
            continue
        kind = f"withdrawal.{'paid' if is_paid else 'failed'}"
        event = event_of(kind, reference, record.amount.normalize(), asset=record.asset.code)
        assert tell(world, event) in ("applied", "waiting")


def tell_progress(world, began):
    done = world.counts.total()
    if IS_TRIAL and done % 1_000 == 0:
        print(f"{done} operations after {time.monotonic() - began:.0f} s")  # noqa: T201


def told_of(world, began):
    """Return what was done, as lines."""
    by_act: dict[str, Counter[str]] = {}
    for (name, outcome), count in sorted(dict(world.counts).items()):
        by_act.setdefault(name, Counter())[outcome] += count
    lines = [
        f"{sum(world.counts.values())} operations, seed {SEED}, {time.monotonic() - began:.0f} s"
    ]
    for name, outcomes in by_act.items():
        said = ", ".join(f"{outcome} {count}" for outcome, count in outcomes.most_common())
        lines.append(f"{name:20} {outcomes.total():5}  {said}")
    return lines


def test_money_adds_up_whatever_is_done_at_once(world):
    began = time.monotonic()
    failures: list[BaseException] = []

    @seed(SEED)
    @settings(
        max_examples=OPERATIONS // TOGETHER, deadline=None, database=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(mode=st.sampled_from(modes), some=steps)
    def hundred(mode, some):
        assume(len({name for name, *_ in some}) > len(ACTS) // 2)  # the first try is all the same
        if failures:  # the world is not as it was: there is nothing to be shown again
            raise failures[0]
        try:
            with world.mode(mode):
                together(world, some)
                world.check()
            tell_progress(world, began)
        except BaseException as error:
            failures.append(error)
            raise

    try:
        hundred()
        end_everything(world)
        world.check()
    finally:
        print("\n".join(["", *told_of(world, began)]))  # noqa: T201

    assert not Order.objects.filter(status__in=OPEN).exists()
    assert not Withdrawal.objects.filter(state__in=HELD_STATES).exists()
    assert not Balance.objects.exclude(locked=0).exists(), "a hold was left behind"
    settled = Payout.objects.filter(withdrawal__state="settled", state="paid")
    assert {
        str(one) for one in settled.values_list("public_id", flat=True)
    } == world.provider.paid()
    expected = world.expected()
    for side in list_sides(world.now() + LATER):
        assert side.customers + side.exchange == side.held == expected[side.asset]
    assert verify_chain(progress=lambda _: None).faults == ()
    if IS_TRIAL:
        done = {name for name, outcome in world.counts if outcome in DONE.get(name, {"done"})}
        assert done == set(ACTS), "some were never let through"


# What says that an act was let through, where that is not "done".
DONE = {
    "deposit_by_faucet": {"200", "302"}, "deposit_by_webhook": {"applied"}, "withdraw": {"200"},
    "decide": {"approved"}, "expire": {"expired"}, "end_withdrawal": {"settle"},
    "end_from_two_sides": {"settle"},
    "send_payouts": {"pay some"}, "end_payout": {"paid applied"}, "tell_again": {"applied"},
    "work_off": {"given up"}, "freeze": {"frozen"}, "halt": {"halted"},
}  # fmt: skip
