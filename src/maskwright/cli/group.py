"""How a command ends: what a user did wrong is one line."""

import errno
from typing import Any

import typer
from typer.core import TyperGroup

from maskwright.shared.errors import MaskwrightError
from maskwright.shared.stopping import exit_code
from maskwright.shared.terminal import complain, visible

_UsageError: Any = typer.BadParameter.__base__
"""The base of typer's errors about arguments, which it does not export."""


class OneLineErrors(TyperGroup):
    """Ends every mistake of a user, and every interruption, in one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run what the command line says."""
        try:
            return super().invoke(ctx)
        except MaskwrightError as error:
            complain(error)
            raise typer.Exit(1) from None
        except _UsageError as error:
            error.message = visible(error.message)  # which repeats an argument, perhaps the name of a file
            raise
        except OSError as error:
            # A full disk, a folder that may not be written, ...; a closed pipe is for typer to end quietly.
            if error.strerror is None or error.errno == errno.EPIPE:
                raise
            complain(f"{error.filename or 'writing'}: {error.strerror}")
            raise typer.Exit(1) from None
        except KeyboardInterrupt as interrupt:
            raise typer.Exit(exit_code(interrupt)) from None
