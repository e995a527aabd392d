"""How often the type checker is told to look away: a number that only falls."""

import re
from collections import Counter

from tests.rules import exceptions
from tests.rules.source import CODE, python_files, text_of

LOOKS_AWAY = re.compile(r"#\s*type:\s*ignore")


def test_the_type_checker_is_told_to_look_away_no_more_often() -> None:
    counts = Counter[str]()
    for path in python_files(*CODE):
        counts[path.split("/")[0]] += len(LOOKS_AWAY.findall(text_of(path)))
    # This file spells it, too.
    counts["tests"] -= len(LOOKS_AWAY.findall(text_of("tests/rules/test_types.py")))

    assert +counts == exceptions.TYPE_IGNORES, "more is refused; fewer: write the new number down"
