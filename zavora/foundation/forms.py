"""What forms share: refusals as sentences at their fields, figures as text."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms

from zavora.foundation.errors import ValidationFailed, ZavoraError
from zavora.foundation.money import DECIMAL_LENGTH_MAX, NotExact, parse_decimal

# Digits in a row, as limits are told: more than a year has, and not part of a decimal or a time.
_LONG_NUMBER = re.compile(r"(?<![\w.:-])\d{5,}(?![\w.:-])")


# Thousands as the pages write them; in any other place a comma may be meant as a point.
_GROUPED = re.compile(r"\d{1,3}(,\d{3})+(\.\d*)?")


def sentence(text: str) -> str:
    """Return a refusal for people: a capital first (the rest as it is) and a full stop."""
    parted = _LONG_NUMBER.sub(lambda found: f"{int(found[0]):,}", text)
    return parted[:1].upper() + parted[1:] + ("" if parted.endswith((".", "!", "?")) else ".")


def show_error(
    form: forms.Form, error: ZavoraError, *, say: Callable[[str], str] = sentence
) -> None:
    """Put a service's refusal where a person sees it: at its fields, else on top of the form.

    ``say`` makes of each text what is shown; operators' pages show it as it is (``str``).
    """
    # Only there do details tell what each field should have been.
    expected = error.details if isinstance(error, ValidationFailed) else {}
    named = [name for name in expected if name in form.fields]
    for name in named:
        form.add_error(name, say(str(expected[name])))
    if not named:
        details = "".join(f"; {name}: {what}" for name, what in expected.items())
        form.add_error(None, say(f"{error}{details}"))


class DecimalTextField(forms.CharField):
    """An exact decimal: the text goes through the one parser, never through a float."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=DECIMAL_LENGTH_MAX, **kwargs)

    def clean(self, value: Any) -> Decimal | None:
        """Return the decimal that was typed."""
        text = super().clean(value)
        if not text:
            return None
        if _GROUPED.fullmatch(text):
            text = text.replace(",", "").removesuffix(".")
        elif "," in text:
            raise forms.ValidationError(
                "Write a point before decimals (12.5); a comma only parts thousands (1,000)."
            )
        try:
            return parse_decimal(text)
        except NotExact as error:
            raise forms.ValidationError(sentence(str(error))) from None
