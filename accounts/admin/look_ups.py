"""How operators' searches find people: by address or id to accounts, from there by index.

Addresses are kept in small letters, so an exact comparison in small letters ignores case.
"""

from collections.abc import Iterator
from typing import Final

from django.db.models import Q

from accounts.models import Account, Asset, Deposit, LedgerEntry, Transfer, User, Withdrawal
from zavora.foundation.admin.search import Branch, LookUp, uuid_of
from zavora.foundation.digits import number_of

# Accounts of one person that a search goes through, each by an index of its own.
ACCOUNTS_MAX: Final = 100
# Newest entries of the accounts whose transactions a search looks at.
ENTRIES_MAX: Final = 4_000
ACCOUNT_WORDS: Final = "e-mail, account id"
# The lists of what accounts have, and what links call them.
OF_AN_ACCOUNT: Final = (
    ("accounts.balance", "balances"),
    ("accounts.ledgerentry", "ledger"),
    ("accounts.deposit", "deposits"),
    ("accounts.withdrawal", "withdrawals"),
    ("accounts.payout", "payouts"),
    ("accounts.providerevent", "provider events"),
    ("accounts.transfer", "transfers"),
    ("accounts.withdrawaladdress", "addresses"),
    ("accounts.approval", "approvals"),
    ("accounts.membership", "members"),
    ("accounts.invitation", "invitations"),
    ("accounts.apikey", "keys"),
    ("accounts.auditrecord", "records"),
    ("accounts.note", "notes"),
)


def find_accounts(term: str) -> tuple[list[Account], str]:
    """Return the accounts that a term names, oldest first, and a note where there are more."""
    identifier = uuid_of(term)
    if identifier is not None:
        return list(Account.objects.filter(public_id=identifier)), ""
    if "@" not in term:
        return [], ""
    rows = Account.objects.filter(owner__email=term.lower()).order_by("pk")
    accounts = list(rows[: ACCOUNTS_MAX + 1])
    if len(accounts) <= ACCOUNTS_MAX:
        return accounts, ""
    note = (
        f"More than {ACCOUNTS_MAX} accounts are of {term}: the first {ACCOUNTS_MAX} are searched."
        " Search by account id for another one."
    )
    return accounts[:ACCOUNTS_MAX], note


def of_account(*names: str) -> LookUp:
    """Find rows of the accounts that the term names; ``names``: columns that hold an account."""

    def look_up(term: str) -> Iterator[Branch]:
        accounts, note = find_accounts(term)
        for account in accounts:
            for name in names:
                yield Branch(Q(**{name: account.pk}), note=note)

    return look_up


def of_owner(name: str) -> LookUp:
    """Find rows of the user of this address, else of those whose address begins so."""
    email = f"{name}__email" if name else "email"

    def look_up(term: str) -> Iterator[Branch]:
        wanted = term.lower()
        is_known = User.objects.filter(email=wanted).exists()
        yield Branch(Q(**{email if is_known else f"{email}__startswith": wanted}))

    return look_up


def of_asset(name: str, *, is_recent: bool) -> LookUp:
    """Find rows of the asset that the term names; ``is_recent`` where no index knows the asset."""

    def look_up(term: str) -> Iterator[Branch]:
        asset = Asset.objects.filter(code=term.upper()).first()
        if asset is not None:
            yield Branch(Q(**{name: asset.pk}), is_recent=is_recent)

    return look_up


def records_of(term: str) -> Iterator[Branch]:
    """Find what a user did and what was done to them, their accounts, an asset, a market."""
    subjects = [term]
    user = User.objects.filter(email=term.lower()).first()
    if user is not None:
        subjects.append(f"user:{user.pk}")
        yield Branch(Q(user_id=user.pk))
    accounts, note = find_accounts(term)
    subjects += [f"account:{account.public_id}" for account in accounts]
    if "@" not in term:
        subjects += [f"asset:{term.upper()}", f"market:{term.upper()}"]
    yield Branch(Q(subject__in=subjects), note=note)


def transactions_of(term: str) -> Iterator[Branch]:
    """Find ledger transactions by their number, an account, or what they are the movement of."""
    number = number_of(term)
    keys = set() if number is None else {number}
    for model in (Deposit, Withdrawal):
        named = Q(external_reference=term)
        if number is not None:
            named |= Q(pk=number)
        rows = model._default_manager.filter(named, transaction__isnull=False)
        keys.update(rows.values_list("transaction_id", flat=True))
    named_transfer = uuid_of(term)
    if named_transfer is not None:
        transfers = Transfer.objects.filter(public_id=named_transfer)
        keys.update(transfers.values_list("transaction_id", flat=True))
    if keys:
        yield Branch(Q(pk__in=keys))
    accounts, note = find_accounts(term)
    if accounts:
        yield from _transactions_of_accounts(accounts, note)


def _transactions_of_accounts(accounts: list[Account], note: str) -> Iterator[Branch]:
    """Find the transactions of the newest entries of some accounts, each read by its index."""
    first, *others = (
        LedgerEntry.objects.filter(account=account)
        .order_by("-pk")
        .values_list("transaction_id", flat=True)[:ENTRIES_MAX]
        for account in accounts
    )
    keys = sorted(first.union(*others, all=True) if others else first, reverse=True)
    if len(keys) >= ENTRIES_MAX:
        note = f"Only the newest {ENTRIES_MAX:,} ledger entries are searched. {note}".rstrip()
    if keys:
        yield Branch(Q(pk__in=set(keys[:ENTRIES_MAX])), note=note)
