"""Rights of operators: who is staff, who is superuser, and what groups may do.

Only superusers give rights: whoever could give some could give them to themselves.
"""

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, transaction
from django.db.models import Manager

from accounts.access.actor import Actor
from accounts.audit import record_act
from accounts.models import User
from accounts.notices import publish_credentials_on_commit
from accounts.people.locks import lock_user
from zavora.foundation.errors import Conflict, NotFound


@transaction.atomic(durable=True)
def set_user_rights(
    *,
    by: Actor,
    user_id: int,
    is_staff: bool,
    is_superuser: bool,
    groups: Iterable[Group] = (),
    permissions: Iterable[Permission] = (),
) -> User:
    """Give a user exactly these rights. Raises Forbidden, NotFound."""
    by.require_everything("give rights")
    user = lock_user(user_id)
    was = _rights_of(user)
    user.is_staff = is_staff
    user.is_superuser = is_superuser
    user.save(update_fields=["is_staff", "is_superuser"])
    user.groups.set(groups)
    user.user_permissions.set(permissions)
    record_act(by, "user.rights", f"user:{user.pk}", was=was, now=_rights_of(user))
    publish_credentials_on_commit(user.pk)
    return user


def take_all_rights(user: User) -> None:
    """Leave a locked user without any right of operators; the caller saves the row."""
    user.is_staff = user.is_superuser = False
    user.groups.clear()
    user.user_permissions.clear()


@transaction.atomic(durable=True)
def save_group(
    *, by: Actor, name: str, permissions: Iterable[Permission], group_id: int | None = None
) -> Group:
    """Make a group, or give one a name and exactly these permissions.

    Raises Forbidden, NotFound, or Conflict where the name is taken.
    """
    by.require_everything("give rights")
    group = Group() if group_id is None else _lock_group(group_id)
    was = {} if group_id is None else _contents_of(group)
    group.name = name
    try:
        with transaction.atomic():
            group.save()
    except IntegrityError:
        raise Conflict("a group of this name exists already", name="taken") from None
    group.permissions.set(permissions)
    record_act(by, "group.save", f"group:{group.pk}", was=was, now=_contents_of(group))
    return group


def _lock_group(group_id: int) -> Group:
    group = Group.objects.select_for_update().filter(pk=group_id).first()
    if group is None:
        raise NotFound("no such group")
    return group


def _rights_of(user: User) -> dict[str, object]:
    return {
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
        "groups": sorted(user.groups.values_list("name", flat=True)),
        "permissions": _names_of(user.user_permissions),
    }


def _contents_of(group: Group) -> dict[str, object]:
    return {"name": group.name, "permissions": _names_of(group.permissions)}


def _names_of(permissions: Manager[Permission]) -> list[str]:
    found = permissions.values_list("content_type__app_label", "codename")
    return sorted(f"{app}.{codename}" for app, codename in found)
