"""What came from somebody else is taken, or refused in one line."""

from maskwright.shared.errors import MaskwrightError


def refusal(function, *arguments):
    """Return the message with which a call is refused, or None; any other exception is one of the test."""
    try:
        function(*arguments)
    except MaskwrightError as error:
        message = str(error)
        assert "\n" not in message
        return message
    return None
