"""A command that took effect is never answered as one that was not queued."""

import pytest
from django.db import InterfaceError, OperationalError

from api.orders import told_after
from zavora.foundation.errors import OrderNotFound, OutcomeUnknown, Overloaded


@pytest.mark.parametrize("error", [OperationalError(), InterfaceError(), Overloaded("busy")])
async def test_what_cannot_be_read_after_a_command_leaves_its_outcome_open(
    error: Exception,
) -> None:
    async def reading() -> None:
        raise error

    with pytest.raises(OutcomeUnknown):
        await told_after(reading())


async def test_what_can_be_read_is_told_and_other_failures_pass() -> None:
    async def reading() -> int:
        return 7

    async def missing() -> int:
        raise OrderNotFound("gone")

    assert await told_after(reading()) == 7
    with pytest.raises(OrderNotFound):
        await told_after(missing())
