"""The pipeline for real: DVC, Git and MLflow in a temporary clone whose path has a space, with small settings."""

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from maskwright.catalogue import ROOMS
from maskwright.params import load_params
from maskwright.sweeps.plan import plan_sweep
from maskwright.tracking.provenance import content_hash

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
SMALL = {
    "drinks": {"train": 8, "validation": 4, "test": 4, "size": [48, 64]},
    "segmentation": {"size": [32, 32], "epochs": 3, "epoch_images": 8, "batch_size": 4, "precision": "float32"},
    "detection": {"size": [32, 32], "epochs": 2, "epoch_images": 8, "batch_size": 4, "precision": "float32"},
    "xor": {"seeds": 2, "steps": 50},
    "digits": {"train": 60, "validation": 20, "test": 20},
    "masked_digits": {"seeds": 2, "epochs": 1, "variants": ["none"]},
    "corner": {
        "seeds": 2,
        "variants": ["hand_set", "as_posted"],
        "changes": [],
        "repeats_tried": [],
        "epochs": dict.fromkeys(
            ("as_posted", "repeated_corner", "sigmoid_bce", "softmax_ce", "balanced", "class_weight"), 2
        ),
        "rectangles": {"images": 2, "size": [16, 16], "count": 2, "noise": 0.02},
    },
    "autoencoder": {"filters": [4, 2], "epochs": 2},
    "conditional": {"seeds": 2, "epochs": 1, "batch_size": 20, "trunk": [4, 6], "branch": 5, "variants": ["none"]},
    "information": {
        **{"correlations": [0.0, 0.5], "seeds": 2, "pairs": 400, "hidden": 4, "epochs": 1, "batch_size": 100},
        **{"learning_rate": 0.01, "bins": 5, "neighbours": 3, "seed": 0},
        "digits": {
            **{"encoder": "fast", "latent": 3, "hidden": 8, "seeds": 2, "epochs": 1, "batch_size": 20},
            **{"learning_rate": 0.002, "weight_decay": 0.0001},
        },
    },
    "clustering": {"clusters": 3, "heads": 2, "seeds": 2, "epochs": 1, "batch_size": 20, "over_clusters": 4},
    "sweeps": {
        "autoencoder": {
            "experiment": "autoencoder",
            "factors": {"batch_norm": [False, True], "variational": [False, True]},
            "fixed": {"images": 40, "epochs": 1},
            "seeds": 2,
            "response": "bce",
        }
    },
}
SWEPT = ("autoencoder", "detection", "detection-ap50", "detection-sources_precision", "detection-sources_recall")
EFFECTS = [
    f"results/effects/{swept}/{name}"
    for swept in SWEPT
    for name in ("anova.csv", "effects.csv", "means.csv", "metrics.json", "plain_table.csv", "summary.txt")
]
MODEL, RESULTS = Path("models/segmentation"), Path("results/segmentation")


