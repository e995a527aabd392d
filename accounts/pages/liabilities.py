"""The public page of what the exchange owes."""

from datetime import datetime
from typing import Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.liabilities.selectors import list_snapshots
from zavora.foundation.money import text_for_people

SNAPSHOTS_SHOWN_MAX: Final = 10


class TreeRow(msgspec.Struct, frozen=True):
    """An asset of a snapshot as the page shows it."""

    asset: str
    total: str
    leaves: int
    root: str


class SnapshotRow(msgspec.Struct, frozen=True):
    """A snapshot as the page shows it."""

    id: int
    taken_at: datetime
    trees: list[TreeRow]


@never_cache
@require_safe
def liabilities(request: HttpRequest) -> HttpResponse:
    """Show the newest snapshots, with total and root of each asset, and how to check a proof."""
    shown = [
        SnapshotRow(
            row.pk,
            row.taken_at,
            [
                TreeRow(
                    tree.asset.code,
                    text_for_people(tree.total, tree.asset.scale),
                    tree.leaves,
                    tree.root,
                )
                for tree in row.trees.all()
            ],
        )
        for row in list_snapshots(limit=SNAPSHOTS_SHOWN_MAX)
    ]
    return render(request, "accounts/liabilities.html", {"snapshots": shown})
