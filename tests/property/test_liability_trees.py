"""Merkle-sum trees against one that is written out in full, and proofs that were tampered with."""

import hashlib
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.liabilities.tree import (
    BLOCK_LEAVES,
    Node,
    TreeBuilder,
    climb,
    leaf,
    nonce_of,
    pack,
    path_in,
    top_of,
    unpack,
)

units = st.integers(0, 10**38)
digests = st.binary(min_size=32, max_size=32)
nodes = st.builds(Node, digests, units)


def naive_root(row: list[Node]) -> tuple[bytes, int]:
    """The top by recursion: the largest full tree on the left, the rest on the right."""
    if len(row) == 1:
        return row[0].digest, row[0].units
    left = 1 << (len(row) - 1).bit_length() - 1
    pairs = [naive_root(row[:left]), naive_root(row[left:])]
    content = b"".join(digest + summed.to_bytes(32, "big") for digest, summed in pairs)
    return hashlib.sha256(b"\x01" + content).digest(), pairs[0][1] + pairs[1][1]


@given(st.lists(nodes, min_size=1, max_size=70))
def test_the_top_is_that_of_a_naive_tree(row: list[Node]) -> None:
    root = top_of(row)

    assert (root.digest, root.units) == naive_root(row)
    assert root.units == sum(node.units for node in row)


@given(st.lists(nodes, min_size=1, max_size=70), st.data())
def test_every_leaf_has_a_path_and_no_other_leads_to_the_top(
    row: list[Node], data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(row) - 1))
    path, root = path_in(row, position), top_of(row)
    where = {"position": position, "leaves": len(row)}

    assert climb(row[position], path=path, **where) == root
    more = Node(row[position].digest, row[position].units + 1)
    if path:
        assert climb(more, path=path, **where) != root
        assert climb(row[position], path=[Node(path[0].digest, path[0].units + 1), *path[1:]],
                     **where) != root  # fmt: skip
        with pytest.raises(ValueError, match="too short"):
            climb(row[position], path=path[:-1], **where)
    with pytest.raises(ValueError, match="too long"):
        climb(row[position], path=[*path, row[0]], **where)


@pytest.mark.parametrize("size", [1, BLOCK_LEAVES - 1, BLOCK_LEAVES, BLOCK_LEAVES + 1, 3_500])
def test_a_tree_in_blocks_is_the_same_tree(size: int) -> None:
    row = [Node(hashlib.sha256(b"%d" % number).digest(), number) for number in range(size)]
    builder = TreeBuilder()
    for node in row:
        builder.add(node)
    root, blocks = builder.finish()

    assert (root.digest, root.units) == naive_root(row)
    assert unpack(pack(blocks)) == blocks
    for position in (0, size // 2, size - 1):
        block, place = divmod(position, BLOCK_LEAVES)
        own = row[block * BLOCK_LEAVES : (block + 1) * BLOCK_LEAVES]
        path = path_in(own, place) + path_in(blocks, block)
        assert climb(row[position], position=position, leaves=size, path=path) == root


@settings(max_examples=50)
@given(units, st.uuids(), st.binary(min_size=32, max_size=32))
def test_a_leaf_says_all_that_it_stands_for(amount: int, account: UUID, secret: bytes) -> None:
    """Another snapshot, asset, account, amount or nonce is another leaf."""
    said = {
        "snapshot": "7", "asset": "BTC", "account": account, "units": amount,
        "nonce": nonce_of(secret, "BTC", account),
    }  # fmt: skip
    others = {
        "snapshot": "8", "asset": "BTD", "account": UUID(int=account.int ^ 1), "units": amount + 1,
        "nonce": nonce_of(secret, "ETH", account),
    }  # fmt: skip
    digest = leaf(**said).digest

    assert [name for name in said if leaf(**{**said, name: others[name]}).digest == digest] == []
    # Names run into each other nowhere.
    assert leaf(**{**said, "snapshot": "7B", "asset": "TC"}).digest != digest
