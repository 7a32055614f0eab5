"""Detection: a box around each object of a photograph, and its class.

    maskwright train detection       about two minutes on 2 cores with the default settings
    maskwright evaluate detection    about ten seconds

The published network is the preset `resnet56v2-ssd`. On its authors' test photographs of drinks it reports, by the
measures of `metrics.detection.sources_scores`, mIoU 0.64, precision 0.87 and recall 0.87 with raw offsets and the L1
loss; 0.53, 0.90 and 0.87 with normalised ones.
"""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from maskwright.boxes import Found, Truth
from maskwright.data.boxes import BoxedImages, Example, batches, load_boxed_images, read_boxes, training_batches
from maskwright.data.photos import read_classes, read_split, steps_per_epoch
from maskwright.errors import MaskwrightError
from maskwright.images import class_palette, read_image
from maskwright.metrics.detection import coco_scores, count, honest_scores, sources_scores
from maskwright.nn import ssd
from maskwright.nn.anchors import Anchors, make_anchors
from maskwright.nn.callbacks import LogEpoch
from maskwright.nn.checkpoint import remove_checkpoint
from maskwright.nn.detection_losses import anchor_loss
from maskwright.nn.detector import LEAST_SCORE, Scheme, as_served, detect_objects, detector, found_in, read_outputs
from maskwright.nn.determinism import make_deterministic
from maskwright.nn.nms import Detections, detect
from maskwright.nn.saved import load_model, save_model
from maskwright.nn.training import (
    Fit,
    accelerators,
    computing_in,
    keras_fit,
    optimizer,
    strategy,
    train_epochs,
    write_history,
)
from maskwright.outputs import replaced_folder, write_json
from maskwright.params import Detection, Nms, Params
from maskwright.pipeline import hash_run
from maskwright.plots.detection import boxes_panel, precision_recall_figure, training_curves
from maskwright.plots.figure import save_figure
from maskwright.plots.segmentation import per_class_bars

NAME = "detection"

SHOWN_SCORE = 0.5
"""Predictions of at least this probability count as such, where a measure does not look at all scores."""

PICTURES = 3
"""How many of the best, and of the worst, test images are drawn."""


def dataset(params: Params, masks: Path) -> tuple[BoxedImages, BoxedImages]:
    """Return the training and the validation images, decoded and resized to `params.detection.size`.

    Raises:
        MaskwrightError: a split lists no image, or one that cannot be read, or none with a labelled box.
    """
    root = Path(params.annotations.root)
    loaded = []
    for split in ("train", "validation"):
        data = load_boxed_images(read_boxes(masks, root, split), params.detection.size)
        if not (data.classes > 0).any():
            raise MaskwrightError(f"{masks / split}.coco.json: no image has a box; check annotations.{split}")
        loaded.append(data)
    return loaded[0], loaded[1]


def build(params: Detection, number_of_classes: int) -> keras.Model:
    """Return the network: (B, H, W, 3) in [0, 255], of `params.size` -> (B, A, classes + 4) float32, see `nn.ssd`.

    Raises:
        MaskwrightError: the backbone is unknown or its weights do not fit.
    """
    with computing_in(params.precision):
        if params.backbone is not None:
            return ssd.application_ssd(
                params.backbone, params.weights, params.size, number_of_classes, attention=params.attention
            )
        if params.weights is not None:
            raise MaskwrightError("detection.weights: belongs to detection.backbone, which is null; set both")
        network = {"fast": ssd.fast, "resnet56v2-ssd": ssd.resnet56v2_ssd}[params.preset]
        return network(params.size, number_of_classes, attention=params.attention)


