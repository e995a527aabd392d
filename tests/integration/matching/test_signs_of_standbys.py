"""Who waits to take a shard over says so, and takes that back when it goes."""

from collections.abc import Iterator

import pytest

from accounts.redis_client import get_redis
from matching import wire
from matching.worker.stream import CommandStream
from zavora.foundation.versions import VERSION

SHARD = 61


@pytest.fixture
def stream() -> Iterator[CommandStream]:
    found = CommandStream(SHARD)
    yield found
    get_redis().delete(wire.standby_name(SHARD))
    found.close()


def test_a_sign_tells_who_waits_and_of_which_version(stream: CommandStream) -> None:
    stream.show_standby("host-1-aa")
    sign = get_redis().get(wire.standby_name(SHARD))
    assert sign == f"host-1-aa {VERSION}".encode()
    assert wire.version_of(sign) == VERSION
    assert wire.version_of(b"host-1-aa") == ""


def test_who_goes_takes_its_own_sign_back_and_no_other(stream: CommandStream) -> None:
    stream.show_standby("host-1-aa")
    stream.show_standby("host-2-bb")
    stream.end_standby("host-1-aa")
    assert get_redis().exists(wire.standby_name(SHARD))
    stream.end_standby("host-2-bb")
    assert not get_redis().exists(wire.standby_name(SHARD))
    stream.end_standby("host-2-bb")
