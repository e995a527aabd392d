"""The shapes of alerts, as the OpenAPI document says them."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from api.v1.openapi.kinds import Decimal, Time

Condition = Literal["RisesTo", "FallsTo"]
Symbol = Annotated[str, Meta(description="A market.", examples=["BTC/USD"])]
Note = Annotated[str, Meta(description="For yourself.", max_length=100, examples=["Take profit"])]
ConditionText = Annotated[
    Condition, Meta(description="From which side the last price comes.", examples=["RisesTo"])
]


class Alert(Struct):
    """What you are told of once: the last price comes to yours, or goes beyond it."""

    id: str
    market: Symbol
    condition: Condition
    price: Decimal
    note: str
    repeats: Annotated[
        bool, Meta(description="Armed again once the price has gone back, after a pause.")
    ]
    by_page: bool
    by_mail: bool
    state: Annotated[
        Literal["Armed", "Away", "Told"],
        Meta(description="Away: told, and not armed before the price has gone back."),
    ]
    told_count: Annotated[int, Meta(description="Of two states the higher one is newer.", ge=0)]
    told_price: Annotated[Decimal | None, Meta(description="Of the trade it was told of last.")]
    told_at: Time | None
    created_at: Time


class AlertIn(Struct):
    """An alert to be set."""

    market: Symbol
    condition: ConditionText
    price: Decimal
    note: Note = ""
    repeats: bool = False
    by_page: bool = True
    by_mail: Annotated[bool, Meta(description="Takes a confirmed e-mail address.")] = False


class ChangeAlertIn(Struct):
    """What to change; another price or condition arms the alert anew."""

    condition: ConditionText | None = None
    price: Decimal | None = None
    note: Note | None = None
    repeats: bool | None = None
    by_page: bool | None = None
    by_mail: bool | None = None


SHAPES: Final[tuple[type[Struct], ...]] = (Alert, AlertIn, ChangeAlertIn)
