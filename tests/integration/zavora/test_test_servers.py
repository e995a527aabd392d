"""The test run itself stands on real servers, with nothing switched off that keeps commits safe."""

import pytest
import redis
from django.conf import settings
from django.db import connection


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
def test_commits_are_durable(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        assert cursor.fetchone() == ("on",)


def test_queue_never_evicts() -> None:
    client = redis.Redis.from_url(settings.REDIS_URL)
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
