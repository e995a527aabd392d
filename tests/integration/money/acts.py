"""What anybody can do to money, by every path but the provider's (``provider_acts``).

Each act reads four numbers, and any of it may fail. What is refused raises, or is answered, as the
product says; whatever else goes wrong fails the trial.
"""

import io
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Final

from django.core.management import call_command

from accounts.models import Approval, LedgerTransaction, Payout, Withdrawal
from accounts.services import (
    approve,
    cancel_own_withdrawal,
    cancel_withdrawal,
    expire_approval,
    fail_withdrawal,
    refuse,
    request_withdrawal,
    settle_withdrawal,
    submit_adjustment,
    submit_credit,
    transfer,
)
from matching.commands.amend import AmendOrder
from matching.commands.cancel import CancelOrder
from matching.commands.cancel_all import CancelAllOrders
from matching.gateway.client import deadline_ms
from matching.services import freeze_account, set_market_phase, unfreeze_account
from tests.actors import SYSTEM
from tests.integration.accounts.test_races import run_together
from tests.integration.matching.worker_setup import place
from tests.integration.money.ways import act, call, post, press, submit, tell
from tests.integration.money.world import ASSETS, World
from tests.providers import deposit_of
from zavora.foundation.errors import ZavoraError

LATER: Final = timedelta(days=40)


def money(b: int, c: int) -> tuple[str, Decimal]:
    """Return an asset and an amount up to 32, to the cent."""
    return ASSETS[b % 2], Decimal(1 + c % 32) + Decimal(b) / 1000


# --- in -------------------------------------------------------------------------------------------


@act(2)
def deposit_by_bank(world: World, a: int, b: int, c: int, d: int) -> None:
    """A bank's money under a reference that may come again, at the same account."""
    account = world.accounts[a % len(world.accounts)]
    number = c % 40
    asset, amount = ASSETS[number % 2], Decimal(1 + number)
    world.deposit(account, asset, amount, f"bank-{account.pk}-{number}")


@act(2)
def deposit_by_faucet(world: World, a: int, b: int, c: int, d: int) -> str:
    """Play money by the API, or by the page."""
    account = world.accounts[a % len(world.accounts)]
    asset, amount = money(b, c)
    key = world.key()
    if d % 2:
        status = post(world, account, "deposit", asset, amount, key)
    else:
        status = press(world, account, "/account/deposit", asset, amount, key)
    if status in (200, 302):
        world.came[asset, key] = amount
    return str(status)


@act(1)
def deposit_by_command(world: World, a: int, b: int, c: int, d: int) -> None:
    """An operator's word at the machine."""
    account = world.accounts[a % len(world.accounts)]
    asset, amount = money(b, c)
    key = world.key()
    call_command(
        "deposit", account=account.public_id, asset=asset, amount=str(amount), key=key,
        stdout=io.StringIO(),
    )  # fmt: skip
    world.came[asset, key] = amount


@act(2)
def credit_by_operator(world: World, a: int, b: int, c: int, d: int) -> str:
    """An operator's word at the desk, which a second person confirms above the limit."""
    account = world.accounts[a % len(world.accounts)]
    asset, amount = money(b, c)
    key = world.key()
    done = submit_credit(
        by=world.people[d % len(world.people)], account_id=account.public_id, asset=asset,
        amount=amount, external_reference=key, reason="seen",
    )  # fmt: skip
    if isinstance(done, Approval):
        world.waits[done.pk] = (asset, amount)
        return "waits"
    world.came[asset, key] = amount
    return "done"


@act(3)
def deposit_by_webhook(world: World, a: int, b: int, c: int, d: int) -> str:
    """What the provider tells of one of sixty deposits, in any order; some of it is forged."""
    number = c % 60
    reference = f"in-{number}"
    account = world.accounts[number % len(world.accounts)]
    world.told_of[reference] = ("USD", Decimal(1 + number))
    kind = ("seen", "confirmed", "confirmed", "rejected")[d % 4]
    event = deposit_of(kind, reference, account, 1 + number)
    return tell(world, event, is_forged=b % 8 == 0)


