"""The commands of the documentation are run, in one small project with photographs of one's own.

Each is in `RUN`, or in `NOT_RUN` with the reason, so that a page cannot get a command that nobody decided about.
"""

import re
import shutil

import pytest
from PIL import Image

from support.commands import split_line
from support.documented import commands, mentions, place
from support.photographs import write_photographs
from support.project import change_params, commit, copy_of_the_project, python, run

RUN = {
    "README.md": (
        "cp -r ~/my-photos data/photos",
        "maskwright lint data/photos/via_project.json",
        "maskwright look data/photos/via_project.json",
        "maskwright preset segmentation photographs",
        "dvc add data/photos",
        "dvc repro evaluate@segmentation",
        "maskwright report",
        "maskwright predict segmentation ~/new-photos --via ~/new-photos/predicted.json",
        "dvc repro digits",
        "maskwright sweep autoencoder",
        "maskwright effects autoencoder",
        "maskwright effects --mlflow-experiment segmentation --response metrics.test/miou "
        "--factors segmentation.loss.name --seed segmentation.seed",
        "maskwright preset NAME source",
        "maskwright differences",
        "maskwright mend",
    ),
    "docs/README.md": ("maskwright --help",),
    "docs/own-data.md": (
        "git add -A",
        "git commit -m first model",
        "maskwright predict segmentation new-photos --via new-photos/predicted.json",
        "maskwright masks new-photos/predicted.json --out new-masks --classes cat,dog",
        "maskwright masks FILE --out DIR",
        "dvc repro evaluate@detection",
        "maskwright predict detection new-photos --via new-photos/boxes.json",
        "maskwright preset detection photographs",
        "maskwright register segmentation",
    ),
    "docs/instances.md": (
        "maskwright preset instances photographs",
        "dvc repro evaluate@instances",
        "maskwright predict instances new-photos --via new-photos/objects.json",
    ),
    "docs/few-photographs.md": (
        "maskwright crossvalidate segmentation",
        "maskwright next new-photos --count 20",
        "maskwright preset NAME photographs",
    ),
    "docs/export.md": (
        "maskwright export segmentation --to onnx",
        "python exports/segmentation/onnx/example.py photo.jpg",
    ),
    "docs/formats.md": (
        "maskwright convert masks photos/via.json --to via --images photos --classes cat,dog --simplify 2",
        "maskwright lint photos/via.json",
        "maskwright convert IN OUT --to via",
        "maskwright convert IN OUT --to coco",
        "maskwright convert IN OUT --to yolo",
        "maskwright convert IN OUT --to png",
    ),
    "docs/mlflow.md": ("maskwright sync", "maskwright register segmentation"),
    "docs/effects.md": (
        "maskwright effects autoencoder --interactions none --out effects/additive",
        "maskwright effects --mlflow-experiment other-project",
        "maskwright effects --mlflow-experiment other-project --response metrics.miou "
        "--factors learning_rate,optimizer",
    ),
    "docs/experiments.md": (
        "maskwright predict detection PHOTOS --via boxes.json",
        "maskwright preset segmentation source",
        "maskwright preset detection source",
        "maskwright preset autoencoder source",
        "maskwright preset conditional source",
    ),
    "docs/architecture.md": ("maskwright generate NAME",),
    "docs/sources.md": (
        "maskwright generate corner",
        "maskwright generate drinks",
        "maskwright lint FILE",
        "maskwright masks --onehot masks.npz",
        "maskwright predict detection IMAGE",
    ),
}
"""What is run, page by page, in this order. A command that two pages have may be under either."""

REPLACED = {
    "~/my-photos": "../my-photos",
    "~/new-photos": "new-photos",
    "~/new-photos/predicted.json": "new-photos/predicted.json",
    "git commit -m first model": "git commit -q -m 'first model'",
    "generate NAME": "generate corner",
    "NAME": "segmentation",
    "FILE": "data/photos/via_project.json",
    "DIR": "masks-of-a-file",
    "photo.jpg": "new-photos/0.png",
    "IMAGE": "new-photos/0.png",
    "PHOTOS --via boxes.json": "new-photos --via new-photos/boxes.json",
    "IN": "photos/via.json",
    "OUT --to via": "photos/again.json --to via",
    "OUT --to coco": "photos/coco.json --to coco",
    "OUT --to yolo": "yolo --to yolo",
    "OUT --to png": "png --to png",
}
"""What stands for something of the reader's, and what is typed in its place; an earlier line counts first."""

