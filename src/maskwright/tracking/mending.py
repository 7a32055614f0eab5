"""What a kill of `dvc repro`, or a move of the project, leaves behind, and how it is made good.

DVC writes `dvc.lock` and its own table of locks in place. A kill at that moment leaves them empty or cut short, and
DVC then refuses to work. Nothing is lost but what the end of `dvc.lock` said: it is taken from a copy that was made
when the file was whole, or from the last commit. DVC checks every entry against the files, so an old one costs no
more than that a stage is looked up in DVC's cache, or runs again.
"""

import json
import re
import time
from pathlib import Path

from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_file
from maskwright.shared.yaml_file import parse_yaml
from maskwright.tracking.locations import relocate
from maskwright.tracking.provenance import LOCK, git_output, project_root

DVC = Path(".dvc")
_TABLE = DVC / "tmp/rwlock"
_COPY = DVC / "tmp/dvc.lock.whole"
_WRITING = 0.5
"""Seconds after which a file that DVC is just writing is whole."""


def mend() -> list[str]:
    """Put right what a kill or a move left behind in the current folder, and say in a line each what was done.

    Raises:
        MaskwrightError: mlflow.db is damaged.
        OSError: a file cannot be written.
    """
    told = [*_mend_table(), *_mend_lock()] if DVC.is_dir() else []
    if relocate(project_root()):
        told.append("mlflow.db: the project was moved or copied; its pictures and models are now looked for here")
    return told


def _mend_table() -> list[str]:
    if not _TABLE.is_file() or _is_json(_TABLE):
        return []
    time.sleep(_WRITING)
    if not _TABLE.is_file() or _is_json(_TABLE):
        return []
    _TABLE.unlink()
    return [f"{_TABLE}: cut short by a kill, and deleted: DVC makes it anew"]


def _is_json(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except ValueError:
        return False


def _mend_lock() -> list[str]:
    if not LOCK.is_file():
        return []
    text = LOCK.read_text(encoding="utf-8", errors="replace")
    whole = _whole()
    if _is_cut(text, whole):
        time.sleep(_WRITING)
        text = LOCK.read_text(encoding="utf-8", errors="replace")
    if not _is_cut(text, whole):
        _write(_COPY, text)
        return []
    # The last stage that is there may lack its end.
    found = dict(list(_stages(text).items())[:-1])
    mended = _head(whole) + "".join((_stages(whole) | found).values())
    if whole and _is_lock(mended):
        _write(LOCK, mended)
        return [f"{LOCK}: cut short by a kill, and completed from when it was whole; `git diff {LOCK}` shows it"]
    damaged = LOCK.with_name(f"{LOCK.name}.damaged")
    LOCK.replace(damaged)
    return [f"{LOCK}: cut short by a kill, and now {damaged}: `dvc repro` makes it anew from DVC's cache"]


def _whole() -> str:
    """Return the newest dvc.lock that was whole: that of the last commit, or our copy; "" where there is none."""
    committed = git_output("show", f"HEAD:./{LOCK}")
    committed += "\n" if committed else ""
    if not _COPY.is_file():
        return committed
    age = git_output("log", "-1", "--format=%ct", "--", str(LOCK))
    if committed and age and int(age) > _COPY.stat().st_mtime:
        return committed
    return _COPY.read_text(encoding="utf-8")


def _is_cut(text: str, whole: str) -> bool:
    """Say whether `text` is no dvc.lock, or has the first stages of `whole`, in the same order, but not the others.

    DVC never takes a stage out when it writes, and appends new ones.
    """
    if text == whole:
        return False
    if not text.endswith("\n") or not _is_lock(text):
        return True
    names, known = list(_stages(text)), list(_stages(whole))
    return len(names) < len(known) and names == known[: len(names)]


def _is_lock(text: str) -> bool:
    """Say whether DVC would read this as a dvc.lock."""
    try:
        content = parse_yaml(text, LOCK)
    except MaskwrightError:
        return False
    stages = content.get("stages") if isinstance(content, dict) and content.get("schema") == "2.0" else None
    return isinstance(stages, dict) and all(isinstance(stage, dict) and "cmd" in stage for stage in stages.values())


def _head(text: str) -> str:
    return _parts(text)[0]


def _stages(text: str) -> dict[str, str]:
    """Return the text of each stage, with its name; DVC indents the names by two spaces."""
    return {part.partition(":\n")[0].strip(): part for part in _parts(text)[1:]}


def _parts(text: str) -> list[str]:
    return re.split(r"(?m)^(?=  \S)", text)


def _write(path: Path, text: str) -> None:
    with replaced_file(path) as file:
        file.write(text)
