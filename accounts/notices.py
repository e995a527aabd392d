"""What other processes are told right after a commit: balances and credentials that changed.

A notice may be lost. Balances carry a version and can be read again; caches of credentials also
expire by themselves.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
import structlog
from django.db import transaction
from redis.exceptions import RedisError

from accounts.redis_client import get_redis

# Balances changed outside matching (deposits, withdrawals, transfers): a list of BalanceState.
BALANCES_CHANNEL: Final = "balances"
# An API key, session or account changed: caches of credentials drop what they hold of the user.
CREDENTIALS_CHANNEL: Final = "credentials"


log = structlog.get_logger(__name__)


class BalanceState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A balance after a change; of two states the one with the higher ``version`` is newer.

    ``moved`` is what the change brought in from outside or from another account of the owner, or
    took out (signed); empty where the change did neither. Each version of a balance is told once,
    but versions of one transaction may be told together.
    """

    account_id: int
    asset_id: int
    available: str
    locked: str
    version: int
    updated_us: int
    moved: str = ""


class CredentialNotice(msgspec.Struct, frozen=True, array_like=True):
    """Something about a user's credentials, accounts or rights is no longer what it was."""

    user_id: int


_encode = msgspec.msgpack.Encoder().encode
decode_balances = msgspec.msgpack.Decoder(list[BalanceState]).decode
decode_credential_notice = msgspec.msgpack.Decoder(CredentialNotice).decode


def publish_balances_on_commit(states: Iterable[BalanceState]) -> None:
    """Tell the feeds about balances once the present transaction has committed."""
    message = _encode(list(states))
    transaction.on_commit(lambda: _publish(BALANCES_CHANNEL, message), robust=True)


def publish_credentials_on_commit(user_id: int) -> None:
    """Make every process forget what it knows of a user, once the transaction has committed."""
    message = _encode(CredentialNotice(user_id))
    transaction.on_commit(lambda: _publish(CREDENTIALS_CHANNEL, message), robust=True)


def _publish(channel: str, message: bytes) -> None:
    try:
        get_redis().publish(channel, message)
    except RedisError as error:
        log.warning("notice_lost", channel=channel, error=str(error))
