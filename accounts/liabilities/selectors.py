"""Reads of published liabilities, and the proof that an account is counted in."""

from typing import Final
from uuid import UUID

import msgspec
from django.db.models import Prefetch

from accounts.liabilities.tree import (
    BLOCK_LEAVES,
    Node,
    climb,
    leaf,
    nonce_of,
    path_in,
    sealed,
    unpack,
)
from accounts.models import LiabilityLeaf, LiabilitySnapshot, LiabilityTree
from zavora.foundation.errors import InvariantBroken, NotFound
from zavora.foundation.money import decimal_to_units

PAGE_MAX: Final = 501


class Proof(msgspec.Struct, frozen=True):
    """What shows that a balance is in a tree. ``path``: partners from the leaf up."""

    tree: LiabilityTree
    units: int
    nonce: bytes
    position: int
    path: list[Node]


def list_snapshots(*, cursor: int | None = None, limit: int = 100) -> list[LiabilitySnapshot]:
    """Return the published snapshots, newest first, each with its trees by asset.

    ``cursor`` is the id of the last one already seen. What only paths need is left out.
    """
    trees = LiabilityTree.objects.select_related("asset").defer("blocks").order_by("asset__code")
    snapshots = LiabilitySnapshot.objects.prefetch_related(Prefetch("trees", trees))
    if cursor is not None:
        snapshots = snapshots.filter(pk__lt=cursor)
    return list(snapshots.order_by("-pk")[: min(limit, PAGE_MAX)])


def get_proofs(account_id: UUID, snapshot_id: int) -> tuple[LiabilitySnapshot, list[Proof]]:
    """Return the proofs of an account's balances in a snapshot, by asset.

    None where it had nothing then. Raises NotFound for a snapshot that was never published.
    """
    snapshot = LiabilitySnapshot.objects.filter(pk=snapshot_id).first()
    if snapshot is None:
        raise NotFound("There is no such snapshot.")
    trees = {tree.pk: tree for tree in snapshot.trees.select_related("asset")}
    leaves = LiabilityLeaf.objects.filter(account__public_id=account_id, tree_id__in=list(trees))
    proofs = [_proof(snapshot, trees[one.tree_id], one.position, account_id) for one in leaves]
    return snapshot, sorted(proofs, key=lambda proof: proof.tree.asset.code)


def _proof(
    snapshot: LiabilitySnapshot, tree: LiabilityTree, position: int, account_id: UUID
) -> Proof:
    """Build the path from the leaf's own block and the roots of all blocks."""
    block, place = divmod(position, BLOCK_LEAVES)
    secret, asset = bytes(snapshot.secret), tree.asset
    rows = LiabilityLeaf.objects.filter(
        tree_id=tree.pk, position__gte=block * BLOCK_LEAVES, position__lt=(block + 1) * BLOCK_LEAVES
    )
    nodes = [
        leaf(
            snapshot=str(snapshot.pk), asset=asset.code, account=owner, nonce=nonce,
            units=decimal_to_units(amount, asset.scale),
        )
        for owner, amount in rows.order_by("position").values_list("account__public_id", "amount")
        for nonce in [nonce_of(secret, asset.code, owner)]
    ]  # fmt: skip
    path = path_in(nodes, place) + path_in(unpack(bytes(tree.blocks)), block)
    top = climb(nodes[place], position=position, leaves=tree.leaves, path=path)
    root = sealed(top, snapshot=str(snapshot.pk), asset=asset.code, leaves=tree.leaves)
    if root.hex() != tree.root:
        raise InvariantBroken(f"the leaves of tree {tree.pk} do not lead to its root")
    nonce = nonce_of(secret, asset.code, account_id)
    return Proof(tree, nodes[place].units, nonce, position, path)
