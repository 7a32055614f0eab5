"""Our pretrained segmentation of photographs against Unet and FPN of segmentation_models_pytorch: accuracy and speed.

    pip install -e '.[peers]'
    python benchmarks/peers.py accuracy --project FOLDER --seeds 3
    python benchmarks/peers.py speed --size 192 256

All have the same encoder, `lite0` here and timm's `tf_efficientnet_lite0` there, with the same ImageNet weights from
the same file, and scale pixels alike. Before each training of theirs, all of the encoder's weights must have found
their places, and its maps of a photograph must be those of ours to a thousandth of the largest value.

Accuracy: FOLDER is a project after `maskwright preset segmentation photographs` and `dvc repro masks`. Ours trains as
its params.yaml says. Theirs see the very same augmented batches, so as many photographs at the same size, and have
the same loss, cross-entropy. Their optimizer is AdamW, with our weight decay and the shape of our schedule, and
otherwise as is usual there: a highest learning rate of 2e-3, a fifth of that in the encoder, and nothing frozen. All
keep the epoch with the highest mIoU on the validation photographs. Our own code scores the masks of all, at the test
photographs' own sizes. A difference has two intervals: Student's t over the seeds, and a bootstrap over the test
photographs, drawn together for both networks. What is finished in `--out` is not trained again.

Speed: training steps (forward, backward, update) on a batch in memory, and inference of 1 and of 8 photographs, from
uint8 pixels to probabilities in numpy. Ours goes through the function that `maskwright predict` uses. Theirs has its
channels last, and infers in evaluation and inference mode. TensorFlow and PyTorch have processes of their own, one to
train and one to infer, which sleep while another one measures. All take turns, in a round forwards and in the next
one backwards, so that a computer whose speed drifts slows all alike. Theirs run as they are, without torch.compile.
Measure on a computer that does nothing else: threads of OpenMP, which PyTorch has, wait for each other by spinning,
and fall behind many times over where a core is shared.
"""

import argparse
import csv
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from maskwright.experiments.segmentation import held_out
from maskwright.experiments.segmentation.learn.confusion import class_scores, confusion_matrix
from maskwright.experiments.segmentation.params import Segmentation
from maskwright.params import load_params
from maskwright.photos.images import read_image, read_mask
from maskwright.photos.splits import read_classes, read_split
from maskwright.shared.outputs import replaced_file
from maskwright.shared.processor import this_processor
from maskwright.shared.quiet import no_chatter
from seeds import kept_or_made, score_lines
from turns import seconds_a_call, spread

OURS = "pretrained"
NONE_FROZEN = "pretrained, 0 frozen"
PEERS = ("Unet", "FPN")

