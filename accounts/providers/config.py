"""Which provider moves money outside, as the settings say.

``manual``: operators pay out by hand, and credit what they saw come in. ``sandbox``: money is made
up, and withdrawals leave at once; only with the faucet. ``webhook``: a provider that is asked by
signed requests and answers by signed webhooks.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import msgspec
from django.conf import settings
from django.core.checks import CheckMessage, Error

MANUAL: Final = "manual"
SANDBOX: Final = "sandbox"
WEBHOOK: Final = "webhook"
# Shorter ones can be guessed.
SECRET_LENGTH_MIN: Final = 32
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,23}", re.ASCII)
# What deposits are called that come from somebody else.
_TAKEN_NAMES: Final = ("faucet", "operator")


class Provider(msgspec.Struct, frozen=True):
    """How to speak with the provider that is set. ``webhook_secrets``: any of them will do."""

    name: str
    url: str
    secret: bytes
    webhook_secrets: tuple[bytes, ...]

    def __repr__(self) -> str:
        """Return who it is, without its secrets."""
        return f"Provider({self.name!r})"


def kind_of_provider() -> str:
    """Return which kind of provider is set; by default the sandbox where the faucet is on."""
    chosen: str = settings.ZAVORA_PROVIDER
    return chosen or (SANDBOX if settings.ZAVORA_FAUCET else MANUAL)


def get_provider() -> Provider | None:
    """Return the provider of webhooks, None where there is none, or none that may be used.

    Outside of DEBUG one that ``manage.py check --deploy`` refuses is not used: no withdrawal is
    sent where others can read it, and no webhook is believed that anybody may have written.
    """
    if kind_of_provider() != WEBHOOK or any(_faults()):
        return None
    return Provider(
        settings.ZAVORA_PROVIDER_NAME,
        settings.ZAVORA_PROVIDER_URL,
        settings.ZAVORA_PROVIDER_SECRET.encode(),
        tuple(secret.encode() for secret in settings.ZAVORA_PROVIDER_WEBHOOK_SECRETS),
    )


def check_provider(**_: Any) -> list[CheckMessage]:
    """Return what is wrong with the settings of the provider (a system check)."""
    if kind_of_provider() != WEBHOOK:
        return []
    return [Error(text, id=f"accounts.E{number:03}") for number, text in _faults()]


def _faults() -> Iterator[tuple[int, str]]:
    if not _NAME.fullmatch(settings.ZAVORA_PROVIDER_NAME) or (
        settings.ZAVORA_PROVIDER_NAME in _TAKEN_NAMES
    ):
        yield 1, "ZAVORA_PROVIDER_NAME: expected 1 to 24 of a-z, 0-9 and -, and no name of ours"
    if expected := _wrong_url(settings.ZAVORA_PROVIDER_URL):
        yield 2, f"ZAVORA_PROVIDER_URL: expected {expected}"
    ours: str = settings.ZAVORA_PROVIDER_SECRET
    theirs: list[str] = settings.ZAVORA_PROVIDER_WEBHOOK_SECRETS
    expected = f"expected {SECRET_LENGTH_MIN} characters or more"
    if len(ours) < SECRET_LENGTH_MIN:
        yield 3, f"ZAVORA_PROVIDER_SECRET: {expected}"
    if not theirs or _has_short(theirs):
        yield 4, f"ZAVORA_PROVIDER_WEBHOOK_SECRETS: one or more, each: {expected}"
    if ours and ours in theirs:
        # Else what we sign could be sent back to us as if the provider had.
        yield 5, "ZAVORA_PROVIDER_SECRET is among ZAVORA_PROVIDER_WEBHOOK_SECRETS"


def _has_short(secrets: Iterable[str]) -> bool:
    return any(len(secret) < SECRET_LENGTH_MIN for secret in secrets)


def _wrong_url(text: str) -> str:
    """Return what was expected of an address, nothing where it is as it should be."""
    schemes = ("https", "http") if settings.DEBUG else ("https",)
    wanted = f"an address that begins with {' or '.join(f'{one}://' for one in schemes)}"
    try:
        parts: SplitResult = urlsplit(text)
        is_address = bool(parts.hostname) and parts.scheme in schemes and (parts.port or 1) > 0
    except ValueError:
        return wanted
    if not is_address or parts.query or parts.fragment or "@" in parts.netloc:
        return f"{wanted}, without user, query and fragment"
    return "" if text.isascii() and text.isprintable() and " " not in text else wanted
