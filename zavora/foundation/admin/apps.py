from django.contrib.admin.apps import SimpleAdminConfig


class DeskConfig(SimpleAdminConfig):
    """Django's admin, with our site, whose pages are found by the processes that serve them.

    ``zavora.urls`` asks for them: a worker, which has none, starts a quarter of a second sooner.
    """

    default_site = "zavora.foundation.admin.site.DeskSite"
