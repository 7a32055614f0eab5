r"""The one place where text leaves for the terminal: lines, errors, warnings, tables and bars.

Labels, settings and the names of files are other people's. A terminal obeys what it is sent: an escape in a file's
name could clear the screen, rename the window or hide a line, and a newline could forge one. So whatever is not
printable is shown as Python would write it, such as `\x1b`; only the colours and the layout of this program pass.
"""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from maskwright.shared.errors import MaskwrightError

if TYPE_CHECKING:
    from rich.console import Console


def visible(text: str) -> str:
    """Return a text in one line, in which everything that is not printable is escaped.

    That includes newlines, marks that turn the direction of writing round, and bytes of a file's name that are not
    UTF-8.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)


def tell(line: str) -> None:
    """Print a line on standard output, before whatever a command that is started next prints, also in a file."""
    print(visible(line), flush=True)


def note(line: str) -> None:
    """Print a line on standard error: what is said beside the result of a command."""
    print(visible(line), file=sys.stderr)


def complain(error: MaskwrightError | str) -> None:
    """Print an error on standard error: its line, and below it the lines that belong to it."""
    lines = [error] if isinstance(error, str) else [error.message, *(f"  {line}" for line in error.lines)]
    lines[0] = f"maskwright: error: {lines[0]}"
    for line in lines:
        note(line)


def warn(message: str) -> None:
    """Print a warning on standard error."""
    note(f"maskwright: warning: {message}")


def console(**options: Any) -> "Console":
    """Return rich's console, for tables and bars; of markup such as `[bold]` it obeys none, unless told otherwise.

    Args:
        options: those of `rich.console.Console`.
    """
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class Guarded(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            for text, style, control in super().render(renderable, options):
                # What rich itself says to the terminal is marked as control.
                yield Segment(text if control else "\n".join(map(visible, text.split("\n"))), style, control)

    return Guarded(**{"markup": False, "emoji": False, "highlight": False, **options})