def train(
    params: Params,
    *,
    data: Path,
    out: Path,
    history: Path,
    checkpoints: Path,
    log_epoch: LogEpoch,
) -> None:
    """Train, choosing the best epoch by validation AP50, and write the model and its history.

    A training that was killed goes on from its last finished epoch, and ends with the weights that it would have had.

    Args:
        params: all parameters; `detection` and `annotations` matter.
        data: the folder that `maskwright masks` wrote.
        out: the model's folder, written whole at the end.
        history: a CSV of one row an epoch.
        checkpoints: a folder that outlives a kill; emptied again when the training ends.
        log_epoch: told each new epoch (from 1) and its numbers.

    Raises:
        MaskwrightError: the data or a setting is not usable, or the loss stopped being finite; nothing is written.
    """
    settings = params.detection
    classes = read_classes(data)
    folder = checkpoints / NAME / run_key(params, data)
    training, validation = dataset(params, data)
    model, anchors, fit = _trainer(settings, training, len(classes))
    rows, best = train_epochs(
        model,
        fit,
        epochs=settings.epochs,
        steps=steps_per_epoch(len(training), settings.epoch_images, settings.batch_size),
        validate=_validator(model, anchors, validation, settings, classes),
        best_by="val_ap50",
        folder=folder,
        log_epoch=log_epoch,
    )
    about = {
        "experiment": NAME,
        "network": model.name,
        "parameters": model.count_params(),
        "anchors": len(anchors.boxes),
        "classes": classes,
        "size": list(settings.size),
        "anchor_sizes": list(settings.anchor_sizes),
        "offsets": settings.offsets,
        "nms": settings.nms.model_dump(mode="json"),
        "best_epoch": best + 1,
        "validation_ap50": rows[best]["val_ap50"],
    }
    write_history(history, rows)
    save_model(model, about, out)
    remove_checkpoint(folder)


def _trainer(settings: Detection, training: BoxedImages, number_of_classes: int) -> tuple[Any, Anchors, Fit]:
    """Return a new network, compiled, its anchors, and what trains it on these images."""
    make_deterministic(settings.seed)
    steps = steps_per_epoch(len(training), settings.epoch_images, settings.batch_size)
    with strategy(accelerators()).scope():
        model: Any = build(settings, number_of_classes)
        model.compile(optimizer=optimizer(settings, model, steps), loss=anchor_loss(settings.loss))
    anchors = make_anchors(ssd.feature_maps(model), settings.size, settings.anchor_sizes)

    def batches_from(epoch: int) -> tf.data.Dataset:
        return training_batches(
            training,
            anchors,
            match_iou=settings.match_iou,
            offsets=settings.offsets,
            epoch_images=settings.epoch_images,
            batch_size=settings.batch_size,
            augmentation=settings.augment,
            seed=settings.seed,
            epochs=(epoch, settings.epochs),
        )

    return model, anchors, keras_fit(model, batches_from, epochs=settings.epochs, steps=steps)


def trial(params: Params, data: Path) -> dict[str, float]:
    """Train in memory with one combination of settings, and return its numbers on the test split; no files.

    The weights are those after the last epoch: nothing is chosen, so no validation split is needed.

    Returns:
        `loss`, of the last epoch's training, and what `evaluate` returns, without what it tells of each class and of
        the other kind of NMS. The loss is not finite where the training diverged.

    Raises:
        MaskwrightError: the data are missing.
    """
    settings, classes, root = params.detection, read_classes(data), Path(params.annotations.root)
    training = load_boxed_images(read_boxes(data, root, "train"), settings.size)
    model, _, fit = _trainer(settings, training, len(classes))
    history = keras.callbacks.History()
    fit(0, [history, keras.callbacks.TerminateOnNaN()])
    scheme = Scheme(settings.size, settings.anchor_sizes, settings.offsets)
    examples = read_boxes(data, root, "test")
    run = detector(model, scheme, [settings.nms])
    found = tuple(one for (one,) in detect_objects(run, (read_image(e.image) for e in examples), scheme.size))
    scores, _ = _scores([example.truth for example in examples], found, classes, settings.nms)
    loss = float(history.history["loss"][-1])
    return {"loss": loss, **{name: value for name, value in scores.items() if name != "per_class"}}


