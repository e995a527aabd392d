"""Which keys somebody means who is not their owner."""

from django.db.models import Q

from accounts.access.key_secrets import token_digest
from accounts.models import ApiKey
from accounts.people.services import normalized
from zavora.foundation.digits import number_of


def keys_named(text: str) -> list[ApiKey]:
    """Return the key that a text names, if any.

    It is the number that the admin shows, a signing key's name, or a bearer token.
    """
    if not (text.isascii() and text.isprintable()):
        return []
    means = Q(pk=number_of(text)) | Q(lookup__in=(text, token_digest(text)))
    return list(ApiKey.objects.filter(means))


def keys_of_email(email: str) -> list[ApiKey]:
    """Return the keys of the person with an e-mail address that are not revoked, newest first."""
    keys = ApiKey.objects.filter(owner__email=normalized(email), revoked_at__isnull=True)
    return list(keys.order_by("-pk"))
