"""Operators' pages of the counters of markets, and of shards: both are written by workers."""

from django.contrib import admin

from matching.admin.units import unit_of_price
from matching.models import MarketState, Shard
from zavora.foundation.admin.base import ReadOnlyAdmin, Related
from zavora.foundation.admin.search import numbers, parts


@admin.register(MarketState)
class MarketStateAdmin(ReadOnlyAdmin):
    """The counters of markets."""

    list_display = (
        "market",
        "last_price",
        "static_price",
        "auction_ends_at",
        "trade_sequence",
        "depth_sequence",
        "event_sequence",
    )
    list_select_related = ("market__base", "market__quote")
    units = {"last_price": unit_of_price, "static_price": unit_of_price}
    look_ups = (numbers("pk"), parts("market__symbol"))
    searched_by = "market, or a part of its symbol"
    related = (Related("matching.market", lambda state: state.market.symbol),)


@admin.register(Shard)
class ShardAdmin(ReadOnlyAdmin):
    """Who owns which shard, and how far it is."""

    list_display = (
        "id",
        "epoch",
        "lease_owner",
        "lease_expires_at",
        "journal_sequence",
        "last_stream_id",
        "last_batch_at",
    )
    look_ups = (numbers("pk"), parts("lease_owner"))
    searched_by = "number, owner of the lease or a part of it"
    ordering = ("pk",)
