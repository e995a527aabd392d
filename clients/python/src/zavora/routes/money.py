"""Money in, out and between one's own accounts; reports; what the exchange owes."""

from datetime import datetime
from typing import Any, Final

from zavora.core.calls import (
    MINE,
    PAGE_MAX,
    Call,
    Figure,
    Listing,
    Moment,
    figure,
    given,
    of_account,
    text_of,
)
from zavora.core.routes import paged, route
from zavora.models import (
    Address,
    Balance,
    LiabilityProofs,
    LiabilitySnapshot,
    Report,
    Transfer,
    Withdrawal,
    WithdrawalAnswer,
)
from zavora.routes.terms import new_key

ACCOUNT: Final = "/accounts/{account}"


class MoneyRoutes:
    """What moves money; a `key` that is used again moves nothing again."""

    @route
    def deposit(
        self, asset: str, amount: Figure, *, key: str | None = None, account: str | None = None
    ) -> Call[Balance]:
        """Credit an account, where the sandbox's faucet is on."""
        return Call(
            "POST",
            ACCOUNT + "/deposit",
            Balance,
            of_account(account),
            body=_money(asset, amount),
            key=key or new_key(),
        )

    @route
    def withdraw(
        self,
        asset: str,
        amount: Figure,
        address: str | None = None,
        *,
        key: str | None = None,
        account: str | None = None,
    ) -> Call[WithdrawalAnswer]:
        """Ask for a withdrawal; return the balance after the hold, and the withdrawal."""
        return Call(
            "POST",
            ACCOUNT + "/withdraw",
            WithdrawalAnswer,
            of_account(account),
            body={**_money(asset, amount), **given(address=address)},
            key=key or new_key(),
        )

    @paged
    def withdrawals(
        self, *, account: str | None = None, page: int = PAGE_MAX
    ) -> Listing[Withdrawal]:
        """List an account's withdrawals and their states, newest first."""
        path = ACCOUNT + "/withdrawals"
        return Listing(Call("GET", path, list[Withdrawal], of_account(account), {"limit": page}))

    @route
    def cancel_withdrawal(
        self, withdrawal_id: str, *, account: str | None = None
    ) -> Call[Withdrawal]:
        """Cancel a pending withdrawal; again is fine."""
        return Call(
            "DELETE",
            ACCOUNT + "/withdrawals/{withdrawal}",
            Withdrawal,
            {**of_account(account), "withdrawal": withdrawal_id},
            is_repeatable=True,
        )

    @paged
    def addresses(self, *, account: str | None = None, page: int = PAGE_MAX) -> Listing[Address]:
        """List the addresses to which an account's money may go, newest first."""
        path = ACCOUNT + "/addresses"
        return Listing(Call("GET", path, list[Address], of_account(account), {"limit": page}))

    @route
    def add_address(
        self, asset: str, address: str, *, label: str = "", account: str | None = None
    ) -> Call[Address]:
        """Put an address into the book; again is fine."""
        return Call(
            "POST",
            ACCOUNT + "/addresses",
            Address,
            of_account(account),
            body={"asset": asset, "address": address, **given(label=label or None)},
            is_repeatable=True,
        )

    @route
    def remove_address(self, address_id: str, *, account: str | None = None) -> Call[Address]:
        """Take an address out of the book."""
        return Call(
            "DELETE",
            ACCOUNT + "/addresses/{address}",
            Address,
            {**of_account(account), "address": address_id},
            is_repeatable=True,
        )

    @route
    def transfer(
        self,
        to_account: str,
        asset: str,
        amount: Figure,
        *,
        from_account: str | None = None,
        key: str | None = None,
    ) -> Call[Transfer]:
        """Move money at once between accounts of one's own."""
        accounts = {"from_account": from_account or MINE, "to_account": to_account}
        body = {**accounts, **_money(asset, amount)}
        return Call("POST", "/transfers", Transfer, body=body, key=key or new_key())

    @paged
    def transfers(
        self,
        *,
        account: str | None = None,
        asset: str | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        page: int = PAGE_MAX,
    ) -> Listing[Transfer]:
        """List transfers, newest first; `account` is either side, times are inclusive."""
        query = {"account": account, "asset": asset, "start": start, "end": end, "limit": page}
        return Listing(Call("GET", "/transfers", list[Transfer], query=query))

    @paged
    def reports(self, *, account: str | None = None, page: int = PAGE_MAX) -> Listing[Report]:
        """List an account's reports, newest first."""
        path = ACCOUNT + "/reports"
        return Listing(Call("GET", path, list[Report], of_account(account), {"limit": page}))

    @route
    def ask_report(
        self,
        kind: str,
        start: datetime | str,
        end: datetime | str | None = None,
        *,
        file_format: str = "CSV",
        account: str | None = None,
    ) -> Call[Report]:
        """Ask for a report (`Statement` or `Trades`); the same again is the same report."""
        body: dict[str, Any] = {"kind": kind, "from": text_of(start), "format": file_format}
        body |= given(to=None if end is None else text_of(end))
        return Call(
            "POST", ACCOUNT + "/reports", Report, of_account(account), body=body, is_repeatable=True
        )

    @route
    def report(self, report_id: str, *, account: str | None = None) -> Call[Report]:
        """Return how far a report is."""
        parts = {**of_account(account), "report": report_id}
        return Call("GET", ACCOUNT + "/reports/{report}", Report, parts)

    @route
    def download_report(self, report_id: str, *, account: str | None = None) -> Call[bytes]:
        """Return the file of a report that is done."""
        parts = {**of_account(account), "report": report_id}
        path = ACCOUNT + "/reports/{report}/download"
        return Call("GET", path, bytes, parts, is_file=True)

    @paged
    def liabilities(self, *, page: int = PAGE_MAX) -> Listing[LiabilitySnapshot]:
        """List what the exchange published that it owes, newest first."""
        return Listing(
            Call(
                "GET",
                "/liabilities",
                list[LiabilitySnapshot],
                query={"limit": page},
                is_public=True,
            )
        )

    @route
    def liability_proofs(
        self, snapshot_id: str, *, account: str | None = None
    ) -> Call[LiabilityProofs]:
        """Return the proofs of an account's balances in a snapshot."""
        parts = {**of_account(account), "snapshot": snapshot_id}
        return Call("GET", ACCOUNT + "/liabilities/{snapshot}", LiabilityProofs, parts)


def _money(asset: str, amount: Figure) -> dict[str, Any]:
    return {"asset": asset, "amount": figure(amount, name="amount")}
