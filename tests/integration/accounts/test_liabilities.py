"""Published liabilities: all balances of one moment, and a script that believes nothing else."""

import copy
import io
import json
import runpy
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction
from django.db.models import Sum
from django.test import Client

from accounts.liabilities.selectors import get_proofs, list_snapshots
from accounts.models import (
    AuditRecord,
    Balance,
    LiabilityLeaf,
    LiabilitySnapshot,
    LiabilityTree,
)
from accounts.services import create_asset, deposit, ensure_user, publish_liabilities
from api.v1 import report_words as words
from tests.actors import SYSTEM, customer, operator
from tests.integration.accounts.test_races import WAIT_S, Thread, wait_until_blocked
from zavora.foundation.errors import Conflict, Forbidden, InvariantBroken, NotFound

pytestmark = pytest.mark.django_db(transaction=True)
SCRIPT = Path(__file__).resolve().parents[3] / "examples/verify_liabilities.py"


@pytest.fixture
def people() -> list[Any]:
    """Five people with USD, three of them with BTC as well; the last one has nothing."""
    for code, scale in (("BTC", 8), ("USD", 2)):
        create_asset(by=SYSTEM, code=code, name=code, scale=scale)
    accounts = [
        ensure_user(by=SYSTEM, email=f"person-{number}@example.com").accounts.get()
        for number in range(6)
    ]
    for number, account in enumerate(accounts[:5], 1):
        give(account, "USD", f"{number}00.0{number}")
        if number <= 3:
            give(account, "BTC", f"0.0000000{number}")
    # What is locked is owed, too.
    Balance.objects.filter(account=accounts[0], asset__code="USD").update(
        available=Decimal("60.01"), locked=Decimal(40)
    )
    return accounts


def give(account: Any, asset: str, amount: str) -> None:
    deposit(
        by=SYSTEM, account_id=account.public_id, asset=asset, amount=Decimal(amount), source="bank"
    )


def published_roots() -> dict[str, Any]:
    """What everybody reads at /api/v1/liabilities."""
    return {"data": [words.liability_snapshot(row) for row in list_snapshots()]}


def proof_file(account: Any, snapshot: Any) -> dict[str, Any]:
    """What the owner of an account downloads."""
    found, proofs = get_proofs(account.public_id, snapshot.pk)
    return words.liability_proofs(found, account.public_id, proofs)


