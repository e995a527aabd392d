"""Settings: all from the environment or ``.env``; ``.env.example`` explains each."""

import os
import sys
from pathlib import Path

import environ

from zavora.foundation.addresses import parse_networks
from zavora.foundation.alert_settings import alert_settings
from zavora.foundation.database_settings import databases
from zavora.foundation.growth_settings import growth_settings
from zavora.foundation.metrics_settings import metrics_settings
from zavora.foundation.money import NotExact, parse_decimal
from zavora.foundation.privacy_settings import privacy_settings
from zavora.foundation.secrets import get_or_create_secret
from zavora.foundation.watch_settings import watch_settings
from zavora.runner.embedded.discovery import OWNER_URL_VARIABLE, TABLE_COMMANDS, running_servers
from zavora.runner.home import load_environment
from zavora.schedule import BEAT_SCHEDULE

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
load_environment()

ZAVORA_HOME = Path(env.str("ZAVORA_HOME", default=str(BASE_DIR / ".zavora"))).resolve()
DEBUG = env.bool("DEBUG", default=True)


def _secret_key() -> str:
    """Return the configured key, or in development one that is made once and kept in the home."""
    configured = env.str("SECRET_KEY", default="")
    if configured:
        return configured
    if not DEBUG:
        raise environ.ImproperlyConfigured("SECRET_KEY must be set when DEBUG is off")
    return get_or_create_secret(ZAVORA_HOME, "django_secret_key")


