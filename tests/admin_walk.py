"""Every address and action of the operators' pages, and who may do what there.

``TABLE`` is the matrix as we mean it. ``entries()`` is what ``admin.site`` really offers; a new
address or action that the table does not name fails the test. ``Walk`` tries an entry as somebody
and says what happened; ``markdown()`` renders the table for people (docs/security.md).
"""

from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any, ClassVar, Final, NamedTuple
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.backends import ModelBackend
from django.db import connection, transaction
from django.test import Client
from django.test.client import ClientHandler
from django.urls import URLPattern, URLResolver, reverse

from accounts.models import User
from tests.admin_table import MODEL_PAGES, MORE_PAGES, OF_ALL_ROWS, OF_ONE, SITE, TABLE
from tests.desk_roles import DESK_ROLES, NOBODY, STAFF, SUPERUSER


class Entry(NamedTuple):
    """One thing that can be asked of the operators' pages."""

    model: str  # "accounts.user"; empty: the site itself
    name: str
    is_action: bool = False


# --- what there is --------------------------------------------------------------------------------


def _patterns(found: Any) -> Iterator[URLPattern]:
    for one in found:
        if isinstance(one, URLResolver):
            yield from _patterns(one.url_patterns)
        else:
            yield one


def entries() -> list[Entry]:
    """Return everything that ``admin.site`` offers."""
    found: list[Entry] = []
    for model, model_admin in admin.site._registry.items():
        label = model._meta.label_lower
        prefix = f"{model._meta.app_label}_{model._meta.model_name}_"
        for pattern in _patterns(model_admin.get_urls()):
            found.append(Entry(label, (pattern.name or "(redirect)").removeprefix(prefix)))
        actions = [name for _, name, _ in model_admin._get_base_actions()]
        found += [Entry(label, name, is_action=True) for name in actions]
    of_models = {model._meta.label_lower.replace(".", "_") for model in admin.site._registry}
    for pattern in _patterns(admin.site.get_urls()):
        name = pattern.name or ""
        if not any(name.startswith(f"{model}_") for model in of_models):
            is_redirect = name == "" and "object_id" in str(pattern.pattern)
            if not is_redirect:
                found.append(Entry("", name or "(anything else)"))
    return sorted(set(found))


def expected_entries() -> list[Entry]:
    """Return everything that the tables name."""
    found = [Entry("", name) for name in SITE]
    for model, acts in TABLE.items():
        found.append(Entry(model, "delete_selected", is_action=True))  # Django's, for nobody
        found += [Entry(model, name) for name in (*MODEL_PAGES, *MORE_PAGES.get(model, ()))]
        found += [Entry(model, name, True) for name in acts if name not in MODEL_PAGES]
    return sorted(found)


def who_looks(entry: Entry) -> list[str]:
    """Return who gets an answer at a page, any of which will do."""
    if not entry.model:
        return [SITE[entry.name]]
    if entry.name == "delete":
        return [NOBODY]
    if entry.name == "(redirect)":
        return [STAFF]
    if entry.name == "add":
        return [who_acts(entry)]
    app, _, model = entry.model.partition(".")
    return [f"{app}.view_{model}", f"{app}.change_{model}"]


def who_acts(entry: Entry) -> str:
    """Return who changes something by an entry."""
    if not entry.model:
        return STAFF if entry.name == "password_change" else NOBODY
    return TABLE[entry.model].get(entry.name, NOBODY)


def markdown() -> str:
    """Return the matrix as a table: who looks, and who acts on customers and on staff."""
    lines = [
        "| page or action | who sees it | who acts by it | on staff, or what is theirs | roles |",
        "|---|---|---|---|---|",
    ]
    for entry in expected_entries():
        if entry.name == "(redirect)":
            continue
        acts = who_acts(entry)
        shown = f"{entry.model or 'site'} {'action ' if entry.is_action else ''}{entry.name}"
        about_people = entry.model in PERSONAL and acts not in (NOBODY, SUPERUSER)
        staff = SUPERUSER if about_people else acts
        roles = ", ".join(name for name, rights in DESK_ROLES.items() if acts in rights)
        looks = " or ".join(who_looks(entry))
        lines.append(f"| {shown} | {looks} | {acts} | {staff} | {roles} |")
    return "\n".join(lines)


# Models whose rows belong to a person: nobody but a superuser touches a staff member's.
PERSONAL: Final = (
    "accounts.user",
    "accounts.apikey",
    "accounts.account",
    "accounts.ledgertransaction",
    "accounts.deposit",
    "accounts.withdrawal",
    "accounts.payout",
    "accounts.providerevent",
    "accounts.withdrawallimit",
    "accounts.approval",
)


# As a browser sends a form without files.
FORM: Final = "application/x-www-form-urlencoded"


# --- trying it ------------------------------------------------------------------------------------


class Target(NamedTuple):
    """Rows to act on, by model, and a body for each form."""

    name: str
    rows: Mapping[str, Any]
    bodies: Mapping[tuple[str, str], Mapping[str, Any]]


class RememberingBackend(ModelBackend):
    """Django's backend, asking the tables once for a person and their permissions.

    Who walks keeps their rights: whatever an attempt changed is taken back.
    """

    _known: ClassVar[dict[int, User]] = {}

    def get_user(self, user_id: int) -> User | None:
        """Return the person as they were when first asked for."""
        if user_id not in self._known:
            user = User.objects.get(pk=user_id)
            user.get_all_permissions()  # which Django keeps with the user
            self._known[user_id] = user
        # An attempt may change what it is given: a new password, for one.
        return copy(self._known[user_id])

    @classmethod
    def forget(cls) -> None:
        """Forget everybody: their rows are gone."""
        cls._known.clear()


