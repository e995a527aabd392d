"""Rows as frames, exactly where that is wanted."""

from decimal import Decimal
from typing import Any

import msgspec
import pandas
import polars
import pytest

from zavora.frames import to_pandas, to_polars
from zavora.models import Fill


def fills() -> list[Fill]:
    times = ["2026-01-31T12:00:00.000001Z", "2026-01-31T12:00:01Z"]
    rows: list[dict[str, Any]] = [
        {
            "id": str(number),
            "order_id": "7",
            "market": "BTC/EUR",
            "side": "Buy",
            "price": f"{number}.10",
            "quantity": "0.1",
            "amount": "0.11",
            "fee": "0",
            "fee_asset": "BTC",
            "liquidity": "Maker",
            "created_at": time,
        }
        for number, time in enumerate(times, 1)
    ]
    return msgspec.convert(rows, list[Fill])


def test_polars_keeps_figures_and_times() -> None:
    frame = to_polars(fills())

    assert frame["price"].dtype == polars.Decimal
    assert frame["price"].sum() == Decimal("3.20")
    assert str(frame["created_at"].dtype) == "Datetime(time_unit='us', time_zone='UTC')"
    assert frame["side"].to_list() == ["Buy", "Buy"]
    assert to_polars(fills(), as_floats=True)["price"].dtype == polars.Float64


def test_pandas_counts_in_floats_unless_asked_otherwise() -> None:
    frame = to_pandas(fills())

    assert frame["price"].sum() == pytest.approx(3.2)
    assert isinstance(frame["created_at"].dtype, pandas.DatetimeTZDtype)
    assert to_pandas(fills(), as_floats=False)["price"].sum() == Decimal("3.20")
    with pytest.raises(TypeError, match="rows"):
        to_pandas([1])
