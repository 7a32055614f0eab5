"""Trials on held-out photographs without TensorFlow: the more there are to train on, the less is wrong.

`checkpoints`/ran gets a line for each trial that begins.
"""

from pathlib import Path

import numpy as np

from maskwright.photos.images import read_mask
from maskwright.photos.splits import read_split
from maskwright.shared.experiment import Tried

SCORE = "right"


def trial(settings, data):
    training, tested = read_split(data / "train"), read_split(data / "test")
    with Path("checkpoints/ran").open("a") as file:
        file.write(f"{data.name} {len(training)} {settings.seed} {settings.epoch_images}\n")
    if Path("checkpoints/broken").exists() and data.name == "1":
        raise ValueError("no memory")
    wrong = len(training) ** -0.5
    found = [
        {"right": 1 - wrong * (1 + 0.05 * settings.seed), "objects": int((read_mask(example.mask) > 0).any())}
        for example in tested
    ]
    scores = {name: score(np.arange(len(found))) for name, score in statistics(found, []).items()}
    return Tried(scores, {}, found)


def statistics(found, classes):
    def mean(key):
        values = np.array([one[key] for one in found], float)
        return lambda drawn: float(values[drawn].mean())

    return {"right": mean("right"), "objects": mean("objects")}


def holds_out():
    from support import held_out_trials

    return held_out_trials
