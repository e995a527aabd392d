"""The operators' site: a menu by work, and pages that are of no model.

Of unfold we take the lists' and forms' classes and the styles. Its own frame stays out: its scripts
make code of texts, which our content policy refuses. So ours (``templates/admin``) does without.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, URLResolver, path, reverse

# Which lists stand together, by what they are for. What stands nowhere is for engineers.
MENU: Final[Mapping[str, Sequence[str]]] = {
    "Customers": (
        "accounts.user",
        "accounts.account",
        "accounts.membership",
        "accounts.invitation",
        "accounts.apikey",
        "accounts.note",
    ),
    "Money": (
        "accounts.balance",
        "accounts.deposit",
        "accounts.withdrawal",
        "accounts.transfer",
        "accounts.ledgertransaction",
        "accounts.withdrawaladdress",
        "accounts.withdrawallimit",
        "accounts.asset",
    ),
    "Approvals": ("accounts.approval",),
    "Markets": ("matching.market", "matching.order", "matching.trade"),
    "Audit & reports": (
        "accounts.auditrecord",
        "accounts.report",
        "accounts.liabilitysnapshot",
        "auth.group",
    ),
}
RAW: Final = "Raw tables"


class Page(NamedTuple):
    """A page of no model, by its address below the site's, and the name of that address."""

    route: str
    view: Callable[..., HttpResponseBase]
    name: str
    title: str = ""  # in the menu; empty: not there


class MenuEntry(NamedTuple):
    """A link of the menu."""

    name: str
    address: str
    is_current: bool


class MenuGroup(NamedTuple):
    """Links that belong together; ``is_folded``: shown when asked for."""

    name: str
    entries: list[MenuEntry]
    is_folded: bool = False

    @property
    def is_current(self) -> bool:
        """Return whether the page that is shown is one of these."""
        return any(entry.is_current for entry in self.entries)


_pages: Final[list[Page]] = []
_overviews: Final[list[Callable[[HttpRequest], dict[str, Any]]]] = []


def add_page(page: Page) -> None:
    """Add a page of no model to the site; its view asks who may see it."""
    _pages.append(page)


def titled_pages() -> list[Page]:
    """Return the pages of no model that the menu leads to."""
    return [page for page in _pages if page.title]


def show_at_index(overview: Callable[[HttpRequest], dict[str, Any]]) -> None:
    """Give the site's first page more to show: what ``overview`` returns for its template."""
    _overviews.append(overview)


class DeskSite(AdminSite):
    """The site at ``/admin/``."""

    site_header = site_title = "Zavora"
    index_title = "The desk"

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """Return the addresses of Django's site, and of our own pages before them."""
        own = [path(page.route, self.admin_view(page.view), name=page.name) for page in _pages]
        return [*own, *super().get_urls()]

    def index(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show the overview."""
        context = dict(extra_context or {})
        for overview in _overviews:
            context |= overview(request)
        return super().index(request, context)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what every page needs, the menu of what the operator may look at among it."""
        context = super().each_context(request)
        context["menu"] = list(menu_of(context["available_apps"], request.path))
        return context


def menu_of(apps: Sequence[Mapping[str, Any]], current: str) -> Iterator[MenuGroup]:
    """Yield the groups of the menu that have something in them."""
    desk = [_entry("Overview", reverse("admin:index"), current, exactly=True)]
    desk += [_entry(page.title, reverse(f"admin:{page.name}"), current) for page in titled_pages()]
    yield MenuGroup("Desk", desk)
    rest = {
        model["model"]._meta.label_lower: model
        for app in apps
        for model in app["models"]
        if model["admin_url"]
    }
    for name, labels in MENU.items():
        models = [rest.pop(label) for label in labels if label in rest]
        if models:
            yield MenuGroup(name, [_entry_of(model, current) for model in models])
    if rest:
        entries = [_entry_of(rest[label], current) for label in sorted(rest)]
        yield MenuGroup(RAW, entries, is_folded=True)


def _entry_of(model: Mapping[str, Any], current: str) -> MenuEntry:
    return _entry(str(model["name"]), model["admin_url"], current)


def _entry(name: str, address: str, current: str, *, exactly: bool = False) -> MenuEntry:
    is_current = current == address if exactly else current.startswith(address)
    return MenuEntry(name, address, is_current)
