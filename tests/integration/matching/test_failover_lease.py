"""One writer per book: a shard goes to a successor only after the lease, and never back."""

import time
from datetime import timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection

from matching.models import Order, Shard
from matching.worker import rebuild, transaction
from matching.worker.connection import application_name, connect
from matching.worker.lease import LeaseLost
from matching.worker.owned import new_owner
from matching.worker.session import Session
from tests.integration.matching.worker_setup import (
    DrivenWorker,
    assert_sound,
    driven_worker,
    entries_of,
    expire_lease,
    make_account,
    make_market,
    place,
    rebuilt_hash,
    until,
)
from zavora.foundation.lasting import DoubtfulCommit, UnsafeServer, require_replica

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_standby_gets_the_lease_only_after_it_ran_out(settings) -> None:
    settings.ZAVORA_LEASE_MS = 600
    market = make_market("BTC", "USD")
    ann = make_account("ann", USD="1000")
    with driven_worker() as first:
        first.settle(place(ann, market, "buy", "10.00", "1"))
        second = DrivenWorker()
        began = time.monotonic()
        first.settle(place(ann, market, "buy", "11.00", "1"))  # each commit extends the lease
        assert second.take_over() is False
        first.close()
        until(second.take_over, what="the lease of a worker that died")
        assert time.monotonic() - began >= 0.55
        assert Shard.objects.get(pk=0).epoch == first.memory.position.epoch + 1
        assert second.state_hash() == first.state_hash() == rebuilt_hash()
        second.settle(place(ann, market, "buy", "12.00", "1"))
        second.leave()
    assert Order.objects.count() == 3
    assert_sound()


def test_of_two_that_wait_one_gets_it() -> None:
    make_market("BTC", "USD")
    first, second = DrivenWorker(), DrivenWorker()
    try:
        assert [first.take_over(), second.take_over()] == [True, False]
    finally:
        first.leave()
        second.leave()


def test_a_worker_that_gives_up_its_lease_is_followed_at_once() -> None:
    make_market("BTC", "USD")
    with driven_worker():
        pass
    second = DrivenWorker()
    assert second.take_over() is True
    second.leave()


def test_a_replaced_worker_cannot_commit() -> None:
    market = make_market("BTC", "USD")
    ann = make_account("ann", USD="1000")
    with driven_worker() as former:
        former.settle(place(ann, market, "buy", "10.00", "1"))
        expire_lease()
        with driven_worker() as successor:
            successor.settle(place(ann, market, "buy", "11.00", "1"))
            before = former.state_hash()
            with pytest.raises(LeaseLost):
                former.settle(place(ann, market, "buy", "12.00", "1"))
            assert former.state_hash() == before
            with pytest.raises(LeaseLost):
                former.settlement.renew_lease()
            assert successor.state_hash() == rebuilt_hash()
    assert sorted(Order.objects.values_list("price", flat=True)) == [10, 11]
    assert_sound()


def test_a_worker_paused_in_the_middle_of_a_batch_keeps_no_locks_and_cannot_commit() -> None:
    """The pause is right before COMMIT, with every row written and every lock held."""
    market = make_market("BTC", "USD")
    ann = make_account("ann", USD="1000")
    with driven_worker() as former:
        former.settle(place(ann, market, "buy", "10.00", "1"))
        hash_of_successor = []

        def pause(write, _):  # what happens to others while this worker is stopped
            settled = write()
            # Its lease runs out; its own transaction holds the row, so the clock has to do it.
            until(_lease_ran_out, what="the end of the lease")
            with driven_worker() as successor:
                (reply,) = successor.settle(place(ann, market, "buy", "11.00", "1"))
                assert reply.code == ""
                hash_of_successor.append(successor.state_hash())
            return settled

        former.settlement.around_write = pause
        with pytest.raises(LeaseLost):
            former.settle(place(ann, market, "buy", "12.00", "1"))
    assert sorted(Order.objects.values_list("price", flat=True)) == [10, 11]
    assert hash_of_successor == [rebuilt_hash()]
    assert_sound()


def _lease_ran_out() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT lease_expires_at < clock_timestamp() FROM matching_shard")
        return bool(cursor.fetchone()[0])


def test_without_the_fence_a_replaced_worker_would_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: what the shard row's lock and comparison prevent does happen without them."""
    market = make_market("BTC", "USD")
    ann = make_account("ann", USD="1000")
    with driven_worker() as former:
        former.settle(place(ann, market, "buy", "10.00", "1"))
        expire_lease()
        with driven_worker() as successor:
            successor.settle(place(ann, market, "buy", "11.00", "1"))
        entries = entries_of(former, [place(ann, market, "buy", "12.00", "1")])
        former.session.reconnect()  # its session was ended, which is another line of defence
        monkeypatch.setattr(transaction, "_require", lambda *_: None)
        monkeypatch.setattr("matching.worker.lease.require_advanced", lambda *_: None)
        # Its journal row would stand beside another one of the same sequence.
        former.shard.batches.settle(entries)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT sequence FROM matching_command WHERE shard_id = 0"
            " GROUP BY sequence HAVING count(*) > 1) AS doubled"
        )
        assert cursor.fetchone()[0] == 1


