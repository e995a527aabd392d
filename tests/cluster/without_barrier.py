"""The application as it would be without the barrier: what is read is told. A trial's control.

``python -m zavora.serving uvicorn --application tests.cluster.without_barrier:application`` serves
it. Nothing in the product can be set so: this module lives with the tests, and replaces the barrier
in the one process that is started with it.
"""

from typing import Any

from zavora.asgi import application as application
from zavora.foundation import lasting


def _join(_: Any) -> None:
    """Return at once, as where no replica is named."""


lasting._Barrier.join = _join
print("the barrier is taken out of this process", flush=True)  # noqa: T201
