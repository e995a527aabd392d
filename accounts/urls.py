"""Where the account pages are, and what of the admin is the door."""

from django.contrib import admin
from django.urls import path

from accounts import door, password_pages, views

urlpatterns = [
    path("signup", door.signup, name="signup"),
    path("login", door.Login.as_view(), name="login"),
    path("logout", door.Logout.as_view(), name="logout"),
    path("account", views.account, name="account"),
    path("account/tokens", views.new_token, name="create_token"),
    path("account/tokens/<int:key_id>/revoke", views.revoke_token, name="revoke_token"),
    path("account/deposit", views.faucet_deposit, name="faucet_deposit"),
    path("account/withdraw", views.withdraw, name="request_withdrawal"),
    path(
        "account/withdrawals/<uuid:account_id>/<int:withdrawal_id>/cancel",
        views.cancel_withdrawal,
        name="cancel_withdrawal",
    ),
    path(
        "account/password/<str:uidb64>/<str:token>",
        password_pages.SetPassword.as_view(),
        name="set_password",
    ),
]

# They stand before Django's own of these addresses.
admin_door = [
    path("login/", door.Login.as_view(staff_only=True, next_page="admin:index")),
    path("logout/", door.Logout.as_view(next_page="admin:login")),
    path("password_change/", admin.site.admin_view(door.change_password, cacheable=True)),
]
