"""What an account may do in a market at most: the part of its rules' form that limits accounts."""

from django import forms

from matching.markets.soundness import MESSAGES_MAX, ORDER_LISTS_MAX
from matching.markets.terms import DEFAULT_MAX_ORDER_LISTS, MESSAGES_WINDOW_S
from zavora.foundation.admin.forms import ReasonForm
from zavora.foundation.forms import DecimalTextField


class MaximaForm(ReasonForm):
    """Maxima by account that few markets have; an empty one limits nothing."""

    max_order_lists = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=ORDER_LISTS_MAX,
        initial=DEFAULT_MAX_ORDER_LISTS,
        label="Order lists",
        help_text="How many lists of orders an account may have open in this market; empty: any"
        " number.",
    )
    max_position = DecimalTextField(
        required=False,
        label="Position",
        help_text="How much of the base asset an account may have, with what its open orders here"
        " would buy; empty: any.",
    )
    max_messages = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MESSAGES_MAX,
        label="Messages",
        help_text="How many orders an account may place or amend in this market in"
        f" {MESSAGES_WINDOW_S} seconds, refused ones counted in; empty: any number.",
    )
