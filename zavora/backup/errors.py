"""What can go wrong with a backup, said to a person."""


class BackupError(Exception):
    """It cannot be done; the message names the file or the setting, and what was expected."""


class Damaged(BackupError):
    """A file is not what was written: changed, cut off, put elsewhere, or of another key."""
