"""What every page carries: a content security policy. And our envelope for foreign hosts."""

from collections.abc import Callable
from typing import Final

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from api.errors import bad_request_view

# Scripts come from us alone. The chart library and Swagger write style elements of their own.
POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self' {sockets}; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class PolicyMiddleware:
    """Refuses a host that is not ours before anything else sees it; sets the policy's headers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        try:
            host = request.get_host()
        except DisallowedHost as error:
            return bad_request_view(request, error)
        response = self.get_response(request)
        if response.get("Content-Type", "").startswith("text/html"):
            # 'self' does not mean sockets in every browser yet.
            scheme = "wss" if request.is_secure() else "ws"
            response.setdefault(
                "Content-Security-Policy", POLICY.format(sockets=f"{scheme}://{host}")
            )
            response.setdefault("Referrer-Policy", "same-origin")
        return response
