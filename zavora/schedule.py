"""What celery does by the clock: tasks by name, in seconds; `expires` drops late messages."""

from collections.abc import Mapping
from typing import Any, Final

BEAT_SCHEDULE: Final[Mapping[str, Mapping[str, Any]]] = {
    "sign of life": {"task": "zavora.show_life", "schedule": 10.0, "options": {"expires": 10}},
    "status": {"task": "zavora.note_status", "schedule": 15.0, "options": {"expires": 15}},
    "figures": {"task": "accounts.measure", "schedule": 15.0, "options": {"expires": 15}},
    "purge": {"task": "matching.purge", "schedule": 3_600.0},
    # Months are made three ahead: one that fails is found long before it is missed.
    "partitions": {"task": "zavora.make_partitions", "schedule": 3_600.0},
    "purge what is kept": {"task": "accounts.purge", "schedule": 3_600.0},
    "expire approvals": {"task": "accounts.expire_approvals", "schedule": 60.0},
    "reconcile": {"task": "matching.reconcile", "schedule": 3_600.0},
    "payouts": {"task": "accounts.send_payouts", "schedule": 5.0, "options": {"expires": 5}},
    "provider events": {
        "task": "accounts.apply_provider_events",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "alerts": {"task": "marketdata.mail_alerts", "schedule": 5.0, "options": {"expires": 5}},
    # What was asked for is found in the table, so nothing depends on a message that may be lost.
    "reports": {"task": "zavora.make_reports", "schedule": 5.0, "options": {"expires": 5}},
    "daily report": {"task": "zavora.ask_daily_report", "schedule": 3_600.0},
    "purge reports": {"task": "zavora.purge_reports", "schedule": 3_600.0},
    # Of those that somebody looks at; who reads one counts the rest.
    "portfolios": {"task": "zavora.keep_portfolios", "schedule": 30.0, "options": {"expires": 30}},
    # The first after a day's end does it; the others find it done, or do what a night without
    # celery left.
    "fees": {"task": "matching.fees", "schedule": 900.0},
    # The first of a day makes one; the others find it made.
    "checkpoints": {
        "task": "matching.checkpoints",
        "schedule": 3_600.0,
        "options": {"expires": 3_600},
    },
}
