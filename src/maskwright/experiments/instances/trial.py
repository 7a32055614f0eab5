"""A trial of a sweep."""

from pathlib import Path

import keras
import numpy as np

from maskwright.experiments.instances.learn.batches import objects_of
from maskwright.experiments.instances.learn.train import known_things, load_objects, new_trainer
from maskwright.experiments.instances.params import Instances
from maskwright.experiments.instances.report.components import components_finder
from maskwright.experiments.instances.report.inference import InstancesFacts, compiled, finder, look_at
from maskwright.experiments.instances.report.metrics import ImageResult, Truth, image_result, summarise
from maskwright.photos.images import read_image, read_mask
from maskwright.photos.objects import read_objects
from maskwright.photos.sizing import with_size
from maskwright.photos.splits import read_classes, read_split
from maskwright.shared.experiment import Tried


def trial(settings: Instances, data: Path) -> Tried:
    """Train in memory with one combination of settings, and return the scores on the test split. Write no files.

    The model has the weights after the last epoch. No epoch is chosen, so no validation split is needed.

    Args:
        settings: the section `instances` of params.yaml, with the trial's levels and seed.
        data: the folder that `maskwright masks` wrote.

    Returns:
        `loss`, the training loss of the last epoch, which is not finite if the training diverged; the numbers of
        `metrics.summarise`; `components_pq`, that of the connected components of the same network's mask of classes,
        and `pq_gain`, how much more `pq` is. As examples, and as their means, `pq_per_image` and
        `components_pq_per_image`: the mean over the classes of each test photograph in which something is annotated.

    Raises:
        MaskwrightError: the data are missing.
    """
    classes = read_classes(data / "train", data / "test")
    things = known_things(classes, settings.stuff)
    settings = with_size(settings, "instances", data / "train")
    model, fit = new_trainer(settings, load_objects(data / "train", settings.sides, things), things, len(classes))
    history = keras.callbacks.History()
    fit(0, [history, keras.callbacks.TerminateOnNaN()])
    about = InstancesFacts(
        network=model.name,
        classes=classes,
        size=settings.sides,
        stuff=settings.stuff,
        grouping=settings.grouping,
    )
    examples = read_split(data / "test")
    ways = finder(about), components_finder(about)
    found: tuple[list[ImageResult], list[ImageResult]] = ([], [])
    seen = look_at(compiled(model), (read_image(example.image) for example in examples), about.size)
    for example, path, one in zip(examples, objects_of(data / "test", examples), seen, strict=True):
        truth = Truth(read_mask(example.mask), read_objects(path))
        for results, find in zip(found, ways, strict=True):
            results.append(image_result(truth, find(one), things, len(classes)))
    numbers, components = (summarise(each, classes, things, most=settings.grouping.most) for each in found)
    numbers.pop("per_class")
    measures = {"loss": float(history.history["loss"][-1]), **numbers}
    if "pq" in numbers and "pq" in components:
        measures |= {"components_pq": components["pq"], "pq_gain": numbers["pq"] - components["pq"]}
    qualities = [np.stack([one.outcome.pq() for one in each]) for each in found]  # (N, C) each
    there = [(one.outcome.matched + one.outcome.missed).any() for one in found[0]]  # something is annotated
    by_image = {
        name: np.nanmean(each[there], axis=1)
        for name, each in zip(("pq_per_image", "components_pq_per_image"), qualities, strict=True)
    }
    means = {name: float(values.mean()) for name, values in by_image.items() if values.size}
    return Tried({**measures, **means}, by_image)
