"""API keys: anybody may list their own, only a browser session makes and revokes them."""

from typing import Any, Final

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.access.callers import KIND_BEARER, KINDS, SCOPES
from accounts.access.rates import take_new_key
from accounts.access.selectors import list_keys
from api.v1 import key_words
from api.v1.cursors import next_cursor, take_page
from api.v1.fields import Fields, wrong_fields
from api.v1.openapi.operations import documented
from api.v1.rest.base import ApiView, actor_of, answer, caller_of, query_of, require_session, row_id
from zavora.foundation.errors import ValidationFailed

# What the services call these fields, by which they name what is wrong.
NAMES: Final = {"label": "name", "ip": "addresses"}
KIND_OF: Final = {kind: kind for kind in KINDS}
ADDRESS_LENGTH_MAX: Final = 45
# A key may neither make nor end keys.
AT_SESSION: Final = "Keys are made and revoked at a browser session alone."


class KeysView(ApiView):
    """The caller's keys."""

    @documented("keys_list", "Key", is_list=True, is_paged=True, tag="Keys")
    def get(self, request: Request) -> Response:
        """List the caller's keys that are not revoked, newest first; never a secret.

        A key that is limited to an account is told of those that are limited to it as well.
        """
        fields = query_of(request)
        limit, before = take_page(fields)
        fields.check()
        caller = caller_of(request)
        rows = list_keys(
            caller.user_id, only_account=caller.only_account, cursor=before, limit=limit + 1
        )
        page = [key_words.key(row) for row in rows[:limit]]
        return answer(page, next=next_cursor([row.pk for row in rows], limit))

    @documented("keys_create", "KeyMade", body="CreateKeyIn", tag="Keys", is_for_sessions=True)
    def post(self, request: Request) -> Response:
        """Make a key, at a browser session; its secret is told this once."""
        require_session(request, AT_SESSION)
        take_new_key(caller_of(request).user_id)
        kind, terms, public_key = _take_key(Fields(request.data))
        try:
            row, secret = services.create_key(
                by=actor_of(request), kind=kind, terms=terms, public_key_pem=public_key
            )
        except ValidationFailed as error:
            raise wrong_fields(
                {NAMES.get(name, name): str(what) for name, what in error.details.items()}
            ) from None
        return answer({"key": key_words.key(row), "secret": secret})


class KeyView(ApiView):
    """One key."""

    @documented("keys_revoke", "Key", tag="Keys", is_for_sessions=True)
    def delete(self, request: Request, key: str) -> Response:
        """Revoke a key, at a browser session: it ends within a second; again is fine."""
        require_session(request, AT_SESSION)
        query_of(request).check()
        key_id = row_id(key, what="key")
        return answer(key_words.key(services.revoke_key(by=actor_of(request), key_id=key_id)))


def _take_key(fields: Fields) -> tuple[str, services.KeyTerms, str | None]:
    label = fields.label("name")
    kind = fields.choice("kind", KIND_OF)
    scopes = fields.texts("scopes", count_max=len(SCOPES), required=True)
    account = fields.uuid("account")
    addresses = fields.texts("addresses", count_max=services.IPS_MAX, length_max=ADDRESS_LENGTH_MAX)
    markets = fields.texts(
        "markets", count_max=services.MARKETS_MAX, length_max=services.SYMBOL_LENGTH_MAX
    )
    expires_at = fields.moment("expires_at")
    public_key: Any = fields.take("public_key")
    if public_key is not None and not isinstance(public_key, str):
        fields.refuse("public_key", "expected a public key in PEM")
    fields.check()
    terms = services.KeyTerms(
        scopes=scopes,
        label=label or "",
        account_id=account,
        ip_allowed=addresses,
        markets=markets,
        expires_at=expires_at,
    )
    return kind or KIND_BEARER, terms, public_key