MEASURES = {"training": 8, "inference of 1": 1, "inference of 8": 8}
"""What is timed, with the number of photographs in a call."""
TRAINING, *INFERENCE = MEASURES
PAUSE = 0.1
"""Seconds between two turns: OpenMP's threads spin for some milliseconds before they sleep."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    accuracy = commands.add_parser("accuracy", help="test mIoU on the photographs of a project")
    accuracy.add_argument("--project", required=True, type=Path, help="folder with params.yaml and data/masks")
    accuracy.add_argument("--seeds", type=int, default=3)
    accuracy.add_argument("--epochs", type=int, help="in place of those in params.yaml")
    accuracy.set_defaults(run=compare_accuracy)
    speed = commands.add_parser("speed", help="photographs a second, in training and in inference")
    speed.add_argument("--size", nargs=2, type=int, default=(192, 256), metavar=("HEIGHT", "WIDTH"))
    speed.add_argument("--rounds", type=int, default=12)
    speed.add_argument("--turn", type=float, default=1.0, help="seconds of a turn")
    speed.add_argument("--threads", type=int, default=2)
    speed.set_defaults(run=compare_speed)
    for command in (accuracy, speed):
        command.add_argument("--out", type=Path, default=Path("checkpoints/benchmark-peers"))
    options = parser.parse_args()
    packages = ("tensorflow", "keras", "torch", "segmentation-models-pytorch", "timm")
    print(f"{this_processor()}; {', '.join(f'{name} {version(name)}' for name in packages)}", flush=True)
    options.run(options)


def compare_accuracy(options: argparse.Namespace) -> None:
    """Train all networks with all seeds, write `accuracy.csv`, and print the means and differences."""
    settings = accuracy_settings(options)
    names = (OURS, *PEERS)
    found: dict[str, list[Any]] = {name: [] for name in names}
    for seed in range(options.seeds):
        for name in names:
            one = finished(name, settings.model_copy(update={"seed": seed}), options)
            found[name].append(one)
            scores = f"{held_out.SCORE} {one['miou']:.4f}  validation {one['validation_miou']:.4f}"
            print(f"seed {seed}  {name:10} {scores}  {one['seconds']:.0f} s", flush=True)
    columns = ("miou", "validation_miou", "seconds", "confusions")
    with replaced_file(options.out / "accuracy.csv") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["network", "seed", *columns])
        for name, results in found.items():
            for seed, one in enumerate(results):
                table.writerow([name, seed, *(json.dumps(one[column]) for column in columns)])
    print(f"test {held_out.SCORE}: mean of the seeds (t over seeds; bootstrap over photographs), each seed")
    differences = {f"{OURS} - {name}": (OURS, name) for name in PEERS}
    for line in score_lines(found, read_classes(options.project / "data/masks/test"), differences):
        print(line)


def accuracy_settings(options: argparse.Namespace) -> Segmentation:
    """Return the project's settings, if a peer can be trained alike."""
    settings: Segmentation = load_params(options.project / "params.yaml").section("segmentation")
    backbone = settings.named_backbone
    found = backbone and backbone[:2], settings.loss.name, settings.loss.class_weights, settings.patience
    if found != (("lite0", "imagenet"), "cross_entropy", None, None) or settings.precision != "float32":
        raise SystemExit(
            f"{options.project}/params.yaml: segmentation needs preset pretrained with lite0, cross_entropy without "
            "class weights, no patience, and float32; see `maskwright preset segmentation photographs`"
        )
    return settings if options.epochs is None else settings.model_copy(update={"epochs": options.epochs})


def finished(name: str, settings: Segmentation, options: argparse.Namespace) -> Any:
    """Return the result of a training that `--out` holds, or else train, in a process of its own."""
    asked_for = [str(options.project.resolve()), settings.model_dump(mode="json")]
    train = our_training if name == OURS else their_training

    def made() -> dict[str, Any]:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            return pool.submit(train, name, settings, options.project / "data/masks").result()

    return kept_or_made(options.out / f"{name}-{settings.seed}.json", asked_for, made)


def our_training(name: str, settings: Segmentation, data: Path) -> dict[str, Any]:
    """Train our network; return its scores, its time, and each test photograph's confusion matrix."""
    with no_chatter():  # not part of the time
        import maskwright.experiments.segmentation.learn.train
        import maskwright.experiments.segmentation.report.inference  # noqa: F401
    began = time.perf_counter()
    tried = held_out.trial(settings, data)
    return {
        **{name: tried.measures[name] for name in ("miou", "validation_miou")},
        "seconds": time.perf_counter() - began,
        "confusions": [one["confusion"] for one in tried.found],
    }


