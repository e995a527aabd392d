"""Which app answers which path. Order entry, public data and sockets are mounted in ``asgi.py``."""

from django.contrib import admin
from django.urls import include, path, re_path

from accounts.urls import admin_door
from api.errors import not_found_view

handler400 = "api.errors.bad_request_view"
handler403 = "api.errors.permission_denied_view"
handler404 = "api.errors.not_found_view"
handler500 = "api.errors.server_error_view"

urlpatterns = [
    path("admin/", include(admin_door)),
    path("admin/", admin.site.urls),
    path("api/", include("api.urls")),
    path("", include("accounts.urls")),
    path("", include("api.page_urls")),
    # Also in development, where Django would show its own page.
    re_path(r"^", not_found_view),
]
