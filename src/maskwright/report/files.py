"""Reading what the stages wrote, as far as it is there."""

import csv
import json
from pathlib import Path
from typing import Any

from maskwright.shared.errors import MaskwrightError


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a result's JSON; empty if there is no such file.

    Raises:
        MaskwrightError: the file is damaged.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise MaskwrightError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise MaskwrightError(f"{path}: not a result of maskwright, or damaged; run the stage that makes it again")
    return values


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a result's CSV; none if there is no such file."""
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            # A row that is cut short has None in its last columns, and one that is too long has a list under None.
            return [{key: text or "" for key, text in row.items() if key} for row in csv.DictReader(file)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise MaskwrightError(f"{path}: cannot be read: {error.strerror}") from None
    except csv.Error:
        raise MaskwrightError(f"{path}: not a table, or damaged; run the stage that makes it again") from None


def to_number(text: str) -> float | str:
    """Return a cell's number, or its text where it holds none."""
    try:
        return float(text)
    except ValueError:
        return text