def environment():
    """Return the variables for a command that must know nothing of the caller's DVC, MLflow or Git."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_", "GIT_")) and k != "PYTHONPATH"
    }
    who = {
        f"GIT_{role}_{what}": f"{what.lower()}@x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    return {
        **kept,
        **who,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
    }


def run(folder, *command, fails=False):
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=1800)
    shown = f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    assert (done.returncode != 0) == fails, shown
    assert "Traceback" not in shown, shown
    assert "maskwright: warning" not in shown, shown
    return done.stdout + done.stderr


def copy_of_the_project(folder):
    """Make a Git repository of the files as they stand here, with small settings."""
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
    params = yaml.safe_load((folder / "params.yaml").read_text())
    for section, values in SMALL.items():
        params[section] |= values
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    write_detection_trials(folder)
    run(folder, "git", "init", "-q")
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-q", "-m", "small settings")
    return folder


def write_detection_trials(folder):
    """Write the table of the sweep that the pipeline takes as it is, with numbers of any kind."""
    plan = plan_sweep("detection", load_params(folder / "params.yaml"))
    measures = ("sources_miou", "sources_precision", "sources_recall", "ap50")
    lines = [",".join(["trial", *plan.sweep.factors, "seed", *measures, "status", "reason"])]
    for number, trial in enumerate(plan.trials):
        values = [f"{0.5 + (7 * number + 3 * place) % 11 / 100}" for place, _ in enumerate(measures)]
        lines.append(",".join([trial.name, *trial.levels.values(), str(trial.seed), *values, "finished", ""]))
    path = folder / "results/sweep/detection/trials.csv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(lines) + "\n")


def rows(folder):
    """Return MLflow's runs of the experiment, oldest first, as the project's own store has them."""
    code = """if True:
        import json, sys
        from pathlib import Path
        from maskwright.tracking.store import open_store
        store = open_store(Path(sys.argv[1]), "segmentation")
        found = store.client.search_runs([store.experiment], order_by=["attributes.start_time ASC"])
        print(json.dumps([
            {"id": run.info.run_id, "status": run.info.status, "tags": run.data.tags, "params": run.data.params,
             "metrics": run.data.metrics,
             "epochs": sorted(m.step for m in store.client.get_metric_history(run.info.run_id, "training/loss"))}
            for run in found
        ]))"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        cwd=folder,
        env={**environment(), "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sync(folder):
    return run(folder, "sh", "-c", "PYTHONPATH=src python -m maskwright sync")


def metrics(folder):
    return json.loads((folder / RESULTS / "metrics.json").read_text())


def wait_for(condition, seconds, what, every=0.2):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(every)
    pytest.fail(f"waited {seconds} s in vain for {what()}")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A clone in which the pipeline has run once, and its results are committed."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("first clone") / "mask wright")
    run(folder, "dvc", "repro")
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-q", "-m", "results")
    return folder


def test_a_run_leaves_a_clean_tree_and_one_row(finished):
    assert run(finished, "git", "status", "--porcelain") == ""
    kept = run(finished, "git", "ls-files", "results", "dvc.lock", "models", "data").split()
    metrics_of = [f"results/{name}/metrics.json" for name in ROOMS]
    tables = ["results/claims.json", "results/claims.md", *(f"results/sweep/{name}/trials.csv" for name in SWEPT[:2])]
    assert kept == ["dvc.lock", *sorted([*tables, *EFFECTS, *metrics_of])]
    assert not (finished / "checkpoints").exists() or not any((finished / "checkpoints").rglob("*.npz"))

    (row,) = rows(finished)
    assert row["status"] == "FINISHED"
    assert row["epochs"] == [1, 2, 3]
    assert row["params"]["segmentation.size"] == "[32, 32]"
    assert row["params"]["drinks.train"] == "8"
    assert row["metrics"]["test/miou"] == metrics(finished)["miou"]
    assert row["tags"]["git.dirty"] == "false"
    # The row can be found from dvc.lock.
    lock = yaml.safe_load((finished / "dvc.lock").read_text())
    (model,) = (out for out in lock["stages"]["train@segmentation"]["outs"] if out["path"] == "models/segmentation")
    assert row["tags"]["maskwright.model"] == model["md5"]


def test_there_is_nothing_to_do_the_second_time(finished):
    assert "up to date" in run(finished, "dvc", "repro")
    assert "up to date" in run(finished, "dvc", "status")


def test_metrics_and_plots_are_shown(finished):
    shown = json.loads(run(finished, "dvc", "metrics", "show", "--json"))
    assert shown[""]["data"]["results/segmentation/metrics.json"]["data"] == metrics(finished)
    page = run(finished, "dvc", "plots", "show").strip().splitlines()[-1].removeprefix("file://")
    html = Path(page.replace("%20", " ")).read_text()
    for shown in ("Segmentation loss", "val_loss", "pixel_accuracy", "confusion of pixels", "IoU by class"):
        assert shown in html


def test_an_experiment_is_compared_and_put_back(finished):
    before, lock = metrics(finished), (finished / "dvc.lock").read_bytes()
    run(finished, "dvc", "exp", "run", "-n", "shorter", "-S", "segmentation.epochs=1")
    assert "shorter" in run(finished, "dvc", "exp", "show", "--csv")
    difference = json.loads(run(finished, "dvc", "params", "diff", "--json"))
    assert difference["params.yaml"]["segmentation.epochs"] == {"old": 3, "new": 1, "diff": -2}
    changed = json.loads(run(finished, "dvc", "metrics", "diff", "--json", "--all"))
    assert "miou" in changed["results/segmentation/metrics.json"]
    first, second = rows(finished)
    assert second["tags"]["dvc.experiment"] == "shorter"
    assert second["epochs"] == [1]
    assert second["tags"]["git.dirty"] == "true"

    # Back to where it was: DVC restores the stages from its run cache, no command runs, and MLflow hears nothing.
    run(finished, "git", "checkout", "-q", "--", ".")
    for name in ("mlflow.db", "dvc.lock"):
        (finished / name).unlink()
    for name in ("mlartifacts", "models"):
        shutil.rmtree(finished / name)
    shown = run(finished, "dvc", "repro")
    assert "Stage 'train@segmentation' is cached - skipping run" in shown
    # What git keeps, DVC does not: tables alone are made anew, the sweep's from the results that it keeps itself.
    again = [line.split("'")[1] for line in shown.splitlines() if line.startswith("Running stage")]
    assert set(again) == {"sweep@autoencoder", *(f"effects@{name}" for name in SWEPT), "claims"}
    assert "8 finished (8 from before)" in shown
    assert metrics(finished) == before
    assert (finished / "dvc.lock").read_bytes() == lock
    assert rows(finished) == []
    (finished / "mlflow.db").unlink()
    shutil.rmtree(finished / "mlartifacts")
    names = [*ROOMS, "sweep autoencoder", "sweep detection"]
    assert sync(finished).splitlines() == [f"{name}: recorded" for name in names]
    assert sync(finished).splitlines() == [f"{name}: was recorded already" for name in names]
    (row,) = rows(finished)
    assert row["tags"]["maskwright.model"] == first["tags"]["maskwright.model"]
    assert row["epochs"] == [1, 2, 3]
    assert row["params"] == first["params"]
    assert row["metrics"] == first["metrics"]

    # `exp apply` brings the experiment back; `sync` records that too.
    run(finished, "dvc", "exp", "apply", "shorter")
    assert "segmentation: recorded\n" in sync(finished)
    assert [row["epochs"] for row in rows(finished)] == [[1, 2, 3], [1]]
    run(finished, "git", "checkout", "-q", "--", ".")
    run(finished, "dvc", "checkout")


def test_a_queued_experiment_runs_the_code_it_was_queued_with(finished):
    code = finished / "src/maskwright/metrics/segmentation.py"
    original = code.read_text()
    before = len(rows(finished))
    code.write_text(original + "\nprint('the code of the queued copy')\n")
    run(finished, "dvc", "exp", "run", "--queue", "-n", "queued", "-S", "segmentation.epochs=2")
    code.write_text(original)
    run(finished, "dvc", "queue", "start")
    try:
        wait_for(
            lambda: any(word in run(finished, "dvc", "queue", "status") for word in ("Success", "Failed")),
            400,
            lambda: run(finished, "dvc", "queue", "status"),
            every=3,
        )
        logs = run(finished, "dvc", "queue", "logs", "queued")
        assert "Success" in run(finished, "dvc", "queue", "status"), logs
    finally:
        run(finished, "dvc", "queue", "stop", "--kill")
    assert "the code of the queued copy" in logs
    assert run(finished, "git", "status", "--porcelain") == ""
    # It is recorded in the project's store, not in the copy that is gone.
    *_, row = rows(finished)
    assert len(rows(finished)) == before + 1
    assert row["tags"]["dvc.experiment"] == "queued"
    assert row["epochs"] == [1, 2]
    assert "test/miou" in row["metrics"]
    assert "queued" in run(finished, "dvc", "exp", "show", "--csv")


def test_a_killed_training_goes_on_and_ends_as_if_nothing_had_happened(finished, tmp_path):
    """In a second clean clone, elsewhere: also the same dvc.lock."""
    folder = copy_of_the_project(tmp_path / "second clone")
    run(folder, "dvc", "repro", "masks")
    with subprocess.Popen(
        ["dvc", "repro", "train@segmentation"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as training:
        wait_for(lambda: any(folder.glob("checkpoints/**/progress.json")), 300, lambda: "a checkpoint")
        os.killpg(training.pid, signal.SIGKILL)
    (state,) = folder.glob("checkpoints/**/progress.json")
    done = len(json.loads(state.read_text())["history"])
    assert done < 3, "the training had ended before it was killed"
    assert not (folder / MODEL).exists()
    (killed,) = rows(folder)
    assert killed["status"] == "RUNNING"

    run(folder, "dvc", "repro", "evaluate@segmentation")
    assert content_hash(folder / MODEL) == content_hash(finished / MODEL)
    assert (folder / RESULTS / "training.csv").read_bytes() == (finished / RESULTS / "training.csv").read_bytes()
    again, first = (yaml.safe_load((root / "dvc.lock").read_text())["stages"] for root in (folder, finished))
    assert set(again) == {"drinks", "masks", "train@segmentation", "evaluate@segmentation"}
    assert again == {stage: first[stage] for stage in again}
    (row,) = rows(folder)
    assert row["id"] == killed["id"]
    assert row["status"] == "FINISHED"
    assert row["epochs"] == [1, 2, 3]


def test_photographs_outside_the_repository(finished, tmp_path):
    outside = finished.parent / "photos"
    shutil.copytree(finished / "data/drinks", outside)
    run(finished, "dvc", "exp", "run", "masks", "-S", "annotations.root=../photos")
    lock = yaml.safe_load((finished / "dvc.lock").read_text())
    assert lock["stages"]["masks"]["deps"][0]["path"] == "../photos"
    assert (finished / "data/masks/train.csv").is_file()
    run(finished, "git", "checkout", "-q", "--", ".")
    run(finished, "dvc", "checkout")
    assert "up to date" in run(finished, "dvc", "repro", "masks")


@pytest.mark.parametrize(("split", "waiting"), [("test", {"evaluate"}), ("train", {"train"})])
def test_a_photograph_concerns_only_the_stages_of_its_split(finished, split, waiting):
    """A byte is added to a JPEG, behind its end: no pixel and no mask changes."""
    photographs = finished.parent / f"photographs of {split}"
    shutil.copytree(finished / "data/drinks", photographs)
    with (photographs / split / "0000.jpg").open("ab") as file:
        file.write(b"\0")
    params = yaml.safe_load((finished / "params.yaml").read_text())
    params["annotations"] |= {"root": f"../{photographs.name}"}
    (finished / "params.yaml").write_text(yaml.safe_dump(params))
    run(finished, "dvc", "repro", "masks")
    changed = json.loads(run(finished, "dvc", "status", "--json", "train@segmentation", "evaluate@segmentation"))
    run(finished, "git", "checkout", "-q", "--", ".")
    run(finished, "dvc", "checkout")
    assert {stage.split("@")[0] for stage in changed} == waiting


PLUMBING = {
    *("", "errors.py", "outputs.py", "parallel.py", "params.py", "params_digits.py", "params_section.py"),
    *("pipeline.py", "quiet.py", "rooms.py"),
}
"""What every stage uses and what cannot change a result: values in params.yaml are dependencies of their own."""


def imported(module, seen):
    """Collect the files of the package that a module imports, directly or not, as paths below src/maskwright."""
    path = ROOT / "src" / Path(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.is_file() or file in seen:
        return seen
    seen.add(file)
    pending = [ast.parse(file.read_text())]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        pending.extend(ast.iter_child_nodes(node))
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.startswith("maskwright."):
                imported(name, seen)
    return seen


@pytest.mark.parametrize(
    ("stage", "module"),
    [
        ("drinks", "maskwright.drinks.dataset"),
        ("xor", "maskwright.experiments.xor.data"),
        ("corner", "maskwright.experiments.corner.data"),
        ("digits", "maskwright.digits.dataset"),
        ("masked_digits", "maskwright.experiments.masked_digits.data"),
        ("conditional", "maskwright.experiments.conditional.generate"),
        ("clustering", "maskwright.experiments.clustering.generate"),
        ("masks", "maskwright.via.convert"),
        *((f"{stage}@{name}", f"maskwright.experiments.{name}") for stage in ("train", "evaluate") for name in ROOMS),
        ("sweep@autoencoder", "maskwright.experiments.autoencoder.learn.train"),
        ("effects@autoencoder", "maskwright.effects.output"),
        ("claims", "maskwright.claims.statements"),
    ],
)
def test_each_stage_depends_on_the_code_it_uses(finished, stage, module):
    locked = yaml.safe_load((finished / "dvc.lock").read_text())["stages"][stage]
    named = {dep["path"].removeprefix("src/maskwright/") for dep in locked["deps"]}
    files = {file.relative_to(ROOT / "src/maskwright") for file in imported(module, set())}
    used = {file.as_posix() for file in files if file.name != "__init__.py"} - PLUMBING
    if stage.startswith(("train@", "sweep@")):
        used = {file for file in used if not file.startswith("plots/")}
    missing = {file for file in used if file not in named and Path(file).parent.as_posix() not in named}
    assert not missing
    group, _, name = stage.rpartition("@")
    own = {
        "masks": ["annotations"],
        "xor": [],
        "corner": ["corner.rectangles", "corner.seed"],
        "masked_digits": ["masked_digits.canvas", "masked_digits.seed"],
        "conditional": ["annotations", *(f"conditional.{key}" for key in ("coarse", "fine", "side", "source"))],
        "clustering": ["clustering.images", "clustering.side"],
        "sweep@autoencoder": ["autoencoder", "sweeps.autoencoder"],
        "effects@autoencoder": ["sweeps.autoencoder"],
        "claims": [],
    }
    used = list(locked.get("params", {}).get("params.yaml", {}))
    assert used == own.get(stage, [name] if group else [stage])


@pytest.mark.parametrize("name", [name for name, room in ROOMS.items() if room.variants])
def test_each_variant_has_a_row(finished, name):
    code = """if True:
        import json, sys
        from pathlib import Path
        from maskwright.tracking.store import open_store
        store = open_store(Path.cwd(), sys.argv[1])
        print(json.dumps([
            {"variant": run.data.tags["maskwright.variant"], "metrics": run.data.metrics,
             "epochs": [m.step for m in store.client.get_metric_history(run.info.run_id, "training/loss")],
             "data": sorted(data.tags[0].value for data in run.inputs.dataset_inputs)}
            for run in store.client.search_runs([store.experiment])
        ]))"""
    done = subprocess.run(
        [sys.executable, "-c", code, name],
        cwd=finished,
        env={**environment(), "PYTHONPATH": str(finished / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = {row.pop("variant"): row for row in json.loads(done.stdout)}
    measured = json.loads((finished / f"results/{name}/plots/variants.json").read_text())
    chosen = yaml.safe_load((finished / "params.yaml").read_text())[name]
    assert set(found) == set(measured) >= set(chosen.get("variants", []))
    for variant, row in found.items():
        drawn = name == "information" and variant != "digits"
        assert row["data"] == ([] if drawn else sorted(ROOMS[name].splits))
        first = next(key for key, value in measured[variant].items() if isinstance(value, dict) and "mean" in value)
        assert row["metrics"][f"test/{first}.mean"] == measured[variant][first]["mean"]
        assert bool(row["epochs"]) == (variant != "hand_set")
