"""How reports, published liabilities and proofs read in JSON."""

from typing import Any, Final
from uuid import UUID

from accounts.liabilities.selectors import Proof
from api.v1.times import moment_text
from api.v1.words import Shape
from zavora.foundation.money import format_decimal, units_to_text

REPORT_KIND: Final = {"statement": "Statement", "trades": "Trades"}
REPORT_FORMAT: Final = {"csv": "CSV", "pdf": "PDF"}
REPORT_STATE: Final = {"pending": "Pending", "making": "Making", "done": "Done", "failed": "Failed"}
# The format of the file that the standalone script reads; another layout gets another name.
PROOF_FORMAT: Final = "zavora-liabilities-1"


def report(row: Any, account_id: UUID) -> Shape:
    """Return a Report, from its row."""
    is_done = row.state == "done"
    return {
        "id": str(row.pk),
        "account_id": str(account_id),
        "kind": REPORT_KIND[row.kind],
        "format": REPORT_FORMAT[row.format],
        "from": moment_text(row.period_from),
        "to": moment_text(row.period_to),
        "state": REPORT_STATE[row.state],
        "progress": row.progress,
        "size": row.size if is_done else None,
        "sha256": row.digest if is_done else None,
        "note": row.note or None,
        "created_at": moment_text(row.created_at),
        "expires_at": None if row.expires_at is None else moment_text(row.expires_at),
    }


def liability_snapshot(row: Any) -> Shape:
    """Return a LiabilitySnapshot, from a row that has its trees with their assets."""
    return {
        "id": str(row.pk),
        "taken_at": moment_text(row.taken_at),
        "trees": [
            {
                "asset": tree.asset.code,
                "scale": tree.asset.scale,
                "total": format_decimal(tree.total, tree.asset.scale),
                "leaves": tree.leaves,
                "root": tree.root,
            }
            for tree in row.trees.all()
        ],
    }


def liability_proofs(snapshot: Any, account_id: UUID, proofs: list[Proof]) -> Shape:
    """Return the LiabilityProofs of an account in a snapshot."""
    return {
        "format": PROOF_FORMAT,
        "snapshot": str(snapshot.pk),
        "taken_at": moment_text(snapshot.taken_at),
        "account": str(account_id),
        "proofs": [
            {
                "asset": proof.tree.asset.code,
                "amount": units_to_text(proof.units, proof.tree.asset.scale),
                "nonce": proof.nonce.hex(),
                "position": proof.position,
                "path": [
                    {"hash": node.digest.hex(), "sum": str(node.units)} for node in proof.path
                ],
            }
            for proof in proofs
        ],
    }
