"""The one exception for mistakes that a user can make."""


class MaskwrightError(Exception):
    """A problem with the input, in one line: what is wrong, where, and what to do.

    The command prints the message and exits with code 1; there is no traceback.
    """
