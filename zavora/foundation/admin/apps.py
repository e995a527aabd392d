from django.contrib.admin.apps import AdminConfig


class DeskConfig(AdminConfig):
    """Django's admin, with our site."""

    default_site = "zavora.foundation.admin.site.DeskSite"
