"""Which passwords are taken, and how many are hashed at once."""

import gzip
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.contrib.auth import password_validation
from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from accounts.access.hashing import Gate
from accounts.models import User
from accounts.pages.forms import LoginForm
from zavora.foundation.errors import Overloaded


def is_taken(password):
    try:
        password_validation.validate_password(password, User(email="ann.miller@example.com"))
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaab", "Summer2026", "zavora123", "elevenchars",  # too short
        "password1234", "Summer2026!!", "Winter2025!?", "Liverpool123!", "Changeme123!",
        "P@ssw0rd1234", "Passw0rd!Passw0rd!", "qwertyuiop12", "1q2w3e4r5t6y", "abcdefghijkl",
        "aaaaaaaaaaaa", "wordwordword", "123456789012", "Football2026!", "September2026",
        "Zavora2026!!", "zavora-zavora", "ann.miller@example.com", "annmiller1234",
        "password" * 8, "letmein" + "1" * 100,
    ],
)  # fmt: skip
def test_what_few_guesses_find_is_refused(password):
    assert not is_taken(password)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "try-the-demo",
        "j8#kPq2!vLmz",
        "purple-monkey-dish",
        "ß ü ж 漢 字 e!x y",
        "🐈 two  spaces 🛶 kept",
        "804716293350",  # figures alone, none of them foreseen
        "correct horse battery " * 5 + "staple.",  # 117 characters
    ],
)
def test_what_is_hard_to_guess_is_taken(password):
    assert is_taken(password)


@pytest.mark.parametrize(("length", "taken"), [(64, True), (128, True), (129, False)])
def test_a_password_has_a_length_that_the_door_reads(length, taken):
    password = ("j8#kPq2!vLmz" * 11)[:length]
    assert is_taken(password) is taken
    form = LoginForm(data={"email": "ann.miller@example.com", "password": password})
    assert form.fields["password"].max_length == 128


def test_a_password_counts_to_its_last_character():
    password = ("j8#kPq2!vLmz" * 11)[:128]
    stored = make_password(password)
    assert check_password(password, stored)
    assert not check_password(password[:-1], stored)
    assert not check_password(password.replace("!", " ", 1), stored)
    assert make_password(password) != stored  # each has a salt of its own


def test_leaked_passwords_that_are_long_enough_are_refused():
    file = Path(password_validation.__file__).with_name("common-passwords.txt.gz")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        leaked = {line.strip() for line in lines} | set(FREQUENCY_LISTS["passwords"])
    long = sorted(password for password in leaked if len(password) >= 12)
    assert len(long) > 300
    assert [password for password in long if is_taken(password)] == []


def test_no_password_takes_long_to_judge():
    # Every character may stand for another: the worst case of the estimate.
    crafted = ("4@8({[<369&#!1/|0$5+7%2" * 6)[:128]
    began = time.perf_counter()
    is_taken(crafted)
    assert time.perf_counter() - began < 2.0


def test_the_gate_bounds_how_many_run_and_how_many_wait():
    gate, lock, changed = Gate(waiting_max=2, wait_s=5.0), threading.Lock(), threading.Event()
    running, most = 0, 0

    def work(_):
        nonlocal running, most
        try:
            with gate.entered(2):
                with lock:
                    running += 1
                    most = max(most, running)
                changed.wait(5)
                with lock:
                    running -= 1
        except Overloaded:
            return "refused"
        return "done"

    with ThreadPoolExecutor(12) as threads:
        results = [threads.submit(work, number) for number in range(12)]
        while sum(one.done() for one in results) < 8:
            time.sleep(0.001)
        changed.set()
    found = [one.result() for one in results]
    assert (found.count("done"), found.count("refused"), most) == (4, 8, 2)
    assert (gate._running, gate._waiting) == (0, 0)


def test_without_the_bound_all_run_at_once():
    gate, barrier = Gate(waiting_max=2, wait_s=5.0), threading.Barrier(12)

    def work(_):
        with gate.entered(0):
            barrier.wait(10)  # passes only when all are inside
        return "done"

    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(work, range(12))) == ["done"] * 12


def test_nobody_waits_for_longer_than_the_bound_and_failures_leave_no_trace():
    gate = Gate(waiting_max=2, wait_s=0.05)
    with gate.entered(1), pytest.raises(Overloaded), gate.entered(1):
        pass
    with pytest.raises(ValueError, match="inside"), gate.entered(1):
        raise ValueError("inside")
    with gate.entered(1):
        pass
