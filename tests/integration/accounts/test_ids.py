"""Ids that the database gives: time first, and none twice, however many one statement asks for."""

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db

COUNT = 20_000


def test_a_statement_gets_as_many_ids_as_it_asks_for():
    with connection.cursor() as cursor:
        cursor.execute("SELECT zavora_next_id() FROM generate_series(1, %s)", [COUNT])
        ids = [number for (number,) in cursor.fetchall()]

    assert len(set(ids)) == COUNT
    milliseconds = [number >> 13 for number in ids]
    assert milliseconds == sorted(milliseconds)
    assert {number >> 7 & 63 for number in ids} == {63}
