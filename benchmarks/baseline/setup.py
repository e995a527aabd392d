"""Make the plain exchange's tables, markets and funded accounts, in a process of its own.

    BASELINE_DATABASE_URL=... python -m benchmarks.baseline.setup < what.json > made.json

Reads ``{"markets": [[symbol, base, quote]], "owners": N, "accounts": M, "funds": "1"}`` and tells
``[{"token": ..., "accounts": [id, ...]}]``.
"""

import json
import os
import secrets
import sys
from decimal import Decimal
from hashlib import sha256
from typing import Any

import django


def main() -> None:
    """Make everything and tell it."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.baseline.settings"
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415  (needs Django set up)

    call_command("migrate", run_syncdb=True, verbosity=0)
    print(json.dumps(_make(json.load(sys.stdin))))


def _make(what: dict[str, Any]) -> list[dict[str, Any]]:
    from benchmarks.baseline.models import Account, Balance, Market, Token  # noqa: PLC0415

    for symbol, base, quote in what["markets"]:
        Market.objects.create(
            symbol=symbol,
            base=base,
            quote=quote,
            tick_size=Decimal(what["tick_size"]),
            lot_size=Decimal(what["lot_size"]),
            maker_fee=Decimal(what["maker_fee"]),
            taker_fee=Decimal(what["taker_fee"]),
        )
    assets = sorted({asset for market in what["markets"] for asset in market[1:]})
    made = []
    for owner_id in range(1, what["owners"] + 1):
        token = secrets.token_urlsafe(24)
        Token.objects.create(digest=sha256(token.encode()).hexdigest(), owner_id=owner_id)
        accounts = Account.objects.bulk_create(
            Account(owner_id=owner_id) for _ in range(what["accounts"])
        )
        Balance.objects.bulk_create(
            Balance(account=account, asset=asset, available=Decimal(what["funds"]))
            for account in accounts
            for asset in assets
        )
        made.append({"token": token, "accounts": [str(a.public_id) for a in accounts]})
    return made


if __name__ == "__main__":
    main()
