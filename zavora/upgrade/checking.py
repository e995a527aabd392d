"""All that is checked before an upgrade, and what has to be done first."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.conninfo import make_conninfo
from redis.exceptions import RedisError

from matching.markets.selectors import list_journal_shard_ids
from matching.readable import unknown_events, unknown_journaled, unknown_queued
from zavora.foundation.versions import VERSION
from zavora.upgrade.database import migrations_to_apply, server_major, table_sizes
from zavora.upgrade.errors import CheckFailed
from zavora.upgrade.judging import Judgement, Verdict, judge
from zavora.upgrade.rehearsal import rehearse
from zavora.upgrade.running import Running, running_processes
from zavora.upgrade.waiting import long_holders

# Of how Django connects, what other programs need, too.
_WORDS: Final = (
    *("dbname", "user", "password", "host", "port"),
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs"),
)


class Report(msgspec.Struct):
    """What was found. ``problems``: what has to be done first; none: it may begin."""

    version: str
    running: list[Running]
    migrations: list[Judgement]
    problems: list[str]

    @property
    def is_ready(self) -> bool:
        """Tell whether the upgrade may begin."""
        return not self.problems


def check(
    connection: BaseDatabaseWrapper, *, large_mb: int, accepted: Sequence[str] = ()
) -> Report:
    """Check an upgrade to this version of the database in use. Raises CheckFailed."""
    plan, unknown = migrations_to_apply(connection)
    names = {f"{one.app_label}.{one.name}" for one in plan}
    if strange := sorted(set(accepted) - names):
        raise CheckFailed(
            f"--accept {strange[0]}: expected one of the migrations to apply"
            f" ({', '.join(sorted(names)) or 'there is none'})"
        )
    shards = sorted({*settings.ZAVORA_SHARDS, *list_journal_shard_ids()})
    running = running_processes(shards)
    judged: list[Judgement] = []
    if plan and not unknown:
        observed = rehearse(_url(connection), plan, major=server_major(connection))
        sizes = table_sizes(connection)
        judged = [judge(one, sizes, large_mb=large_mb) for one in observed]
    problems = [
        *_unknown_migrations(unknown),
        *waiting_migrations(judged, running, accepted),
        *_in_the_way(connection, judged),
        *_unreadable(shards),
    ]
    return Report(VERSION, running, judged, problems)


def _unknown_migrations(unknown: Sequence[str]) -> Iterator[str]:
    if unknown:
        yield (
            f"the database is of a newer version: {', '.join(unknown)} are applied and not known"
            " here. Expansions may stay where the former version goes on (docs/upgrading.md, Back);"
            " check and migrate from the newer version"
        )


def waiting_migrations(
    judged: Sequence[Judgement], running: Sequence[Running], accepted: Sequence[str]
) -> Iterator[str]:
    """Yield what keeps migrations from being applied now, but those that somebody accepted."""
    others = sorted({f"{one.process} ({one.version})" for one in running if one.version != VERSION})
    for one in judged:
        if one.name in accepted:
            continue
        if one.verdict is Verdict.REFUSE:
            yield f"{one.name} would stop batches, or fails: change it, or stop the exchange for it"
        elif one.verdict is Verdict.CONTRACT and others:
            yield (
                f"{one.name} has to wait until no other version runs: {', '.join(others)}; bring"
                " the version before it everywhere first"
            )


def _in_the_way(connection: BaseDatabaseWrapper, judged: Sequence[Judgement]) -> Iterator[str]:
    for one in long_holders(connection) if judged else ():
        yield f"{one.text()} for seconds: a migration would wait for it; let it end"


def _unreadable(shards: Sequence[int]) -> Iterator[str]:
    try:
        for shard in shards:
            if count := unknown_queued(shard):
                yield f"{count} commands in the queue of shard {shard} cannot be read by {VERSION}"
            if kinds := unknown_journaled(shard):
                yield (
                    f"the journal of shard {shard} has kinds that {VERSION} does not know:"
                    f" {', '.join(kinds)}"
                )
    except RedisError as error:
        raise CheckFailed(f"the queue does not answer: {error}") from None
    if count := unknown_events():
        yield f"{count} of the latest events cannot be read by {VERSION}"


def _url(connection: BaseDatabaseWrapper) -> str:
    """Return how libpq reaches what a connection of Django's reaches."""
    words = connection.get_connection_params()
    return make_conninfo("", **{name: words[name] for name in _WORDS if words.get(name)})
