"""Check by yourself that the exchange counts your balance among what it says it owes.

Of the standard library only, and of this one file: read it, then run it.

    python verify_liabilities.py proof.json https://exchange.example/api/v1/liabilities
    python verify_liabilities.py proof.json roots.json

``proof.json`` is your own proof, from the account page or from
``GET /api/v1/accounts/<account>/liabilities/<snapshot>``. What it has to lead to are the published
roots: take them from where everybody else does, not from the file. Exit status 0 where every
balance of the proof is counted, 1 where one is not or a file is no such thing.

A leaf is SHA-256(0x00 || snapshot || asset || account || amount || nonce), a node is
SHA-256(0x01 || left hash || left sum || right hash || right sum), and the published root is
SHA-256(0x02 || snapshot || asset || number of leaves || top hash || top sum); sums are whole
smallest units of 32 bytes, never negative. Compare the amount that is printed with your own: the
script cannot know.
"""

import hashlib
import json
import re
import sys
import urllib.request
import uuid
from pathlib import Path

FORMAT = "zavora-liabilities-1"
FILE_BYTES_MAX = 50_000_000
LEVELS_MAX = 64
SCALE_MAX = 30


class Refused(Exception):
    """The proof does not hold; the message says why."""


def amount_units(text, scale):
    """Return a decimal's whole smallest units; refuse what is negative or finer than that."""
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text, re.ASCII):
        raise Refused(f"no amount of zero or more: {text!r}")
    whole, _, fraction = text.partition(".")
    if len(fraction) > scale:
        raise Refused(f"an amount finer than {scale} decimals: {text}")
    return int(whole + fraction.ljust(scale, "0"))


def sum_bytes(units):
    """Return a sum as it is hashed."""
    if units < 0 or units >= 1 << 256:
        raise Refused(f"a sum that cannot be: {units}")
    return units.to_bytes(32, "big")


def hash_bytes(text):
    """Return the bytes of a hash or a nonce."""
    if not isinstance(text, str) or not re.fullmatch(r"[0-9a-f]{64}", text, re.ASCII):
        raise Refused(f"no hash: {text!r}")
    return bytes.fromhex(text)


def text_bytes(text):
    """Return a text with its length in front."""
    content = str(text).encode()
    if len(content) > 255:
        raise Refused("a name that is too long")
    return bytes([len(content)]) + content


def whole_number(value, what):
    """Return a whole number of zero or more."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Refused(f"{what} is no whole number of zero or more: {value!r}")
    return value


def climb(digest, units, position, leaves, path):
    """Return hash and sum at the top. The sides follow from position and number of leaves."""
    if position >= leaves:
        raise Refused("the position is outside of the tree")
    partners = list(path)
    if len(partners) > LEVELS_MAX:
        raise Refused("the path is too long")
    while leaves > 1:
        if position ^ 1 < leaves:
            if not partners:
                raise Refused("the path is too short")
            partner = partners.pop(0)
            other, other_units = hash_bytes(partner["hash"]), int_text(partner["sum"])
            pair = [(digest, units), (other, other_units)]
            if position & 1:
                pair.reverse()
            content = b"".join(part + sum_bytes(summed) for part, summed in pair)
            digest = hashlib.sha256(b"\x01" + content).digest()
            units += other_units
            sum_bytes(units)
        position, leaves = position // 2, (leaves + 1) // 2
    if partners:
        raise Refused("the path is too long")
    return digest, units


def int_text(text):
    """Return the whole smallest units that a text of digits spells."""
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,78}", text, re.ASCII):
        raise Refused(f"a sum that is no whole number of zero or more: {text!r}")
    return int(text)


def check(file, proof, published):
    """Check one balance of a proof's file against what was published; return its line."""
    asset = proof["asset"]
    trees = [tree for tree in published["trees"] if tree["asset"] == asset]
    if len(trees) != 1:
        raise Refused(f"{asset} is not published once")
    tree = trees[0]
    scale = whole_number(tree["scale"], "the scale")
    if scale > SCALE_MAX:
        raise Refused(f"an asset of {scale} decimals")
    leaves = whole_number(tree["leaves"], "the number of leaves")
    units = amount_units(proof["amount"], scale)
    content = b"".join(
        (
            text_bytes(file["snapshot"]),
            text_bytes(asset),
            uuid.UUID(file["account"]).bytes,
            sum_bytes(units),
            hash_bytes(proof["nonce"]),
        )
    )
    leaf = hashlib.sha256(b"\x00" + content).digest()
    position = whole_number(proof["position"], "the position")
    top, total = climb(leaf, units, position, leaves, proof["path"])
    content = text_bytes(file["snapshot"]) + text_bytes(asset) + sum_bytes(leaves)
    root = hashlib.sha256(b"\x02" + content + top + sum_bytes(total)).digest()
    if root != hash_bytes(tree["root"]):
        raise Refused(f"{asset}: the path does not lead to the published root")
    if total != amount_units(tree["total"], scale):
        raise Refused(f"{asset}: the sums do not lead to the published total")
    return f"{asset}: {proof['amount']} is among {leaves} balances of {tree['total']} together"


def load(place):
    """Return the JSON of a file or of an address."""
    if place.startswith(("https://", "http://")):
        with urllib.request.urlopen(place, timeout=30) as answer:  # noqa: S310 - http and https only
            return json.loads(answer.read(FILE_BYTES_MAX))
    with Path(place).open("rb") as file:
        return json.loads(file.read(FILE_BYTES_MAX))


def verify(file, roots):
    """Return a line for each balance that is counted; raise Refused where anything is not so."""
    if file.get("format") != FORMAT:
        raise Refused(f"this is no file of the format {FORMAT}")
    snapshots = [one for one in roots["data"] if one["id"] == file["snapshot"]]
    if len(snapshots) != 1:
        raise Refused(f"the snapshot {file['snapshot']} is not among the published ones")
    if not file["proofs"]:
        raise Refused("the file proves no balance")
    if len({proof["asset"] for proof in file["proofs"]}) != len(file["proofs"]):
        raise Refused("the file has an asset twice")
    return [check(file, proof, snapshots[0]) for proof in file["proofs"]]


def main(arguments):
    """Check what the arguments name and say how it went."""
    if len(arguments) != 2:
        print(__doc__)
        return 2
    try:
        file = load(arguments[0])
        lines = verify(file, load(arguments[1]))
    except Refused as error:
        print(f"REFUSED: {error}")
        return 1
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        print(f"REFUSED: a file is not as it should be: {type(error).__name__}: {error}")
        return 1
    print("\n".join(lines))
    print(f"VERIFIED: account {file['account']}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