NOT_RUN = {
    "installs something, or concerns the terminal": (
        "make setup",
        "source .venv/bin/activate",
        ".venv/bin/uv pip install *",
        "pip install *",
        "export MLFLOW_TRACKING_URI=sqlite:///mlflow.db",
    ),
    "is a server, which does not end": ("make ui", "mlflow models serve *"),
    "needs other computers, which tests/sweeps/test_security.py stands in for": (
        "DASK_SCHEDULER_ADDRESS=tcp://10.0.0.1:8786 maskwright sweep autoencoder",
        "dask *",
        "openssl *",
    ),
    "is the whole pipeline or a part of it, with its own data: tests/pipeline/test_whole.py": (
        "make run",
        "maskwright claims",
        "dvc repro *",
        "dvc metrics diff",
        "dvc plots show",
    ),
    "is run by a stage of the pipeline that is run here: dvc repro evaluate@segmentation, evaluate@detection": (
        "maskwright train segmentation",
        "maskwright evaluate detection",
    ),
    "is an experiment of DVC: tests/pipeline/test_new_clone.py, test_training.py and test_own_photographs.py": (
        "dvc exp *",
        "dvc params diff",
        "dvc queue *",
    ),
    "trains a dozen networks or more: tests/studies/test_commands.py and tests/sweeps/test_run.py": (
        "maskwright learning-curve segmentation",
        "maskwright sweep mine",
        "maskwright effects mine",
        "make sweep-*",
    ),
    "takes minutes, and its steps are run here: tests/test_demo.py": ("make demo",),
    "measures for minutes; tests/pipeline/test_benchmarks.py runs most of them shortened": ("python benchmarks/*",),
    "runs tests": ("make test *", "make chaos", "make chaos *"),
}
"""Why each of the others is not run; * stands for any end."""

WRITTEN = (
    "look/look.html",
    "results/report.html",
    "results/detection/metrics.json",
    "results/crossvalidate/segmentation/scores.csv",
    "results/effects/autoencoder/tables/bce/effects.csv",
    "effects/additive",
    "effects/other-project",
    "new-photos/predicted.json",
    "new-photos/boxes.json",
    "new-photos/objects.json",
    "new-photos/next.json",
    "exports/segmentation/onnx/model.onnx",
    "photos/coco.json",
    "masks-train.npz",
)
"""Some of the files and folders that are there in the end."""

SMALL = {
    "annotations": {
        **{"root": "data/photos", "train": "via_project.json", "validation": None, "test": None},
        **{"classes": ["cat", "dog"], "folds": 3},
    },
    "segmentation": {"epochs": 1},
    "detection": {"epochs": 1},
    "instances": {"source": "annotations", "epochs": 1, "epoch_images": 16, "size": [96, 128]},
    "sweeps": {
        "autoencoder": {
            "experiment": "autoencoder",
            "factors": {"batch_norm": [False, True]},
            "fixed": {"images": 40, "epochs": 1, "variational": True},
            "seeds": 2,
            "response": ["bce"],
        }
    },
}
"""What the pages tell the reader to write into params.yaml, and what makes it short."""

RUNS = """if True:
    from itertools import product
    from pathlib import Path
    from mlflow.entities import Metric, Param
    from maskwright.tracking.store import open_store

    def invent(name, metric, **levels):
        store = open_store(Path.cwd(), name)
        for number, chosen in enumerate(product(*levels.values())):
            run = store.client.create_run(store.experiment)
            params = [Param(key, str(level)) for key, level in zip(levels, chosen)]
            score = [Metric(metric, 0.5 + (7 * number) % 5 / 100, 0, 0)]
            store.client.log_batch(run.info.run_id, metrics=score, params=params)
            store.client.set_terminated(run.info.run_id)

    invent("other-project", "miou", learning_rate=[0.1, 0.01], optimizer=["adam", "sgd"], seed=[0, 1])
    invent("segmentation", "test/miou", **{"segmentation.loss.name": ["dice", "focal"], "segmentation.seed": [0, 1]})
    print("null")
"""
"""Makes the runs that the reader is to have before `maskwright effects --mlflow-experiment`."""


