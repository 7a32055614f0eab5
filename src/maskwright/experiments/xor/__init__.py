"""XOR among noise: can a network use a mask that marks which of its inputs are signal?"""

from pathlib import Path

from maskwright.experiments.xor.params import Xor
from maskwright.shared.experiment import LearnsMany, ManySeeds, Reports, Serves, Tries


def _learns() -> LearnsMany[Xor]:
    from maskwright.experiments.xor.learn import train

    return train


def _reports() -> Reports[Xor]:
    from maskwright.experiments.xor.report import evaluate

    return evaluate


def _serves() -> Serves:
    from maskwright.experiments.xor import serve

    return serve


def _tries() -> Tries[Xor]:
    from maskwright.experiments.xor import trial

    return trial


EXPERIMENT = ManySeeds(
    name="xor",
    settings=Xor,
    data=Path("data/xor"),
    training_data=(Path("data/xor"),),
    splits={"training": "{variant}"},  # every possible input, so there are no others to test with
    code=("learning/replicates", "experiments/xor/data.py"),
    learns=_learns,
    reports=_reports,
    serves=_serves,
    tries=_tries,
    trial_code=("experiments/xor/report/metrics.py", "experiments/xor/trial.py"),
)
