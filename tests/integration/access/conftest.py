"""Everybody who tries; each file leaves no orders behind, as the exchange is shared."""

from collections.abc import Iterator

import pytest

from tests.access.people import People, everybody
from tests.exchange import Exchange


@pytest.fixture(scope="module")
def people(exchange: Exchange) -> Iterator[People]:
    with everybody(exchange) as made:
        yield made
