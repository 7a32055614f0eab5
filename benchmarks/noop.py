"""What `dvc repro` costs when there is nothing to do, against an empty DVC pipeline with as many stages.

    make run && .venv/bin/python benchmarks/noop.py        half a minute

The empty pipeline's stages write one line each and follow one another. Both are measured in turn, so that whatever
else the computer does meets both; the ratio is that of the medians. Target: at most 1.4.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 15
DVC = str(Path(sys.executable).with_name("dvc"))


def main() -> None:
    """Measure, and print the two medians and their ratio."""
    stages = count_stages()
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder)
        make_empty_pipeline(empty, stages)
        seconds: dict[Path, list[float]] = {ROOT: [], empty: []}
        for round_number in range(ROUNDS + 1):
            for pipeline in seconds:
                took = repro_with_nothing_to_do(pipeline)
                if round_number:  # the first fills caches
                    seconds[pipeline].append(took)
    for name, pipeline in (("maskwright", ROOT), ("empty", empty)):
        low, median, high = spread(seconds[pipeline])
        print(f"{name:10} {stages} stages  median {median:.2f} s  ({low:.2f} to {high:.2f} s, {ROUNDS} runs)")
    ratios = [own / other for own, other in zip(seconds[ROOT], seconds[empty], strict=True)]
    low, _, high = spread(ratios)
    ratio = statistics.median(seconds[ROOT]) / statistics.median(seconds[empty])
    print(f"ratio of the medians {ratio:.2f}  (round by round {low:.2f} to {high:.2f}); target: at most 1.4")


def count_stages() -> int:
    """Return the number of this pipeline's stages, all of which must be up to date."""
    status = subprocess.run([DVC, "status"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    if "up to date" not in status:
        sys.exit(f"There is something to do; `make run` first.\n{status}")
    listed = subprocess.run(
        [DVC, "stage", "list", "--name-only"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return len(listed.stdout.split())


def make_empty_pipeline(folder: Path, stages: int) -> None:
    """Write and run a chain of stages, each of which writes one line."""
    pipeline = {}
    for number in range(stages):
        stage: dict[str, object] = {"cmd": f"echo {number} > out{number}", "outs": [f"out{number}"]}
        if number:
            stage["deps"] = [f"out{number - 1}"]
        pipeline[f"stage{number}"] = stage
    YAML(typ="safe").dump({"stages": pipeline}, folder / "dvc.yaml")
    for command in (["git", "init", "-q"], [DVC, "init", "-q"], [DVC, "repro", "-q"]):
        subprocess.run(command, cwd=folder, check=True)


def repro_with_nothing_to_do(folder: Path) -> float:
    """Return the seconds that `dvc repro` takes."""
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    start = time.perf_counter()
    done = subprocess.run([DVC, "repro"], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    took = time.perf_counter() - start
    if "up to date" not in done.stdout + done.stderr:
        sys.exit(f"{folder}: there was something to do:\n{done.stdout}")
    return took


def spread(values: list[float]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile."""
    low, median, high = statistics.quantiles(values, n=4)
    return low, median, high


if __name__ == "__main__":
    main()
