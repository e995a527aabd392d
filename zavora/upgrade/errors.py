"""What can keep an upgrade from being checked, said to a person."""


class CheckFailed(Exception):
    """It could not be checked; the message says what is missing, and what was expected."""
