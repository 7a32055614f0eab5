"""The project as a user has it: a Git repository of its own, in which DVC and MLflow run for real."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from maskwright.params import load_params
from maskwright.shared.yaml_file import read_yaml
from maskwright.sweeps.plan import plan_sweep

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SMALL = {
    "drinks": {
        **{"train": 8, "validation": 4, "test": 4, "size": [48, 64]},
        "crowd": {"train": 8, "validation": 4, "test": 4},
    },
    "segmentation": {"size": [32, 32], "epochs": 3, "epoch_images": 8, "batch_size": 4, "precision": "float32"},
    "detection": {"size": [32, 32], "epochs": 2, "epoch_images": 8, "batch_size": 4, "precision": "float32"},
    "instances": {"size": [32, 32], "epochs": 2, "epoch_images": 8, "batch_size": 4, "precision": "float32"},
    "xor": {"seeds": 2, "steps": 50},
    "digits": {"train": 60, "validation": 20, "test": 20},
    "masked_digits": {"seeds": 2, "epochs": 1, "control_epochs": 1, "variants": ["none"]},
    "corner": {
        "seeds": 2,
        "variants": ["hand_set", "as_posted"],
        "changes": [],
        "repeats_tried": [],
        "epochs": dict.fromkeys(
            (
                *("as_posted", "repeated_corner", "sigmoid_bce", "softmax_ce", "balanced", "class_weight"),
                "hand_set_trained",
            ),
            2,
        ),
        "rectangles": {"images": 2, "size": [16, 16], "count": 2, "noise": 0.02},
    },
    "autoencoder": {"filters": [4, 3, 2], "epochs": 2},
    "conditional": {"seeds": 2, "epochs": 1, "batch_size": 20, "trunk": [4, 6], "branch": 5, "variants": ["none"]},
    "information": {
        **{"correlations": [0.0, 0.5], "seeds": 2, "pairs": 400, "hidden": 4, "epochs": 1, "batch_size": 100},
        **{"learning_rate": 0.01, "bins": 5, "neighbours": 3, "seed": 0},
        "digits": {
            **{"encoder": "fast", "latent": 3, "hidden": 8, "seeds": 2, "epochs": 1, "batch_size": 20},
            **{"learning_rate": 0.002, "weight_decay": 0.0001},
            "views": dict.fromkeys(("shear", "contrast", "brightness", "edges", "noise"), 0.0)
            | {"rotate": 20.0, "crop": 0.4286},
        },
    },
    "clustering": {"clusters": 3, "heads": 2, "seeds": 2, "epochs": 1, "batch_size": 20, "over_clusters": 4},
    "sweeps": {
        "autoencoder": {
            "experiment": "autoencoder",
            "factors": {"batch_norm": [False, True], "variational": [False, True]},
            "fixed": {"images": 40, "epochs": 1},
            "seeds": 2,
            "response": ["bce", "kl"],
        }
    },
}
"""Settings with which each stage takes seconds."""


def environment():
    """Return the variables for a command that must know nothing of the caller's DVC, MLflow, Git or TensorFlow."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("DVC_", "MLFLOW_", "GIT_", "TF_")) and k not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    }
    who = {
        f"GIT_{role}_{what}": f"{what.lower()}@x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    return {
        **kept,
        **who,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
        "COLUMNS": "1000",
    }


def run(folder, *command):
    """Run a command that is to succeed, and to warn of nothing of ours; return all that it printed."""
    done = _done(folder, command)
    return done.stdout + done.stderr


def answer(folder, *command):
    """Return what a command answers, in JSON; see `run`."""
    return json.loads(_done(folder, command).stdout)


def _done(folder, command):
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=1800)
    shown = f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, shown
    assert "Traceback" not in shown, shown
    assert "maskwright: warning" not in shown, shown
    return done


def copy_of_the_project(folder):
    """Make a Git repository of the files as they stand here, with small settings and nothing of what they made."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if name == "dvc.lock" or name.startswith("results/") or not (ROOT / name).is_file():
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    change_params(folder, SMALL)
    write_sweeps(folder)
    run(folder, "git", "init", "-q")
    commit(folder, "small settings")
    return folder


def commit(folder, message):
    """Commit all that lies there."""
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-q", "-m", message)


def put_back(folder, *stages):
    """Take the committed files, and what DVC has for these stages, or for all."""
    run(folder, "git", "checkout", "-q", "--", ".")
    run(folder, "dvc", "checkout", *stages)


def apply(folder, name, *, experiment):
    """Bring an experiment of DVC's back.

    Where the other experiments of the project never ran, DVC ends by saying that it has not got their files. By then
    it has brought what it has.
    """
    done = subprocess.run(
        ["dvc", "exp", "apply", name], cwd=folder, env=environment(), capture_output=True, text=True, timeout=1800
    )
    lines = done.stderr.splitlines()
    missing = [line for line in lines if line.startswith(("data/", "models/", "results/"))]
    assert done.returncode == 0 or missing, done.stderr
    assert not [path for path in missing if experiment in path], done.stderr


def change_params(folder, sections):
    """Change keys of some sections in params.yaml."""
    path, yaml = folder / "params.yaml", YAML(typ="safe")
    params = read_yaml(path)
    for section, values in sections.items():
        params[section] |= values
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(params, file)


SWEPT = ("autoencoder", "detection", "detection_images", "instances", "published_detection", "published_segmentation")
"""The sweeps whose tables the pipeline takes as they are."""

CLAIMED = ("sources_miou", "sources_precision", "sources_recall", "pq_per_image", "components_pq_per_image")
"""Measures that claims read, beside `parameters`, also where a sweep's effects are not analysed for them."""


