"""Where the account pages are, and what of the admin is the door."""

from django.contrib import admin
from django.urls import path

from accounts.pages import (
    account,
    addresses,
    door,
    liabilities,
    money,
    own_accounts,
    passwords,
    tokens,
    transfers,
)

urlpatterns = [
    path("signup", door.signup, name="signup"),
    path("login", door.Login.as_view(), name="login"),
    path("logout", door.Logout.as_view(), name="logout"),
    path("account", account.account, name="account"),
    path("liabilities", liabilities.liabilities, name="liabilities"),
    path("account/accounts", own_accounts.open_account, name="open_account"),
    path("account/accounts/<uuid:account_id>/name", own_accounts.rename, name="rename_account"),
    path("account/transfers", transfers.transfers, name="transfers"),
    path("account/tokens", tokens.keys, name="keys"),
    path("account/tokens/<int:key_id>/rename", tokens.rename, name="rename_key"),
    path("account/tokens/<int:key_id>/revoke", tokens.revoke, name="revoke_key"),
    path("account/deposit", money.faucet_deposit, name="faucet_deposit"),
    path("account/withdraw", money.withdraw, name="request_withdrawal"),
    path(
        "account/withdrawals/<uuid:account_id>/<int:withdrawal_id>/cancel",
        money.cancel_withdrawal,
        name="cancel_withdrawal",
    ),
    path("account/addresses", addresses.addresses, name="addresses"),
    path(
        "account/addresses/<uuid:account_id>/<int:address_id>/remove",
        addresses.remove,
        name="remove_address",
    ),
    path(
        "account/addresses/<uuid:account_id>/allow-list",
        addresses.allow_list,
        name="set_allow_list",
    ),
    path(
        "account/password/<str:uidb64>/<str:token>",
        passwords.SetPassword.as_view(),
        name="set_password",
    ),
]

# They stand before Django's own of these addresses.
admin_door = [
    path("login/", door.Login.as_view(staff_only=True, next_page="admin:index")),
    path("logout/", door.Logout.as_view(next_page="admin:login")),
    path("password_change/", admin.site.admin_view(passwords.change_password, cacheable=True)),
]
