"""The one exception for mistakes that a user can make."""

from collections.abc import Sequence


class MaskwrightError(Exception):
    """A problem with the input, in one line: what is wrong, where, and what to do.

    The command prints the message and exits with code 1; there is no traceback.

    Attributes:
        message: that line.
        lines: where there are many problems, a line for each, which the command prints below.
    """

    def __init__(self, message: str, lines: Sequence[str] = ()) -> None:
        super().__init__("\n  ".join([message, *lines]))
        self.message = message
        self.lines = tuple(lines)
