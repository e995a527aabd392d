"""Which app answers which path. Order entry, public data and sockets are mounted in ``asgi.py``."""

from django.contrib import admin
from django.urls import include, path, re_path

from accounts.pages.urls import admin_door
from api.transport.errors import not_found_view

handler400 = "api.transport.errors.bad_request_view"
handler403 = "api.transport.errors.permission_denied_view"
handler404 = "api.transport.errors.not_found_view"
handler500 = "api.transport.errors.server_error_view"

# The desk's pages register themselves when they are imported.
admin.autodiscover()

urlpatterns = [
    path("admin/", include(admin_door)),
    path("admin/", admin.site.urls),
    path("api/providers/", include("api.providers.urls")),
    path("api/", include("api.v1.urls")),
    path("", include("accounts.pages.urls")),
    path("", include("zavora.pages.urls")),
    # Also in development, where Django would show its own page.
    re_path(r"^", not_found_view),
]