def test_a_successor_ends_the_session_of_the_worker_before() -> None:
    make_market("BTC", "USD")
    with driven_worker() as former:
        name = application_name(0, former.session.owner)
        expire_lease()
        with driven_worker():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", (name,)
                )
                assert cursor.fetchone()[0] == 0
            with pytest.raises(psycopg.OperationalError):
                former.session.connected().execute("SELECT 1")


def test_every_session_that_settles_has_limited_transactions(settings) -> None:
    """Statements that were sent together hide that a session idles in its transaction."""
    settings.ZAVORA_LEASE_MS = 3_000
    make_market("BTC", "USD")
    with driven_worker() as worker:
        for connected in (worker.session.connected, worker.session.reconnect):
            session = connected()
            if session.info.server_version >= 170_000:
                assert session.execute("SHOW transaction_timeout").fetchone() == ("1980ms",)


def test_an_idle_worker_renews_from_its_loop(settings) -> None:
    settings.ZAVORA_LEASE_MS = 600
    make_market("BTC", "USD")
    with driven_worker() as worker:
        expires_at = Shard.objects.get(pk=0).lease_expires_at
        until(
            lambda: worker.settlement.keep_lease() or _expires_later(expires_at), what="a renewal"
        )
        assert DrivenWorker().take_over() is False


def _expires_later(than: object) -> bool:
    return bool(Shard.objects.get(pk=0).lease_expires_at > than)  # type: ignore[operator]


def test_a_long_book_is_loaded_under_a_short_lease(
    settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part takes longer than a session may idle, all of them several leases."""
    settings.ZAVORA_LEASE_MS = 600
    part_s = 0.5
    market = make_market("BTC", "USD")
    ann = make_account("ann", USD="1000")
    with driven_worker() as worker:
        worker.settle(*(place(ann, market, "buy", f"{10 + n}.00", "1") for n in range(5)))
    monkeypatch.setattr(rebuild, "ORDERS_IN_PART_MAX", 1)
    original, expiries = rebuild.open_order_of, []

    def slowly(*arguments: Any) -> Any:
        expiries.append(Shard.objects.get(pk=0).lease_expires_at)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(%s)", [part_s])
        return original(*arguments)

    monkeypatch.setattr(rebuild, "open_order_of", slowly)
    with driven_worker() as worker:
        assert len(expiries) == 5
        renewed = [later - before for before, later in pairwise(expiries)]
        assert min(renewed) >= timedelta(seconds=part_s), renewed
        assert Shard.objects.get(pk=0).epoch == worker.memory.position.epoch
        book = worker.memory.context.engine.market(market.pk)
        assert sum(1 for _ in book.open_orders()) == 5


def test_a_lease_whose_commit_came_with_a_warning_is_in_doubt() -> None:
    """So PostgreSQL tells that a wait for replicas was ended: what is loaded after may be lost."""
    make_market("BTC", "USD")
    with driven_worker():
        pass  # it makes the shard's row
    worker = DrivenWorker()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE WARNING 'canceling wait for synchronous replication';"
            " RETURN NULL; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER warn AFTER UPDATE ON matching_shard"
            " FOR EACH ROW EXECUTE FUNCTION warn()"
        )
        try:
            with pytest.raises(DoubtfulCommit):
                worker.take_over()
        finally:
            cursor.execute("DROP FUNCTION warn CASCADE")
            worker.close()


def test_a_server_that_could_lose_commits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from matching.worker import connection as worker_connection

    session = connect(shard_id=0, owner="test")
    answers = {"SHOW fsync": "off"}

    class Unsafe:
        def execute(self, statement: str):
            return session.execute("SELECT %s", (answers.get(statement, "on"),))

    with pytest.raises(worker_connection.UnsafeServer, match="fsync off"):
        worker_connection.require_durable(Unsafe())  # type: ignore[arg-type]
    worker_connection.require_durable(session)
    assert session.execute("SHOW synchronous_commit").fetchone() == ("on",)
    session.close()


def test_a_session_lost_while_loading_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL restarts while a standby takes over: it must not end for that."""
    make_market("BTC", "USD")
    original, lost = rebuild.read_position, []

    def lose_once(cursor: Any, shard_id: int) -> Any:
        if not lost:
            lost.append(cursor.connection.info.backend_pid)
            with connection.cursor() as other:
                other.execute("SELECT pg_terminate_backend(%s)", lost)
        return original(cursor, shard_id)

    monkeypatch.setattr(rebuild, "read_position", lose_once)
    worker = DrivenWorker()
    with pytest.raises(psycopg.OperationalError):
        worker.take_over()
    expire_lease()
    assert worker.take_over() is True
    assert len(lost) == 1
    worker.leave()


def test_a_new_session_asks_its_own_server_whether_it_has_replicas(settings) -> None:
    """Django's session is that of a server which is gone, after each failover."""
    settings.ZAVORA_REQUIRE_SYNC_REPLICA = True
    connection.ensure_connection()
    gone = connection.connection.info.backend_pid
    with connect(shard_id=0, owner="other") as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (gone,))
    session = Session(0, new_owner(), lambda: False)
    try:
        with pytest.raises(UnsafeServer, match="names no synchronous replica"):
            session.connected()
        with pytest.raises(OperationalError):  # the control: so the worker ended
            require_replica()
    finally:
        session.close()
        connection.close()
