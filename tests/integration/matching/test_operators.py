"""Operators act while everybody trades: each is answered, and no order waits because of them."""

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from matching.gateway.client import open_gateway
from tests.exchange import Exchange
from tests.integration.matching.test_unavailable import Client
from tests.integration.matching.worker_setup import (
    make_account,
    make_market,
    place,
    queue_client,
    running_worker,
)

OPERATORS = 8
ACTIONS = ("halt", "resume", "cancel_only", "resume")
TRADERS = 4
ANSWERED_MAX_S = 10.0
EDGE_WAIT_S = 3.0


@pytest.fixture(scope="module")
def client(exchange: Exchange) -> Iterator[Client]:
    made = Client(exchange, "operated")
    yield made
    made.ask("POST", "/orders/cancel-all", {"account": made.account})
    made.queue.close()


@pytest.fixture
def operator(client: Client) -> Iterator[httpx.Client]:
    """A person who signed up, was made an operator and has logged in."""
    # One that is nothing like the address: a random one now and then is.
    email, password = f"{uuid4()}@example.com", "correct horse battery"
    with httpx.Client(base_url=client.exchange.base_url, timeout=30) as browser:

        def send(page: str) -> httpx.Response:
            browser.get(page)
            form = {"csrfmiddlewaretoken": browser.cookies["csrftoken"], "email": email}
            return browser.post(
                page,
                data=form | {"password": password},
                headers={"Referer": f"{browser.base_url}{page}"},
            )

        assert send("/signup").status_code == 302
        client.rows(
            "UPDATE accounts_user SET is_staff = true, is_superuser = true WHERE email = %s"
            " RETURNING id",
            email,
        )
        assert send("/admin/login/").status_code == 302
        yield browser


def test_operators_side_by_side_are_answered_and_no_order_is_lost(
    client: Client, operator: httpx.Client
) -> None:
    ((market_id,),) = client.rows("SELECT id FROM matching_market WHERE symbol = 'ETH/USD'")
    page = "/admin/matching/market/"
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', operator.get(page).text)
    assert token is not None
    is_over, before = threading.Event(), _done(client)

    def trade() -> list[tuple[int, float]]:
        answers = []
        while not is_over.is_set():
            began = time.monotonic()
            answers.append((client.place()[0], time.monotonic() - began))
        return answers

    def act(_: int) -> list[tuple[int, float]]:
        answers = []
        for action in ACTIONS:
            form = {"csrfmiddlewaretoken": token[1], "action": action, "answered": "yes"}
            form |= {"reason": "for the test"}
            began = time.monotonic()
            answer = operator.post(page, data=form | {"_selected_action": str(market_id)})
            answers.append((answer.status_code, time.monotonic() - began))
        return answers

    with ThreadPoolExecutor(OPERATORS + TRADERS) as threads:
        trading = [threads.submit(trade) for _ in range(TRADERS)]
        try:
            acted = [one for answers in threads.map(act, range(OPERATORS)) for one in answers]
        finally:
            is_over.set()
    ordered = [one for future in trading for one in future.result()]
    orders = [status for status, _ in ordered]

    assert [status for status, _ in acted] == [302] * OPERATORS * len(ACTIONS)
    assert max(seconds for _, seconds in acted) < ANSWERED_MAX_S
    assert set(orders) == {200}, {status: orders.count(status) for status in set(orders)}
    assert max(seconds for _, seconds in ordered) < EDGE_WAIT_S
    assert [now - then for now, then in zip(_done(client), before, strict=True)] == [
        OPERATORS * len(ACTIONS)
    ] * 2


def _done(client: Client) -> list[int]:
    """Return how many changes of a phase are journaled, and how many are logged."""
    (found,) = client.rows(
        "SELECT (SELECT count(*) FROM matching_command WHERE kind = 'phase'"
        " AND outcome = 'applied'),"
        " (SELECT count(*) FROM django_admin_log WHERE change_message LIKE 'set to %%')"
    )
    return list(found)


@pytest.mark.django_db(transaction=True)
def test_an_answer_does_not_wait_for_a_feed_that_never_shows_it(settings: Any) -> None:
    settings.ZAVORA_EDGE_WAIT_MS = int(EDGE_WAIT_S * 1000)
    queue = queue_client()
    queue.flushall()
    queue.close()
    market = make_market("BTC", "USD")
    ann = make_account("ann", USD="1000")
    asked: list[Any] = []

    async def run() -> float:
        def never(sequences: list[tuple[int, int]]) -> "asyncio.Future[None]":
            asked.append(sequences)
            return asyncio.get_running_loop().create_future()

        async with open_gateway(never) as gateway:
            began = time.monotonic()
            command = place(ann, market, "buy", "10.00", "1")
            reply = await gateway.submit(command, shard_id=0, request_id="shown")
            assert reply.orders[0].status == "new"
            return time.monotonic() - began

    with running_worker():
        seconds = asyncio.run(run())
    assert asked[0][0][0] == market.pk
    assert seconds < EDGE_WAIT_S / 2  # held back for a moment, not until the wait runs out
