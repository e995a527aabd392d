"""What the provider does, and what is done about it."""

from datetime import timedelta
from typing import Final

from accounts.models import Payout, Withdrawal
from accounts.money.sending import send_due
from accounts.providers.client import sender
from accounts.providers.config import get_provider
from accounts.services import give_up_payout, retry_payout
from tests.actors import SYSTEM
from tests.integration.money.ways import act, tell
from tests.integration.money.world import World
from tests.providers import NAME, PROVIDER, event_of

# What the provider does when it is asked; the last two have it and do not say so.
PLANS: Final = ("answer", "answer", "pay", "pay", "refuse", "error", "error after", "drop after")


@act(4)
def send_payouts(world: World, a: int, b: int, c: int, d: int) -> str:
    """Send what is due, as the provider feels; the clock goes on, so that it is due again."""
    provider = get_provider()
    if provider is None:
        return "nothing"
    plan = PLANS[a % len(PLANS)]
    world.provider.simulator.plan(plan)
    world.ahead += timedelta(minutes=b % 90)
    at = world.ahead
    sent, failed = send_due(
        PROVIDER, NAME, sender(provider), lambda: world.now() - world.ahead + at
    )
    assert failed == 0
    return f"{plan} {'some' if sent else 'none'}"


@act(4)
def end_payout(world: World, a: int, b: int, c: int, d: int) -> str:
    """The provider pays what it has accepted, or fails to, and tells."""
    payout = world.row(Payout, a, state__in=("sending", "sent", "waiting", "dead"))
    has = world.provider.simulator.state["payouts"]
    if payout is None or get_provider() is None or str(payout.public_id) not in has:
        return "nothing"
    how = "failed" if b % 4 == 0 else "paid"
    reference = str(payout.public_id)
    if not world.provider.end(reference, how):
        return "over"
    amount = Withdrawal.objects.get(pk=payout.withdrawal_id)
    event = event_of(f"withdrawal.{how}", reference, amount.amount.normalize())
    event["asset"] = amount.asset.code
    world.provider.told.append(event)
    outcome = tell(world, event)
    assert outcome != "unmatched", event
    return f"{how} {outcome}"


@act(2)
def tell_again(world: World, a: int, b: int, c: int, d: int) -> str:
    """A webhook that came before comes again, right or forged."""
    if not world.provider.told:
        return "nothing"
    event = world.provider.told[a % len(world.provider.told)]
    return tell(world, event, is_forged=b % 3 == 0)


@act(2)
def work_off(world: World, a: int, b: int, c: int, d: int) -> str:
    """An operator has a payout sent again, or gives it up: what may be there is made void first."""
    payout = world.row(Payout, a, state__in=("dead", "waiting", "sent"))
    if payout is None:
        return "nothing"
    if b % 2:
        return str(retry_payout(by=SYSTEM, payout_id=payout.pk, now=world.now()).state)
    is_void = bool(c % 2) and world.provider.end(str(payout.public_id), "void")
    given_up = give_up_payout(
        by=SYSTEM, payout_id=payout.pk, reason="no use", is_void=is_void, now=world.now()
    )
    return str(given_up.state)
