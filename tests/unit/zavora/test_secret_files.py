"""Secrets that come as files."""

from pathlib import Path

import pytest

from zavora.foundation.secret_files import (
    FILE_BYTES_MAX,
    SECRET_NAMES,
    SecretFileUnusable,
    read_secret_files,
)


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_file_gives_the_value_without_the_lines_end(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text("a value, even with spaces\n")
    environment = {f"{name}_FILE": str(file), "OTHER": "kept"}

    read_secret_files(environment)
    read_secret_files(environment)  # in a child, which finds nothing to do

    assert environment == {name: "a value, even with spaces", "OTHER": "kept"}


def test_without_files_nothing_changes() -> None:
    environment = {"SECRET_KEY": "k", "SECRET_KEY_FILE": "", "SSL_CERT_FILE": "/not/ours"}

    read_secret_files(environment)

    assert environment == {"SECRET_KEY": "k", "SECRET_KEY_FILE": "", "SSL_CERT_FILE": "/not/ours"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"", "holds no value of one line"),
        (b"one\ntwo\n", "holds no value of one line"),
        (b"\xff\xfe", "cannot be read"),
        (b"x" * (FILE_BYTES_MAX + 1), "has more than"),
    ],
)
def test_a_file_that_is_none_is_named_and_nothing_changes(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    file, good = tmp_path / "secret", tmp_path / "good"
    good.write_text("postgresql://u@h/d")
    if content is not None:
        file.write_bytes(content)
    given = {"DATABASE_URL_FILE": str(good), "SECRET_KEY_FILE": str(file)}
    environment = dict(given)

    with pytest.raises(SecretFileUnusable, match=f"SECRET_KEY_FILE: .*{said}"):
        read_secret_files(environment)

    assert environment == given


def test_two_values_are_one_too_many(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("one")
    environment = {"REDIS_URL": "other", "REDIS_URL_FILE": str(file)}

    with pytest.raises(SecretFileUnusable, match="REDIS_URL and REDIS_URL_FILE are both set"):
        read_secret_files(environment)
