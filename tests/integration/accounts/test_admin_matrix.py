"""The operators' pages as a matrix: every address and action, by every kind of person."""

import logging

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Permission
from django.db import connection
from django.template import loader
from django.template.response import SimpleTemplateResponse
from django.test import RequestFactory, override_settings

from accounts.models import AuditRecord, User
from accounts.services import (
    ensure_user,
)
from tests.actors import SYSTEM
from tests.admin_table import TABLE
from tests.admin_walk import (
    PERSONAL,
    Browser,
    RememberingBackend,
    Walk,
    Watch,
    entries,
    expected_entries,
    markdown,
    who_acts,
    who_looks,
)
from tests.desk_roles import DESK_ROLES, Role
from tests.integration.accounts.audit_trail import WITHOUT_BEFORE
from tests.integration.accounts.desk_targets import PASSWORD, make_assets, make_target

pytestmark = pytest.mark.django_db

REQUEST_ID = "8a6f3b54-1f0e-4a3e-9a53-0f6f1f0c2b11"
VIEWS = frozenset(f"{label.partition('.')[0]}.view_{label.partition('.')[2]}" for label in TABLE)
ROLES = (
    Role("anonymous", is_staff=False),
    Role("customer", is_staff=False),
    Role("staff"),
    Role("viewer", permissions=VIEWS),
    Role("help desk", permissions=frozenset({"accounts.view_user", "accounts.change_user"})),
    Role("superuser", is_superuser=True),
)
SETTINGS = {
    "SESSION_ENGINE": "django.contrib.sessions.backends.cache",
    "AUTHENTICATION_BACKENDS": ["tests.admin_walk.RememberingBackend"],
    "ZAVORA_FAUCET": False,
}
# Pages whose every answer is to look at: what is sent to them is tried as a few.
SHOWN_ONLY = ("changelist", "history", "(redirect)")
# Walked where there is something to do.
OF_THE_DESK = tuple(Role(name, permissions=rights) for name, rights in DESK_ROLES.items())


def test_every_address_and_action_is_in_the_table():
    assert entries() == expected_entries()


def test_the_table_can_be_shown():
    assert "| accounts.user action shut_out |" in markdown()


def roles_of(model):
    """Everybody, and for one model somebody with each permission that there is for it, alone."""
    app, _, name = model.partition(".")
    own = Permission.objects.filter(content_type__app_label=app, content_type__model=name)
    roles = []
    for one in own.order_by("codename"):
        # Django's four open the list or do not; ours are worth something only there.
        is_djangos = one.codename.endswith(f"_{name}")
        rights = {one.codename} if is_djangos else {one.codename, f"view_{name}"}
        roles.append(
            Role(one.codename, permissions=frozenset(f"{app}.{right}" for right in rights))
        )
    return (*ROLES, *(OF_THE_DESK if TABLE.get(model) else ()), *roles)


class Desk:
    """People of every role, and two whom they act on: a customer and a staff member."""

    def __init__(self):
        assets = make_assets()
        self.on_customers = Walk(make_target("ann", assets, is_staff=False))
        self.on_staff = Walk(make_target("boss", assets, is_staff=True))
        self._permissions = {
            (one.content_type.app_label, one.codename): one
            for one in Permission.objects.select_related("content_type")
        }
        roles = {role.name: role for model in TABLE for role in roles_of(model)}
        self._users = {role.name: self._make(role) for role in roles.values() if role.is_known}
        password = make_password(PASSWORD)
        User.objects.filter(pk__in=[user.pk for user in self._users.values()]).update(
            password=password
        )
        self._browsers = {}

    def _make(self, role):
        rights = {"is_staff": role.is_staff, "is_superuser": role.is_superuser}
        user = ensure_user(by=SYSTEM, email=f"{role.name.replace(' ', '-')}@example.com", **rights)
        names = {name.partition(".")[::2] for name in role.permissions}
        user.user_permissions.set(one for name, one in self._permissions.items() if name in names)
        return user

    def is_offered(self, role, entry):
        """Return whether the list of a model offers an action to somebody."""
        request = RequestFactory().get("/")
        request.user = RememberingBackend().get_user(self._users[role.name].pk)
        return entry.name in admin.site.get_model_admin(apps.get_model(entry.model)).get_actions(
            request
        )

    def become(self, role, *, anew=False):
        """Return the browser of somebody of a role, logged in; with ``anew`` once more."""
        if anew or role.name not in self._browsers:
            browser = self._browsers[role.name] = Browser()
            if role.is_known:
                browser.force_login(User.objects.get(pk=self._users[role.name].pk))
        return self._browsers[role.name]


@pytest.fixture(scope="module")
def desk(lasting):
    """People of every role and rows to act on."""
    # Each refusal is a line of the log, which pytest would format four times.
    logging.disable()
    with override_settings(**SETTINGS):
        found = Desk()
        # Figures of tables as other tests left them, empty, would have thousands of rows joined
        # each with each.
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        yield found
    logging.disable(logging.NOTSET)
    RememberingBackend.forget()


@pytest.fixture
def built_once(monkeypatch):
    """Build each page for whoever gets it first, refusals' too, and each person's menu once.

    Who is let in, and what a form does, is told before a page is built.
    """
    render, get_app_list = SimpleTemplateResponse.render, admin.site.get_app_list
    render_to_string = loader.render_to_string
    built, menus = set(), {}

    def render_once(response):
        path = response._request.path
        if path in built:
            response.content = b""
        built.add(path)
        return render(response)

    def to_string_once(name, *args, **kwargs):
        text = "" if name in built else render_to_string(name, *args, **kwargs)
        built.add(name)
        return text

    def app_list(request, app_label=None):
        key = (request.user.pk, app_label)
        if key not in menus:
            menus[key] = get_app_list(request, app_label)
        return menus[key]

    monkeypatch.setattr(SimpleTemplateResponse, "render", render_once)
    monkeypatch.setattr(loader, "render_to_string", to_string_once)
    monkeypatch.setattr(admin.site, "get_app_list", app_list)