@act(2)
def adjust(world: World, a: int, b: int, c: int, d: int) -> str:
    """A correction by an operator, which a second person confirms above the limit."""
    account = world.accounts[a % len(world.accounts)]
    asset, amount = money(b, c)
    amount = amount if c % 3 else -amount
    done = submit_adjustment(
        by=world.people[d % len(world.people)], account_id=account.public_id, asset=asset,
        amount=amount, reason="miscounted",
    )  # fmt: skip
    if isinstance(done, LedgerTransaction):
        world.came[asset, f"adjustment-{done.pk}"] = amount
        return "done"
    world.waits[done.pk] = (asset, amount)
    return "waits"


# --- out ------------------------------------------------------------------------------------------


@act(7)
def withdraw(world: World, a: int, b: int, c: int, d: int) -> str:
    """A withdrawal by the page, by the API or by a service, above and below the threshold."""
    account = world.accounts[a % len(world.accounts)]
    asset, amount = money(b, c)
    key = world.key()
    status = "done"
    if d % 3 == 0:
        status = str(press(world, account, "/account/withdraw", asset, amount, key, address="far"))
        key = f"page:{key}"
    elif d % 3 == 1:
        status = str(post(world, account, "withdraw", asset, amount, key, address="far"))
    else:
        request_withdrawal(
            by=world.owner_of(account), account_id=account.public_id, asset=asset, amount=amount,
            key=key, address="far",
        )  # fmt: skip
    if status in ("done", "200", "302"):
        record = Withdrawal.objects.get(account=account, idempotency_key=key)
        world.asked[record.pk] = (asset, amount)
        world.note_sandbox(record.pk)
    return status


@act(8)
def decide(world: World, a: int, b: int, c: int, d: int) -> str:
    """Somebody approves or refuses what waits: by the service, or by a list of the desk."""
    row = world.row(Approval, a, state="requested")
    if row is None:
        return "nothing"
    if d % 4 == 0 and row.kind == "withdrawal":
        browser = world.browser(world.staff[b % len(world.staff)])
        body = {"action": "approve", "_selected_action": [row.pk], "answered": "yes"}
        answer = browser.post("/admin/accounts/approval/", body | {"reason": "seen"})
        outcome = f"page {answer.status_code}"
    else:
        decision = refuse if c % 5 == 0 else approve
        by = world.people[b % len(world.people)]
        outcome = str(decision(by=by, approval_id=row.pk, reason="seen").state)
    if row.kind == "withdrawal":
        world.note_sandbox(int(row.arguments["withdrawal"]))
    return outcome


@act(1)
def expire(world: World, a: int, b: int, c: int, d: int) -> str:
    """Nobody decided in time."""
    row = world.row(Approval, a, state="requested")
    if row is None or b % 3:
        return "nothing"
    return str(expire_approval(by=SYSTEM, approval_id=row.pk, now=world.now() + LATER).state)


@act(4)
def end_withdrawal(world: World, a: int, b: int, c: int, d: int) -> str:
    """By hand: paid out, cancelled by operator, by owner at the service, page or API, or failed."""
    row = world.row(Withdrawal, a, state__in=("pending", "approved")) or world.row(Withdrawal, a)
    if row is None:
        return "nothing"
    how = ("settle", "settle", "cancel", "own", "page", "api", "fail")[d % 7]
    account = row.account
    if how == "settle":
        ending(world, row, how)()
        if not Payout.objects.filter(withdrawal=row, state="paid").exists():
            world.settled_here.add(row.pk)
    elif how == "page":
        browser = world.browser(account.owner)
        path = f"/account/withdrawals/{account.public_id}/{row.pk}/cancel"
        return f"page {browser.post(path).status_code}"
    elif how == "api":
        path = f"/api/v1/accounts/{account.public_id}/withdrawals/{row.pk}"
        return f"api {call(world, account, 'DELETE', path)}"
    else:
        ending(world, row, how)()
    return how


@act(4)
def end_from_two_sides(world: World, a: int, b: int, c: int, d: int) -> str:
    """Two end the same withdrawal at the same moment: what has left is not given back as well."""
    row = world.row(Withdrawal, a, state="approved")
    if row is None:
        return "nothing"
    names = ("settle", ("cancel", "own", "fail")[b % 3])
    threads = run_together(*(ending(world, row, name) for name in names))
    for thread in threads:
        if thread.error is not None and not isinstance(thread.error, ZavoraError):
            raise thread.error
    won = [name for name, thread in zip(names, threads, strict=True) if thread.error is None]
    assert len(won) <= 1, "both have won"
    if won == ["settle"] and not Payout.objects.filter(withdrawal=row, state="paid").exists():
        world.settled_here.add(row.pk)
    return won[0] if won else "nobody"


