"""Sealed files: opened by their key alone, whole alone, and under their own name alone."""

import io
from pathlib import Path

import pytest

from zavora.backup.errors import BackupError, Damaged
from zavora.backup.sealing import CHUNK_BYTES, Keyring, SealedWriter, keys_from, open_sealed

OLD, NEW = "old-" * 10, "new-" * 10
SIZES = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES)


class Lasting(io.BytesIO):
    """A file in memory that can be made to last."""

    def fileno(self) -> int:
        return self.lasting.fileno()

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.lasting = path.open("wb")


def seal(tmp_path: Path, plain: bytes, *, key: str = NEW, name: str = "base/a") -> bytes:
    file = Lasting(tmp_path / "lasting")
    writer = SealedWriter(file, Keyring([key]).first, name)
    for at in range(0, len(plain), 70_000):
        writer.write(plain[at : at + 70_000])
    writer.close()
    assert writer.size == len(file.getvalue())
    return file.getvalue()


def unseal(sealed: bytes, *, keys: tuple[str, ...] = (NEW,), name: str = "base/a") -> bytes:
    return open_sealed(io.BytesIO(sealed), Keyring(list(keys)), name).read()


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_is_opened(tmp_path: Path, size: int) -> None:
    plain = bytes(i % 251 for i in range(min(size, 5_000))) * (
        size // min(size, 5_000) if size else 0
    )
    plain = plain.ljust(size, b"z")
    sealed = seal(tmp_path, plain)

    assert unseal(sealed) == plain
    assert plain[:64] not in sealed or size < 64


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("cut", [1, 16, 17, CHUNK_BYTES + 16])
def test_one_that_was_cut_off_is_damaged(tmp_path: Path, size: int, cut: int) -> None:
    sealed = seal(tmp_path, bytes(size))

    with pytest.raises(Damaged, match="base/a"):
        unseal(sealed[: max(0, len(sealed) - cut)])


def test_one_with_any_byte_changed_is_not_opened(tmp_path: Path) -> None:
    sealed = seal(tmp_path, b"x" * 1_000)

    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(BackupError, match="base/a"):
            unseal(bytes(changed))


def test_parts_in_another_order_are_damaged(tmp_path: Path) -> None:
    sealed = seal(tmp_path, bytes(CHUNK_BYTES) + b"\x01" * CHUNK_BYTES + b"end")
    part = CHUNK_BYTES + 16
    head, one, two, rest = sealed[:32], sealed[32 : 32 + part], sealed[32 + part : 32 + 2 * part], sealed[32 + 2 * part :]  # fmt: skip  # noqa: E501

    with pytest.raises(Damaged, match="part 1"):
        unseal(head + two + one + rest)
    with pytest.raises(Damaged, match="part 2"):
        unseal(head + one + rest)


def test_one_file_does_not_pass_for_another(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="base/b"):
        unseal(seal(tmp_path, b"x", name="base/a"), name="base/b")


def test_an_earlier_key_still_opens_and_a_stranger_s_is_named(tmp_path: Path) -> None:
    sealed = seal(tmp_path, b"x", key=OLD)

    assert unseal(sealed, keys=(NEW, OLD)) == b"x"
    with pytest.raises(BackupError, match="ZAVORA_BACKUP_KEY"):
        unseal(sealed, keys=(NEW,))


@pytest.mark.parametrize("text", ["", "short", f"{NEW},short"])
def test_no_key_or_a_short_one_is_refused(text: str) -> None:
    with pytest.raises(BackupError, match="ZAVORA_BACKUP_KEY"):
        keys_from({"ZAVORA_BACKUP_KEY": text})


def test_a_file_may_hold_the_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{NEW}\n{OLD}\n")

    keys = keys_from({"ZAVORA_BACKUP_KEY_FILE": str(file)})

    assert keys.first.name == Keyring([NEW]).first.name
    assert keys.find(Keyring([OLD]).first.name, of="it").name == Keyring([OLD]).first.name
    with pytest.raises(BackupError, match="ZAVORA_BACKUP_KEY_FILE"):
        keys_from({"ZAVORA_BACKUP_KEY_FILE": str(tmp_path / "none")})
