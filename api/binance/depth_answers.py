"""Books as they are answered: encoded once per change, and found at once by the query as it came.

``GET /api/v3/depth`` is what bots poll most. Nothing here reads a table or waits.
"""

from typing import Final

from api.binance import public_shapes as shapes
from api.exact_json import encode
from marketdata.feed import MarketView

LIMIT_DEFAULT: Final = 100
LIMIT_MAX: Final = 5_000
# How many (market, limit) are remembered; clients use few limits.
ANSWERS_MAX: Final = 2_000

# The book's view is part of an entry, so that a process with a new feed does not show the old one.
_answers: Final[dict[tuple[int, int], tuple[MarketView, int, bytes]]] = {}


def depth_answer(view: MarketView, limit: int) -> bytes:
    """Return the body that shows the best ``limit`` levels of a book as it is now."""
    key = (view.terms.market_id, limit)
    known = _answers.get(key)
    if known is not None and known[1] == view.depth_sequence and known[0] is view:
        return known[2]
    body = encode(shapes.depth(view, limit))
    if known is None and len(_answers) >= ANSWERS_MAX:
        del _answers[next(iter(_answers))]
    _answers[key] = (view, view.depth_sequence, body)
    return body
