"""Files that nobody without the key can read, cut off, put in another order or in another's place.

AES-256-GCM in chunks, as age and Tink do it (the STREAM construction): each chunk's nonce is its
number, and the last one says that it is the last. Each file has a key of its own, derived from the
operator's key and a random salt; what it is called is bound in, so no file passes for another.
"""

import hashlib
import hmac
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from zavora.backup.errors import BackupError, Damaged
from zavora.runner.embedded.archiving import KEY_FILE_VARIABLE, KEY_VARIABLE

KEY_LENGTH_MIN: Final = 32
MAGIC: Final = b"ZVBACK1\n"
CHUNK_BYTES: Final = 1 << 20
_ID_BYTES: Final = 8
_SALT_BYTES: Final = 16
_TAG_BYTES: Final = 16
_HEADER_BYTES: Final = len(MAGIC) + _ID_BYTES + _SALT_BYTES


class BackupKey:
    """One of the operator's keys. Its name says which it was, and nothing about it."""

    def __init__(self, text: str) -> None:
        # The text is random and long, so no slow hash is needed.
        self._secret = hashlib.sha256(text.encode()).digest()
        self.name = self._derive(b"zavora backup: name", b"")[:_ID_BYTES]

    def cipher(self, salt: bytes) -> AESGCM:
        """Return the cipher of one file."""
        return AESGCM(self._derive(b"zavora backup: file", salt))

    def mac(self, body: bytes) -> str:
        """Return the seal of a text that may be read by anybody."""
        key = self._derive(b"zavora backup: manifest", b"")
        return hmac.new(key, body, hashlib.sha256).hexdigest()

    def _derive(self, what: bytes, salt: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt or None, what).derive(self._secret)


class Keyring:
    """The operator's keys: the first seals, all open."""

    def __init__(self, texts: list[str]) -> None:
        """Take the keys' texts. Raises BackupError where there is none, or one is too short."""
        if not texts:
            raise BackupError(
                f"{KEY_VARIABLE}: expected a random text of {KEY_LENGTH_MIN} characters or more"
                f" (openssl rand -base64 48), or a file with it in {KEY_FILE_VARIABLE}"
            )
        if any(len(text) < KEY_LENGTH_MIN for text in texts):
            raise BackupError(
                f"{KEY_VARIABLE}: expected {KEY_LENGTH_MIN} characters or more for each key"
            )
        self._keys = [BackupKey(text) for text in texts]

    @property
    def first(self) -> BackupKey:
        """The one that seals."""
        return self._keys[0]

    def find(self, name: bytes, *, of: str) -> BackupKey:
        """Return the key of that name. Raises BackupError where it is not among ours."""
        for key in self._keys:
            if key.name == name:
                return key
        raise BackupError(
            f"{of} was sealed by the key {name.hex()}, which is not in {KEY_VARIABLE} (or the"
            " file's first bytes were changed)"
        )

    def check_mac(self, body: bytes, mac: str) -> bool:
        """Return whether one of our keys sealed ``body``."""
        return any(hmac.compare_digest(key.mac(body), mac) for key in self._keys)


def keys_from(environment: Mapping[str, str]) -> Keyring:
    """Return the keys that the environment names, or the file that it names. Raises BackupError."""
    file = environment.get(KEY_FILE_VARIABLE, "")
    text = environment.get(KEY_VARIABLE, "")
    if file and not text:
        try:
            text = Path(file).read_text()
        except OSError as error:
            raise BackupError(f"{KEY_FILE_VARIABLE}: {error}") from None
    parts = text.replace("\n", ",").split(",")
    return Keyring([part.strip() for part in parts if part.strip()])


class SealedWriter:
    """Seals what is written to it into ``file``; ``close`` writes the last chunk.

    Counts and hashes what stands in the file. What was not closed cannot be opened.
    """

    def __init__(self, file: IO[bytes], key: BackupKey, name: str) -> None:
        salt = os.urandom(_SALT_BYTES)
        header = MAGIC + key.name + salt
        self._file = file
        self._cipher = key.cipher(salt)
        self._bound = header + name.encode()
        self._waiting = bytearray()
        self._number = 0
        self._hash = hashlib.sha256()
        self.size = 0
        self._put(header)

    @property
    def sha256(self) -> str:
        """The hash of everything in the file so far."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        """Seal ``data``, a chunk at a time."""
        self._waiting += data
        # A full chunk waits for more: it may be the last, and has to say so.
        while len(self._waiting) > CHUNK_BYTES:
            self._seal(bytes(self._waiting[:CHUNK_BYTES]), is_last=False)
            del self._waiting[:CHUNK_BYTES]

    def close(self) -> None:
        """Write the last chunk and make the file last; the file itself stays open."""
        self._seal(bytes(self._waiting), is_last=True)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _seal(self, chunk: bytes, *, is_last: bool) -> None:
        self._put(self._cipher.encrypt(_nonce(self._number, is_last), chunk, self._bound))
        self._number += 1

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)


class SealedReader(io.RawIOBase):
    """What was sealed into ``file``, as a stream. Reading raises Damaged or BackupError.

    Only when it has returned the end is everything known to be there.
    """

    def __init__(self, file: IO[bytes], keys: Keyring, name: str) -> None:
        header = file.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES or not header.startswith(MAGIC):
            raise Damaged(f"{name}: no sealed file")
        key = keys.find(header[len(MAGIC) : len(MAGIC) + _ID_BYTES], of=name)
        self._file = file
        self._name = name
        self._cipher = key.cipher(header[-_SALT_BYTES:])
        self._bound = header + name.encode()
        self._number = 0
        self._next = file.read(CHUNK_BYTES + _TAG_BYTES)
        self._opened = memoryview(b"")
        self._is_ended = False

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill ``buffer`` with what comes next; 0 at the end."""
        if not self._opened and not self._is_ended:
            self._open_next()
        taken = min(len(buffer), len(self._opened))
        buffer[:taken] = self._opened[:taken]
        self._opened = self._opened[taken:]
        return taken

    def _open_next(self) -> None:
        chunk, self._next = self._next, self._file.read(CHUNK_BYTES + _TAG_BYTES)
        self._is_ended = not self._next
        try:
            opened = self._cipher.decrypt(_nonce(self._number, self._is_ended), chunk, self._bound)
        except (InvalidTag, ValueError):
            raise Damaged(f"{self._name}: changed or cut off (part {self._number + 1})") from None
        self._number += 1
        self._opened = memoryview(opened)


def open_sealed(file: IO[bytes], keys: Keyring, name: str) -> io.BufferedReader:
    """Return a stream of what was sealed as ``name``."""
    return io.BufferedReader(SealedReader(file, keys, name), CHUNK_BYTES)


def _nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if is_last else b"\x00")