SECRET_KEY = _secret_key()
# Earlier keys: they still open sessions and the sealed secrets of API keys, and seal nothing new.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# Keys that seal stored secrets of API keys: the first seals, all open. SECRET_KEY without any.
ZAVORA_SEALING_KEYS = env.list("ZAVORA_SEALING_KEYS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]", "testserver"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Proxies whose X-Forwarded-For and X-Forwarded-Proto count; by default nobody's do.
try:
    ZAVORA_TRUSTED_PROXIES = parse_networks(env.list("ZAVORA_TRUSTED_PROXIES", default=[]))
except ValueError as error:
    raise environ.ImproperlyConfigured(f"ZAVORA_TRUSTED_PROXIES: {error}") from None
PORT = env.int("PORT", default=8000)

# --- servers: given by URL, or the embedded ones that run on this home --------------------------
_running = running_servers(ZAVORA_HOME)
DATABASE_URL = env.str("DATABASE_URL", default=_running.database_url if _running else "")
REDIS_URL = env.str("REDIS_URL", default=_running.redis_url if _running else "")

# The owner of the tables, for the commands that change them; what serves knows nothing of it.
OWNER_DATABASE_URL = env.str(OWNER_URL_VARIABLE, default="")
DATABASES = databases(
    env,
    DATABASE_URL,
    replica_url=env.str("DATABASE_REPLICA_URL", default=""),
    owner_url=OWNER_DATABASE_URL if sys.argv[1:2] and sys.argv[1] in TABLE_COMMANDS else "",
)

INSTALLED_APPS = [
    # It serves ASGI in runserver; elsewhere it would cost every process a quarter of its start.
    *(["daphne"] if "runserver" in sys.argv[1:2] else []),
    # Before unfold and Django's admin, whose templates it replaces.
    "zavora",
    # Its look, without its scripts (zavora/foundation/admin/site.py).
    "unfold.apps.BasicAppConfig",
    "zavora.foundation.admin.apps.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    # Before ours, whose operators' pages take the place of theirs.
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "drf_spectacular",
    "accounts",
    "matching",
    "marketdata",
    "api",
]

MIDDLEWARE = [
    "zavora.foundation.logs.RequestIdMiddleware",
    "zavora.pages.middleware.PolicyMiddleware",
    "zavora.pages.middleware.TextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # After WhiteNoise, whose files are compressed already (docs/adr/0019-compression.md).
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.pages.operators.OperatorsMiddleware",
]
APPEND_SLASH = False

ROOT_URLCONF = "zavora.urls"
ASGI_APPLICATION = "zavora.asgi.application"
WSGI_APPLICATION = "zavora.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "zavora.pages.context.page",
            ]
        },
    }
]

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.access.passwords.MaximumLengthValidator"},
    {"NAME": "accounts.access.passwords.GuessablePasswordValidator"},
    {"NAME": "accounts.access.passwords.PasswordNote"},
]
# The first makes new hashes; what the second made still opens, and is replaced at a log-in.
PASSWORD_HASHERS = ["accounts.access.hashing.Argon2Hasher", "accounts.access.hashing.PBKDF2Hasher"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "trade"
LOGOUT_REDIRECT_URL = "trade"
CSRF_FAILURE_VIEW = "api.transport.errors.csrf_failure_view"
# Where DEBUG is on: what failed stands in the log, and people see our page.
DEFAULT_EXCEPTION_REPORTER = "zavora.pages.failed.FailurePage"
# How long the link to a new password works that an operator makes for somebody.
PASSWORD_RESET_TIMEOUT = 24 * 3600

# --- mail ----------------------------------------------------------------------------------------
# smtp+tls://user:password@host:587, filemail:///folder, consolemail:// (where DEBUG is on).
vars().update(env.email_url("EMAIL_URL", default="consolemail://" if DEBUG else "smtp://localhost"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Zavora <no-reply@localhost>")

# --- signing in: django-allauth behind our own door (docs/adr/0029-sign-in.md) --------------------
# Whether people get in only once they have proved that their e-mail address is theirs.
ZAVORA_EMAIL_VERIFICATION = env.bool("ZAVORA_EMAIL_VERIFICATION", default=not DEBUG)
# Whether operators enter their pages only with a second factor, and whether people at a session
# withdraw only with one.
ZAVORA_OPERATORS_MFA = env.bool("ZAVORA_OPERATORS_MFA", default=not DEBUG)
ZAVORA_WITHDRAWAL_MFA = env.bool("ZAVORA_WITHDRAWAL_MFA", default=not DEBUG)
ACCOUNT_ADAPTER = "accounts.pages.adapters.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if ZAVORA_EMAIL_VERIFICATION else "optional"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# Whoever follows the link in the browser that waits for it is let in; elsewhere they log in again.
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
# Ours count every attempt, where Redis is away, too (accounts.access.attempts).
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
MFA_ADAPTER = "accounts.pages.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Zavora"
# A clock may be wrong by one step of half a minute; a code works once all the same.
MFA_TOTP_TOLERANCE = 1
# Whose address is not proved cannot keep its owner out by a second factor.
MFA_ALLOW_UNVERIFIED_EMAIL = not ZAVORA_EMAIL_VERIFICATION

# How long sessions last, things are kept and withdrawals pause (ZAVORA_..._MINUTES, _DAYS, _HOURS);
# where this process tells what it measured (ZAVORA_METRICS_BIND), traces and failures.
vars().update({**privacy_settings(env, debug=DEBUG), **metrics_settings(env, debug=DEBUG)})
vars().update(watch_settings(env))
SESSION_ENGINE = "accounts.access.session_store"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("COOKIES_SECURE", default=not DEBUG)
# A browser takes a cookie of such a name from nobody but this host, and only by HTTPS.
_cookie_prefix = "__Host-" if SESSION_COOKIE_SECURE else ""
SESSION_COOKIE_NAME = f"{_cookie_prefix}sessionid"
CSRF_COOKIE_NAME = f"{_cookie_prefix}csrftoken"
ZAVORA_DEVICE_COOKIE_NAME = f"{_cookie_prefix}device"
# A browser that was here by HTTPS comes by nothing else for a year. It is told so over HTTPS only.
SECURE_HSTS_SECONDS = env.int(
    "SECURE_HSTS_SECONDS", default=31_536_000 if SESSION_COOKIE_SECURE and not DEBUG else 0
)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=False)
# Off by default: behind a proxy that ends TLS and does not say so, it would lead in circles.
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=False)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
FORMAT_MODULE_PATH = ["zavora.formats"]

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.path("STATIC_ROOT", default=str(BASE_DIR / ".static"))
# Everything in the home is its owner's alone; a folder elsewhere may be another server's to read.
_static_is_at_home = Path(str(STATIC_ROOT)).resolve().is_relative_to(ZAVORA_HOME)
FILE_UPLOAD_PERMISSIONS = 0o600 if _static_is_at_home else 0o644
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700 if _static_is_at_home else 0o755
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "zavora.pages.static_files.HashedStaticFiles"},
}
# `make build` collects the files; in development a changed one is served from where it stands.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
# Source maps are for whoever opens the developer tools, and as large as all else together.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (
    *("jpg", "jpeg", "png", "gif", "webp", "ico", "woff", "woff2", "zip", "gz", "br", "map"),
)
WHITENOISE_ROOT = BASE_DIR / "static" / "root"  # favicon.ico, robots.txt

