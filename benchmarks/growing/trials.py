"""The trials of the protocol: each order of a small world, long walks of a larger one, controls."""

import random
import time
from collections.abc import Sequence

from benchmarks.growing.exploring import (
    TWO_STEPS,
    Explored,
    Protocol,
    broken_rule,
    drain,
    explore,
    tampered,
    wander,
)
from benchmarks.growing.naive import NO_IDEMPOTENCY, ONE_STEP
from benchmarks.growing.protocol import Transfer, World, funded
from benchmarks.growing.reconciling import reconcile, reconcile_cell, reconcile_pair

STATES_MAX = 500_000
WALK_STEPS = 300
TAMPERED_EVERY = 60


def small_world() -> tuple[World, Sequence[Transfer]]:
    """Two cells and three transfers, of which one needs the money of another."""
    world = World((funded("a", ann=10, ben=0), funded("b", bob=10)))
    return world, [
        Transfer("t1", "a", "ann", "b", "bob", 7),
        Transfer("t2", "b", "bob", "a", "ben", 12),
        Transfer("t3", "a", "ann", "b", "bob", 3),
    ]


def large_world(seed: int) -> tuple[World, Sequence[Transfer]]:
    """Three cells and a dozen transfers between any of their people."""
    rng = random.Random(seed)
    people = {"a": ("a1", "a2"), "b": ("b1", "b2"), "c": ("c1", "c2")}
    cells = [
        funded(cell, **{name: rng.randrange(1, 50) for name in names})
        for cell, names in people.items()
    ]
    asked = []
    for number in range(12):
        payer, payee = rng.sample(sorted(people), 2)
        names = rng.choice(people[payer]), rng.choice(people[payee])
        asked.append(Transfer(f"t{number}", payer, names[0], payee, names[1], rng.randint(1, 40)))
    return World(tuple(cells)), asked


def explored(protocol: Protocol) -> Explored:
    """Try a protocol in every order of the small world."""
    world, asked = small_world()
    return explore(protocol, world, asked, states_max=STATES_MAX)


def walk(seed: int) -> tuple[int, int]:
    """Walk the larger world; return how many states were seen and how many tamperings found.

    Raises AssertionError at the first state that breaks a rule, at a false alarm of a reconcile
    that reads cells at different moments, and at a tampering that it does not see.
    """
    start, asked = large_world(seed)
    rng = random.Random(seed)
    past = [start]
    found = 0
    for number, world in enumerate(wander(start, asked, seed=seed, length=WALK_STEPS), start=1):
        if broken := broken_rule(TWO_STEPS, start, world, asked):
            raise AssertionError(f"seed {seed}, step {number}: {broken}")
        past.append(world)
        require_no_false_alarm(past, rng)
        if number % TAMPERED_EVERY == 0:
            for what, changed in tampered(world):
                if not reconcile(changed.cells):
                    raise AssertionError(f"seed {seed}, step {number}: not found: {what}")
                found += 1
    require_all_concluded(drain(TWO_STEPS, past[-1]))
    return len(past), found


def require_no_false_alarm(past: Sequence[World], rng: random.Random) -> None:
    """Reconcile by cells as they were at different moments, one read after the other."""
    first, second, third = sorted(rng.choices(range(len(past)), k=3))
    for cell in past[second].cells:
        alarms = reconcile_cell(cell)
        for payee in past[second].cells:
            if payee.name != cell.name:
                before, after = past[first].cell(cell.name), past[third].cell(cell.name)
                alarms += reconcile_pair(before, payee, after)
        if alarms:
            raise AssertionError(f"a false alarm: {alarms[0]}")


def require_all_concluded(world: World) -> None:
    """Require that clearing accounts of two cells cancel each other out."""
    for one in world.cells:
        for other in world.cells:
            if one.name < other.name:
                left = one.balance(f"clearing:{other.name}") + other.balance(f"clearing:{one.name}")
                if left:
                    raise AssertionError(f"{left} is left between {one.name} and {other.name}")


def run(*, seed: int, walks: int) -> bool:
    """Run all and say what was found; False where it is not what it should be."""
    is_well = True
    for protocol in (TWO_STEPS, NO_IDEMPOTENCY, ONE_STEP):
        began = time.perf_counter()
        found = explored(protocol)
        should_hold = protocol is TWO_STEPS
        is_well = is_well and should_hold == (not found.broken)
        verdict = found.broken or "every rule holds in each of them"
        print(
            f"{found.protocol}: {found.states} states, {found.steps} steps"
            f" in {time.perf_counter() - began:.1f} s: {verdict}"
            f"{'' if should_hold else ' (a control: it must break)'}"
        )
    states = tamperings = 0
    for number in range(walks):
        walked = walk(seed + number)
        states, tamperings = states + walked[0], tamperings + walked[1]
    print(
        f"{walks} walks from seed {seed}: {states} states, every rule holds, no false alarm;"
        f" {tamperings} tamperings, all found by reconcile"
    )
    return is_well
