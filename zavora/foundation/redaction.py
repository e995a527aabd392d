"""Secrets and e-mail addresses stay out of logs: the last thing that happens to every line.

Nothing should log one in the first place. This is for what gets there by another way: the
message of somebody else's exception, a path that holds a listen key, a debugging aid.
"""

import re
from collections.abc import MutableMapping
from typing import Any, Final

HIDDEN: Final = "[hidden]"
# What is called one of these is never shown, whatever it is.
_WORD: Final = "|".join(
    (
        *("pass(?:word|wd)", "secret", "token", "signature", "authorization", "cookie"),
        *("csrf", "session[_-]?(?:key|id)", "listen[_-]?key", "(?:mbx[_-]?)?api[_-]?key"),
    )
)
_SECRET_NAME: Final = re.compile(_WORD, re.IGNORECASE)
# ``password=...``, ``'Authorization': 'Bearer ...'``, ``"listenKey": "..."``. Lines hold what
# strangers send, so no repetition here may begin anew at each letter without a bound.
_NAMED: Final = re.compile(
    rf"((?:{_WORD})[\w-]{{0,64}}[\"']?\s*[=:]\s*[\"']?(?:(?:Bearer|Basic)\s+)?)"
    r"([^\s\"'&,;)}\]]+)",
    re.IGNORECASE,
)
_HASH: Final = re.compile(r"\b(?:pbkdf2|argon2|bcrypt|scrypt|md5|sha\d)\w*\$\S+", re.IGNORECASE)
# A run as long as a key, with digits among its letters: tokens, keys, signatures, session cookies.
# Names in tracebacks have no digits; ids of requests and accounts are UUIDs.
_LONG: Final = re.compile(r"[\w+=-]{32,}", re.ASCII)
# An e-mail address, also as it stands in a web address. Of whom a line is, their number says.
_EMAIL: Final = re.compile(
    r"[^\s\"'`<>()\[\]{},;:=&?/|@%]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
)
_LETTER: Final = re.compile(r"[A-Za-z]")
_DIGIT: Final = re.compile(r"\d", re.ASCII)
# A trace's id is a run of that kind, and has its name before it in both kinds of lines.
_TRACE_ID: Final = re.compile(r'(?:"trace_id": "|trace_id=)[0-9a-f]{32}', re.ASCII)
_TRACE_NAME: Final = '"trace_id": "'
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def hide(text: str) -> str:
    """Return a line without what looks like a secret or an e-mail address."""
    text = _HASH.sub(HIDDEN, text)
    text = _NAMED.sub(rf"\1{HIDDEN}", text)
    if "@" in text or "%40" in text:
        text = _EMAIL.sub(HIDDEN, text)
    return _LONG.sub(_hide_key, text)


def _hide_key(found: re.Match[str]) -> str:
    run = found[0]
    named = found.string[max(0, found.start() - len(_TRACE_NAME)) : found.end()]
    if _TRACE_ID.fullmatch(run) or _TRACE_ID.fullmatch(named):
        return run
    is_key = _LETTER.search(run) and _DIGIT.search(run) and not _UUID.search(run)
    return HIDDEN if is_key else run


def hide_values(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> Any:
    """Hide the values whose names say that they are secret (a processor of structlog)."""
    for name in event:
        if _SECRET_NAME.search(name):
            event[name] = HIDDEN
    return event


def hide_line(_logger: Any, _name: str, line: Any) -> Any:
    """Hide what looks like a secret in a rendered line (the last processor of structlog)."""
    return hide(line) if isinstance(line, str) else line