CELERY_BROKER_URL = REDIS_URL or "redis://127.0.0.1:6379/0"
# A broker that went away without a word is noticed within brpop_timeout (1 s) and two checks.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
}
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = BEAT_SCHEDULE

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.access.auth.CallerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["api.v1.rest.renderers.EnvelopeJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["api.v1.rest.parsers.ExactJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "api.transport.errors.drf_exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Zavora API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "POSTPROCESSING_HOOKS": ["api.v1.openapi.edge_documents.add_edge"],
}

# --- the exchange --------------------------------------------------------------------------------
# How long the edge waits for a commit; a place or amend that waited longer is dropped.
ZAVORA_EDGE_WAIT_MS = env.int("ZAVORA_EDGE_WAIT_MS", default=5_000)
# How many commands may wait in a shard's stream; cancels have a tenth more.
ZAVORA_BACKLOG_MAX = env.int("ZAVORA_BACKLOG_MAX", default=20_000)
# How many commands the worker settles in one transaction at most.
ZAVORA_BATCH_MAX = env.int("ZAVORA_BATCH_MAX", default=2_000)
ZAVORA_LEASE_MS = env.int("ZAVORA_LEASE_MS", default=3_000)
# Refuse to start where a commit waits for no replica: without one this machine's disk is all.
ZAVORA_REQUIRE_SYNC_REPLICA = env.bool("ZAVORA_REQUIRE_SYNC_REPLICA", default=False)
ZAVORA_SHARDS = env.list("ZAVORA_SHARDS", cast=int, default=[0])
# Web processes on this port (ZAVORA_WEB_REPLICAS), and how late a replica's answers may be.
vars().update(growth_settings(env))
# Anybody may give themselves money, and withdrawals leave unapproved: for sandboxes and tests only.
ZAVORA_FAUCET = env.bool("ZAVORA_FAUCET", default=DEBUG)
if ZAVORA_FAUCET and not DEBUG:
    raise environ.ImproperlyConfigured("ZAVORA_FAUCET is refused when DEBUG is off")
# Who moves money outside: "manual" (operators by hand), "sandbox" (made up; only with the faucet),
# "webhook" (a provider over HTTP). Empty: the sandbox where the faucet is on, else manual.
ZAVORA_PROVIDER = env.str("ZAVORA_PROVIDER", default="")
if ZAVORA_PROVIDER not in ("", "manual", "sandbox", "webhook"):
    raise environ.ImproperlyConfigured("ZAVORA_PROVIDER: expected manual, sandbox or webhook")
if (ZAVORA_PROVIDER, ZAVORA_FAUCET) in (("sandbox", False), ("webhook", True)):
    # Money that was made up would leave for good.
    raise environ.ImproperlyConfigured(
        "ZAVORA_PROVIDER: sandbox goes with ZAVORA_FAUCET=1, webhook with ZAVORA_FAUCET=0"
    )
# What the provider is called on record. `check --deploy` asks about all of these.
ZAVORA_PROVIDER_NAME = env.str("ZAVORA_PROVIDER_NAME", default="provider")
ZAVORA_PROVIDER_URL = env.str("ZAVORA_PROVIDER_URL", default="")
# What we sign requests with, and what the provider signs webhooks with: several while one changes.
ZAVORA_PROVIDER_SECRET = env.str("ZAVORA_PROVIDER_SECRET", default="")
ZAVORA_PROVIDER_WEBHOOK_SECRETS = env.list("ZAVORA_PROVIDER_WEBHOOK_SECRETS", default=[])
# Webhooks that one network address may send in a minute; 0: any number.
ZAVORA_PROVIDER_WEBHOOKS_PER_MINUTE = env.int("ZAVORA_PROVIDER_WEBHOOKS_PER_MINUTE", default=600)
ZAVORA_FAUCET_AMOUNT_MAX = env.str("ZAVORA_FAUCET_AMOUNT_MAX", default="1000000000")
# The most that one operator credits or adjusts at a time, in units of any asset; None: anything.
_alone_max = env.str("ZAVORA_ADJUST_ALONE_MAX", default="" if DEBUG else "0")
try:
    ZAVORA_ADJUST_ALONE_MAX = parse_decimal(_alone_max) if _alone_max else None
