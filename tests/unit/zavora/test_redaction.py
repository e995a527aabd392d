"""What is hidden in a log line, and what must stay readable."""

import os
import subprocess
import sys
import time

import pytest

from zavora.foundation.redaction import HIDDEN, hide, hide_values
from zavora.runner.home import PROJECT_DIR

KEY = "Zk3" + "aB4" * 20


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("bad token zvr_" + KEY, KEY),
        ("Authorization: Bearer short-one", "short-one"),
        ("{'password': 'try the 1'}", "'try"),
        ('{"listenKey":"abc123"}', "abc123"),
        ("GET /ws/" + KEY, KEY),
        ("sessionid=0123456789abcdefghijklmnopqrstuv; path=/", "0123456789abcdef"),
        ("query=symbol=BTCUSDT&signature=ab12&x=1", "ab12"),
        ("Failing row contains (1, pbkdf2_sha256$870000$salt$hash=, 1)", "salt"),
        ("argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA", "c2FsdA"),
        ("signed " + "0a1b2c3d" * 8, "0a1b2c3d"),
        ("X-MBX-APIKEY=abcdef", "abcdef"),
        ("Key (email)=(ann.lee+x@mail.example.com) already exists", "ann.lee"),
        ("GET /admin/accounts/user/?q=ann.lee%40example.com", "ann.lee"),
        ("{'to': ['Ann Lee <Ann.Lee@Example.COM>']}", "Ann.Lee@"),
        ("postgresql://zavora:open-sesame@db.example:5432/zavora", "open-sesame"),
        ("password" + " " * 40 + ":" + " " * 40 + "open-sesame", "open-sesame"),
    ],
)
def test_secrets_are_hidden(line: str, secret: str) -> None:
    assert secret not in hide(line)
    assert HIDDEN in hide(line)


@pytest.mark.parametrize(
    "line",
    [
        "request 5f2b8c1e-9d3a-4b7c-8e6f-0a1b2c3d4e5f of 0a1b2c3d-4e5f-4a6b-9c7d-8e9f0a1b2c3d",
        'File "/srv/zavora/matching/worker/settle.py", line 120, in take_back_what_was_left',
        "connection to server on socket /tmp/zavora-test-q1r74l12/run/pg failed",
        "stream id 1764083421034-0 position 999999999999999999999999999999999999",
        "tokens are made on the account page",
        "celery@machine ready, by worker@1 at @media and 10 @ 100.5",
        "market BTC/USD halted quantity=0.00000000000000000000000000000001",
    ],
)
def test_what_one_searches_for_stays(line: str) -> None:
    assert hide(line) == line


def test_values_go_by_their_names() -> None:
    event = {"event": "made", "api_key": "a", "new_password": "b", "X-CSRFToken": "c", "user": 1}

    assert hide_values(None, "", event) == {
        "event": "made",
        "api_key": HIDDEN,
        "new_password": HIDDEN,
        "X-CSRFToken": HIDDEN,
        "user": 1,
    }


@pytest.mark.parametrize(
    "part",
    [
        *("x", "token", "token_", "+", "a+", "=", "-", "md5", "a1", "0123abcd-", 'token"', "sha1"),
        *("token ", "token  :  "),
    ],
)
def test_a_line_that_a_stranger_made_takes_time_by_its_length_only(part: str) -> None:
    began = time.process_time()

    hide(part * (131_072 // len(part)))

    hide("token" + " " * 131_072)
    # Where time grows with the square it is minutes.
    assert time.process_time() - began < 5


# Every way into the log: our own lines and those of libraries, with and without errors.
PROGRAM = """
import logging, sys
import django; django.setup()
import structlog
secret = sys.argv[1]
ours, theirs = structlog.get_logger("ours"), logging.getLogger("uvicorn.error")
ours.warning("named", token=secret)
ours.warning("of words", password="a correct horse")
ours.warning("unnamed", path="/ws/" + secret)
theirs.warning("GET /ws/%s", secret)
try:
    raise ValueError("Authorization: Bearer " + secret)
except ValueError:
    ours.exception("ours")
    theirs.exception("theirs")
"""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_line_of_a_process_shows_a_secret(log_format: str) -> None:
    env = {**os.environ, "LOG_FORMAT": log_format, "DJANGO_SETTINGS_MODULE": "zavora.settings"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, KEY],
        env=env,
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    written = done.stdout + done.stderr
    assert written.count(HIDDEN) >= 5
    assert KEY not in written
    assert "horse" not in written
