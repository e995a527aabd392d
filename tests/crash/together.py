"""What an answer to several orders at once says of the whole, for who repeats it."""

from dataclasses import dataclass
from typing import Any, Final

# Of an order by its code, as of a request by its status: not queued, and not known.
NOT_SETTLED: Final = {
    "engine_unavailable": 503,
    "overloaded": 503,
    "outcome_unknown": 504,
    "internal_error": 500,
}


@dataclass(slots=True)
class Answer:
    """What became of one attempt: a status (None: no answer), and data or an error's code."""

    status: int | None
    data: Any = None
    code: str = ""


def said_together(answer: Answer) -> Answer:
    """Return an answer to a batch as one to a request: not final while one of its orders is not.

    "Nothing was queued" is said only where it was said of every order.
    """
    if answer.status != 200:
        return answer
    said = [
        NOT_SETTLED.get(item["error"]["code"]) if "error" in item else None for item in answer.data
    ]
    open_ones = set(said) - {None}
    if not open_ones:
        return answer
    if 500 in open_ones:
        return Answer(500, None, "internal_error")
    return Answer(503 if set(said) == {503} else 504)