except NotExact as error:
    raise environ.ImproperlyConfigured(f"ZAVORA_ADJUST_ALONE_MAX: {error}") from None
if ZAVORA_ADJUST_ALONE_MAX is None and not DEBUG:
    raise environ.ImproperlyConfigured("ZAVORA_ADJUST_ALONE_MAX: empty, and DEBUG is off")
# How long what one person asked for waits for others.
ZAVORA_APPROVAL_HOURS = env.int("ZAVORA_APPROVAL_HOURS", default=72)
if ZAVORA_APPROVAL_HOURS < 1:
    raise environ.ImproperlyConfigured("ZAVORA_APPROVAL_HOURS: expected a whole number above zero")
# How long a new address of an address book waits before money goes there.
ZAVORA_ADDRESS_COOLING_HOURS = env.int("ZAVORA_ADDRESS_COOLING_HOURS", default=0 if DEBUG else 24)
if (0 if DEBUG else 1) > ZAVORA_ADDRESS_COOLING_HOURS:
    raise environ.ImproperlyConfigured(
        "ZAVORA_ADDRESS_COOLING_HOURS: expected at least 1 when DEBUG is off, and no less than 0"
    )
ZAVORA_DEMO = env.bool("ZAVORA_DEMO", default=DEBUG)
# Unauthenticated local clients may create accounts and trade (for scripts of the older service).
ZAVORA_OPEN_API = env.bool("ZAVORA_OPEN_API", default=False)
if ZAVORA_OPEN_API and not DEBUG:
    raise environ.ImproperlyConfigured("ZAVORA_OPEN_API is refused when DEBUG is off")
