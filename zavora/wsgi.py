"""WSGI entry point, for tools that insist on one. The exchange itself is served by ASGI."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zavora.settings")

application = get_wsgi_application()
