"""Books as they are answered: encoded once per change, and found at once by the query as it came.

``GET /api/v3/depth`` is what bots poll most. Nothing here reads a table or waits: a known query
leads to its market without being parsed again, and a book that did not change to its bytes.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

from api.binance import limits
from api.binance.rest.params import Params
from api.binance.words import public_shapes as shapes
from api.binance.words.errors import CompatError
from api.binance.words.symbols import find_market
from api.process import web_process
from api.transport.errors import JSON_TYPE, Headers
from api.transport.exact_json import encode
from api.transport.http import SECURITY_HEADERS
from marketdata.feed.feed import Feed, MarketView

PATH: Final = "/api/v3/depth"
LIMIT_DEFAULT: Final = 100
LIMIT_MAX: Final = 5_000
# How many (market, limit) and how many queries are remembered; clients use few.
ANSWERS_MAX: Final = 2_000
QUERIES_MAX: Final = 2_000
QUERY_LENGTH_MAX: Final = 128
_USED_WEIGHT: Final = b"x-mbx-used-weight-1m"


class _Answer(NamedTuple):
    """A book's bytes, of a view (a process may get a new feed) and at a depth sequence."""

    view: MarketView
    sequence: int
    body: bytes
    headers: Headers


class _Query(NamedTuple):
    """What a query string asks for."""

    feed: Feed
    view: MarketView
    limit: int
    weight: int


_answers: Final[OrderedDict[tuple[int, int], _Answer]] = OrderedDict()
_queries: Final[dict[bytes, _Query]] = {}


def depth_weight(limit: int) -> int:
    """Return the weight of a book of so many levels."""
    if limit <= 100:
        return 5
    if limit <= 500:
        return 25
    return 50 if limit <= 1_000 else 250


def depth_answer(view: MarketView, limit: int) -> bytes:
    """Return the body that shows the best ``limit`` levels of a book as it is now."""
    return _answer_of(view, limit).body


def quick_answer(query: bytes, ip: str) -> tuple[Headers, bytes] | None:
    """Return headers and body of a whole answer, and count its weight; None: ask the slow way.

    The slow way is for what is not a plain request for a market that is there, and for an address
    that may be over its limit. Raises -1003 for one that is shut out.
    """
    known = _queries.get(query)
    if known is None or known.feed is not web_process().feed:
        known = _remember(query)
        if known is None:
            return None
    used = limits.take_weight_at_once(ip, known.weight)
    if used is None:
        return None
    answer = _answer_of(known.view, known.limit)
    return [*answer.headers, (_USED_WEIGHT, b"%d" % used)], answer.body


def _answer_of(view: MarketView, limit: int) -> _Answer:
    key = (view.terms.market_id, limit)
    known = _answers.get(key)
    if known is not None and known.sequence == view.depth_sequence and known.view is view:
        return known
    body = encode(shapes.depth(view, limit))
    headers = [JSON_TYPE, *SECURITY_HEADERS, (b"content-length", b"%d" % len(body))]
    if known is None and len(_answers) >= ANSWERS_MAX:
        _answers.popitem(last=False)
    answer = _answers[key] = _Answer(view, view.depth_sequence, body, headers)
    return answer


def _remember(query: bytes) -> _Query | None:
    """Return what a query asks for, and know it the next time; None where that is not plain."""
    if len(query) > QUERY_LENGTH_MAX:
        return None
    try:
        params = Params.of_request(query)
        params.check_repeated()
        view = find_market(params.needed("symbol"))
        limit = params.limit(default=LIMIT_DEFAULT, high=LIMIT_MAX)
    except CompatError:
        return None
    if not view.is_synced:
        return None
    if len(_queries) >= QUERIES_MAX:
        _queries.clear()
    known = _queries[query] = _Query(web_process().feed, view, limit, depth_weight(limit))
    return known
