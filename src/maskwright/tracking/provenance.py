"""Where things come from: the project's root, hashes of outputs, what dvc.lock says of a model, commit and user."""

import getpass
import os
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from maskwright.shared.identity import content_hash
from maskwright.shared.yaml_file import read_yaml

LOCK = Path("dvc.lock")


@dataclass(frozen=True)
class Produced:
    """What dvc.lock says of the experiment whose files lie in this folder.

    Attributes:
        params: the sections of params.yaml that its stages were run with.
        evaluated: whether results/NAME holds the evaluation of the model that models/NAME holds.
    """

    params: dict[str, Any]
    evaluated: bool


def project_root() -> Path:
    """Return the folder of the project, absolute.

    A queued experiment runs in a temporary copy below it; what must outlive the copy (MLflow's store, checkpoints)
    belongs here. DVC_ROOT names it, and counts only where the current folder lies in it.
    """
    here = Path.cwd()
    named = os.environ.get("DVC_ROOT")
    if named and here.is_relative_to(Path(named).resolve()):
        return Path(named).resolve()
    return here


def produced(name: str, model: Path, results: Path) -> Produced | None:
    """Return what dvc.lock says of an experiment, or None where `model` is not the model that it speaks of."""
    stages = _locked_stages()
    training, evaluation = stages.get(f"train@{name}", {}), stages.get(f"evaluate@{name}", {})
    if not model.is_dir() or content_hash(model) != _locked_hash(training, "outs", model):
        return None
    metrics = results / "metrics.json"
    evaluated = (
        metrics.is_file()
        and content_hash(metrics) == _locked_hash(evaluation, "outs", metrics)
        and _locked_hash(evaluation, "deps", model) == _locked_hash(training, "outs", model)
    )
    params: dict[str, Any] = {}
    # The stage that makes an experiment's own data comes behind those whose data it uses. What it lists by single
    # keys is part of a section that the training lists whole.
    for stage in (*(stages.get(made, {}) for made in ("drinks", "masks", "digits", name)), training):
        values = stage.get("params", {}).get("params.yaml", {})
        params |= {section: content for section, content in values.items() if "." not in section}
    return Produced(params, evaluated)


def locked_sweep(name: str, folder: Path) -> dict[str, Any] | None:
    """Return the sections of params.yaml with which, as dvc.lock says, a sweep's tables were made.

    Args:
        name: the sweep's name.
        folder: the folder of its tables.

    Returns:
        None where tables, data or code are not those that dvc.lock speaks of.
    """
    stages = _locked_stages()
    stage = stages.get(f"sweep@{name}") or stages.get(f"sweep-{name}", {})
    if not folder.is_dir() or content_hash(folder) != _locked_hash(stage, "outs", folder):
        return None
    used = [(Path(item["path"]), item.get("md5")) for item in stage.get("deps", [])]
    if not all(path.exists() and content_hash(path) == md5 for path, md5 in used):
        return None
    return stage.get("params", {}).get("params.yaml", {})


def locked_effects(name: str, swept: Path, tables: Path) -> bool:
    """Say whether `tables` holds, as dvc.lock says, the analysis of a sweep's tables, which are in `swept`."""
    stage = _locked_stages().get(f"effects@{name}", {})
    return (
        tables.is_dir()
        and content_hash(tables) == _locked_hash(stage, "outs", tables)
        and _locked_hash(stage, "deps", swept) == content_hash(swept)
    )


def git_tags() -> dict[str, str]:
    """Return the commit and whether files differ from it, under the names MLflow and we use; nothing outside Git."""
    commit = git_output("rev-parse", "HEAD")
    if not commit:
        return {}
    # The pipeline itself writes these while it runs, so they say nothing about what was run.
    changed = git_output("status", "--porcelain", "--", ".", ":!dvc.lock", ":!results")
    return {"mlflow.source.git.commit": commit, "git.dirty": str(bool(changed)).lower()}


def user() -> str:
    """Return the name of who runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _locked_stages() -> dict[str, Any]:
    return _read_stages(LOCK.resolve(), content_hash(LOCK)) if LOCK.is_file() else {}


@lru_cache(maxsize=1)
def _read_stages(lock: Path, content: str) -> dict[str, Any]:
    """Read dvc.lock once as long as it does not change: `sync` asks for it a dozen times."""
    return (read_yaml(lock) or {}).get("stages", {})


def _locked_hash(stage: dict[str, Any], kind: str, path: Path) -> str | None:
    return next((item.get("md5") for item in stage.get(kind, []) if item["path"] == path.as_posix()), None)


def git_output(*arguments: str) -> str:
    """Return what a Git command prints; nothing if it fails, as it does outside a repository."""
    try:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
