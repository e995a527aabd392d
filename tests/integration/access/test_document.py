"""The tables of docs/security.md are those that are tried, and name all that there is to call."""

from tests import routes
from tests.access import document, page_rules, rules, stream_rules


def test_the_document_says_what_is_tried() -> None:
    assert document.written() == document.generated(), "run `make access-tables`"


def test_every_call_of_v1_is_in_the_table() -> None:
    assert {f"{method} {path}" for method, path in routes.v1_calls()} == set(rules.V1)


def test_every_method_of_the_v1_socket_is_in_the_table() -> None:
    assert set(routes.socket_calls()) == set(rules.SOCKET)


def test_every_call_of_the_compatible_api_is_in_the_table() -> None:
    assert {f"{method} {path}" for method, path in routes.compat_routes()} == set(rules.COMPAT)


def test_every_method_of_its_websocket_api_is_in_the_table() -> None:
    """Most do what a call of REST does, by the same check of the same route."""
    from api.binance.rest.table import ROUTES
    from api.binance.ws_api.methods import REST_METHODS

    of_rest = {name: f"{method} {path}" for name, (method, path, _) in REST_METHODS.items()}
    assert of_rest == rules.WS_API_OF_REST
    assert set(routes.ws_api_methods()) == set(rules.ws_api_rules())
    for method, path, route in REST_METHODS.values():
        assert route is ROUTES[(method, path)]


def test_every_stream_and_every_address_of_sockets_is_in_the_table() -> None:
    assert set(routes.stream_kinds()) == set(stream_rules.STREAMS)
    assert set(routes.stream_methods()) == set(stream_rules.STREAM_METHODS)
    assert set(routes.socket_paths()) == set(stream_rules.SOCKET_PATHS)


def test_every_page_is_in_the_table() -> None:
    """Each path has a row; which of its methods are answered is tried (``test_pages``)."""
    assert set(routes.page_paths()) == {call.partition(" ")[2] for call in page_rules.PAGES}
