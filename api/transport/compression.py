"""gzip for the public answers that are large: lists of markets, tickers, trades and candles.

What is asked for most often, books, is never compressed, and nothing private is. Why, and what it
costs: docs/adr/0019-compression.md.
"""

import asyncio
import zlib
from typing import Final

from api.transport.errors import Headers

# Shorter ones fit into one packet either way.
BYTES_MIN: Final = 1_400
# Up to here it takes less than a millisecond; more would hold up all other requests.
INLINE_BYTES_MAX: Final = 65_536
# Six times as fast as zlib's own choice, for a tenth more bytes.
LEVEL: Final = 1
_GZIP: Final = 16 + zlib.MAX_WBITS


def accepts_gzip(accept_encoding: bytes | None) -> bool:
    """Tell whether an Accept-Encoding header names gzip and does not refuse it."""
    if accept_encoding is None or b"gzip" not in accept_encoding:
        return False
    for part in accept_encoding.lower().split(b","):
        name, _, quality = part.partition(b";")
        if name.strip() == b"gzip":
            return quality.replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return False


async def packed(body: bytes, headers: Headers, accept_encoding: bytes | None) -> bytes:
    """Return a public answer's body, compressed where that pays; tells so in ``headers``."""
    if len(body) < BYTES_MIN:
        return body
    headers.append((b"vary", b"accept-encoding"))
    if not accepts_gzip(accept_encoding):
        return body
    headers.append((b"content-encoding", b"gzip"))
    if len(body) <= INLINE_BYTES_MAX:
        return _gzip(body)
    return await asyncio.get_running_loop().run_in_executor(None, _gzip, body)


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)
    return compressor.compress(body) + compressor.flush()
