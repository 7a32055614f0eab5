"""How the results in the working folder differ from the committed ones, and why."""

from pathlib import Path

from maskwright.shared.errors import MaskwrightError
from maskwright.shared.identity import content_hash
from maskwright.shared.processor import this_processor
from maskwright.shared.yaml_file import parse_yaml
from maskwright.tracking.provenance import LOCK, git_output


def differences() -> list[str]:
    """Return what differs in one line and why in another. Return nothing if all is as committed, or outside Git."""
    changed = _changed("results", LOCK.as_posix())
    if not changed:
        return []
    tables = sorted({"/".join(path.parts[1:3]) for path in changed if path != LOCK})
    names = ", ".join(table.removesuffix("/metrics.json") for table in tables)
    if not tables and _outputs_agree():
        return [
            "All results equal the committed ones. dvc.lock names other code, data or settings for them; commit it."
        ]
    if tables:
        what = f"These results differ from the committed ones: {names}."
    else:
        what = "All numbers equal the committed ones, but files that only dvc.lock names differ."
    return [what, _reason()]


def _reason() -> str:
    committed = _committed_processors()
    if any(path.is_file() and content_hash(path) != md5 for path, md5 in committed.items()):
        return f"They were committed from another processor than this one ({this_processor()}). See README.md."
    edited = _changed("params.yaml", "dvc.yaml", "src", "requirements.lock")
    if edited:
        return f"Settings or code differ from the commit: {', '.join(path.as_posix() for path in edited[:3])}."
    return (
        "Settings, code and processor are those of the commit, so the data, Python or a library must be another one."
    )


def _changed(*places: str) -> list[Path]:
    return [
        Path(line) for line in git_output("diff", "--name-only", "--relative", "HEAD", "--", *places).splitlines()
    ]


def _outputs_agree() -> bool:
    """Say whether dvc.lock has the same hash as the committed one for each output, whatever it depends on."""
    here = LOCK.read_text(encoding="utf-8") if LOCK.is_file() else ""
    outputs = _outputs(here)
    return bool(outputs) and outputs == _outputs(_committed_lock())


def _committed_processors() -> dict[Path, str]:
    """Return the hash of each results/NAME/processor.json, as the committed dvc.lock has it."""
    return {path: md5 for path, md5 in _outputs(_committed_lock()).items() if path.name == "processor.json"}


def _committed_lock() -> str:
    return git_output("show", f"HEAD:./{LOCK.as_posix()}")


def _outputs(lock: str) -> dict[Path, str]:
    """Return the hash of each output that the text of a dvc.lock names, or nothing if it is damaged."""
    try:
        stages = parse_yaml(lock, LOCK)["stages"]
        return {Path(out["path"]): out["md5"] for stage in stages.values() for out in stage.get("outs", [])}
    except (MaskwrightError, KeyError, TypeError, AttributeError, ValueError):
        return {}
