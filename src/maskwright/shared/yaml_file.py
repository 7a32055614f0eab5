"""Read YAML files by the same rules as DVC.

DVC uses ruamel.yaml, which follows YAML 1.2: `5e-05` is a number, `yes` and `no` are texts, `010` is ten. A reader
that follows YAML 1.1, such as PyYAML, reads the same file differently.
"""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from maskwright.shared.errors import MaskwrightError


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file.

    Raises:
        MaskwrightError: the file is missing, cannot be read, or is not YAML; the message names the line where
            that is known.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MaskwrightError(f"{path}: no such file; run the command in the folder that holds params.yaml") from None
    except UnicodeDecodeError:
        raise MaskwrightError(f"{path}: not text in UTF-8; save it as such") from None
    except OSError as error:
        raise MaskwrightError(f"{path}: cannot be read: {error.strerror}") from None
    return parse_yaml(text, path)


def parse_yaml(text: str, path: Path) -> Any:
    """Return the content of a text in YAML, which came from `path`. The errors are those of `read_yaml`."""
    try:
        return YAML(typ="safe").load(text)
    except DuplicateKeyError as error:
        raise MaskwrightError(f"{path}{_place(error)}: the same key occurs twice; remove one") from None
    except MarkedYAMLError as error:
        raise MaskwrightError(f"{path}{_place(error)}: not YAML: {error.problem or error.context}") from None
    # A value such as `0b_` or `2020-13-45` looks like a number or a date, but is not one.
    except (YAMLError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise MaskwrightError(f"{path}: not YAML: {_one_line(error)}; put texts in quotes") from None


def _place(error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return "" if mark is None else f", line {mark.line + 1}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
