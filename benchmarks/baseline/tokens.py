"""Who is asking the plain exchange: a bearer token, looked up by its digest as ours is."""

from hashlib import sha256

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from benchmarks.baseline.models import Token


class Owner:
    """Whoever holds a valid token."""

    is_authenticated = True

    def __init__(self, pk: int) -> None:
        self.pk = pk


class TokenAuthentication(BaseAuthentication):
    """A bearer token, looked up by its SHA-256."""

    def authenticate(self, request: Request) -> tuple[Owner, Token]:
        """Return the token's owner. Raises AuthenticationFailed."""
        _, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        token = Token.objects.filter(digest=sha256(text.encode()).hexdigest()).first()
        if token is None:
            raise AuthenticationFailed
        return Owner(token.owner_id), token
