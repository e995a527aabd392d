"""Stored secrets sealed by keys of their own, and sealed anew while the exchange runs."""

import threading
from io import StringIO
from typing import Any, Final

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from accounts.access.factor_secrets import open_factor, seal_factor
from accounts.access.key_secrets import open_secret, present_prefix
from accounts.access.selectors import find_api_key
from accounts.keys.sealing import count_sealed_before
from accounts.models import ApiKey, AuditRecord
from accounts.services import create_api_key, ensure_user, reseal_secrets, revoke_key
from tests.actors import SYSTEM
from tests.exchange import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

FIRST, SECOND = "first-sealing-key-" + "1" * 20, "second-sealing-key-" + "2" * 20
KEYS: Final = 7


@pytest.fixture(autouse=True)
def _without_sealing_keys(settings: Any) -> None:
    settings.ZAVORA_SEALING_KEYS = []


@pytest.fixture
def made() -> dict[str, str]:
    """Names and secrets of HMAC keys as a former exchange has them, sealed by SECRET_KEY."""
    return dict(make_one() for _ in range(KEYS))


def make_one() -> tuple[str, str]:
    user = ensure_user(by=SYSTEM, email="ann@example.com")
    new = create_api_key(
        by=SYSTEM,
        user_id=user.pk,
        kind="hmac",
        scopes=("read",),
        account_id=user.accounts.get().public_id,
    )
    assert new.secret is not None
    return new.key, new.secret


def all_open(made: dict[str, str]) -> bool:
    found = {name: find_api_key(name) for name in made}
    return all(
        key is not None and key.material == made[name].encode() for name, key in found.items()
    )


def rotate(*arguments: str) -> str:
    out = StringIO()
    call_command("rotate_keys", *arguments, stdout=out)
    return out.getvalue()


def prefixes() -> set[bytes]:
    return {bytes(secret)[:5] for secret in ApiKey.objects.values_list("secret", flat=True)}


def test_a_former_exchange_goes_on_and_what_is_new_is_sealed_by_its_own_key(
    made: dict[str, str], settings: Any
) -> None:
    assert {prefix[:1] for prefix in prefixes()} == {b"\x01"}
    settings.ZAVORA_SEALING_KEYS = [FIRST]
    made |= [make_one()]

    assert all_open(made)
    assert count_sealed_before() == KEYS
    rotate()
    settings.SECRET_KEY = "another-one-altogether"
    assert all_open(made)
    settings.ZAVORA_SEALING_KEYS = [SECOND]
    assert not any(find_api_key(name) for name in made)


def test_rotation_tells_how_far_it_is_and_does_nothing_twice(
    made: dict[str, str], settings: Any
) -> None:
    settings.ZAVORA_SEALING_KEYS = [FIRST]
    with pytest.raises(CommandError):
        rotate("--check")

    said = rotate("--batch", "3").splitlines()

    assert said == [f"{done} of {KEYS} secrets are sealed anew" for done in (3, 6, 7)]
    assert prefixes() == {present_prefix()}
    before = list(ApiKey.objects.order_by("pk").values_list("secret", flat=True))
    assert rotate() == "0 of 0 secrets are sealed anew\n"
    assert rotate("--check").startswith("0 secrets")
    assert list(ApiKey.objects.order_by("pk").values_list("secret", flat=True)) == before
    records = AuditRecord.objects.filter(act="key.reseal").order_by("pk")
    assert [record.details["count"] for record in records] == [3, 3, 1]
    assert {record.actor_name for record in records} == {"manage.py rotate_keys"}
    assert all_open(made)


def test_rotation_goes_on_where_it_was_ended(made: dict[str, str], settings: Any) -> None:
    settings.ZAVORA_SEALING_KEYS = [FIRST]
    reseal_secrets(by=SYSTEM, after_id=0, size=4)
    settings.ZAVORA_SEALING_KEYS = [SECOND, FIRST]
    reseal_secrets(by=SYSTEM, after_id=0, size=2)
    assert len(prefixes()) > 2
    assert all_open(made)

    rotate()

    settings.ZAVORA_SEALING_KEYS = [SECOND]
    assert prefixes() == {present_prefix()}
    assert all_open(made)


def test_what_no_key_opens_is_named_and_stays_as_it_is(made: dict[str, str], settings: Any) -> None:
    lost = ApiKey.objects.order_by("pk")[2]
    broken = bytes(lost.secret or b"")[:-1] + b"\x00\x01"
    ApiKey.objects.filter(pk=lost.pk).update(secret=broken)
    settings.ZAVORA_SEALING_KEYS = [FIRST]

    for _ in range(2):
        with pytest.raises(CommandError, match=rf"1 secrets .* of API key {lost.pk}$"):
            rotate("--batch", "2")

    assert bytes(ApiKey.objects.get(pk=lost.pk).secret or b"") == broken
    assert count_sealed_before() == 1


