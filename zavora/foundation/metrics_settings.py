"""The setting of the metrics' listener: where it listens, None where nobody is to look."""

from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from zavora.foundation.addresses import is_loopback

NAME: Final = "ZAVORA_METRICS_BIND"
PORT_MAX: Final = 65_535


def parse_bind(text: str, *, is_debug: bool) -> tuple[str, int]:
    """Return the address and the port to listen on.

    Raises ValueError where it is neither, or lets other machines in while DEBUG is on.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) <= PORT_MAX):
        raise ValueError(f"{NAME}: expected an address and a port, like 127.0.0.1:9101")
    if is_debug and not is_loopback(host):
        raise ValueError(
            f"{NAME}: {host} lets other machines in, and DEBUG is on; listen on 127.0.0.1"
        )
    return host, int(port)


def metrics_settings(env: Any, *, debug: bool) -> dict[str, tuple[str, int] | None]:
    """Return it by name, from the environment as django-environ reads it.

    Raises ImproperlyConfigured.
    """
    text = env.str(NAME, default="")
    try:
        return {NAME: parse_bind(text, is_debug=debug) if text else None}
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None
