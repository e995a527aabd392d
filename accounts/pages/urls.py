"""Where the account pages are, and what of the admin is the door."""

from django.contrib import admin
from django.urls import path

from accounts.pages import account, door, liabilities, money, passwords, tokens

urlpatterns = [
    path("signup", door.signup, name="signup"),
    path("login", door.Login.as_view(), name="login"),
    path("logout", door.Logout.as_view(), name="logout"),
    path("account", account.account, name="account"),
    path("liabilities", liabilities.liabilities, name="liabilities"),
    path("account/tokens", tokens.new_token, name="create_token"),
    path("account/tokens/<int:key_id>/revoke", tokens.revoke_token, name="revoke_token"),
    path("account/deposit", money.faucet_deposit, name="faucet_deposit"),
    path("account/withdraw", money.withdraw, name="request_withdrawal"),
    path(
        "account/withdrawals/<uuid:account_id>/<int:withdrawal_id>/cancel",
        money.cancel_withdrawal,
        name="cancel_withdrawal",
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