def ending(world: World, row: Withdrawal, how: str) -> Callable[[], object]:
    """Return what ends a withdrawal."""
    of = {"by": SYSTEM, "withdrawal_id": row.pk}
    if how == "own":
        of |= {"by": world.owner_of(row.account), "account_id": row.account.public_id}
        return lambda: cancel_own_withdrawal(**of)
    if how == "fail":
        return lambda: fail_withdrawal(reason="came back", **of)
    return lambda: (settle_withdrawal if how == "settle" else cancel_withdrawal)(**of)


# --- between --------------------------------------------------------------------------------------


@act(5)
def move(world: World, a: int, b: int, c: int, d: int) -> str:
    """A transfer between one's own accounts, and now and then to somebody else's."""
    payer = world.accounts[a % len(world.accounts)]
    # They stand in pairs of one owner.
    receiver = world.accounts[(a % len(world.accounts)) ^ 1 if d % 4 else d // 4 % 4]
    asset, amount = money(b, c)
    if c % 2:
        body = {
            "from_account": str(payer.public_id), "to_account": str(receiver.public_id),
            "asset": asset, "amount": str(amount),
        }  # fmt: skip
        return f"api {call(world, payer, 'POST', '/api/v1/transfers', body)}"
    transfer(
        by=world.owner_of(payer), from_account=payer.public_id, to_account=receiver.public_id,
        asset=asset, amount=amount,
    )  # fmt: skip
    return "done"


# --- orders ---------------------------------------------------------------------------------------


@act(14)
def order(world: World, a: int, b: int, c: int, d: int) -> str:
    """A limit or market order by the queue and the worker."""
    account = world.accounts[a % len(world.accounts)]
    side = ("buy", "sell")[b % 2]
    price = None if b % 5 == 0 else f"{900 + c % 200}.00"
    quantity = f"{1 + d % 60}"
    quantity = f"0.0{quantity.zfill(2)}" if side == "buy" else f"{1 + d % 60}.000"
    if side == "sell" and c % 2:
        quantity = f"0.0{1 + d % 60:02}"
    time_in_force = ("gtc", "gtc", "ioc", "fok")[d % 4]
    command = place(account, world.market, side, price, quantity, time_in_force=time_in_force)
    return submit(command)


@act(5)
def cancel(world: World, a: int, b: int, c: int, d: int) -> str:
    """One open order is cancelled."""
    found = world.open_order(a)
    if found is None:
        return "nothing"
    return submit(CancelOrder(found.account_id, found.market_id, found.pk))


@act(4)
def amend(world: World, a: int, b: int, c: int, d: int) -> str:
    """One open order gets another price and quantity."""
    found = world.open_order(a)
    if found is None:
        return "nothing"
    quantity = f"0.0{1 + d % 90:02}"
    price = f"{900 + c % 200}.00" if b % 2 else None
    return submit(
        AmendOrder(
            found.account_id, found.market_id, found.pk, price, quantity, None, deadline_ms()
        )
    )


@act(1)
def cancel_all(world: World, a: int, b: int, c: int, d: int) -> str:
    """All open orders of an account are cancelled."""
    account = world.accounts[a % len(world.accounts)]
    return submit(CancelAllOrders(account.pk, world.market.pk, None))


# --- stops ----------------------------------------------------------------------------------------


@act(1)
def freeze(world: World, a: int, b: int, c: int, d: int) -> str:
    """An account is frozen, with its orders, or let go again, which comes more often."""
    account = world.accounts[a % len(world.accounts)]
    if b % 4 == 0:
        freeze_account(by=SYSTEM, account_id=account.public_id)
        return "frozen"
    for one in world.accounts:
        unfreeze_account(by=SYSTEM, account_id=one.public_id)
    return "active"


@act(1)
def halt(world: World, a: int, b: int, c: int, d: int) -> str:
    """The market is halted, takes cancels alone, or trades again, which comes more often."""
    phase = ("halted", "cancel_only", "post_only", *("continuous",) * 4)[a % 7]
    set_market_phase(by=SYSTEM, symbol=world.market.symbol, phase=phase)
    return phase