class Browser(Client):
    """Django's test client without what costs most of its time: it keeps of an answer nothing.

    Neither the templates and contexts of a page nor its cookies; the one of the log-in stays.
    """

    # By where sessions are kept, which their middleware reads as it is set up.
    _shared: ClassVar[dict[str, ClientHandler]] = {}

    def __init__(self) -> None:
        super().__init__()
        # Middleware is set up once; WhiteNoise alone looks at every static file for it.
        self.handler = self._shared.setdefault(settings.SESSION_ENGINE, self.handler)

    def request(self, **request: Any) -> Any:
        """Return the answer to a request; one that is the server's fault is an error."""
        answer = self.handler(self._base_environ(**request))
        if answer.status_code >= 500:
            raise AssertionError(f"{request['PATH_INFO']}: {answer.status_code}")
        return answer


class Walk:
    """Tries entries against a target's rows; whatever an attempt wrote is taken back."""

    def __init__(self, target: Target) -> None:
        self.target = target
        # What this transaction had written when the last attempt was over.
        self._written: set[tuple[str, int]] | None = None

    def look(self, client: Client, entry: Entry) -> bool:
        """Ask for a page; return whether it answers."""
        return _is_answered(client.get(self.address(entry)))

    def act(self, client: Client, entry: Entry) -> bool:
        """Send a page's form, or an action; return whether anything changed."""
        with Watch(self._written) as watch:
            body = urlencode(self.body(entry), doseq=True)
            client.post(self.address(entry), body, content_type=FORM)
        self._written = watch.written
        return watch.has_changed

    def has_row(self, entry: Entry) -> bool:
        """Return whether there is a row to look at; without one Django tells nobody more."""
        return entry.name != "history" or entry.model in self.target.rows

    def address(self, entry: Entry) -> str:
        """Return where an entry is."""
        if not entry.model:
            return _site_address(entry.name)
        name = f"admin:{entry.model.replace('.', '_')}_"
        row = self.target.rows.get(entry.model)
        pk = 1 if row is None else row.pk
        if entry.is_action:
            return reverse(f"{name}changelist")
        if entry.name == "(redirect)":
            return reverse(f"{name}changelist") + f"{pk}/"
        return reverse(name + entry.name, args=() if entry.name in OF_ALL_ROWS else (pk,))

    def body(self, entry: Entry) -> Mapping[str, Any]:
        body = self.target.bodies.get((entry.model, entry.name), {"post": "yes"})
        if entry.model:
            body = {"answered": "yes", "reason": "for the test", **body}
        if entry.is_action:
            row = self.target.rows.get(f"{entry.model}:{entry.name}") or self.target.rows.get(
                entry.model
            )
            return {"action": entry.name, "_selected_action": [row.pk if row else 1], **body}
        return body


def _site_address(name: str) -> str:
    if name in OF_ONE:
        return reverse(f"admin:{name}", args=OF_ONE[name])
    if name == "(anything else)":
        return reverse("admin:index") + "no-such-page"
    return reverse(f"admin:{name}")


def _is_answered(answer: Any) -> bool:
    """Return whether somebody was let in, even if only to be told that there is no such row."""
    if answer.status_code == 403:
        return False
    to = answer.headers.get("Location", "")
    return not (answer.status_code == 302 and "/admin/login/" in to)


# --- whether anything changed ---------------------------------------------------------------------

# Sessions, and Django's own log of the pages, are no effect.
_ASIDE: Final = ("django_session", "django_admin_log", "django_migrations")


class Watch:
    """Tells whether what was done inside changed a row of any table, and takes it back.

    PostgreSQL counts the rows that a transaction writes, table by table, those that it takes back
    again, too: where no count has moved, nothing was written. Where one has, the contents of those
    tables decide, with the changes and without them: a row that was written as it was, or taken
    back by a service that refused after all, is no change.
    """

    has_changed = False

    def __init__(self, written: set[tuple[str, int]] | None = None) -> None:
        """``written``: of an earlier one in this transaction, to ask for it once less."""
        self.written = _written() if written is None else written

    def __enter__(self) -> "Watch":
        self._savepoint = transaction.savepoint()
        return self

    def __exit__(self, *error: object) -> None:
        before, self.written = self.written, _written()
        tables = sorted(name for name, _ in self.written - before)
        changed = _digest(tables)
        transaction.savepoint_rollback(self._savepoint)
        self.has_changed = changed != _digest(tables)


def fingerprint() -> list[str]:
    """Return a digest of each table whose rows are an effect."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
    return _digest(sorted(set(names) - set(_ASIDE)))


def _written() -> set[tuple[str, int]]:
    """Return how many rows this transaction has written so far, by table."""
    with connection.cursor() as cursor:
        # What the view pg_stat_xact_user_tables says, without what it says besides.
        cursor.execute(
            "SELECT relname, pg_stat_get_xact_tuples_inserted(oid)"
            " + pg_stat_get_xact_tuples_updated(oid) + pg_stat_get_xact_tuples_deleted(oid)"
            " FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND relnamespace = 'public'::regnamespace AND relname <> ALL(%s)",
            [list(_ASIDE)],
        )
        return set(cursor.fetchall())


def _digest(tables: list[str]) -> list[str]:
    """Return a digest of each table's rows."""
    found = []
    with connection.cursor() as cursor:
        for name in tables:
            cursor.execute(
                f"SELECT coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '') FROM {name} t"
            )
            found.append(str(cursor.fetchone()[0]))
    return found