def checked(folder: Path, proof: Any, roots: Any) -> tuple[int, str]:
    """Run the script by itself, without our environment; return its exit status and its words."""
    for name, content in (("proof.json", proof), ("roots.json", roots)):
        (folder / name).write_text(json.dumps(content))
    done = subprocess.run(
        [sys.executable, "-I", "-S", SCRIPT, "proof.json", "roots.json"],
        cwd=folder, capture_output=True, text=True, env={}, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_all_balances_are_counted_and_everybody_can_check_it(
    people: list[Any], tmp_path: Path
) -> None:
    snapshot = publish_liabilities(by=SYSTEM)

    for tree in snapshot.trees.all():
        balances = Balance.objects.filter(asset=tree.asset)
        sums = balances.aggregate(Sum("available"), Sum("locked"))
        assert tree.total == sums["available__sum"] + sums["locked__sum"]
        assert tree.leaves == LiabilityLeaf.objects.filter(tree_id=tree.pk).count()
    assert [tree.leaves for tree in snapshot.trees.order_by("asset__code")] == [3, 5]
    assert AuditRecord.objects.get(act="liabilities.publish").details["roots"].keys() == {
        "BTC", "USD",
    }  # fmt: skip

    give(people[0], "USD", "1000")  # later balances are of a later snapshot
    later = publish_liabilities(by=SYSTEM)
    roots = published_roots()

    for account in people[:5]:
        status, said = checked(tmp_path, proof_file(account, snapshot), roots)
        assert (status, f"VERIFIED: account {account.public_id}" in said) == (0, True), said
    assert "USD: 500.05 is among 5 balances of 1500.15 together" in said
    # Whoever had nothing has no proof, and the script says so.
    assert checked(tmp_path, proof_file(people[5], snapshot), roots)[0] == 1
    # A nonce is of one snapshot, one asset and one account.
    nonces = [
        proof["nonce"]
        for published in (snapshot, later)
        for account in people
        for proof in proof_file(account, published)["proofs"]
    ]
    assert len(nonces) == len(set(nonces)) == 16


def forgeries() -> dict[str, Any]:
    """Return what a dishonest exchange, or customer, might do to a proof or to the roots."""

    def usd(file: Any) -> Any:
        return next(one for one in file["proofs"] if one["asset"] == "USD")

    def hide_a_partner(file: Any, roots: Any) -> None:
        """Owe less than customers are shown: what Maxwell's tree, which hashed one sum, allowed."""
        hidden, usd(file)["path"][0]["sum"] = usd(file)["path"][0]["sum"], "0"
        less = int(tree(roots)["total"].replace(".", "")) - int(hidden)
        tree(roots)["total"] = f"{less // 100}.{less % 100:02}"

    def tree(roots: Any) -> Any:
        return next(one for one in roots["data"][0]["trees"] if one["asset"] == "USD")

    def change(place: Any, key: Any, value: Any) -> None:
        place[key] = value(place[key]) if callable(value) else value

    return {
        "more": lambda file, roots: change(usd(file), "amount", "100.02"),
        "a negative amount": lambda file, roots: change(usd(file), "amount", "-100.01"),
        "an exponent": lambda file, roots: change(usd(file), "amount", "1E2"),
        "another account": lambda file, roots: change(file, "account", "0" * 32),
        "another nonce": lambda file, roots: change(usd(file), "nonce", "0" * 64),
        "another asset": lambda file, roots: change(usd(file), "asset", "BTC"),
        "another place": lambda file, roots: change(usd(file), "position", lambda n: n ^ 1),
        "a place outside": lambda file, roots: change(usd(file), "position", 5),
        "a larger sum": lambda file, roots: change(
            usd(file)["path"][-1], "sum", lambda text: str(int(text) + 1)
        ),
        "a negative sum": lambda file, roots: change(
            usd(file)["path"][0], "sum", lambda text: f"-{text}"
        ),
        "a partner that is hidden": hide_a_partner,
        "another hash": lambda file, roots: change(usd(file)["path"][0], "hash", "f" * 64),
        "partners swapped": lambda file, roots: usd(file)["path"].reverse(),
        "a path cut short": lambda file, roots: usd(file)["path"].pop(),
        "a longer path": lambda file, roots: usd(file)["path"].append(usd(file)["path"][0]),
        "no proof at all": lambda file, roots: file["proofs"].clear(),
        "an asset twice": lambda file, roots: file["proofs"].append(usd(file)),
        "no such snapshot": lambda file, roots: change(file, "snapshot", "1"),
        "another root": lambda file, roots: change(tree(roots), "root", "0" * 64),
        "a smaller total": lambda file, roots: change(tree(roots), "total", "1500.14"),
        "fewer leaves": lambda file, roots: change(tree(roots), "leaves", 4),
        "more leaves": lambda file, roots: change(tree(roots), "leaves", 6),
        "a coarser scale": lambda file, roots: change(tree(roots), "scale", 3),
        "the root of another day": lambda file, roots: change(
            roots["data"][0]["trees"], slice(None), copy.deepcopy(roots["data"][1]["trees"])
        ),
    }


def test_the_script_refuses_every_forgery(people: list[Any], tmp_path: Path) -> None:
    publish_liabilities(by=SYSTEM)
    give(people[4], "USD", "0.01")
    snapshot = publish_liabilities(by=SYSTEM)
    # Somebody with partners on two rows at least, so that there is an order to change.
    files = [proof_file(account, snapshot) for account in people[:5]]
    honest = next(file for file in files if len(file["proofs"][-1]["path"]) == 3)
    roots = published_roots()
    assert checked(tmp_path, honest, roots)[0] == 0

    # The script's own function: a process for each of them would take seconds.
    script = runpy.run_path(str(SCRIPT), run_name="verify_liabilities")
    verify = script["verify"]
    assert len(verify(honest, roots)) == len(honest["proofs"])
    believed = {}
    for name, forge in forgeries().items():
        forged, forged_roots = copy.deepcopy(honest), copy.deepcopy(roots)
        forge(forged, forged_roots)
        assert (forged, forged_roots) != (honest, roots), name
        # As they arrive: of JSON.
        forged, forged_roots = json.loads(json.dumps([forged, forged_roots]))
        try:
            believed[name] = verify(forged, forged_roots)
        except script["Refused"]:
            continue
    assert believed == {}
    forgeries()["more"](honest, roots)
    status, said = checked(tmp_path, honest, roots)
    assert (status, said[:7]) == (1, "REFUSED")


def test_the_exchange_alone_publishes(people: list[Any]) -> None:
    for by in (customer(people[0].owner), operator()):
        with pytest.raises(Forbidden):
            publish_liabilities(by=by)
    with pytest.raises(NotFound):
        get_proofs(people[0].public_id, 1)

    assert not LiabilitySnapshot.objects.exists()


def test_a_snapshot_is_of_one_moment(people: list[Any]) -> None:
    """Money that moves between what was read and what is not read yet is counted once."""

    def totals() -> dict[str, Decimal]:
        sums = Balance.objects.filter(account__kind="customer").values_list("asset__code")
        return dict(sums.annotate(total=Sum("available") + Sum("locked")))

    before = totals()
    publishing = Thread(lambda: publish_liabilities(by=SYSTEM, page_rows=1))
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {LiabilityLeaf._meta.db_table} IN ACCESS EXCLUSIVE MODE")
        publishing.start()
        wait_until_blocked()  # it has read one row, and cannot write it
        # On a connection of its own: what this one does is seen at its end only.
        moved = Thread(lambda: [give(account, "USD", "1000") for account in people])
        moved.start()
        moved.join(WAIT_S)
        assert moved.error is None
    publishing.join(WAIT_S)

    assert publishing.error is None
    trees = LiabilityTree.objects.all()
    assert {tree.asset.code: tree.total for tree in trees} == before
    assert totals()["USD"] == before["USD"] + 6000


def test_a_negative_balance_is_not_published(people: list[Any]) -> None:
    """It would hide what is owed to others. The tables refuse it too; here they are made not to."""
    check = "accounts_balance DROP CONSTRAINT balance_available_not_negative"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {check}")
    try:
        Balance.objects.filter(account=people[1], asset__code="USD").update(available=-1)
        with pytest.raises(InvariantBroken, match="negative"):
            publish_liabilities(by=SYSTEM)
    finally:
        Balance.objects.filter(available__lt=0).update(available=0)
        with connection.schema_editor() as editor:
            (constraint,) = [c for c in Balance._meta.constraints if c.name in check]
            editor.add_constraint(Balance, constraint)

    assert not LiabilitySnapshot.objects.exists()


def test_nothing_is_published_of_nothing() -> None:
    with pytest.raises(Conflict):
        publish_liabilities(by=SYSTEM)
    with pytest.raises(CommandError, match="nobody owns anything"):
        call_command("publish_liabilities")

    assert not LiabilitySnapshot.objects.exists()


def test_what_was_published_is_shown_and_not_unsaid(people: list[Any], client: Client) -> None:
    assert "Nothing has been published yet" in client.get("/liabilities").content.decode()
    said = io.StringIO()
    call_command("publish_liabilities", stdout=said)
    page = client.get("/liabilities").content.decode()
    for tree in LiabilityTree.objects.all():
        assert tree.root in said.getvalue()
        assert tree.root in page
    assert "1,500.15" in page
    for statement in (
        "UPDATE accounts_liabilitytree SET total = 0",
        "DELETE FROM accounts_liabilitytree",
        "UPDATE accounts_liabilitysnapshot SET taken_at = now()",
        "DELETE FROM accounts_liabilitysnapshot",
    ):
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

    assert LiabilityTree.objects.count() == 2
