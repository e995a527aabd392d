"""Who halted the market: the journal says so in the commit of the effect, whatever was answered."""

import contextlib
import inspect
import signal
import subprocess
import sys

import msgspec
import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from accounts.access.actor import Actor, Permission
from accounts.models import AuditRecord
from accounts.services import create_asset
from matching import moving, wire
from matching import services as markets_services
from matching.commands import KINDS, decode_command, fingerprint
from matching.commands.cancel_all import CancelAllOrders
from matching.commands.phase import SetMarketPhase
from matching.gateway import client as gateway
from matching.models import Command, Market, Order
from matching.services import cancel_orders, change_market, freeze_account, set_market_phase
from matching.worker.connection import connect
from matching.worker.replay import verify_shard
from tests.actors import SYSTEM, operator
from tests.integration.matching.worker_setup import (
    assert_sound,
    driven_worker,
    make_account,
    make_market,
    place,
    queue_client,
    running_worker,
    until,
)
from zavora.foundation.errors import EngineUnavailable, OutcomeUnknown

pytestmark = pytest.mark.django_db(transaction=True)

DESK = operator(
    Permission.CHANGE_MARKET, Permission.CHANGE_FEES, Permission.CHANGE_ACCOUNT, user_id=12
)


def records():
    rows = AuditRecord.objects.filter(act__startswith="market").order_by("pk")
    return [(row.act, row.user_id, row.request_id, row.details.get("outcome")) for row in rows]


def journaled(kind):
    rows = Command.objects.filter(kind=kind).order_by("sequence")
    return list(rows.values_list("outcome", "actor", "request_id"))


def test_a_shard_without_a_worker_keeps_no_order_of_a_frozen_account_in_another(market):
    far = make_market("ETH", "USD", shard_id=1)
    ann = make_account("ann", USD="1000")
    with running_worker(1):
        command = place(ann, far, "buy", "10", "1")
        assert gateway.submit_sync(command, shard_id=1, request_id="").code == ""
        with pytest.raises(EngineUnavailable):  # of the first shard
            freeze_account(by=DESK, account_id=ann.public_id)
        assert Order.objects.get().status == "cancelled"


def test_a_shard_that_cannot_be_replayed_stops_no_other(market, capsys):
    make_market("ETH", "USD", shard_id=1)
    Command.objects.filter(shard_id=0).update(body=b"no command")
    with pytest.raises(CommandError, match="differ"):
        call_command("verify_journal")
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("shard 0: cannot be replayed") for line in lines), lines
    assert any(line.startswith("shard 1: 1 commands") for line in lines), lines


def assert_replays():
    with connect(shard_id=0, owner="verify") as session:
        assert verify_shard(session, 0).differences == []


@pytest.fixture
def market(transactional_db):
    return make_market("BTC", "USD")


def test_the_journal_and_the_record_name_the_operator(market):
    ann = make_account("ann", USD="1000")
    with running_worker():
        set_market_phase(by=DESK, symbol="BTC/USD", phase="halted")
        change_market(by=DESK, symbol="BTC/USD", maker_fee_ppm=7)
        freeze_account(by=DESK, account_id=ann.public_id)

    request = DESK.request_id
    assert journaled("phase") == [("applied", "user:12", request)]
    assert journaled("configure")[1:] == [("applied", "user:12", request)]
    assert journaled("cancel_all") == [("applied", "user:12", request)]
    assert records() == [
        ("market.phase", 12, request, "asked"),
        ("market.phase", 12, request, "done"),
        ("market.change", 12, request, "asked"),
        ("market.change", 12, request, "done"),
    ]
    asked = AuditRecord.objects.filter(details__outcome="asked").order_by("pk")
    assert [(row.details["was"], row.details["now"]) for row in asked] == [
        ({"phase": "continuous"}, {"phase": "halted"}),
        ({"maker_fee_ppm": 1_000}, {"maker_fee_ppm": 7}),
    ]
    assert AuditRecord.objects.filter(act="account.status", user_id=12).count() == 1
    assert set(AuditRecord.objects.filter(user_id=12).values_list("reason")) == {(DESK.reason,)}
    assert_sound()
    assert_replays()