def test_without_sealing_keys_there_is_nothing_to_rotate_to(made: dict[str, str]) -> None:
    with pytest.raises(CommandError, match="ZAVORA_SEALING_KEYS"):
        rotate()
    assert all_open(made)


def test_a_sealed_secret_does_not_open_in_another_row(made: dict[str, str], settings: Any) -> None:
    settings.ZAVORA_SEALING_KEYS = [FIRST]
    rotate()
    one, other = ApiKey.objects.order_by("pk")[:2]

    assert open_secret(bytes(one.secret or b""), name=one.lookup) is not None
    assert open_secret(bytes(one.secret or b""), name=other.lookup) is None


class Running:
    """An exchange that goes on: keys are used, made and revoked by threads until it ends."""

    def __init__(self, made: dict[str, str]) -> None:
        self.made = dict(made)
        self.lost: list[str] = []
        self.looks = 0
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._forever, args=(do,)) for do in (self._use, self._make)
        ]

    def __enter__(self) -> "Running":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _forever(self, do: Any) -> None:
        try:
            while not self._over.is_set():
                do()
        finally:
            connection.close()

    def _use(self) -> None:
        for name, secret in list(self.made.items()):
            key = find_api_key(name)
            if key is None or key.material != secret.encode():
                self.lost.append(name)
        self.looks += 1

    def _make(self) -> None:
        if len(self.made) < 40:
            name, secret = make_one()
            self.made[name] = secret
            name, _ = make_one()
            revoke_key(by=SYSTEM, key_id=ApiKey.objects.get(lookup=name).pk)


def rotate_by_turns(settings: Any) -> list[str]:
    """Let two keys seal by turns, each time by two runs at once; return what they said."""
    said: list[str] = []

    def run() -> None:
        try:
            said.append(rotate("--batch", "3"))
        finally:
            connection.close()

    for keys in ([FIRST], [SECOND, FIRST], [FIRST, SECOND], [SECOND, FIRST]):
        settings.ZAVORA_SEALING_KEYS = keys
        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    return said


def test_keys_are_good_all_the_time_while_they_are_sealed_anew(
    made: dict[str, str], settings: Any
) -> None:
    with Running(made) as running:
        said = rotate_by_turns(settings)

    assert len(said) == 8
    assert running.looks > 1
    assert running.lost == []
    rotate()
    settings.ZAVORA_SEALING_KEYS = [SECOND]
    assert all_open(running.made)
    revoked = ApiKey.objects.filter(revoked_at__isnull=False)
    assert revoked.count() == len(running.made) - KEYS


def test_what_changed_after_it_was_read_is_not_overwritten(
    made: dict[str, str], settings: Any
) -> None:
    settings.ZAVORA_SEALING_KEYS = [FIRST]
    row = ApiKey.objects.order_by("pk")[0]
    said: list[str] = []

    def run() -> None:
        try:
            said.append(rotate())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        ApiKey.objects.filter(pk=row.pk).update(secret=b"\x02another process was here")
        thread.start()
        wait_until(_somebody_waits_for_a_row, timeout_s=10, what="a rotation that has read")
    thread.join(30)

    assert said == [f"{KEYS - 1} of {KEYS} secrets are sealed anew\n"]
    assert bytes(ApiKey.objects.get(pk=row.pk).secret or b"") == b"\x02another process was here"


def _somebody_waits_for_a_row() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def test_second_factors_are_sealed_anew_as_well(settings: Any) -> None:
    user = ensure_user(by=SYSTEM, email="ann@example.com")
    secrets = {"totp": {"secret": "JBSWY3DPEHPK3PXP"}, "recovery_codes": {"seed": "5eed"}}
    for kind, sealed in secrets.items():
        data = {name: seal_factor(text) for name, text in sealed.items()}
        Authenticator.objects.create(user=user, type=kind, data={**data, "used_step": 7})
    Authenticator.objects.create(user=user, type="webauthn", data={"name": "Phone"})
    lost = Authenticator.objects.create(
        user=ensure_user(by=SYSTEM, email="bob@example.com"), type="totp", data={"secret": "AgA="}
    )
    settings.ZAVORA_SEALING_KEYS = [FIRST]
    assert count_sealed_before() == 3

    with pytest.raises(CommandError, match=f"1 secrets .* second factor {lost.pk}"):
        rotate("--batch", "1")

    settings.SECRET_KEY = "another-secret"
    for kind, sealed in secrets.items():
        row = Authenticator.objects.get(user=user, type=kind)
        assert {name: open_factor(row.data[name]) for name in sealed} == sealed
        assert row.data["used_step"] == 7
    assert Authenticator.objects.get(pk=lost.pk).data == lost.data
    assert count_sealed_before() == 1
