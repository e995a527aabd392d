"""Texts that no field means: what every one of them is walked with."""

# As JSON can spell it; in an address it is percent-encoded, and then no UTF-8.
LONE_SURROGATE = "a\ud800b"
TEXTS = (
    "a\x00b",
    "\x00",
    "\x01\x1b[31m\x7f",
    "line\r\nX-Injected: 1",
    "x" * 10_240,
    "\U0001f600" * 9,
    "\u202eabc\u200f\u2066",
    "\u0661\u0662",
    "\u2028\ufffe",
)
