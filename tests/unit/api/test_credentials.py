"""Who follows a user's credentials is told of changes, and nothing is kept of the user by then."""

import msgspec

from accounts.notices import CredentialNotice
from api.access.cache import Credentials
from zavora.foundation.queue import Subscription

NOTICE = msgspec.msgpack.encode(CredentialNotice(7))


def test_a_users_followers_are_told_after_one_that_fails() -> None:
    credentials, told = Credentials(Subscription()), []

    def fail() -> None:
        raise RuntimeError("a callback that breaks its promise")

    credentials.follow_user(7, fail)
    credentials.follow_user(7, lambda: told.append(7))
    credentials._take_notice(NOTICE)
    assert told == [7]


def test_nothing_is_kept_of_a_user_when_followers_are_told(monkeypatch) -> None:
    credentials, order = Credentials(Subscription()), []
    monkeypatch.setattr(credentials, "forget_user", lambda user_id: order.append("forgotten"))
    credentials.follow_user(7, lambda: order.append("told"))
    credentials.follow_user(8, lambda: order.append("another's"))
    credentials._take_notice(NOTICE)
    assert order == ["forgotten", "told"]
    credentials.unfollow_user(7, lambda: None)


async def test_after_a_gap_all_followers_are_told() -> None:
    credentials, told = Credentials(Subscription()), []
    for user_id in (7, 8):
        credentials.follow_user(user_id, lambda user_id=user_id: told.append(user_id))
    await credentials._begin(None)  # type: ignore[arg-type]
    assert told == [7, 8]
