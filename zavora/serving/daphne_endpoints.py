"""Where Daphne listens, in Twisted's words."""

from daphne.endpoints import build_endpoint_description_strings

from zavora.serving.listener import BACKLOG, Address, shared_listener


def endpoints_of(address: Address) -> list[str]:
    """Return the endpoints of an address; of a shared one its listener is made first."""
    if not address.is_shared:
        found: list[str] = build_endpoint_description_strings(host=address.host, port=address.port)
        return found
    listener = shared_listener(address)
    listener.listen(BACKLOG)  # Twisted takes over what listens already
    found = build_endpoint_description_strings(file_descriptor=listener.detach())
    return found
