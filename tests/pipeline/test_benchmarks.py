"""The programs of `benchmarks` run to their end, with as little as they can be given.

What they measure is not looked at: that depends on the computer. Left out are those that need a package of their own
(peers, evaluate_without_targets) or a finished pipeline (noop, sweep), and one without anything to make smaller
(effects_coverage). `test_chaos.py` has a test of chaos.
"""

import re
import sys

import numpy as np
import pytest
from PIL import Image

from support.project import copy_of_the_project, run

pytestmark = pytest.mark.slow

ONCE = ("--rounds", "1")
SCENES = ("--root", "data/drinks", "--train", "train/via_project.json", "--test", "test/via_project.json")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with the data that they read."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("benchmarks") / "mask wright")
    run(folder, "dvc", "repro", "masks", "conditional", "clustering")
    return folder


def measured(folder, name, *arguments):
    """Run a benchmark, and return what it printed."""
    return run(folder, sys.executable, f"benchmarks/{name}.py", *arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("conditional", ("--batch", "8", *ONCE), r"times as fast: \d+\.\d\d"),
        ("detection", ONCE, r"times as fast"),
        ("fitting", ("--epochs", "2", *ONCE), r"Keras / ours \d+\.\d\d"),
        ("frozen", ("--size", "32", "32", "--turn", "0.01", *ONCE), r"\nfrozen 7  \d+"),
        ("grouping", ONCE, r"objects found: median \d+\.\d ms"),
        ("instances", ONCE, r"; \d+\.\d\d times"),
        ("masks", ("--images", "8", "--most", "120", *ONCE), r"\n +120 images: +\d+"),
        ("next", ("--start", "3", "--add", "2", "--seeds", "2", "--epochs", "1"), r"\nflips .*; 2 seeds\)"),
        ("precision", ONCE, r"\nclustering .*float32 / bfloat16 \d+\.\d\d"),
        ("recipes", (*SCENES, "--out", "recipes", "--size", "32", "32", "--time-only", *ONCE), r"published +\d+ \|"),
    ],
)
def test_a_benchmark_runs_to_its_end(project, name, arguments, said):
    assert re.search(said, measured(project, name, *arguments))


def test_classes_without_a_name_are_cut_out_laid_on_photographs_and_learned(project):
    folder = project / "stamps"
    rng = np.random.default_rng(0)
    kinds = ("symbols/money/euro/coins", "plants/flowers", "food/fruit")
    for kind in kinds:
        (folder / kind).mkdir(parents=True)
        for number in range(6):
            cut_out = np.zeros((24, 30, 4), np.uint8)
            cut_out[4:20, 3:27] = [*rng.integers(0, 256, 3), 255]
            Image.fromarray(cut_out).save(folder / kind / f"{number}.png")
    arguments = ("--stamps", str(folder), "--out", "unnamed", "--seeds", "2", "--epochs", "1")
    assert re.search(r"\n  difference [+-]0\.\d+", measured(project, "unnamed_classes", *arguments))
    assert {len(list((project / "unnamed/scenes" / split).glob("*.jpg"))) for split in ("train", "test")} == {40, 30}
    mask = np.asarray(Image.open(project / "unnamed/scenes/train/masks/00.png"))
    assert set(np.unique(mask)) <= {0, 1, 2}
    assert mask.any()
