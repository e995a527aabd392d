"""How alerts read in v1, for REST and sockets alike."""

from typing import Final

from api.v1.fields import spelling
from api.v1.times import time_text
from api.v1.words import Shape
from marketdata.wire import AlertState

CONDITION: Final = {"rises_to": "RisesTo", "falls_to": "FallsTo"}
STATE: Final = {"armed": "Armed", "away": "Away", "told": "Told"}
CONDITION_OF: Final = {spelling(word): word for word in CONDITION.values()}
_INSIDE: Final = {word: inside for inside, word in CONDITION.items()}


def condition_inside(word: str) -> str:
    """Return the condition that a word of v1 means."""
    return _INSIDE[word]


def alert(state: AlertState) -> Shape:
    """Return an Alert."""
    return {
        "id": str(state.alert_id),
        "market": state.market,
        "condition": CONDITION[state.condition],
        "price": state.price,
        "note": state.note,
        "repeats": state.repeats,
        "by_page": state.by_page,
        "by_mail": state.by_mail,
        "state": STATE[state.state],
        "told_count": state.told_count,
        "told_price": state.told_price or None,
        "told_at": time_text(state.told_us) if state.told_us else None,
        "created_at": time_text(state.created_us),
    }
