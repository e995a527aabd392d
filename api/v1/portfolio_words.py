"""How portfolios read in JSON."""

from collections.abc import Sequence
from uuid import UUID

from api.v1.times import moment_text
from api.v1.words import INTERVAL, Shape
from zavora.foundation.money import units_to_text
from zavora.portfolio.reading import Currency, Line, Moment, Portfolio, Sums


def portfolio(found: Portfolio, account_id: UUID | None) -> Shape:
    """Return a Portfolio."""
    scale, state = found.currency.scale, found.state
    names = ("deposited", "withdrawn", "carried_in", "carried_out", "found")
    return {
        "account_id": None if account_id is None else str(account_id),
        "currency": found.currency.code,
        "as_of": moment_text(found.at),
        "is_complete": found.is_whole,
        "sums": _sums(found.sums, scale),
        "flows": {name: units_to_text(getattr(state, name), scale) for name in names},
        "assets": [_asset(line, found.currency) for line in found.lines],
        "trading": {
            "since": moment_text(found.since),
            "fees": units_to_text(found.fees_value, scale),
            "fees_by_asset": [
                {"asset": code, "amount": units_to_text(units, its_scale)}
                for code, its_scale, units in found.fees
            ],
            "maker_volume": units_to_text(found.maker_volume, scale),
            "taker_volume": units_to_text(found.taker_volume, scale),
        },
    }


def history(
    currency: Currency,
    moments: Sequence[Moment],
    *,
    account_id: UUID | None,
    interval: str,
    is_whole: bool,
) -> Shape:
    """Return a PortfolioHistory."""
    return {
        "account_id": None if account_id is None else str(account_id),
        "currency": currency.code,
        "interval": INTERVAL[interval],
        "is_complete": is_whole,
        "points": [
            {"time": moment_text(one.at), **_sums(one.sums, currency.scale)} for one in moments
        ],
    }


def _sums(sums: Sums, scale: int) -> Shape:
    names = ("value", "flows", "realised", "unrealised", "uncosted_value", "unpriced_cost")
    figures = {name: units_to_text(getattr(sums, name), scale) for name in names}
    return {**figures, "unpriced": list(sums.unpriced)}


def _asset(line: Line, currency: Currency) -> Shape:
    scale, price_scale = currency.scale, currency.price_scale
    return {
        "asset": line.asset,
        "quantity": units_to_text(line.quantity, line.scale),
        "uncosted_quantity": units_to_text(line.uncosted, line.scale),
        "price": _text(line.price, price_scale),
        "path": list(line.path),
        "value": _text(line.value, scale),
        "cost": units_to_text(line.cost, scale),
        "average_cost": _text(line.average, price_scale),
        "realised": units_to_text(line.realised, scale),
        "unrealised": _text(line.unrealised, scale),
    }


def _text(units: int | None, scale: int) -> str | None:
    return None if units is None else units_to_text(units, scale)
