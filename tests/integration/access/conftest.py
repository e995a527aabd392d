"""Everybody who tries, once for the whole run."""

from collections.abc import Iterator

import pytest

from tests.access.people import People, everybody
from tests.exchange import Exchange


@pytest.fixture(scope="session")
def people(exchange: Exchange) -> Iterator[People]:
    with everybody(exchange) as made:
        yield made
