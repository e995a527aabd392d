"""Where the account pages are, and what of the admin is the door."""

from django.contrib import admin
from django.urls import path

from accounts.pages import (
    account,
    addresses,
    confirm,
    door,
    emails,
    liabilities,
    members,
    new_email,
    own_accounts,
    passwords,
    second_factor,
    security,
    tokens,
)

urlpatterns = [
    path("signup", door.signup, name="signup"),
    path("login", door.Login.as_view(), name="login"),
    path("logout", door.Logout.as_view(), name="logout"),
    path("login/code", second_factor.SecondFactor.as_view(), name="mfa_authenticate"),
    path("login/passkey", second_factor.PasskeyLogin.as_view(), name="mfa_login_webauthn"),
    path("login/mail", emails.look_into_mail, name="account_email_verification_sent"),
    path("login/mail/<str:key>", emails.ConfirmEmail.as_view(), name="account_confirm_email"),
    path("login/forgotten", passwords.forgotten, name="account_reset_password"),
    # By these names allauth knows the door.
    path("login", door.Login.as_view(), name="account_login"),
    path("signup", door.signup, name="account_signup"),
    path("account", account.account, name="account"),
    path("liabilities", liabilities.liabilities, name="liabilities"),
    path("account/accounts", own_accounts.open_account, name="open_account"),
    path("account/accounts/<uuid:account_id>/name", own_accounts.rename, name="rename_account"),
    path("account/accounts/<uuid:account_id>/members", members.invite, name="invite_member"),
    path(
        "account/accounts/<uuid:account_id>/members/<int:member_id>/role",
        members.change_role,
        name="change_member_role",
    ),
    path(
        "account/accounts/<uuid:account_id>/members/<int:member_id>/remove",
        members.remove,
        name="remove_member",
    ),
    path(
        "account/accounts/<uuid:account_id>/invitations/<int:invitation_id>/withdraw",
        members.withdraw,
        name="withdraw_invitation",
    ),
    path("account/accounts/<uuid:account_id>/leave", members.leave, name="leave_account"),
    path("account/invitations/<str:token>", members.invitation, name="invitation"),
    path("account/tokens", tokens.keys, name="keys"),
    path("account/tokens/<int:key_id>/rename", tokens.rename, name="rename_key"),
    path("account/tokens/<int:key_id>/revoke", tokens.revoke, name="revoke_key"),
    path("account/confirm", confirm.confirm, name="confirm"),
    path("account/password", passwords.change_own, name="own_password"),
    path("account/email", new_email.new_email, name="new_email"),
    path("login/email/<str:token>", new_email.confirm_new_email, name="confirm_new_email"),
    path("login/old-email/<str:token>", new_email.undo_new_email, name="undo_new_email"),
    path("account/security", security.security, name="security"),
    path("account/security/app", security.app, name="new_app"),
    path("account/security/passkey", security.passkey, name="new_passkey"),
    path("account/security/codes", security.recovery_codes, name="recovery_codes"),
    path("account/security/factors/<int:factor_id>/remove", security.remove, name="remove_factor"),
    path("account/security/sessions/end", security.end_others, name="end_other_sessions"),
    path(
        "account/security/sessions/<int:session_id>/end", security.end_session, name="end_session"
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
