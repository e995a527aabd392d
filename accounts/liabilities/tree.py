"""The Merkle-sum tree of an asset: every node is a hash and a sum.

After G. Maxwell and P. Todd (Z. Wilcox, "Proving Your Bitcoin Reserves", 2014) as corrected by
K. Hu, Z. Zhang and K. Guo, "Breaking the Binding: Attacks on the Merkle Approach to Prove
Liabilities and its Applications" (IACR ePrint 2018/1139): where a node hashes only the sum of its
children, an exchange can owe less than it shows to each customer. Here a node hashes both children
with both their sums:

* leaf: ``SHA-256(0x00 || snapshot || asset || account || amount || nonce)``, sum ``amount``;
* node: ``SHA-256(0x01 || left hash || left sum || right hash || right sum)``, sum of both sums;
* root, which is published: ``SHA-256(0x02 || snapshot || asset || leaves || top hash || top sum)``.

Amounts and sums are whole smallest units, not negative, of 32 bytes, big endian, and so is the
number of leaves; snapshot and asset are texts with their length in front (one byte), the account
its UUID's 16 bytes, the nonce 32.

Nodes are paired from the left; the last one of a row without a partner goes up as it is. So the way
from a leaf to the root follows from its position and the number of leaves alone: whoever proves
chooses no sides. ``examples/verify_liabilities.py`` does the same with nothing of ours.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import msgspec

from zavora.foundation.errors import InvariantBroken

SUM_BYTES: Final = 32
HASH_BYTES: Final = 32
NODE_BYTES: Final = HASH_BYTES + SUM_BYTES
# So many leaves are a block, whose top is kept: a path is found by reading one block and all tops
# of blocks, 2,000 nodes in a tree of a million leaves. A power of two: blocks are whole subtrees.
BLOCK_LEAVES: Final = 1_024
_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"
_ROOT: Final = b"\x02"
_LABEL: Final = b"zavora liabilities nonce 1"


class Node(msgspec.Struct, frozen=True, gc=False):
    """A hash, and the sum (smallest units) that it commits to."""

    digest: bytes
    units: int


def nonce_of(secret: bytes, asset: str, account: UUID) -> bytes:
    """Return the nonce of a leaf: nobody who lacks the snapshot's secret can guess it."""
    return hmac.digest(secret, _LABEL + _text(asset) + account.bytes, "sha256")


def leaf(*, snapshot: str, asset: str, account: UUID, units: int, nonce: bytes) -> Node:
    """Return the leaf of a balance in smallest units."""
    content = _text(snapshot) + _text(asset) + account.bytes + _sum(units) + nonce
    return Node(hashlib.sha256(_LEAF + content).digest(), units)


def parent(left: Node, right: Node) -> Node:
    """Return the node above two."""
    content = left.digest + _sum(left.units) + right.digest + _sum(right.units)
    return Node(hashlib.sha256(_NODE + content).digest(), left.units + right.units)


def sealed(top: Node, *, snapshot: str, asset: str, leaves: int) -> bytes:
    """Return the hash that is published: of the node at the top, and of what tree it is."""
    content = _text(snapshot) + _text(asset) + _sum(leaves) + top.digest + _sum(top.units)
    return hashlib.sha256(_ROOT + content).digest()


def top_of(nodes: Sequence[Node]) -> Node:
    """Return the node at the top of a row of nodes, which must not be empty."""
    row = list(nodes)
    while len(row) > 1:
        row = _row_above(row)
    return row[0]


def path_in(nodes: Sequence[Node], position: int) -> list[Node]:
    """Return the partners on the way up from a node of a row, lowest first."""
    row, path = list(nodes), []
    while len(row) > 1:
        partner = position ^ 1
        if partner < len(row):
            path.append(row[partner])
        row, position = _row_above(row), position // 2
    return path


def climb(node: Node, *, position: int, leaves: int, path: Sequence[Node]) -> Node:
    """Return the top that a leaf and its path lead to. Raises ValueError where they do not fit."""
    if not 0 <= position < leaves:
        raise ValueError("the position is outside of the tree")
    partners = iter(path)
    while leaves > 1:
        if position ^ 1 < leaves:
            partner = next(partners, None)
            if partner is None:
                raise ValueError("the path is too short")
            node = parent(partner, node) if position & 1 else parent(node, partner)
        position, leaves = position // 2, (leaves + 1) // 2
    if next(partners, None) is not None:
        raise ValueError("the path is too long")
    return node


class TreeBuilder:
    """Takes leaves one after the other, and keeps one node for each full block."""

    def __init__(self) -> None:
        self.leaves = 0
        self._blocks: list[Node] = []
        self._open: list[Node] = []

    def add(self, node: Node) -> None:
        """Take the next leaf."""
        self._open.append(node)
        self.leaves += 1
        if len(self._open) == BLOCK_LEAVES:
            self._close_block()

    def finish(self) -> tuple[Node, list[Node]]:
        """Return the node at the top and those at the tops of all blocks, in order."""
        if self._open:
            self._close_block()
        return top_of(self._blocks), self._blocks

    def _close_block(self) -> None:
        self._blocks.append(top_of(self._open))
        self._open.clear()


def pack(nodes: Iterable[Node]) -> bytes:
    """Return nodes as the bytes that are kept."""
    return b"".join(node.digest + _sum(node.units) for node in nodes)


def unpack(content: bytes) -> list[Node]:
    """Return the nodes that were packed."""
    return [
        Node(
            content[begin : begin + HASH_BYTES],
            int.from_bytes(content[begin + HASH_BYTES : begin + NODE_BYTES], "big"),
        )
        for begin in range(0, len(content), NODE_BYTES)
    ]


def _row_above(row: list[Node]) -> list[Node]:
    above = [parent(left, right) for left, right in zip(row[::2], row[1::2], strict=False)]
    return above + row[-1:] if len(row) % 2 else above


def _sum(units: int) -> bytes:
    if units < 0:
        raise InvariantBroken(f"a sum of liabilities is negative: {units}")
    return units.to_bytes(SUM_BYTES, "big")


def _text(text: str) -> bytes:
    content = text.encode()
    return bytes([len(content)]) + content
