"""Settings of more than one of everything."""

from typing import Any

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured

from zavora.foundation.database_settings import databases
from zavora.foundation.growth_settings import growth_settings, read_count, web_names

URL = "postgresql://run:secret@db.example:5432/zavora"


class Env(environ.Env):
    """The environment that a test says."""

    def __init__(self, **values: str) -> None:
        super().__init__()
        self.ENVIRON: Any = values


def test_without_a_word_there_is_one_of_each() -> None:
    assert growth_settings(Env()) == {
        "ZAVORA_WEB_REPLICAS": 1,
        "ZAVORA_WEB_NAME": "",
        "ZAVORA_REPLICA_LAG_S": 5,
    }
    assert web_names(1) == ["web"]
    assert web_names(2) == ["web-1", "web-2"]


@pytest.mark.parametrize("text", ["0", "-1", "two", "65", "1.5", "٣x"])
def test_a_number_that_makes_no_sense_is_named(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"ZAVORA_WEB_REPLICAS=.*from 1 to 64"):
        read_count(Env(ZAVORA_WEB_REPLICAS=text), "ZAVORA_WEB_REPLICAS", most=64)


@pytest.mark.parametrize("text", ["0", "-1", "soon", "3601"])
def test_a_lag_that_makes_no_sense_is_named(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"ZAVORA_REPLICA_LAG_S=.*1 to 3600"):
        growth_settings(Env(ZAVORA_REPLICA_LAG_S=text))


def test_a_replica_is_read_only_given_up_soon_and_never_the_default() -> None:
    found = databases(Env(), URL, replica_url=URL.replace("db.", "copy."), owner_url="")
    assert set(found) == {"default", "replica"}
    assert found["default"]["HOST"] == "db.example"
    assert found["replica"]["HOST"] == "copy.example"
    assert "default_transaction_read_only=on" in found["replica"]["OPTIONS"]["options"]
    assert found["replica"]["OPTIONS"]["connect_timeout"] < 5


def test_without_a_replica_there_is_no_alias() -> None:
    assert set(databases(Env(), URL, replica_url="", owner_url="")) == {"default"}
    assert set(databases(Env(), "", replica_url="", owner_url=URL)) == {"default", "owner"}
