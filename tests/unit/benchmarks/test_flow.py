"""The flow of orders that the benchmarks play is what they say it is."""

import pytest

from benchmarks.flow import CancelOrder, Flow, NewOrder, price_text, quantity_text
from benchmarks.venue import imagined_markets

ACCOUNTS = 200


@pytest.fixture
def flow() -> Flow:
    made = Flow(imagined_markets(), accounts=ACCOUNTS, seed=1)
    made.seed_books(2_000)
    return made


def test_the_same_seed_gives_the_same_flow() -> None:
    first, second = (Flow(imagined_markets(), accounts=ACCOUNTS, seed=9) for _ in range(2))
    assert first.take(500) == second.take(500)
    assert first.take(500) != Flow(imagined_markets(), accounts=ACCOUNTS, seed=8).take(500)


def test_a_third_cancels_and_a_quarter_of_the_orders_trades(flow: Flow) -> None:
    trading_before = flow.trading_orders
    steps = flow.take(20_000)
    orders = [step for step in steps if isinstance(step, NewOrder)]
    trading = flow.trading_orders - trading_before
    assert len(orders) / len(steps) == pytest.approx(0.65, abs=0.01)
    assert trading / len(orders) == pytest.approx(0.25, abs=0.03)
    assert {order.account for order in orders} == set(range(ACCOUNTS))


def test_a_cancel_names_an_open_order_of_its_account_once(flow: Flow) -> None:
    placed: dict[int, NewOrder] = {}
    cancelled: set[int] = set()
    for step in flow.take(5_000):
        if isinstance(step, NewOrder):
            placed[step.number] = step
        elif step.order_number in placed:
            order = placed[step.order_number]
            assert (step.account, step.market) == (order.account, order.market)
            assert step.client_order_id == order.client_order_id
            assert step.order_number not in cancelled
            cancelled.add(step.order_number)
    assert len(cancelled) > 100


def test_without_cancels_there_are_orders_only() -> None:
    flow = Flow(imagined_markets(), accounts=ACCOUNTS, seed=1, cancel_share=0.0)
    assert not any(isinstance(step, CancelOrder) for step in flow.take(2_000))


def test_figures_fit_the_market() -> None:
    market = imagined_markets()[0]
    assert price_text(market, 6_000_000) == "60000.00"
    assert price_text(market, 7) == "0.07"
    assert quantity_text(market, 12) == "0.0012"
