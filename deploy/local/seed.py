"""``python -m deploy.local.seed FILE``: markets in both shards, an operator, accounts with funds.

By the public management commands, in one process, because each costs a second or two to load. It
may be repeated: what is there stays. FILE gets the accounts with their tokens, its owner's alone.
"""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import django
from django.core.management import call_command

from zavora.runner.processes import write_private

SCALE: Final = 8
ASSETS: Final = {
    "BTC": "Bitcoin",
    "ETH": "Ether",
    "SOL": "Solana",
    "LTC": "Litecoin",
    "EUR": "Euro",
}
# Which shard has which markets.
MARKETS: Final = {0: ("BTC/EUR", "SOL/EUR"), 1: ("ETH/EUR", "LTC/EUR")}
RULES: Final = ("--tick-size", "0.01", "--lot-size", "0.0001", "--taker-fee", "0.001")
FUNDS: Final = {
    "EUR": "100000000",
    "BTC": "10000",
    "ETH": "10000",
    "SOL": "100000",
    "LTC": "100000",
}
ACCOUNTS: Final = 8
DOMAIN: Final = "cluster.localhost"
OPERATOR: Final = f"operator@{DOMAIN}"
LABEL: Final = "local cluster"


def seed(file: Path) -> None:
    """Make what is missing, and write the accounts to ``file`` as the last thing."""
    from accounts.access.actor import Actor  # noqa: PLC0415 - settings come first
    from accounts.people.selectors import find_user, list_accounts  # noqa: PLC0415
    from accounts.services import create_asset  # noqa: PLC0415
    from matching.markets.selectors import list_market_terms  # noqa: PLC0415

    by = Actor.system(LABEL)
    for code, name in ASSETS.items():
        create_asset(by=by, code=code, name=name, scale=SCALE)
    there = {terms.symbol for terms in list_market_terms()}
    for shard, symbols in MARKETS.items():
        for symbol in symbols:
            if symbol not in there:
                _command("create_market", symbol, *RULES, "--shard", str(shard))
    if find_user(OPERATOR) is None:
        _command("createsuperuser", "--noinput", "--email", OPERATOR)
    accounts: list[dict[str, Any]] = []
    for number in range(1, ACCOUNTS + 1):
        email = f"trial-{number}@{DOMAIN}"
        scopes = ("--scopes", "read,trade,withdraw")
        token = _command("create_token", "--email", email, *scopes, "--label", LABEL)
        user = find_user(email)
        assert user is not None
        account = list_accounts(user.pk)[0].public_id
        for asset, amount in FUNDS.items():
            funds = ("--asset", asset, "--amount", amount, "--key", f"{LABEL}:{asset}")
            _command("deposit", "--account", str(account), *funds, "--reason", LABEL)
        accounts.append({"email": email, "account": str(account), "token": token})
    content = {"accounts": accounts, "markets": MARKETS, "operator": OPERATOR}
    write_private(file, json.dumps(content, indent=1))


def _command(*words: str) -> str:
    """Run a management command; return the last line that it wrote."""
    output = io.StringIO()
    call_command(*words, stdout=output)
    return output.getvalue().strip().rpartition("\n")[2]


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zavora.settings")
    django.setup()
    written = Path(sys.argv[1])
    if not written.exists():
        seed(written)
