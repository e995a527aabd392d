"""The acts by name, and the ways by which they come: API, pages, provider, queue."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from accounts.providers.config import get_provider
from matching.gateway.client import submit_sync
from tests.integration.money.world import World

Act = Callable[..., str | None]
# By name, with how often it comes.
ACTS: Final[dict[str, tuple[Act, int]]] = {}


def act(weight: int) -> Callable[[Act], Act]:
    """Register an act; ``weight``: how often it comes."""

    def register(function: Act) -> Act:
        ACTS[function.__name__] = (function, weight)
        return function

    return register


def call(
    world: World, account: Any, method: str, path: str, body: Any = None, *, key: str | None = None
) -> int:
    """Ask the API as an account's owner; return the status, which is no fault of the server's."""
    answer = world.browser(account.owner).generic(
        method, path, json.dumps(body or {}), "application/json",
        HTTP_AUTHORIZATION=f"Bearer {world.tokens[account.owner_id]}",
        HTTP_IDEMPOTENCY_KEY=key or world.key(),
    )  # fmt: skip
    assert answer.status_code < 500, answer.content
    return int(answer.status_code)


def post(
    world: World, account: Any, what: str, asset: str, amount: Decimal, key: str, **more: str
) -> int:
    """Move money by the API under a key; return the status."""
    path = f"/api/v1/accounts/{account.public_id}/{what}"
    return call(
        world, account, "POST", path, {"asset": asset, "amount": str(amount), **more}, key=key
    )


def press(
    world: World, account: Any, path: str, asset: str, amount: Decimal, key: str, **more: str
) -> int:
    """Send a form of the account page; return the status: 302 where it was done."""
    form = {"account": str(account.public_id), "asset": asset, "amount": str(amount), "key": key}
    answer = world.browser(account.owner).post(path, form | more)
    assert answer.status_code < 500, answer.content
    return int(answer.status_code)


def tell(world: World, event: dict[str, Any], *, is_forged: bool = False) -> str:
    """Let the provider send a webhook, or somebody else; return what was answered."""
    signed = {"secret": "f" * 32} if is_forged else {}
    answer = world.provider.simulator.tell(event, **signed)
    is_believed = not is_forged and get_provider() is not None
    assert answer["status"] == (200 if is_believed else 401), answer
    return json.loads(answer["body"])["data"]["outcome"] if is_believed else "401"


def submit(command: Any) -> str:
    """Submit by the queue; return what the order's status is."""
    reply = submit_sync(command, request_id=str(uuid4()))
    return "done" if not reply.code else reply.code