def their_training(name: str, settings: Segmentation, data: Path) -> dict[str, Any]:
    """Train a peer on the batches of ours; return the same."""
    with no_chatter():
        import torch

        import peer_networks
        from maskwright.experiments.segmentation.learn.batches import labelled_batches
        from maskwright.experiments.segmentation.learn.train import load_split
        from maskwright.experiments.segmentation.report.inference import segment
        from maskwright.learning.single.schedules import learning_rate
        from maskwright.photos.batches import steps_per_epoch
        from maskwright.photos.pretrained import weights_file
        from maskwright.photos.sizing import with_size
    classes = read_classes(data / "train", data / "validation", data / "test")
    settings = with_size(settings, "segmentation", data / "train")
    training, validation = (load_split(data / split, settings.sides) for split in ("train", "validation"))
    torch.manual_seed(settings.seed)
    network = peer_networks.network(name, len(classes), weights_file("lite0", section="segmentation"))
    peer_networks.check_encoder(network.encoder, validation.images[:1])
    began = time.perf_counter()
    steps = steps_per_epoch(len(training), settings.epoch_images, settings.batch_size)
    rate = learning_rate(settings, steps)
    # One more, as a schedule of PyTorch asks for the next step's at the end of the last one.
    shares = [float(rate(step)) / settings.learning_rate for step in range(settings.epochs * steps + 1)]
    step = peer_networks.training_step(network, settings.weight_decay, shares.__getitem__)
    forward = peer_networks.probabilities(network)
    batches = labelled_batches(
        training,
        epoch_images=settings.epoch_images,
        batch_size=settings.batch_size,
        augmentation=settings.augment,
        seed=settings.seed,
        epochs=(0, settings.epochs),
    ).as_numpy_iterator()
    best, weights = -1.0, {}
    for _ in range(settings.epochs):
        network.train()
        for images, masks in islice(batches, steps):
            step(torch.tensor(images), torch.tensor(masks, dtype=torch.long))
        network.eval()
        score = validation_miou(forward, validation, settings.batch_size, len(classes))
        if score > best:
            best, weights = score, {key: value.clone() for key, value in network.state_dict().items()}
    network.load_state_dict(weights)
    examples = read_split(data / "test")
    predictions = segment(forward, (read_image(example.image) for example in examples), settings.sides)
    found = [
        {"confusion": confusion_matrix(read_mask(example.mask), prediction, len(classes)).tolist()}
        for example, prediction in zip(examples, predictions, strict=True)
    ]
    return {
        "miou": held_out.statistics(found, classes)[held_out.SCORE](np.arange(len(found))),
        "validation_miou": best,
        "seconds": time.perf_counter() - began,
        "confusions": [one["confusion"] for one in found],
    }


def validation_miou(forward: Callable[[np.ndarray], np.ndarray], data: Any, batch_size: int, classes: int) -> float:
    """Return what `learn.train.validator` calls val_miou: over all pixels, at the network's size."""
    confusion = np.zeros((classes, classes), np.int64)
    for start in range(0, len(data), batch_size):
        chosen = slice(start, start + batch_size)
        confusion += confusion_matrix(data.masks[chosen], forward(data.images[chosen]).argmax(-1), classes)
    return float(np.nanmean(class_scores(confusion)["iou"]))


class Work(NamedTuple):
    """What one process is to time.

    Attributes:
        ours: whether the networks are ours.
        networks: their names.
        trains: whether training is timed, or else inference.
        size: height and width.
        threads: how many threads a computation may use.
        weights: the file of the encoder's weights.
    """

    ours: bool
    networks: tuple[str, ...]
    trains: bool
    size: tuple[int, int]
    threads: int
    weights: Path


def compare_speed(options: argparse.Namespace) -> None:
    """Time all networks in turns, write `speed-HEIGHTxWIDTH.csv`, and print medians and ratios."""
    with no_chatter():
        from maskwright.photos.pretrained import weights_file
    print(f"load average before: {os.getloadavg()[0]:.2f}", flush=True)
    height, width = options.size
    ours = ("fast", OURS, NONE_FROZEN)
    common = (height, width), options.threads, weights_file("lite0", section="segmentation")
    workers: dict[tuple[str, bool], Connection] = {}
    for networks in (ours, PEERS):
        for trains in (True, False):
            # Each one has warmed up before the next one starts.
            worker = started(Work(networks is ours, networks, trains, *common))
            workers |= {(name, trains): worker for name in networks}
    order = ("fast", "Unet", OURS, "FPN", NONE_FROZEN)
    seconds: dict[tuple[str, str], list[float]] = {(name, measure): [] for name in order for measure in MEASURES}
    for number in range(options.rounds):
        for measure in MEASURES:
            for name in order[:: -1 if number % 2 else 1]:
                worker = workers[name, measure == TRAINING]
                worker.send((name, measure, options.turn))
                seconds[name, measure].append(worker.recv())
                time.sleep(PAUSE)
    for worker in set(workers.values()):
        worker.send(None)
    with replaced_file(options.out / f"speed-{height}x{width}.csv") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["network", "measure", "round", "seconds"])
        for (name, measure), times in seconds.items():
            table.writerows([name, measure, number, one] for number, one in enumerate(times, start=1))
    print(f"{height} x {width}, float32, {options.threads} threads, {options.rounds} rounds: median [quartiles]")
    for line in speed_lines(seconds, ours, PEERS):
        print(line)


