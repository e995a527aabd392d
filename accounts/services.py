"""What happens to people, credentials and money: one verb, one atomic transaction each."""

from accounts.keys.api_keys import NewApiKey, create_api_key
from accounts.keys.sealing import reseal_secrets
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
    forget_own_sessions,
    set_account_status,
    set_user_active,
    sign_up,
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
    "adjust_balance",
    "cancel_own_withdrawal",
    "cancel_withdrawal",
    "change_own_password",
    "create_account",
    "create_api_key",
    "create_asset",
    "create_token",
    "create_user",
    "credit_deposit",
    "deposit",
    "ensure_user",
    "forget_own_sessions",
    "make_reset_link",
    "preview_adjustment",
    "preview_credit",
    "request_withdrawal",
    "reseal_secrets",
    "reset_password",
    "revoke_key",
    "save_group",
    "set_account_status",
    "set_asset_active",
    "set_user_active",
    "set_user_rights",
    "settle_withdrawal",
    "sign_up",
]