def write_sweeps(folder):
    """Write the tables of the sweeps that the pipeline takes as they are, with numbers of any kind."""
    for name in SWEPT:
        plan = plan_sweep(name, load_params(folder / "params.yaml"))
        measures = list(dict.fromkeys([*CLAIMED, *plan.sweep.responses, "parameters"]))
        rows, examples = [], {}
        for number, trial in enumerate(plan.trials):
            levels = {
                key: level if isinstance(level, str) else json.dumps(level) for key, level in trial.levels.items()
            }
            # The seeds of a combination agree, so that what is known of an example is known of the mean.
            place = number // plan.sweep.seeds
            values = {name: 0.5 + (7 * place + 3 * n) % 11 / 100 for n, name in enumerate(measures)}
            rows.append(
                {"trial": trial.name, **levels, "seed": trial.seed, **values, "status": "finished", "reason": ""}
            )
            of = " ".join(f"{key}={level}" for key, level in levels.items())
            examples |= {f"{of}/{name}": [value - 0.1, value, value + 0.1] for name, value in values.items()}
        out = folder / "results/sweep" / name
        out.mkdir(parents=True)
        pd.DataFrame(rows).to_csv(out / "trials.csv", index=False, lineterminator="\n")
        pd.DataFrame(examples).to_csv(out / "examples.csv", index=False, lineterminator="\n", float_format="%.6g")


def python(folder, code, *arguments):
    """Return what a program prints, as JSON, with the code of that folder."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**environment(), "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rows(folder, *experiments):
    """Return MLflow's runs of experiments by name, each list oldest first, as the project's own store has them."""
    code = """if True:
        import json, sys
        from pathlib import Path
        from maskwright.tracking.store import open_store
        found = {}
        for name in sys.argv[1:]:
            store = open_store(Path.cwd(), name)
            found[name] = [
                {"id": run.info.run_id, "name": run.info.run_name, "status": run.info.status,
                 "tags": run.data.tags, "params": run.data.params,
                 "metrics": run.data.metrics,
                 "data": sorted(data.tags[0].value for data in run.inputs.dataset_inputs),
                 "epochs": sorted(m.step for m in store.client.get_metric_history(run.info.run_id, "curves/loss"))}
                for run in store.client.search_runs([store.experiment], order_by=["attributes.start_time ASC"])
            ]
        print(json.dumps(found))"""
    return python(folder, code, *experiments)


def locked(folder):
    """Return the stages of dvc.lock."""
    return read_yaml(folder / "dvc.lock")["stages"]


def waiting(folder, *targets):
    """Return the stages of which DVC says that a dependency has changed."""
    changed = answer(folder, "dvc", "status", "--json", *targets)
    return {stage for stage, reasons in changed.items() if any("changed deps" in reason for reason in reasons)}


def wait_for(condition, seconds, what, every=0.2):
    """Wait for a condition, and fail where it does not come."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(every)
    pytest.fail(f"waited {seconds} s in vain for {what()}")


def work_through_the_queue(folder, tasks, workers=1):
    """Start the queue's workers, and wait until so many tasks have ended well."""

    def status():
        return run(folder, "dvc", "queue", "status")

    def ended():
        shown = status()
        return "Failed" in shown or shown.count("Success") >= tasks

    run(folder, "dvc", "queue", "start", "-j", str(workers))
    try:
        wait_for(ended, 400, status, every=1)
        assert "Failed" not in status(), run(folder, "sh", "-c", "cat .dvc/tmp/exps/run/*/*.out")
    finally:
        run(folder, "dvc", "queue", "stop", "--kill")


def invent_outputs(folder, *stages):
    """Make DVC take stages, or all, for done, with outputs that are there already or are invented here."""
    found = [stage for stage in Repo(str(folder)).index.stages if not stages or stage.name in stages]
    for item in [*(out for stage in found for out in stage.outs), *(dep for stage in found for dep in stage.deps)]:
        path = Path(item.fs_path)
        if not path.exists():
            file = path if path.suffix else path / "invented"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("invented\n")
    run(folder, "dvc", "commit", "--force", *stages)


def sync(folder):
    """Record in MLflow what DVC restored; return what is said about it."""
    return run(folder, "sh", "-c", "PYTHONPATH=src python -m maskwright sync")