def test_an_operator_cancels_the_orders_of_an_account_and_of_no_other(market):
    far = make_market("ETH", "USD", shard_id=1)
    ann, bob = make_account("ann", USD="1000"), make_account("bob", USD="1000")
    desk = operator(Permission.CANCEL_ORDERS, user_id=12)
    with running_worker(), running_worker(1):
        for shard_id, where in ((0, market), (1, far)):
            for account in (ann, bob):
                command = place(account, where, "buy", "10", "1")
                assert gateway.submit_sync(command, shard_id=shard_id, request_id="").code == ""
        cancel_orders(by=desk, account_id=ann.public_id)
        later = place(ann, market, "buy", "10", "1")
        assert gateway.submit_sync(later, shard_id=0, request_id="").code == ""

    states = {
        account: list(Order.objects.filter(account=account).order_by("pk").values_list("status"))
        for account in (ann, bob)
    }
    assert states == {ann: [("cancelled",)] * 2 + [("new",)], bob: [("new",)] * 2}
    request = desk.request_id
    assert journaled("cancel_all") == [("applied", "user:12", request)] * 2
    made = AuditRecord.objects.filter(act="account.cancel_orders").order_by("pk")
    about = (f"account:{ann.public_id}", 12, desk.reason)
    assert [(row.subject, row.user_id, row.reason, row.details["outcome"]) for row in made] == [
        (*about, "asked"),
        (*about, "done"),
    ]
    assert_sound()


def test_a_cancel_that_nobody_answers_is_on_record(market):
    ann = make_account("ann", USD="1000")
    desk = operator(Permission.CANCEL_ORDERS, user_id=12)
    with pytest.raises(EngineUnavailable):  # there is no worker
        cancel_orders(by=desk, account_id=ann.public_id)
    made = AuditRecord.objects.filter(act="account.cancel_orders").order_by("pk")
    outcomes = [row.details["outcome"] for row in made]
    assert outcomes == ["asked", "refused: engine_unavailable"]


def test_customers_commands_and_rows_of_before_name_nobody(market):
    ann = make_account("ann", USD="1000")
    with driven_worker() as worker:
        worker.settle(
            place(ann, market, "buy", "10.00", "1"),
            CancelAllOrders(ann.pk, None, None),
            SetMarketPhase(market.pk, "halted"),  # as a former version sends it
        )
    kinds = ("place", "cancel_all", "phase")
    assert set(Command.objects.filter(kind__in=kinds).values_list("actor", flat=True)) == {None}
    assert_sound()
    assert_replays()


@pytest.mark.parametrize("name", ["x" * 500, "a\tb\\N\n", "\0", "ä" * 300])
def test_no_name_that_was_queued_stops_the_worker(market, name):
    with driven_worker() as worker:
        (reply,) = worker.settle(SetMarketPhase(market.pk, "halted", actor=name))
    assert reply.code == ""
    assert len(Command.objects.get(kind="phase").actor or "") <= 128
    assert_replays()


def test_messages_of_the_version_before_and_after_understand_each_other():
    class Before(msgspec.Struct, frozen=True, array_like=True, tag="phase"):
        market_id: int
        phase: str

    old = msgspec.msgpack.encode(Before(7, "halted"))
    assert decode_command(old) == SetMarketPhase(7, "halted", actor="")
    new = wire.encode(SetMarketPhase(7, "halted", actor="user:12 op@example.com"))
    assert msgspec.msgpack.decode(new, type=Before) == Before(7, "halted")


def test_a_name_does_not_make_another_request_of_it():
    plain, named = (CancelAllOrders(1, 2, None, actor=actor) for actor in ("", "user:12 x"))
    assert fingerprint(plain) == fingerprint(named)


def test_an_operator_who_is_killed_before_the_answer_is_still_on_record(market):
    """The worker takes the command up after the asker is gone: effect and names are there."""
    queue = queue_client()
    queue.set(wire.heartbeat_name(0), "nobody", px=60_000)  # alive, and slow
    script = (
        "import django; django.setup()\n"
        "from tests.integration.matching.test_records_of_operators import DESK\n"
        "from matching.services import set_market_phase\n"
        "set_market_phase(by=DESK, symbol='BTC/USD', phase='halted')\n"
    )
    queued = queue.xlen(wire.stream_name(0))
    asker = subprocess.Popen(
        [sys.executable, "-c", script], env=_environment(), start_new_session=True
    )
    try:
        until(
            lambda: queue.xlen(wire.stream_name(0)) > queued, timeout_s=60, what="a queued command"
        )
    finally:
        asker.send_signal(signal.SIGKILL)
        asker.wait()
    assert records() == [("market.phase", 12, DESK.request_id, "asked")]
    assert Market.objects.get().phase == "continuous"

    queue.delete(wire.heartbeat_name(0))
    with running_worker():
        until(lambda: Market.objects.get().phase == "halted", what="the halt")
    assert journaled("phase") == [("applied", "user:12", DESK.request_id)]
    assert records() == [("market.phase", 12, DESK.request_id, "asked")]
    queue.close()
    assert_replays()


