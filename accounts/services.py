"""What happens to people, credentials and money: one verb, one atomic transaction each."""

from accounts.approvals.requests import (
    submit_adjustment,
    submit_credit,
    submit_erasure,
    submit_factor_reset,
    submit_threshold,
)
from accounts.approvals.services import approve, expire_approval, refuse
from accounts.keys.api_keys import PEM_LENGTH_MAX, NewApiKey, create_api_key, create_key
from accounts.keys.sealing import reseal_factors, reseal_secrets
from accounts.keys.tokens import (
    IPS_MAX,
    KEYS_MADE_A_DAY_MAX,
    KEYS_OF_ONES_OWN_MAX,
    MARKETS_MAX,
    SYMBOL_LENGTH_MAX,
    TOKEN_BYTES,
    TOKEN_PREFIX,
    TOKENS_OF_A_USER_MAX,
    KeyTerms,
    create_token,
    rename_key,
    revoke_key,
)
from accounts.liabilities.services import publish_liabilities
from accounts.money.addresses import add_address, remove_address, set_allow_list
from accounts.money.assets import create_asset, set_asset_active
from accounts.money.limits import LEVEL_MAX, set_verification_level, set_withdrawal_limit
from accounts.money.payouts import give_up_payout, record_sent, retry_payout, take_payout
from accounts.money.previews import Movement, preview_adjustment, preview_credit
from accounts.money.provider_events import apply_event, handle_event, receive_event
from accounts.money.services import (
    SOURCE_FAUCET,
    SOURCE_OPERATOR,
    adjust_balance,
    credit_deposit,
    deposit,
)
from accounts.money.transfers import transfer
from accounts.money.withdrawals import (
    cancel_own_withdrawal,
    cancel_withdrawal,
    fail_withdrawal,
    request_withdrawal,
    settle_withdrawal,
)
from accounts.people.email_links import change_email, undo_email_change
from accounts.people.emails import confirm_own_email
from accounts.people.factors import (
    add_passkey,
    add_totp,
    remove_factor,
    renew_recovery_codes,
    use_factor_code,
)
from accounts.people.fees import assign_fee_tiers, set_account_fees
from accounts.people.invitations import (
    INVITATION_DAYS,
    MEMBERS_MAX,
    accept_invitation,
    decline_invitation,
    invite_member,
    withdraw_invitation,
)
from accounts.people.members import change_member_role, leave_account, remove_member
from accounts.people.notes import NOTE_LENGTH_MAX, add_note
from accounts.people.password_links import (
    RESET_LINK_HOURS,
    make_reset_link,
    reset_password,
)
from accounts.people.passwords import change_own_password
from accounts.people.preferences import save_preferences
from accounts.people.roles import save_group, set_user_rights
from accounts.people.services import (
    ACCOUNTS_OF_A_USER_MAX,
    DEFAULT_ACCOUNT_LABEL,
    LABEL_LENGTH_MAX,
    create_account,
    create_user,
    ensure_user,
    rename_account,
    set_account_status,
    set_user_active,
    sign_up,
)
from accounts.people.sessions import (
    end_other_sessions,
    end_own_session,
    forget_own_sessions,
)
from accounts.privacy.erasure import erase_own_person
from accounts.privacy.retention import purge_kept
from accounts.reports.exports import request_data_of, request_own_data
from accounts.reports.services import (
    append_part,
    export_report,
    fail_report,
    finish_report,
    purge_reports,
    request_daily_report,
    request_report,
    take_report,
)
from accounts.status.services import note_status

__all__ = [
    "ACCOUNTS_OF_A_USER_MAX",
    "DEFAULT_ACCOUNT_LABEL",
    "INVITATION_DAYS",
    "IPS_MAX",
    "KEYS_MADE_A_DAY_MAX",
    "KEYS_OF_ONES_OWN_MAX",
    "LABEL_LENGTH_MAX",
    "LEVEL_MAX",
    "MARKETS_MAX",
    "MEMBERS_MAX",
    "NOTE_LENGTH_MAX",
    "PEM_LENGTH_MAX",
    "RESET_LINK_HOURS",
    "SOURCE_FAUCET",
    "SOURCE_OPERATOR",
    "SYMBOL_LENGTH_MAX",
    "TOKENS_OF_A_USER_MAX",
    "TOKEN_BYTES",
    "TOKEN_PREFIX",
    "KeyTerms",
    "Movement",
    "NewApiKey",
    "accept_invitation",
    "add_address",
    "add_note",
    "add_passkey",
    "add_totp",
    "adjust_balance",
    "append_part",
    "apply_event",
    "approve",
    "assign_fee_tiers",
    "cancel_own_withdrawal",
    "cancel_withdrawal",
    "change_email",
    "change_member_role",
    "change_own_password",
    "confirm_own_email",
    "create_account",
    "create_api_key",
    "create_asset",
    "create_key",
    "create_token",
    "create_user",
    "credit_deposit",
    "decline_invitation",
    "deposit",
    "end_other_sessions",
    "end_own_session",
    "ensure_user",
    "erase_own_person",
    "expire_approval",
    "export_report",
    "fail_report",
    "fail_withdrawal",
    "finish_report",
    "forget_own_sessions",
    "give_up_payout",
    "handle_event",
    "invite_member",
    "leave_account",
    "make_reset_link",
    "note_status",
    "preview_adjustment",
    "preview_credit",
    "publish_liabilities",
    "purge_kept",
    "purge_reports",
    "receive_event",
    "record_sent",
    "refuse",
    "remove_address",
    "remove_factor",
    "remove_member",
    "rename_account",
    "rename_key",
    "renew_recovery_codes",
    "request_daily_report",
    "request_data_of",
    "request_own_data",
    "request_report",
    "request_withdrawal",
    "reseal_factors",
    "reseal_secrets",
    "reset_password",
    "retry_payout",
    "revoke_key",
    "save_group",
    "save_preferences",
    "set_account_fees",
    "set_account_status",
    "set_allow_list",
    "set_asset_active",
    "set_user_active",
    "set_user_rights",
    "set_verification_level",
    "set_withdrawal_limit",
    "settle_withdrawal",
    "sign_up",
    "submit_adjustment",
    "submit_credit",
    "submit_erasure",
    "submit_factor_reset",
    "submit_threshold",
    "take_payout",
    "take_report",
    "transfer",
    "undo_email_change",
    "use_factor_code",
    "withdraw_invitation",
]
