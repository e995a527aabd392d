"""Where the account pages are."""

from django.urls import path

from accounts import views

urlpatterns = [
    path("signup", views.signup, name="signup"),
    path("login", views.Login.as_view(), name="login"),
    path("logout", views.Logout.as_view(), name="logout"),
    path("account", views.account, name="account"),
    path("account/tokens", views.new_token, name="create_token"),
    path("account/tokens/<int:key_id>/revoke", views.revoke_token, name="revoke_token"),
    path("account/deposit", views.faucet_deposit, name="faucet_deposit"),
    path("account/withdraw", views.withdraw, name="request_withdrawal"),
]
