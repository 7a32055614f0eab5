"""What running trials in parallel costs, and what it gains over running them one after another.

    make run && .venv/bin/python benchmarks/sweep.py [SWEEP]        the sweep is autoencoder by default: half an hour

1. 1,000 trials that sleep 10 ms: the time of one beyond its share of sleep, and the memory of the process that runs
   the sweep. Targets: at most 15 ms a trial, flat memory.
2. The trials of a sweep of params.yaml, on all cores with one thread each, against the same trials one after another
   in one process with TensorFlow's own choice of threads. Both start with nothing loaded and are measured in turn, so
   that whatever else the computer does meets both. Target: at least 1.7 times the trials per hour.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil

from maskwright.experiments.xor.params import Xor
from maskwright.params import load_params
from maskwright.shared.experiment import Experiment, OneNetwork, Tried
from maskwright.shared.parallel import available_cores
from maskwright.shared.sweep_settings import Sweep
from maskwright.sweeps.plan import Plan, Trial, plan_sweep
from maskwright.sweeps.run import LogTrial, run_sweep, swept_experiment, trial_keys
from maskwright.sweeps.worker import Outcome

ROUNDS = 3
NAPS = 1000
NAP = 0.01


def trial(settings: Xor, data: Path) -> Tried:
    """Sleep."""
    time.sleep(NAP)
    return Tried({"slept": NAP}, {})


def naps() -> Any:
    """Import this file as a module, in whatever process."""
    return import_module(Path(__file__).stem)


SLEEPER = OneNetwork(
    name="naps",
    settings=Xor,
    data=Path("data/xor"),
    training_data=(),
    splits={},
    code=(),
    learns=naps,
    reports=naps,
    serves=naps,
    tries=naps,
    best_by="",
)


def main() -> None:
    """Measure, and print."""
    if sys.argv[1:2] == ["--one-after-another"]:
        one_after_another(planned(sys.argv[2]))
        return
    overhead()
    speed(sys.argv[1] if len(sys.argv) > 1 else "autoencoder")


def planned(name: str) -> Plan:
    return plan_sweep(name, load_params())


def overhead() -> None:
    """Run the sleeping trials."""
    sweep = Sweep(experiment="xor", factors={"hidden": [9]}, seeds=NAPS, response="slept")
    params = load_params()
    sweeps = params.sweeps.model_validate({"naps": sweep})
    plan = plan_sweep("naps", params.model_copy(update={"sweeps": sweeps}))
    arrived: list[float] = []
    memory: list[float] = []

    def log(_: Trial, outcome: Outcome) -> None:
        arrived.append(time.perf_counter())
        if len(arrived) % (NAPS // 5) == 0:
            memory.append(psutil.Process().memory_info().rss / 2**20)

    run(plan, naps().SLEEPER, log)
    # From trial to trial, without the start of the processes.
    each = (arrived[-1] - arrived[99]) / (NAPS - 100) * 1000
    cost = each - NAP * 1000 / available_cores()
    print(
        f"{NAPS} trials of {NAP * 1000:.0f} ms: one each {each:.1f} ms, overhead {cost:.1f} ms; target: at most 15 ms"
    )
    print("memory after each fifth: " + ", ".join(f"{value:.0f}" for value in memory) + " MiB")


def speed(name: str) -> None:
    """Run a sweep's trials both ways."""
    plan = planned(name)
    count = len(plan.trials)
    about = swept_experiment(plan)
    rates: dict[str, list[float]] = {"parallel": [], "one after another": []}
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run(plan, about, lambda _, outcome: None)
        rates["parallel"].append(count / (time.perf_counter() - start) * 3600)
        start = time.perf_counter()
        subprocess.run([sys.executable, __file__, "--one-after-another", name], check=True, stderr=subprocess.DEVNULL)
        rates["one after another"].append(count / (time.perf_counter() - start) * 3600)
    for way, values in rates.items():
        low, high = min(values), max(values)
        print(f"{way:18} median {statistics.median(values):.0f} trials per hour  ({low:.0f} to {high:.0f})")
    ratios = [many / one for many, one in zip(*rates.values(), strict=True)]
    ratio = statistics.median(rates["parallel"]) / statistics.median(rates["one after another"])
    print(
        f"{count} trials of {name}, {available_cores()} cores: ratio of the medians {ratio:.2f}  "
        f"({min(ratios):.2f} to {max(ratios):.2f} in {ROUNDS} rounds); target: at least 1.7"
    )


def run(plan: Plan, about: Experiment, log: LogTrial) -> None:
    data = about.data
    keys = trial_keys(plan, about, data)
    with tempfile.TemporaryDirectory() as folder:
        run_sweep(
            plan,
            keys,
            about=about,
            data=data,
            out=Path(folder),
            kept=Path(folder) / "kept.jsonl",
            scheduler=None,
            log=log,
        )


def one_after_another(plan: Plan) -> None:
    about = swept_experiment(plan)
    assert about.tries is not None
    module, keras = about.tries(), import_module("keras")
    for one in plan.trials:
        module.trial(plan.settings(one), about.data)
        keras.utils.clear_session(free_memory=True)


if __name__ == "__main__":
    main()