def test_an_answer_that_does_not_come_is_on_record_as_such(market, settings):
    settings.ZAVORA_EDGE_WAIT_MS = 200
    queue = queue_client()
    queue.set(wire.heartbeat_name(0), "nobody", px=60_000)
    with pytest.raises(OutcomeUnknown):
        set_market_phase(by=DESK, symbol="BTC/USD", phase="halted")
    queue.delete(wire.heartbeat_name(0))
    assert [outcome for *_, outcome in records()] == ["asked", "unanswered"]
    with running_worker():
        until(lambda: Market.objects.get().phase == "halted", what="the halt")
    assert journaled("phase") == [("applied", "user:12", DESK.request_id)]
    queue.close()


def test_a_refusal_is_on_record_and_nothing_is_queued(market):
    queue = queue_client()
    queue.delete(wire.heartbeat_name(0))
    queued = queue.xlen(wire.stream_name(0))
    with pytest.raises(EngineUnavailable):
        set_market_phase(by=DESK, symbol="BTC/USD", phase="halted")
    assert [outcome for *_, outcome in records()] == ["asked", "refused: engine_unavailable"]
    assert queue.xlen(wire.stream_name(0)) == queued
    queue.close()


def test_the_exchange_itself_is_named_too(market):
    with running_worker():
        set_market_phase(by=Actor.system("manage.py halt_market"), symbol="BTC/USD", phase="halted")
        set_market_phase(by=SYSTEM, symbol="BTC/USD", phase="continuous")
    assert [actor for _, actor, _ in journaled("phase")] == [
        "system:manage.py halt_market",
        "system:tests",
    ]


COMMAND_LINE = {
    "create_market": ("ETH/USD", "--tick-size", "1", "--lot-size", "1"),
    "halt_market": ("BTC/USD",),
}


def test_every_kind_of_command_that_an_operator_gives_carries_who_gave_it():
    """Of the wire's commands: those that the services of markets make, and no customer's."""
    named = {one.__name__ for one in KINDS if "actor" in one.__struct_fields__}
    assert named == {
        "ConfigureMarket", "SetMarketPhase", "CancelAllOrders", "ReleaseMarket", "AdoptMarket",
    }  # fmt: skip
    source = inspect.getsource(markets_services) + inspect.getsource(moving)
    # ``configure_command`` makes the one that has all rules of a market.
    source = source.replace("configure_command(by=", "ConfigureMarket(")
    assert {name for name in named if f"{name}(" in source} == named


@pytest.mark.parametrize("is_running", [True, False])
def test_a_market_made_at_the_command_line_is_journaled_in_its_name(market, is_running):
    """Through the worker that runs, and by the pipeline at hand where none does."""
    create_asset(by=SYSTEM, code="ETH", name="Ether", scale=8)
    with running_worker() if is_running else contextlib.nullcontext():
        call_command("create_market", *COMMAND_LINE["create_market"])
        if is_running:
            call_command("halt_market", *COMMAND_LINE["halt_market"])

    made = Command.objects.filter(kind="configure").order_by("sequence").last()
    assert (made.outcome, made.actor) == ("applied", "system:manage.py create_market")
    halted = journaled("phase")
    assert [actor for _, actor, _ in halted] == ["system:manage.py halt_market"] * is_running
    assert_replays()


def _environment():
    """Return an environment in which Django finds the test's database."""
    import os
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    return {
        **os.environ,
        "DATABASE_URL": urlunsplit(parts._replace(path=f"/{name}")),
        "REDIS_URL": django_settings.REDIS_URL,
        "DJANGO_SETTINGS_MODULE": "zavora.settings",
    }