def documented():
    """Return each command, without comments, with the places where it stands; and those that only a sentence has."""
    typed, told = {}, {}
    for found, lines in ((typed, commands()), (told, mentions())):
        for path, number, line in lines:
            for words in split_line(line):
                found.setdefault(f"{set_for(line)}{' '.join(words)}", []).append(place(path, number))
    return typed, told


def set_for(line):
    """Return the variables that stand before a command."""
    return re.match(r"(\w+=\S+ )*", line).group()


def decided(command):
    """Say whether a command is run, or else has one reason why not."""
    reasons = [why for why, patterns in NOT_RUN.items() if any(matches(command, pattern) for pattern in patterns)]
    return any(command in chosen for chosen in RUN.values()) or len(reasons) == 1


def matches(command, pattern):
    start, star, _ = pattern.partition("*")
    return command.startswith(start) if star else command == pattern


def is_a_name(command, every):
    """Say whether a sentence only names a command, which stands elsewhere with its arguments."""
    return any(other.startswith(f"{command} ") for other in every)


def test_each_command_is_run_or_has_a_reason():
    typed, told = documented()
    every = {**told, **typed}
    undecided = {
        command: where
        for command, where in every.items()
        if not decided(command) and (command in typed or not is_a_name(command, every))
    }
    assert not undecided, "put each into RUN, or into NOT_RUN under one reason"


def test_the_tables_have_nothing_that_no_page_has():
    typed, told = documented()
    everywhere = {
        (at.partition(":")[0], command) for found in (typed, told) for command, where in found.items() for at in where
    }
    listed = {(page, command) for page, chosen in RUN.items() for command in chosen}
    assert listed <= everywhere
    for patterns in NOT_RUN.values():
        for pattern in patterns:
            assert any(matches(command, pattern) for _, command in everywhere), pattern
    for written in REPLACED:
        assert any(stands_in(written).search(command) for _, command in listed), written


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("maskwright look data/photos/via_project.json", True),
        ("maskwright look data/photos/via_project.json --most 3", False),
        ("maskwright train xor", False),
        ("maskwright sweep autoencoder", True),
        ("DASK_SCHEDULER_ADDRESS=tcp://10.0.0.2:8786 maskwright sweep autoencoder", False),
        ("dvc queue start", True),
        ("dvc push", False),
    ],
)
def test_a_new_command_is_noticed(command, expected):
    assert decided(command) == expected


def stands_in(written):
    """Return the pattern that finds words of a command, and no parts of words."""
    return re.compile(rf"(?<!\S){re.escape(written)}(?!\S)")


def as_typed(command):
    """Return a command with what the reader puts in place of names such as NAME."""
    for written, meant in REPLACED.items():
        command = stands_in(written).sub(meant, command)
    return command


@pytest.fixture
def project(tmp_path):
    """A project in which nothing ran, and beside it photographs with their VIA file, of cats and dogs."""
    folder = copy_of_the_project(tmp_path / "mask wright")
    mine = tmp_path / "my-photos"
    write_photographs(mine, "via_project.json")
    via = mine / "via_project.json"
    via.write_text(via.read_text().replace('"yes"', '"cat"').replace('"no"', '"dog"'))
    for name in ("photos", "masks", "new-photos"):
        (folder / name).mkdir()
    for path in mine.glob("*.png"):
        shutil.copy(path, folder / "photos")
        with Image.open(path) as photograph:
            # Turned, it does not look like one that has labels.
            photograph.rotate(180).save(folder / "new-photos" / path.name)
            mask = Image.new("L", photograph.size)
        mask.paste(1 + int(path.stem) % 2, (10, 10, 30, 30))
        mask.save(folder / "masks" / path.name)
    change_params(folder, SMALL)
    commit(folder, "photographs")
    python(folder, RUNS)
    return folder


@pytest.mark.slow
def test_the_commands_run(project):
    settings = project / "params.yaml"
    small = settings.read_text(encoding="utf-8")
    typed = dict.fromkeys(as_typed(command) for chosen in RUN.values() for command in chosen)
    for command in typed:
        # The program runs the code of the copy.
        run(project, "sh", "-c", f"export PYTHONPATH=src; {command}")
        settings.write_text(small, encoding="utf-8")  # else a preset makes what follows take minutes
    assert [name for name in WRITTEN if not (project / name).exists()] == []