# Weight of requests per minute, through both APIs; 0 switches a limit off. A key has half of what
# its address has, so that one alone leaves as much to others.
ZAVORA_RATE_LIMIT_IP_PER_MINUTE = env.int(
    "ZAVORA_RATE_LIMIT_IP_PER_MINUTE", default=120_000 if DEBUG else 12_000
)
ZAVORA_RATE_LIMIT_KEY_PER_MINUTE = env.int(
    "ZAVORA_RATE_LIMIT_KEY_PER_MINUTE", default=120_000 if DEBUG else 6_000
)
# Orders and amendments per minute of an account, by whichever key and API.
ZAVORA_RATE_LIMIT_ACCOUNT_PER_MINUTE = env.int(
    "ZAVORA_RATE_LIMIT_ACCOUNT_PER_MINUTE", default=120_000 if DEBUG else 6_000
)
# Per hour: sign-ups from an address, new keys and withdrawals of a person; 0: no limit.
ZAVORA_SIGN_UPS_PER_HOUR = env.int("ZAVORA_SIGN_UPS_PER_HOUR", default=3_600 if DEBUG else 60)
ZAVORA_NEW_KEYS_PER_HOUR = env.int("ZAVORA_NEW_KEYS_PER_HOUR", default=3_600 if DEBUG else 30)
ZAVORA_WITHDRAWALS_PER_HOUR = env.int(
    "ZAVORA_WITHDRAWALS_PER_HOUR", default=36_000 if DEBUG else 60
)
# Alerts of a person, the pause of those that repeat in seconds, and mails about them an hour.
vars().update(alert_settings(env))
# Log-ins and sign-ups in a quarter of an hour from one network address; 0: no limit.
ZAVORA_LOGIN_ATTEMPTS_PER_ADDRESS = env.int("ZAVORA_LOGIN_ATTEMPTS_PER_ADDRESS", default=200)
# Passwords that one process hashes at once; 0: any number. Few, so that a flood of guesses leaves
# processors to what trades and threads to everybody else.
ZAVORA_HASHES_MAX = env.int("ZAVORA_HASHES_MAX", default=max(1, min(3, (os.cpu_count() or 1) // 2)))
# The asset that 30-day volumes and tiers of fees are counted in.
ZAVORA_VOLUME_ASSET = env.str("ZAVORA_VOLUME_ASSET", default="USD")
# The Binance-compatible API: whether what is signed and writes counts once, as all does in v1;
ZAVORA_COMPAT_SIGNED_ONCE = env.bool("ZAVORA_COMPAT_SIGNED_ONCE", default=not DEBUG)
# weight a minute and address, new orders an account; 0: no limit.
ZAVORA_COMPAT_WEIGHT_PER_MINUTE = env.int("ZAVORA_COMPAT_WEIGHT_PER_MINUTE", default=6_000)
ZAVORA_COMPAT_ORDERS_PER_10S = env.int("ZAVORA_COMPAT_ORDERS_PER_10S", default=100)
ZAVORA_COMPAT_ORDERS_PER_DAY = env.int("ZAVORA_COMPAT_ORDERS_PER_DAY", default=200_000)
# Messages a second that a client may send on a connection of the compatible streams; 0: any.
ZAVORA_STREAM_MESSAGES_PER_S = env.int("ZAVORA_STREAM_MESSAGES_PER_S", default=5)
ZAVORA_BODY_BYTES_MAX = env.int("ZAVORA_BODY_BYTES_MAX", default=1_048_576)
DATA_UPLOAD_MAX_MEMORY_SIZE = ZAVORA_BODY_BYTES_MAX

# --- what a stranger may make a web process hold -------------------------------------------------
# 0: no bound. Kept by zavora/serving and zavora/asgi. Bytes of a head, and how many headers.
ZAVORA_HEADER_BYTES_MAX = env.int("ZAVORA_HEADER_BYTES_MAX", default=32_768)
ZAVORA_HEADERS_MAX = env.int("ZAVORA_HEADERS_MAX", default=100)
# Until the headers are there; between two requests of a connection, and to end them in (more than
# a balancer keeps idle ones); until the body is there; until a client takes what waits for it.
ZAVORA_HEADER_WAIT_S = env.int("ZAVORA_HEADER_WAIT_S", default=10)
ZAVORA_KEEP_ALIVE_S = env.int("ZAVORA_KEEP_ALIVE_S", default=10)
ZAVORA_DRAIN_S = env.int("ZAVORA_DRAIN_S", default=0)
ZAVORA_BODY_WAIT_S = env.int("ZAVORA_BODY_WAIT_S", default=10)
ZAVORA_WRITE_WAIT_S = env.int("ZAVORA_WRITE_WAIT_S", default=30)
# All bodies that are held, beyond the first 16 KiB of each.
ZAVORA_UNREAD_BODY_BYTES_MAX = env.int("ZAVORA_UNREAD_BODY_BYTES_MAX", default=33_554_432)
# A WebSocket message; one of more than 65,536 characters is refused, a longer one ends the socket.
ZAVORA_SOCKET_MESSAGE_BYTES_MAX = env.int("ZAVORA_SOCKET_MESSAGE_BYTES_MAX", default=131_072)
# Seconds that a socket may neither follow nor say anything.
ZAVORA_SOCKET_SILENCE_S = env.int("ZAVORA_SOCKET_SILENCE_S", default=60)
# Connections of a process, and of an address; in development everybody comes from one.
ZAVORA_CONNECTIONS_MAX = env.int("ZAVORA_CONNECTIONS_MAX", default=10_000)
ZAVORA_CONNECTIONS_PER_ADDRESS_MAX = env.int(
    "ZAVORA_CONNECTIONS_PER_ADDRESS_MAX", default=2_500 if DEBUG else 256
)
ZAVORA_SOCKETS_PER_ADDRESS_MAX = env.int(
    "ZAVORA_SOCKETS_PER_ADDRESS_MAX", default=2_000 if DEBUG else 200
)

LOG_FORMAT = env.str("LOG_FORMAT", default="console" if DEBUG else "json")
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING_CONFIG = "zavora.foundation.logs.configure"
# Django calls LOGGING_CONFIG only where this is not empty.
LOGGING: dict[str, object] = {"version": 1}