def evaluate(params: Params, *, data: Path, model: Path, results: Path) -> dict[str, Any]:
    """Score a trained model on the test split, each photograph at its own resolution.

    Writes `results/metrics.json` and, under `results/plots/`, precision over recall and the AP50 of each class as
    pictures and CSV, hard against soft suppression as CSV, the training curves, and the best and the worst test
    images.

    Returns:
        What `metrics.json` holds: `ap50`, `ap75`, `ap` and `ar` (COCO), `precision`, `recall`, `f1` and `iou` of the
        predictions with a probability of at least 0.5, the same by class, `sources_miou`, `sources_precision` and
        `sources_recall`, all with the NMS that `detection.nms.kind` says; under `nms` the main ones with each kind;
        and the numbers of images, boxes and shown predictions. See `metrics.detection`, also for what is left out.
    """
    network, about = load_model(model)
    classes = about["classes"]
    if classes != read_classes(data):
        raise MaskwrightError(
            f"{model}: was trained for the classes {', '.join(classes)}, not those of {data}; retrain"
        )
    settings = params.detection.nms
    kinds = (settings.kind, "soft" if settings.kind == "hard" else "hard")
    variants = [settings.model_copy(update={"kind": kind}) for kind in kinds]
    examples = read_boxes(data, Path(params.annotations.root), "test")
    run = detector(network, scheme_of(about), variants)
    photographs = (read_image(example.image) for example in examples)
    found = list(zip(*detect_objects(run, photographs, scheme_of(about).size), strict=True))
    truths = [example.truth for example in examples]
    scores, curves = _scores(truths, found[0], classes, settings)
    others, _ = _scores(truths, found[1], classes, settings)
    compared = dict(zip(kinds, (scores, others), strict=True))
    metrics = {
        **scores,
        "nms": {kind: {k: v for k, v in compared[kind].items() if k != "per_class"} for kind in ("hard", "soft")},
        "images": len(examples),
        "boxes": sum(int(np.count_nonzero(truth.classes > 0)) for truth in truths),
        "predictions": sum(len(one.at_least(SHOWN_SCORE).boxes) for one in found[0]),
    }
    with replaced_folder(results / "plots") as plots:
        _write_tables(plots, metrics, curves)
        save_figure(precision_recall_figure(curves, classes), plots / "precision_recall.png")
        ap50 = {name: values["ap50"] for name, values in metrics["per_class"].items() if "ap50" in values}
        save_figure(per_class_bars(ap50, classes[1:], "AP50"), plots / "class_ap50.png")
        with (results / "training.csv").open(newline="", encoding="utf-8") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        save_figure(training_curves(rows), plots / "training_curves.png")
        _draw_examples(plots, examples, found[0], classes)
    write_json(results / "metrics.json", metrics)
    return metrics


def scheme_of(about: dict[str, Any]) -> Scheme:
    """Return how a stored detector's outputs are to be read, from the facts stored beside it."""
    return Scheme(tuple(about["size"]), tuple(about["anchor_sizes"]), about["offsets"])


def serving_model(folder: Path) -> keras.Model:
    """Load a trained model as one that takes (B, H, W, 3) uint8 images of any size and returns their objects.

    (B, D, 6) float32: x_min, y_min, x_max, y_max in pixels, score, class; see `nn.detector.as_served`.
    """
    model, about = load_model(folder)
    return as_served(model, scheme_of(about), Nms(**about["nms"]), SHOWN_SCORE)


