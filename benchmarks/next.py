"""Does `maskwright next` choose better photographs to label than chance? On the practice set, whose labels are known.

    dvc repro masks && python benchmarks/next.py --seeds 5        20 trainings: up to an hour on 2 cores

For each seed: a network learns from 20 photographs of the training split, and ranks the others, of which it does not
know the labels. By each measure, and at random, 20 of them are added, without near-duplicates in each case, and a
network is trained anew on all 40 and scored on the test split. The differences from the random choice are paired by
seed; their interval is Student's t over the seeds. Settings are those of params.yaml; `--epochs` shortens them.
What is finished in the folder `--out` is not trained again.
"""

import argparse
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from maskwright.experiments.segmentation import held_out
from maskwright.experiments.segmentation.learn.train import train
from maskwright.experiments.segmentation.params import Segmentation
from maskwright.labelling.choice import choose
from maskwright.labelling.next import look_at
from maskwright.looking.hashing import Hash
from maskwright.params import load_params
from maskwright.photos.splits import read_split
from maskwright.reporting.intervals import paired_difference
from maskwright.studies.subsets import write_subset
from seeds import kept_or_made

MEASURES = ("entropy", "flips")
CHANCE = "chance"


def main() -> None:
    """Measure, and print each choice's mean score and its difference from chance."""
    asked = arguments()
    settings: Segmentation = load_params().section("segmentation")
    if asked.epochs is not None:
        settings = settings.model_copy(update={"epochs": asked.epochs})
    scores: dict[str, list[float]] = {name: [] for name in (CHANCE, *MEASURES)}
    for seed in range(asked.seeds):
        seeded = settings.model_copy(update={"seed": seed})
        asked_for = [asked.start, asked.add, seeded.model_dump(mode="json")]
        kept = asked.out / f"seed-{seed}.json"
        found = kept_or_made(kept, asked_for, partial(scores_of_seed, seeded, asked))
        for name, score in found["scores"].items():
            scores[name].append(score)
            print(f"seed {seed}  {name:8} {held_out.SCORE} {score:.4f}", flush=True)
    for name in MEASURES:
        difference = paired_difference(scores[name], scores[CHANCE])
        print(
            f"{name:8} {np.mean(scores[name]):.4f}, chance {np.mean(scores[CHANCE]):.4f}: "
            f"{difference.mean:+.4f} ({difference.low:+.4f} to {difference.high:+.4f}; {asked.seeds} seeds)"
        )


def arguments() -> Any:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/masks"))
    parser.add_argument("--out", type=Path, default=Path("checkpoints/benchmark-next"))
    parser.add_argument("--start", type=int, default=20, help="photographs to begin with")
    parser.add_argument("--add", type=int, default=20, help="photographs to add")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=None)
    return parser.parse_args()


def scores_of_seed(settings: Segmentation, asked: Any) -> dict[str, dict[str, float]]:
    """Return the `scores`, by choice; see the module."""
    paths = [example.image for example in read_split(asked.data / "train")]
    order = np.random.default_rng([settings.seed, 4]).permutation(len(paths))
    labelled, others = order[: asked.start], order[asked.start :]
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_subset(asked.data, np.sort(labelled), folder / "start")
        train(
            settings,
            data=folder / "start",
            out=folder / "model",
            history=folder / "training.csv",
            checkpoint=folder / "checkpoint",
            log_epoch=lambda epoch, row: None,
        )
        pool = [paths[place] for place in others]
        hashes: list[Hash] = []
        known = look_at([paths[place] for place in labelled], folder / "model", flips=False).hashes
        ranked: dict[str, list[float]] = {}
        for measure in MEASURES:
            unsure, hashes = look_at(pool, folder / "model", flips=measure == "flips")
            ranked[measure] = unsure
        # By chance, but without near-duplicates too: the spreading is not what is tested.
        ranked[CHANCE] = np.random.default_rng([settings.seed, 5]).random(len(pool)).tolist()
        scores = {}
        for choice, order_by in ranked.items():
            chosen = others[choose(order_by, hashes, known, asked.add).chosen]
            write_subset(asked.data, np.sort(np.concatenate([labelled, chosen])), folder / choice)
            scores[choice] = held_out.trial(settings, folder / choice).measures[held_out.SCORE]
    return {"scores": scores}


if __name__ == "__main__":
    main()