def speed_lines(
    seconds: dict[tuple[str, str], list[float]], ours: Sequence[str], theirs: Sequence[str]
) -> Iterator[str]:
    """Yield how many photographs a second each network does, and how many times as many ours do as theirs.

    Args:
        seconds: those of a call in each round, by network and measure.
        ours, theirs: names of networks.
    """
    for measure, photographs in MEASURES.items():
        rates = {name: photographs / np.array(seconds[name, measure]) for name in (*ours, *theirs)}
        yield f"{measure}: photographs a second"
        for name, values in rates.items():
            yield f"  {name:20} {spread(values, 1)}"
        yield f"{measure}: ratio of the medians, and round by round"
        for name in ours:
            for other in theirs:
                ratio = np.median(rates[name]) / np.median(rates[other])
                yield f"  {name} / {other}  {ratio:.2f}, {spread(rates[name] / rates[other], 2)}"


def started(work: Work) -> Connection:
    """Start a process of `time_in_turns`, and wait until it is ready."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    context.Process(target=time_in_turns, args=(work, there), daemon=True).start()
    there.close()  # so that the end of the process is the end of the connection
    here.recv()
    return here


def time_in_turns(work: Work, parent: Connection) -> None:
    """Get everything ready, say so, and then time what is asked for until nothing more is."""
    # Before TensorFlow or PyTorch is imported.
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    os.environ.update(dict.fromkeys(names, str(work.threads)))
    make = our_actions if work.ours else their_actions
    actions = {(name, measure): action for name in work.networks for measure, action in make(name, work)}
    for action in actions.values():
        for _ in range(3):  # makes the graphs
            action()
    parent.send(True)
    while asked := parent.recv():
        name, measure, least = asked
        parent.send(seconds_a_call(actions[name, measure], least))


Actions = Iterator[tuple[str, Callable[[], object]]]


def our_actions(name: str, work: Work) -> Actions:
    """Yield what there is to time of one of our networks, with its measure."""
    with no_chatter():
        import tensorflow as tf

        from frozen import CLASSES, photographs_settings, random_batch, training_step
        from maskwright.experiments.segmentation.learn.network import build
        from maskwright.experiments.segmentation.report.inference import compiled
    tf.get_logger().setLevel("ERROR")  # it takes the functions of several networks for one that is compiled anew
    changes: dict[str, Any] = {} if name == OURS else {"frozen": 0}
    changes |= {"preset": "fast"} if name == "fast" else {}
    settings = photographs_settings(work.size, batch_size=MEASURES[TRAINING], **changes)
    if work.trains:
        yield TRAINING, training_step(settings)
        return
    model, images = build(settings, CLASSES), random_batch(settings).images
    for measure in INFERENCE:
        # A function for each number of photographs, so that neither is compiled for any number.
        forward, some = compiled(model), images[: MEASURES[measure]]
        yield measure, lambda forward=forward, some=some: forward(some)


def their_actions(name: str, work: Work) -> Actions:
    """Yield the same of a peer. No TensorFlow here: it would have threads of its own."""
    import torch

    import peer_networks

    torch.set_num_threads(work.threads)
    rng = np.random.default_rng(0)
    shape = (MEASURES[TRAINING], *work.size)
    images, masks = rng.integers(0, 256, (*shape, 3), np.uint8), rng.integers(0, 3, shape)
    network = peer_networks.network(name, 3, work.weights).train(work.trains)
    if work.trains:
        step = peer_networks.training_step(network, 0.05, lambda number: 1.0)
        batch = torch.from_numpy(images).float(), torch.from_numpy(masks)
        yield TRAINING, lambda: step(*batch)
        return
    forward = peer_networks.probabilities(network)
    for measure in INFERENCE:
        yield measure, lambda measure=measure: forward(images[: MEASURES[measure]])


if __name__ == "__main__":
    main()
