"""Signatures over the raw text, and the window in which a timestamp is good."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import quote
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from accounts.access.callers import Caller, SigningKey
from accounts.access.key_secrets import open_secret, seal_secret
from api.access import signatures
from api.binance.rest import signing
from api.binance.rest.params import Params
from api.binance.words.errors import CompatError

ACCOUNT = UUID(int=1)
CALLER = Caller(1, "a@example.com", 1, frozenset({"read"}), {ACCOUNT: 5})
TEXT = b"symbol=BTCUSDT&timestamp=1700000000000"
NOW_MS = 1_700_000_000_000


def key(kind: str, material: bytes) -> SigningKey:
    return SigningKey(kind, CALLER, 5, ACCOUNT, material)


def signed(signature: str, text: bytes = TEXT) -> Params:
    return Params.of_request(text + b"&signature=" + quote(signature, safe="").encode())


# --- HMAC -----------------------------------------------------------------------------------------


def hex_of(text: bytes) -> str:
    return hmac.new(b"secret", text, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("spelled", [str.lower, str.upper])
def test_hmac_is_taken_in_either_letter_case(spelled: Callable[[str], str]) -> None:
    assert signing.signed_text(key("hmac", b"secret"), signed(spelled(hex_of(TEXT))))


def test_hmac_covers_query_and_body_run_together() -> None:
    signature = hex_of(b"symbol=BTCUSDT&timestamp=1side=BUY&price=1").encode()
    body = b"side=BUY&price=1&signature=" + signature

    params = Params.of_request(b"symbol=BTCUSDT&timestamp=1", body)

    assert signing.signed_text(key("hmac", b"secret"), params)


@pytest.mark.parametrize("signature", ["0" * 64, "x", "é", hex_of(TEXT)[:-1], hex_of(TEXT) + "0"])
def test_another_signature_is_none(signature: str) -> None:
    assert not signing.signed_text(key("hmac", b"secret"), signed(signature))


def test_the_text_counts_as_it_was_sent_not_as_it_is_meant() -> None:
    sent = b"symbol=%42TCUSDT&timestamp=1"

    assert signing.signed_text(key("hmac", b"secret"), signed(hex_of(sent), sent))
    assert not signing.signed_text(
        key("hmac", b"secret"), signed(hex_of(b"symbol=BTCUSDT&timestamp=1"), sent)
    )


# --- key pairs ------------------------------------------------------------------------------------


def test_ed25519_signatures_are_base64_and_case_sensitive() -> None:
    private = Ed25519PrivateKey.generate()
    public = key("ed25519", private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    signature = base64.b64encode(private.sign(TEXT)).decode()

    assert signing.signed_text(public, signed(signature))
    assert not signing.signed_text(public, signed(signature.swapcase()))
    assert not signing.signed_text(public, signed("not base64!"))
    assert not signing.signed_text(public, signed(signature, TEXT + b"&more=1"))


def test_a_plus_sign_that_is_not_encoded_is_understood() -> None:
    private = Ed25519PrivateKey.generate()
    public = key("ed25519", private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    texts = (TEXT + b"&n=%d" % number for number in range(1_000))
    text = next(t for t in texts if b"+" in base64.b64encode(private.sign(t)))

    params = Params.of_request(text + b"&signature=" + base64.b64encode(private.sign(text)))

    assert signing.signed_text(public, params)


def test_rsa_signatures_are_taken() -> None:
    private = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    made = private.sign(TEXT, padding.PKCS1v15(), hashes.SHA256())

    assert signing.signed_text(key("rsa", der), signed(base64.b64encode(made).decode()))
    assert not signing.signed_text(key("rsa", der), signed(base64.b64encode(made[::-1]).decode()))


# --- the window -----------------------------------------------------------------------------------


def window_code(monkeypatch: pytest.MonkeyPatch, timestamp: str, window: str | None) -> int:
    monkeypatch.setattr(signatures, "now_ms", lambda: NOW_MS)
    params = Params.of_object({"timestamp": timestamp, "recvWindow": window})
    try:
        signing._check_window(params)
    except CompatError as error:
        return error.code
    return 0


@pytest.mark.parametrize(
    ("timestamp", "window", "code"),
    [
        (f"{NOW_MS}", None, 0),
        (f"{NOW_MS - 5_000}", None, 0),
        (f"{NOW_MS - 5_001}", None, -1021),
        (f"{NOW_MS + 999}", None, 0),
        (f"{NOW_MS + 1_000}", None, -1021),
        (f"{NOW_MS - 60_000}", "60000", 0),
        (f"{NOW_MS - 60_001}", "60000", -1021),
        (f"{NOW_MS}", "60000.001", -1131),
        (f"{NOW_MS}", "60001", -1131),
        (f"{NOW_MS}", "999999999", -1131),
        (f"{NOW_MS - 1}", "1.5", 0),
        (f"{NOW_MS - 2}", "1.5", -1021),
        (f"{NOW_MS}", "-1", -1100),
        (f"{NOW_MS}", "1e3", -1100),
        ("now", None, -1100),
        ("-5", None, -1100),
        ("1e12", None, -1100),
        ("9" * 20, None, -1021),
        ("0", None, -1021),
        # Microseconds.
        (f"{NOW_MS}000", None, 0),
    ],
)
def test_a_timestamp_is_good_for_its_window(
    monkeypatch: pytest.MonkeyPatch, timestamp: str, window: str | None, code: int
) -> None:
    assert window_code(monkeypatch, timestamp, window) == code


# --- secrets at rest ------------------------------------------------------------------------------


def test_a_sealed_secret_opens_for_its_own_key_only() -> None:
    stored = seal_secret(b"secret", name="one")

    assert b"secret" not in stored
    assert open_secret(stored, name="one") == b"secret"
    assert open_secret(stored, name="other") is None
    assert open_secret(stored[:-1] + bytes([stored[-1] ^ 1]), name="one") is None
    assert open_secret(b"", name="one") is None


def test_an_earlier_key_of_the_settings_still_opens(settings: pytest.FixtureRequest) -> None:
    earlier = settings.SECRET_KEY
    stored = seal_secret(b"secret", name="one")

    settings.SECRET_KEY = "another"
    assert open_secret(stored, name="one") is None
    settings.SECRET_KEY_FALLBACKS = [earlier]
    assert open_secret(stored, name="one") == b"secret"


def test_sealing_keys_seal_apart_from_the_settings_secret(settings: pytest.FixtureRequest) -> None:
    before = seal_secret(b"secret", name="one")
    settings.ZAVORA_SEALING_KEYS = ["first"]
    stored = seal_secret(b"secret", name="one")
    settings.SECRET_KEY, earlier = "another", settings.SECRET_KEY

    assert open_secret(stored, name="one") == b"secret"
    assert open_secret(stored, name="other") is None
    settings.ZAVORA_SEALING_KEYS = ["second", "first"]
    assert open_secret(stored, name="one") == b"secret"
    assert seal_secret(b"secret", name="one")[:5] != stored[:5]
    settings.ZAVORA_SEALING_KEYS = ["second"]
    assert open_secret(stored, name="one") is None
    assert open_secret(before, name="one") is None
    settings.SECRET_KEY_FALLBACKS = [earlier]
    assert open_secret(before, name="one") == b"secret"
