"""Connections to the queue that rested while its server closed them: nothing is sent over them."""

import asyncio

import redis

from tests.integration.matching.worker_setup import queue_client
from zavora.foundation.queue import connect, connect_async

TIMEOUT_S = 5.0


def close_all_but_mine(server: redis.Redis) -> None:
    """Let the server close every client's connection, as its restart would."""
    assert server.client_kill_filter(_type="normal", skipme=True) >= 1


def test_a_client_of_threads_connects_anew() -> None:
    client, server = connect(timeout_s=TIMEOUT_S), queue_client()
    assert client.ping()
    close_all_but_mine(server)
    assert client.ping()
    client.close()
    server.close()


async def test_a_client_of_the_event_loop_connects_anew() -> None:
    client, server = connect_async(timeout_s=TIMEOUT_S), queue_client()
    assert await client.ping()
    await asyncio.to_thread(close_all_but_mine, server)
    other = connect_async(timeout_s=TIMEOUT_S)
    assert await other.ping()  # what the loop was told before that it has heard by now
    assert await client.ping()
    await other.aclose()
    await client.aclose()
    server.close()