def walk_as(desk, role, model):
    """Try a model's entries as somebody; return what is not as the table says."""
    wrong = []
    client = desk.become(role)
    for entry in (one for one in expected_entries() if one.model == model):
        walk = desk.on_customers
        if not entry.is_action and walk.has_row(entry):
            may_look = any(role.has(who) for who in who_looks(entry))
            if (is_in := walk.look(client, entry)) != may_look:
                wrong.append((role.name, entry, "let in" if is_in else "turned away"))
        is_one_of_few = role in ROLES
        if entry.name in SHOWN_ONLY and not is_one_of_few:
            continue
        may_act = role.has(who_acts(entry))
        if entry.is_action and role.is_staff and desk.is_offered(role, entry) != may_act:
            # The page's own check: the service's would refuse all the same.
            wrong.append((role.name, entry, "not offered" if may_act else "offered"))
        if (has_acted := walk.act(client, entry)) != may_act:
            wrong.append((role.name, entry, "acted" if has_acted else "could not act"))
        if model in PERSONAL and (may_act or is_one_of_few):
            # The same form or action about a staff member: with the permission it takes more, and
            # whoever has none is refused as above, which a few show.
            may_act = may_act and role.is_superuser
            if (has_acted := desk.on_staff.act(client, entry)) != may_act:
                outcome = "acted" if has_acted else "could not act"
                wrong.append((role.name, entry, f"{outcome} on staff"))
        if entry.name in ("logout", "password_change"):
            client = desk.become(role, anew=True)  # whose session has ended
    return wrong


def test_who_looks_and_who_acts(desk, built_once):
    """Every entry, as everybody, about a customer and about a staff member."""
    wrong = [
        fault
        for model in ("", *TABLE)
        for role in roles_of(model)
        for fault in walk_as(desk, role, model)
    ]
    assert wrong == []


def test_every_act_of_the_table_needs_a_reason_and_leaves_one_record(desk):
    """For a superuser each of them succeeds; the record says who, from where, why and what."""
    client = desk.become(ROLES[-1])
    boss = User.objects.get(email="superuser@example.com")
    walk = desk.on_customers
    before = set(AuditRecord.objects.values_list("pk", flat=True))
    wrong = []
    for entry in (one for one in expected_entries() if one.name in TABLE.get(one.model, {})):
        address, body = walk.address(entry), walk.body(entry)
        unexplained = {name: value for name, value in body.items() if name != "reason"}
        for reason in ({}, {"reason": " "}):
            with Watch() as watch:
                client.post(address, unexplained | reason)
            if watch.has_changed:
                wrong.append((entry, "done without a reason", reason))
        with Watch():
            client.post(address, body, HTTP_X_REQUEST_ID=REQUEST_ID)
            made = list(AuditRecord.objects.exclude(pk__in=before).order_by("pk"))
        whose = ("operator", boss.pk, "superuser", "127.0.0.1", REQUEST_ID, body["reason"])
        if not is_one_act(made, whose):
            wrong.append((entry, [(row.act, row.details, row.request_id) for row in made]))
    assert wrong == []


def is_one_act(made, whose):
    """Return whether records speak of one act of somebody, and of what was and is now.

    What a worker carries out has a second one: what came of it. So has what was approved: the
    decision, which the record of the act names.
    """
    if len(made) == 2 and made[1].act.startswith("approval."):
        done, decision = made
        if (done.user_id, done.details.get("approval")) != (whose[1], decision.details["approval"]):
            return False
        made = [decision]
    by = {
        (row.actor_kind, row.user_id, row.role, row.address, row.request_id, row.reason)
        for row in made
    }
    first, *outcomes = made or [None]
    if by != {whose} or any(
        row.act != first.act or not row.details.keys() <= {"outcome"} for row in outcomes
    ):
        return False
    if len(outcomes) != ("outcome" in first.details):
        return False
    was, now = first.details.get("was"), first.details.get("now")
    if first.act in WITHOUT_BEFORE:
        return was is None
    # A worker is asked even for what is so already.
    return None not in (was, now) and (was != now or bool(outcomes))


def test_no_page_sets_another_persons_password(desk):
    """Django's own page for it is gone, for superusers as well."""
    user = desk.on_customers.target.rows["accounts.user"]
    before = User.objects.get(pk=user.pk).password
    for role in ROLES:
        client = desk.become(role)
        body = {"password1": "purple lamp garden seven", "password2": "staple battery"}
        for page in (f"{user.pk}/password", f"{user.pk}/change", "add"):
            path = f"/admin/accounts/user/{page}/"
            client.post(path, body | {"password": "x", "email": "ann@example.com"}, follow=True)
        page = client.get(f"/admin/accounts/user/{user.pk}/password/", follow=True)
        assert b'type="password"' not in page.content or role.name in ("anonymous", "customer")
        assert page.status_code == 404 or role.name in ("anonymous", "customer", "staff"), role
    assert User.objects.get(pk=user.pk).password == before
    assert not any(
        "password" in (pattern.name or "") for pattern in admin.site._registry[User].get_urls()
    )
