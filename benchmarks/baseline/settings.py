"""Settings of the plain exchange: only what its one route needs, and set for speed."""

import os

import environ

SECRET_KEY = "only for measurements on this machine"  # noqa: S105
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "benchmarks.baseline.urls"
WSGI_APPLICATION = "benchmarks.baseline.wsgi.application"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "rest_framework",
    "benchmarks.baseline.exchange.Exchange",
]
# Adds the length to answers, without which a connection is not kept.
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
DATABASES = {"default": environ.Env.db_url_config(os.environ["BASELINE_DATABASE_URL"])}
# A connection per thread, kept for good; nothing is faster for a fixed number of threads.
DATABASES["default"]["CONN_MAX_AGE"] = None
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["benchmarks.baseline.tokens.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}
