"""What happens to people, credentials and money: one verb, one atomic transaction each."""

from accounts.keys.api_keys import NewApiKey, create_api_key
from accounts.keys.tokens import (
    TOKEN_BYTES,
    TOKEN_PREFIX,
    TOKENS_OF_A_USER_MAX,
    create_token,
    revoke_key,
)
from accounts.money.assets import create_asset, set_asset_active
from accounts.money.previews import Movement, preview_adjustment, preview_credit
from accounts.money.services import (
    SOURCE_FAUCET,
    SOURCE_OPERATOR,
    adjust_balance,
    credit_deposit,
    deposit,
)
from accounts.money.withdrawals import (
    cancel_own_withdrawal,
    cancel_withdrawal,
    request_withdrawal,
    settle_withdrawal,
)
from accounts.people.emails import confirm_own_email
from accounts.people.factors import (
    add_passkey,
    add_totp,
    remove_factor,
    renew_recovery_codes,
    use_factor_code,
)
from accounts.people.password_links import (
    RESET_LINK_HOURS,
    make_reset_link,
    reset_password,
)
from accounts.people.passwords import change_own_password
from accounts.people.roles import save_group, set_user_rights
from accounts.people.services import (
    ACCOUNTS_OF_A_USER_MAX,
    DEFAULT_ACCOUNT_LABEL,
    LABEL_LENGTH_MAX,
    create_account,
    create_user,
    ensure_user,
    set_account_status,
    set_user_active,
    sign_up,
)
from accounts.people.sessions import (
    end_other_sessions,
    end_own_session,
    forget_own_sessions,
)

__all__ = [
    "ACCOUNTS_OF_A_USER_MAX",
    "DEFAULT_ACCOUNT_LABEL",
    "LABEL_LENGTH_MAX",
    "RESET_LINK_HOURS",
    "SOURCE_FAUCET",
    "SOURCE_OPERATOR",
    "TOKENS_OF_A_USER_MAX",
    "TOKEN_BYTES",
    "TOKEN_PREFIX",
    "Movement",
    "NewApiKey",
    "add_passkey",
    "add_totp",
    "adjust_balance",
    "cancel_own_withdrawal",
    "cancel_withdrawal",
    "change_own_password",
    "confirm_own_email",
    "create_account",
    "create_api_key",
    "create_asset",
    "create_token",
    "create_user",
    "credit_deposit",
    "deposit",
    "end_other_sessions",
    "end_own_session",
    "ensure_user",
    "forget_own_sessions",
    "make_reset_link",
    "preview_adjustment",
    "preview_credit",
    "remove_factor",
    "renew_recovery_codes",
    "request_withdrawal",
    "reset_password",
    "revoke_key",
    "save_group",
    "set_account_status",
    "set_asset_active",
    "set_user_active",
    "set_user_rights",
    "settle_withdrawal",
    "sign_up",
    "use_factor_code",
]
