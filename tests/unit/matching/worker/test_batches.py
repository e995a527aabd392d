"""What follows from each thing that may become of a batch, without a database to make it happen."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from accounts.money.balances import AccountFigures
from matching import wire
from matching.commands import encode
from matching.commands.place import PlaceOrder
from matching.engine import Engine
from matching.engine.commands import ConfigureMarket
from matching.orders.ids import IdSequence
from matching.worker.batch import ATTEMPTS_MAX, Batches
from matching.worker.decide import Figures, ShardContext
from matching.worker.entries import Entry
from matching.worker.lease import LeaseLost, Position
from matching.worker.memory import ShardMemory
from matching.worker.pipeline import Pipeline
from matching.worker.results import Committed, InDoubt, Moved, Passing, Refused, Result
from matching.worker.settlement import Batch
from matching.worker.stream import News
from matching.worker.telling import Telling
from matching.worker.transaction import Settled
from tests.fakes.settlement import Answer, ScriptedSettlement
from tests.terms import btc_usd
from zavora.foundation.metrics import BATCH_RETRIES
from zavora.foundation.time_ids import EPOCH_2025_MS

ACCOUNT, MARKET = 5, 7
TIME_US = (EPOCH_2025_MS + 1_000) * 1_000
ONE = 10**8


class Shard:
    """A shard in memory: one market, one account with money, tables that do as they are told."""

    def __init__(self, *answers: Any) -> None:
        terms = btc_usd()
        engine = Engine()
        engine.apply(ConfigureMarket(terms.integers, "continuous", 0))
        engine.commit()
        context = ShardContext(
            shard_id=0,
            engine=engine,
            ids=IdSequence(shard_id=0, last=0),
            terms={MARKET: terms},
            assets={},
            scales={1: 8, 2: 8},
            fee_account_id=1,
            journal_sequence=10,
            event_sequences={},
            last_batch_us=0,
        )
        position = Position(1, 10, "5-0", 0, 0)
        figures = Figures(
            {ACCOUNT: AccountFigures("active", None, None, 1)}, {(ACCOUNT, 2): 1_000 * ONE}, {}
        )
        # Is released whenever a batch begins to be decided.
        self.decided = threading.Semaphore(0)
        self.memory = ShardMemory(context, position, self._clock_us)
        self.tables = ScriptedSettlement(position, figures, answers)
        self.is_stopping = False
        self.news: list[News] = []
        telling = Telling(self.news.append)
        self.batches = Batches(
            self.memory, self.tables, telling, is_stopping=lambda: self.is_stopping
        )
        self.pipeline = Pipeline(self.memory, self.tables, telling, self.batches, flight_min=1)
        self._read = 0

    def _clock_us(self) -> int:
        self.decided.release()
        return TIME_US

    def entries(self, *prices: str) -> list[Entry]:
        """Return orders to buy one at each price, as read from the stream."""
        found = []
        for price in prices:
            self._read += 1
            command = PlaceOrder(
                ACCOUNT, MARKET, "buy", "limit", "gtc", False, price, "1", None, None, None, 2**50
            )
            body = encode(command)
            found.append(Entry(f"5-{self._read}", body, "", "test", self._read, command))
        return found

    def settle(self, *prices: str) -> None:
        """Settle orders at these prices."""
        self.batches.settle(self.entries(*prices))

    @property
    def codes(self) -> list[str]:
        """Return what was told of each command that was answered, in order of their reading."""
        answers = [item for news in self.news for item in news.replies.get("test", [])]
        return [wire.decode_reply(encoded).code for _, encoded in sorted(answers)]

    @property
    def open_prices(self) -> list[int]:
        """Return the prices in ticks of the orders that rest, worst first."""
        market = self.memory.context.engine.market(MARKET)
        return sorted(order.price_ticks or 0 for order in market.open_orders())


def _settles_but(shard: Shard, price: str) -> Answer:
    """Return an answer that refuses a batch with an order at a price, not saying which it is."""

    def answer(batch: Batch, really: Callable[[], Result]) -> Result:
        prices = [getattr(entry.command, "price", None) for entry in batch.entries]
        if price not in prices or batch.entries[0].blame:
            return really()
        batch.decide(shard.tables.figures)
        return Refused(ValueError("a constraint"))

    return answer


def test_what_commits_is_told_and_becomes_memory() -> None:
    shard = Shard()
    shard.settle("10", "11")
    assert shard.codes == ["", ""]
    assert shard.open_prices == [1_000, 1_100]
    position = shard.memory.position
    assert (position.journal_sequence, position.last_stream_id) == (12, "5-2")
    assert [news.position for news in shard.news] == ["5-2"]


def test_what_moved_is_decided_anew_and_leaves_nothing_in_the_engine() -> None:
    shard = Shard(Moved("funds"), Moved("keys"))
    shard.settle("10")
    assert (shard.codes, shard.open_prices) == ([""], [1_000])
    assert len(shard.tables.attempts) == 3


def test_balances_without_room_are_learnt_of_and_cost_no_attempt() -> None:
    keys = [(ACCOUNT, asset_id) for asset_id in range(ATTEMPTS_MAX + 2)]
    shard = Shard(*[Moved("crowded", frozenset({key})) for key in keys])
    shard.settle("10")
    assert shard.codes == [""]
    assert shard.tables.watched[-1] == set(keys)


def test_a_command_whose_figures_move_for_ever_is_void_and_the_others_go_on() -> None:
    moving = [Moved("funds")] * ATTEMPTS_MAX
    shard = Shard(*moving, None, *moving)  # both, the first of them, the second of them
    shard.settle("10", "11")
    assert shard.codes == ["", "internal_error"]
    assert shard.open_prices == [1_000]


def test_what_passes_is_waited_out_and_the_lease_kept() -> None:
    shard = Shard(*[Passing("busy")] * 3)
    shard.settle("10")
    assert (shard.codes, shard.tables.renewals) == ([""], 3)


@pytest.mark.parametrize(
    ("first", "cause"),
    [(Moved("funds"), "moved"), (Passing("busy"), "busy"), (InDoubt("lost"), "in_doubt")],
)
def test_what_does_not_commit_at_once_is_counted_by_its_cause(
    first: Result, cause: str, settings: Any
) -> None:
    settings.ZAVORA_METRICS_BIND = ("127.0.0.1", 9)
    retries = BATCH_RETRIES.labels("0", cause)
    before = retries.collect()[0].samples[0].value
    shard = Shard(first)
    shard.settle("10")
    assert shard.codes == [""]
    assert retries.collect()[0].samples[0].value == before + 1


def test_whoever_is_to_stop_does_not_wait_out() -> None:
    shard = Shard(Passing("busy"))
    shard.is_stopping = True
    with pytest.raises(LeaseLost):
        shard.settle("10")
    assert (shard.news, shard.open_prices) == ([], [])


@pytest.mark.parametrize("place", range(5))
def test_one_that_cannot_be_stored_is_found_by_halves(place: int) -> None:
    prices = ["10", "11", "12", "14", "15"]
    prices[place] = "13"
    shard = Shard()
    shard.tables.answers = [_settles_but(shard, "13")] * 20
    shard.settle(*prices)
    assert shard.codes == ["internal_error" if n == place else "" for n in range(5)]
    assert 1_300 not in shard.open_prices
    assert len(shard.open_prices) == 4


def _nothing() -> Settled:
    return Settled([], {})


def test_one_whose_failure_cannot_even_be_recorded_ends_the_worker() -> None:
    shard = Shard(Refused(KeyError("first"), 0), Refused(ValueError("second"), 0))
    with pytest.raises(ValueError, match="second"):
        shard.settle("10")
    assert (shard.news, shard.open_prices) == ([], [])


def test_the_third_void_command_in_a_row_halts_its_market() -> None:
    shard = Shard(*[Refused(KeyError("bug"), 0), None] * 3)
    for price in ("10", "11", "12"):
        shard.settle(price)
    shard.settle("13")
    assert shard.codes == ["internal_error"] * 3 + ["market_halted"]


def test_an_exception_that_is_no_result_leaves_nothing_in_the_engine() -> None:
    def lose(_: Batch, really: Callable[[], Result]) -> Result:
        really()
        raise LeaseLost("another owner")

    shard = Shard(lose)
    with pytest.raises(LeaseLost):
        shard.settle("10")
    assert (shard.news, shard.open_prices) == ([], [])


# --- in doubt -------------------------------------------------------------------------------------


def _commits_unheard(batch: Batch, really: Callable[[], Result]) -> Result:
    result = really()
    assert isinstance(result, Committed)
    return InDoubt("lost", result)


def test_a_commit_that_was_not_heard_of_is_found_and_told_once() -> None:
    shard = Shard(_commits_unheard)
    shard.settle("10")
    assert (shard.codes, shard.open_prices) == ([""], [1_000])
    assert len(shard.tables.attempts) == 1
    assert shard.memory.position == shard.tables.position


@pytest.mark.parametrize("committing", [True, False], ids=["at COMMIT", "before"])
def test_one_that_did_not_commit_is_settled_again(committing: bool) -> None:
    def lose(batch: Batch, _: Callable[[], Result]) -> Result:
        decision = batch.decide(shard.tables.figures)
        return InDoubt("lost", Committed(decision, _nothing()) if committing else None)

    shard = Shard(lose)
    shard.settle("10")
    assert (shard.codes, shard.open_prices) == ([""], [1_000])
    assert len(shard.tables.attempts) == 2
    assert shard.memory.position.journal_sequence == 11


@pytest.mark.parametrize(
    "found", [Position(2, 10, "5-0", 0, 0), Position(1, 17, "5-0", 0, 0)], ids=["epoch", "sequence"]
)
def test_tables_that_another_one_wrote_end_the_worker(found: Position) -> None:
    shard = Shard(InDoubt("lost"))
    shard.tables.position = found
    with pytest.raises(LeaseLost):
        shard.settle("10")
    assert shard.news == []


# --- in flight ------------------------------------------------------------------------------------


def test_what_flies_lands_in_order() -> None:
    shard = Shard()
    for price in ("10", "11", "12"):
        shard.pipeline.process(shard.entries(price))
    assert shard.pipeline.is_flying
    assert shard.pipeline.last_stream_id == "5-3"
    shard.pipeline.land()
    assert (shard.codes, shard.open_prices) == (["", "", ""], [1_000, 1_100, 1_200])
    assert [news.position for news in shard.news] == ["5-1", "5-2", "5-3"]


def _once_the_next_is_decided(shard: Shard, answer: Answer) -> None:
    """Let what becomes of the first batch be known after the second one was decided on top."""

    def wait(batch: Batch, really: Callable[[], Result]) -> Result:
        for _ in range(2):
            assert shard.decided.acquire(timeout=10)
        return answer(batch, really)

    shard.tables.answers.insert(0, wait)


@pytest.mark.parametrize("first", [Moved("funds"), Passing("busy"), Refused(KeyError("bug"))])
def test_what_was_decided_on_top_of_one_that_failed_is_decided_anew(first: Result) -> None:
    """The second would stand on an order that is not there; its journal row on one that is not."""
    shard = Shard()
    _once_the_next_is_decided(shard, lambda *_: first)
    for price in ("10", "11"):
        shard.pipeline.process(shard.entries(price))
    shard.pipeline.land()
    is_void = isinstance(first, Refused)
    assert shard.codes == ["internal_error" if is_void else "", ""]
    assert shard.open_prices == [1_100] if is_void else [1_000, 1_100]
    assert shard.memory.position == shard.tables.position
    assert len(shard.tables.attempts) == 3


def test_one_in_flight_that_committed_unheard_is_told_once() -> None:
    shard = Shard()
    _once_the_next_is_decided(shard, _commits_unheard)
    for price in ("10", "11"):
        shard.pipeline.process(shard.entries(price))
    shard.pipeline.land()
    assert (shard.codes, shard.open_prices) == (["", ""], [1_000, 1_100])
    assert [len(attempt) for attempt in shard.tables.attempts] == [1, 1]
    assert shard.memory.position == shard.tables.position
