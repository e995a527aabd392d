"""A credential is looked at when something is told of it, and now and then; not known is no end."""

import asyncio

import pytest

from api.access.cache import Credentials
from api.access.watch import CredentialWatch
from zavora.foundation.queue import Subscription

NEVER_S = 3_600.0


class Owner:
    """A connection whose credential is as the test says."""

    def __init__(self) -> None:
        self.credentials = Credentials(Subscription())
        self.watch = CredentialWatch(self.credentials, self.is_good, self.end)
        self.answer: bool | Exception = True
        self.looks = 0
        self.ends = 0
        self.looked = asyncio.Event()

    async def is_good(self) -> bool:
        self.looks += 1
        self.looked.set()
        await asyncio.sleep(0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def end(self) -> None:
        self.ends += 1
        self.watch.close()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_notice_is_followed_by_a_look_and_a_bad_credential_by_one_end() -> None:
    owner = Owner()
    owner.watch.follow(7, every_s=NEVER_S)
    owner.credentials._tell(7)
    owner.credentials._tell(8)
    await settle()
    assert (owner.looks, owner.ends) == (1, 0)
    owner.answer = False
    owner.credentials._tell(7)
    owner.credentials._tell(7)
    await settle()
    assert (owner.looks, owner.ends) == (3, 1)
    owner.credentials._tell(7)  # it is not followed any more
    await settle()
    assert owner.looks == 3
    assert owner.watch._tasks == set()


@pytest.mark.parametrize("error", [RuntimeError("the database is away"), TimeoutError()])
async def test_what_is_not_known_ends_nothing_and_is_asked_again(error: Exception) -> None:
    owner = Owner()
    owner.answer = error
    owner.watch.follow(7, every_s=0.01)
    for _ in range(2):
        owner.looked.clear()
        await asyncio.wait_for(owner.looked.wait(), 5)
    assert owner.ends == 0
    owner.answer = False
    async with asyncio.timeout(5):
        while not owner.ends:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    looks = owner.looks
    await asyncio.sleep(0.05)
    assert (owner.looks, owner.ends) == (looks, 1)


async def test_another_user_takes_the_place_of_the_first() -> None:
    owner = Owner()
    owner.watch.follow(7, every_s=NEVER_S)
    owner.watch.follow(8, every_s=NEVER_S)
    assert len(owner.watch._tasks) == 1
    owner.credentials._tell(7)
    await settle()
    assert owner.looks == 0
    owner.credentials._tell(8)
    await settle()
    assert owner.looks == 1
    owner.watch.close()
    owner.watch.close()
    await settle()
    assert owner.watch._tasks == set()