def _scores(
    truths: list[Truth], found: tuple[Found, ...], classes: list[str], nms: Nms
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    coco, curves = coco_scores(truths, found, classes, most=nms.most)
    shown = [one.at_least(SHOWN_SCORE) for one in found]
    honest = honest_scores(truths, shown, classes)
    per_class = {
        name: {**coco.get("per_class", {}).get(name, {}), **values} for name, values in honest["per_class"].items()
    }
    sources = {f"sources_{name}": value for name, value in sources_scores(truths, shown).items()}
    return {**coco, **honest, **sources, "per_class": per_class}, curves


def _write_tables(plots: Path, metrics: dict[str, Any], curves: dict[str, np.ndarray]) -> None:
    with (plots / "precision_recall.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["class", "recall", "precision"])
        for name, precisions in curves.items():
            recalls = np.linspace(0, 1, len(precisions))
            table.writerows([name, round(float(r), 2), float(p)] for r, p in zip(recalls, precisions, strict=True))
    with (plots / "class_ap50.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["class", "ap50"])
        table.writerows([name, v["ap50"]] for name, v in metrics["per_class"].items() if "ap50" in v)
    with (plots / "nms.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["measure", *metrics["nms"]])
        measures = list(dict.fromkeys(name for values in metrics["nms"].values() for name in values))
        table.writerows([name, *(values.get(name, "") for values in metrics["nms"].values())] for name in measures)


def _draw_examples(plots: Path, examples: list[Example], found: tuple[Found, ...], classes: list[str]) -> None:
    """Draw the test images with the highest and the lowest F1 (of equals, those with the most and fewest IoU)."""
    ranking = []
    for index, (example, one) in enumerate(zip(examples, found, strict=True)):
        counts = count(example.truth, one.at_least(SHOWN_SCORE), len(classes))
        right, wrong, missed = (int(part.sum()) for part in (counts.right, counts.wrong, counts.missed))
        if right + wrong + missed:
            f1 = 2 * right / (2 * right + wrong + missed)
            iou = float(counts.ious.mean()) if len(counts.ious) else 0.0
            ranking.append((f1, iou, -index))
    ranking.sort(reverse=True)
    chosen = {"best": ranking[:PICTURES], "worst": ranking[::-1][: max(0, min(PICTURES, len(ranking) - PICTURES))]}
    for kind, images in chosen.items():
        for place, (f1, iou, number) in enumerate(images, start=1):
            example, one = examples[-number], found[-number].at_least(SHOWN_SCORE)
            title = f"{example.image.name}: F1 {f1:.2f}, mean IoU {iou:.2f}"
            figure = boxes_panel(
                read_image(example.image), example.truth, one, classes, class_palette(len(classes)), title
            )
            save_figure(figure, plots / f"{kind}_{place}.png")


def run_key(params: Params, masks: Path) -> str:
    """Return a hash of all that determines a training: settings, images, boxes, libraries and code."""
    root = Path(params.annotations.root)
    accelerators = len(tf.config.list_physical_devices("GPU"))
    settings = [params.detection.model_dump(mode="json"), read_classes(masks), accelerators]
    data = []
    for split in ("train", "validation"):
        data += [*(example.image for example in read_split(masks, root, split)), masks / f"{split}.coco.json"]
    package = Path(__file__).parent.parent
    others = ("boxes.py", "images.py", "data/boxes.py", "data/photos.py", "data/augment.py", "metrics/detection.py")
    code = sorted([*package.glob("nn/*.py"), *(package / name for name in others), Path(__file__)])
    return hash_run(settings, [*data, *code])


def _validator(
    model: Any, anchors: Anchors, data: BoxedImages, settings: Detection, classes: list[str]
) -> Callable[[], dict[str, float]]:
    """Return a function that scores the model as it stands: the loss, a mean over batches by images, and AP50."""
    loss: Any = anchor_loss(settings.loss)
    height, width = settings.size
    shapes = (
        tf.TensorSpec((None, height, width, 3), tf.float32),
        tf.TensorSpec((None, len(anchors.boxes), 5), tf.float32),
    )

    # Of any batch size, so that a smaller last batch needs no graph of its own.
    @tf.function(input_signature=shapes)
    def step(images: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, Detections]:
        outputs = model(images, training=False)
        boxes, probabilities = read_outputs(outputs, anchors.boxes, settings.offsets)
        return loss(targets, outputs), detect(boxes, probabilities, settings.nms, LEAST_SCORE)

    prepared = list(
        batches(data, anchors, settings.batch_size, match_iou=settings.match_iou, offsets=settings.offsets)
    )
    truths = [
        Truth(data.boxes[start:stop], data.classes[start:stop])
        for start, stop in zip(data.splits[:-1], data.splits[1:], strict=True)
    ]

    def validate() -> dict[str, float]:
        total, found = 0.0, []
        for images, targets in prepared:
            value, detections = step(tf.cast(images, tf.float32), tf.constant(targets))
            total += float(value) * len(images)
            arrays = Detections(*(part.numpy() for part in detections))
            found += [found_in(arrays, number, settings.size, settings.size) for number in range(len(images))]
        scores, _ = coco_scores(truths, found, classes, most=settings.nms.most)
        return {"val_loss": total / len(data), "val_ap50": scores["ap50"], "val_ap": scores["ap"]}

    return validate
