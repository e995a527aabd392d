"""The shapes of reports and of published liabilities, as the OpenAPI document says them."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

from api.v1.openapi.kinds import AccountId, Decimal, Time

Hash = Annotated[str, Meta(description="SHA-256, hexadecimal.", min_length=64, max_length=64)]


class Report(Struct):
    """A report: asked for, made in the background, kept for a while."""

    id: str
    account_id: AccountId
    kind: Literal["Statement", "Trades"]
    format: Literal["CSV", "PDF"]
    from_: Annotated[Time, Meta(description="Inclusive.")] = field(name="from")
    to: Annotated[Time, Meta(description="Exclusive.")]
    state: Literal["Pending", "Making", "Done", "Failed"]
    progress: Annotated[int, Meta(description="Per cent.", ge=0, le=100)]
    size: Annotated[int | None, Meta(description="Bytes of the file; null until it is done.")]
    sha256: Annotated[str | None, Meta(description="Of the file; null until it is done.")]
    note: Annotated[str | None, Meta(description="Why it failed.")]
    created_at: Time
    expires_at: Annotated[Time | None, Meta(description="When the file is thrown away.")]


class ReportIn(Struct):
    """What is asked for; `to` is at least a minute ago, and a minute ago where it is missing."""

    kind: Literal["Statement", "Trades"]
    from_: Time = field(name="from")
    format: Literal["CSV", "PDF"] = "CSV"
    to: Time | None = None


class LiabilityRoot(Struct):
    """The root of an asset's tree: what the exchange owes of it, and to how many accounts."""

    asset: str
    scale: int
    total: Decimal
    leaves: int
    root: Hash


class LiabilitySnapshot(Struct):
    """All customers' balances of one moment."""

    id: str
    taken_at: Time
    trees: list[LiabilityRoot]


class LiabilityNode(Struct):
    """A partner on the way to the root: its hash, and its sum in whole smallest units."""

    hash: Hash
    sum: Annotated[str, Meta(description="Digits.", examples=["150000000"])]


class LiabilityProof(Struct):
    """What leads from a balance to the root of its asset's tree."""

    asset: str
    amount: Decimal
    nonce: Annotated[str, Meta(description="Hexadecimal; it is nobody else's business.")]
    position: int
    path: list[LiabilityNode]


class LiabilityProofs(Struct):
    """The file that examples/verify_liabilities.py checks: a proof for each balance."""

    format: Literal["zavora-liabilities-1"]
    snapshot: str
    taken_at: Time
    account: AccountId
    proofs: list[LiabilityProof]


REPORT_SHAPES: Final[tuple[type[Struct], ...]] = (
    Report,
    ReportIn,
    LiabilityRoot,
    LiabilitySnapshot,
    LiabilityNode,
    LiabilityProof,
    LiabilityProofs,
)
