"""What the operators' pages let change, page by page, and with which permission."""

from collections.abc import Mapping
from typing import Final

from tests.desk_roles import ANYBODY, NOBODY, STAFF, SUPERUSER

# What each model's pages let change, by entry; everything else there is only to look at, with the
# permission to view or to change. "add" and "change" are pages, the others actions of the list.
TABLE: Final[Mapping[str, Mapping[str, str]]] = {
    "auth.group": {"add": SUPERUSER, "change": SUPERUSER},
    "account.emailaddress": {},
    "mfa.authenticator": {},
    "usersessions.usersession": {},
    "accounts.user": {
        "add": "accounts.add_user",
        "change": SUPERUSER,
        "let_in": "accounts.change_user",
        "shut_out": "accounts.change_user",
        "make_link": "accounts.make_reset_link",
        "set_level": "accounts.change_level",
        "write_note": "accounts.add_note",
        "export_data": "accounts.export_person",
        "reset_factors": "accounts.reset_factors",
        "erase": "accounts.erase_person",
    },
    "accounts.note": {},
    "accounts.preferences": {},
    "accounts.portfoliobook": {},
    "accounts.portfoliopoint": {},
    "accounts.apikey": {"revoke": "accounts.change_apikey"},
    "accounts.account": {
        "add": "accounts.add_account",
        "change_fees": "accounts.change_fees",
        "freeze": "accounts.change_account",
        "unfreeze": "accounts.change_account",
        "cancel_all": "accounts.cancel_orders",
    },
    "accounts.membership": {},
    "accounts.invitation": {},
    "accounts.asset": {
        "add": "accounts.add_asset",
        "change": "accounts.change_threshold",
        "open_asset": "accounts.change_asset",
        "close_asset": "accounts.change_asset",
    },
    "accounts.balance": {},
    "accounts.ledgertransaction": {"add": "accounts.add_ledgertransaction"},
    "accounts.ledgerentry": {},
    "accounts.deposit": {"add": "accounts.add_deposit"},
    "accounts.withdrawal": {
        "settle": "accounts.change_withdrawal",
        "cancel": "accounts.change_withdrawal",
        "fail": "accounts.change_withdrawal",
        "approve": "accounts.approve_withdrawals",
        "refuse": "accounts.approve_withdrawals",
    },
    "accounts.payout": dict.fromkeys(("retry", "give_up"), "accounts.change_withdrawal"),
    "accounts.providerevent": {"handle": "accounts.change_withdrawal"},
    "accounts.withdrawaladdress": {},
    "accounts.withdrawallimit": {
        "add": "accounts.change_withdrawallimit",
        "change": "accounts.change_withdrawallimit",
    },
    # By the kind of what waits: this is an adjustment's, withdrawals' is "approve_withdrawals".
    "accounts.approval": {
        "approve": "accounts.approve_adjustments",
        "refuse": "accounts.approve_adjustments",
    },
    "accounts.auditlink": {},
    "accounts.transfer": {},
    "accounts.auditrecord": {},
    "accounts.report": {
        "export": "accounts.export_reports",
        "hand_over": "accounts.export_person",
    },
    "accounts.reportpart": {},
    "accounts.liabilitysnapshot": {},
    "accounts.liabilitytree": {},
    "accounts.liabilityleaf": {},
    "accounts.statusspan": {},
    "matching.market": {
        "add": "matching.add_market",
        "change": "matching.change_market",
        "halt": "matching.change_market",
        "resume": "matching.change_market",
        "cancel_only": "matching.change_market",
        "auction": "matching.change_market",
        "close": "matching.change_market",
    },
    "matching.feetier": {
        "add": "accounts.change_fees",
        "change": "accounts.change_fees",
        "remove": "accounts.change_fees",
    },
    "matching.feevolume": {},
    "matching.feeday": {},
    "matching.marketstate": {},
    "matching.shard": {},
    "matching.switch": {},
    "matching.order": {},
    "matching.orderconditions": {},
    "matching.orderamendment": {},
    "matching.preventedmatch": {},
    "matching.trailmark": {},
    "matching.orderlist": {},
    "matching.protection": {},
    "matching.orderkey": {},
    "matching.trade": {},
    "matching.checkpoint": {},
    "matching.checkpointpart": {},
    "matching.handover": {},
    "matching.command": {},
    "matching.event": {},
    "marketdata.candle": {},
    "marketdata.candleprogress": {},
    "marketdata.alertprogress": {},
    "marketdata.pricealert": {},
}
# Who gets in at the site's own addresses. None of them changes anything but one's own password.
SITE: Final[Mapping[str, str]] = {
    "index": STAFF,
    "find": STAFF,  # what it finds: each by the permission to look at its list
    "customer": "accounts.view_user",
    "login": ANYBODY,
    "logout": ANYBODY,
    "password_change": STAFF,
    "password_change_done": STAFF,
    "autocomplete": NOBODY,  # no page has a field that asks it
    "jsi18n": STAFF,
    "view_on_site": STAFF,
    "app_list": STAFF,
    "(anything else)": STAFF,
}
# What an address of the site has in it, where it is about one thing.
OF_ONE: Final = {"customer": (1,), "view_on_site": (1, 1), "app_list": ("accounts",)}
MODEL_PAGES: Final = ("changelist", "add", "history", "delete", "change", "(redirect)")
# Further pages of a model's own, about all of its rows. Whoever may look at those may look here.
MORE_PAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "accounts.auditrecord": ("export_csv", "export_jsonl"),
}
# What is about no row in particular.
OF_ALL_ROWS: Final = {"changelist", "add"}.union(*MORE_PAGES.values())
