"""The setting of the metrics' listener: where it listens, None where nobody is to look."""

from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from zavora.foundation.addresses import is_loopback

NAME: Final = "ZAVORA_METRICS_BIND"
PORT_MAX: Final = 65_535


def metrics_settings(env: Any, *, debug: bool) -> dict[str, tuple[str, int] | None]:
    """Return it by name, from the environment as django-environ reads it.

    Raises ImproperlyConfigured where it is no address and port, or lets other machines in while
    DEBUG is on.
    """
    text = env.str(NAME, default="")
    if not text:
        return {NAME: None}
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) <= PORT_MAX):
        raise ImproperlyConfigured(f"{NAME}: expected an address and a port, like 127.0.0.1:9101")
    if debug and not is_loopback(host):
        raise ImproperlyConfigured(
            f"{NAME}: {host} lets other machines in, and DEBUG is on; listen on 127.0.0.1"
        )
    return {NAME: (host, int(port))}
