"""The table of credentials: tokens and keys."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from accounts.models.people import Account, User


class ApiKey(models.Model):
    """A credential of a user: a bearer token (kept hashed), or a signing key."""

    class Kind(models.TextChoices):
        BEARER = "bearer"
        HMAC = "hmac", "HMAC"
        ED25519 = "ed25519", "Ed25519"
        RSA = "rsa", "RSA"

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.BEARER)
    # A bearer token's SHA-256; for signing keys the name that requests carry.
    lookup = models.CharField(max_length=64, unique=True)
    # HMAC: the encrypted secret (accounts.access.key_secrets); else the public key.
    secret = models.BinaryField(null=True, blank=True, editable=False)
    label = models.CharField(max_length=64, blank=True)
    scopes = ArrayField(models.CharField(max_length=8), default=list)
    ip_allowed = ArrayField(models.GenericIPAddressField(), default=list, blank=True)
    # Limits the key to one account; empty: all accounts of its owner.
    account = models.ForeignKey(Account, null=True, blank=True, on_delete=models.CASCADE)
    # Limits orders to markets, by their symbols; null: all.
    markets = ArrayField(models.CharField(max_length=33), null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    # When it last let somebody in, and from where: written at most once a minute, a moment later.
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_from = models.CharField(max_length=45, blank=True, default="", db_default="")

    class Meta:
        ordering = ["-id"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return self.label or f"{self.kind} {self.lookup[:8]}"

    @property
    def has_expired(self) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= timezone.now()
