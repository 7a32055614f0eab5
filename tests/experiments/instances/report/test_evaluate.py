import csv
import json

import numpy as np
import pytest
from PIL import Image

from maskwright.experiments.instances.params import Grouping, Instances
from maskwright.experiments.instances.report.evaluate import count_unseen, evaluate
from maskwright.experiments.instances.report.inference import InstancesFacts
from maskwright.experiments.instances.report.metrics import Truth
from maskwright.learning.common.saved import save_model
from maskwright.params import load_params
from maskwright.shared.errors import MaskwrightError
from support.centres_model import CLASSES, SIZE, centres_model, scene
from support.tiny_instances import write_split

GROUPING = {"least_centre": 0.1, "window": 5, "least_pixels": 16, "most": 1000}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A test split that the network sees through, in the layout of `maskwright masks`, and the network."""
    root = tmp_path_factory.mktemp("project")
    mask, numbers, image = scene()
    mirrored = image[:, ::-1].copy()
    mirrored[..., 2] = np.where(mask[:, ::-1] > 0, 255 - mirrored[..., 2] + 1, mirrored[..., 2])  # across is, too
    nothing = image * 0 + np.array([0, 255, 255], np.uint8)
    write_split(
        root / "data/test",
        [(image, mask, numbers), (mirrored, mask[:, ::-1], numbers[:, ::-1]), (nothing, mask * 0, numbers * 0)],
    )
    about = {"network": "colours", "classes": CLASSES, "size": list(SIZE), "stuff": [], "grouping": GROUPING}
    save_model(centres_model(), about, root / "model")
    (root / "results").mkdir()
    header = "epoch,loss,val_loss,val_pq,val_sq,val_rq,learning_rate\n"
    (root / "results/training.csv").write_text(header + "1,0.5,0.6,0.7,0.8,0.9,0.001\n")
    return root


@pytest.fixture(scope="module")
def settings() -> Instances:
    return load_params().section("instances")


def test_numbers_tables_and_pictures(project, settings):
    found = evaluate(settings, data=project / "data", model=project / "model", results=project / "results")
    assert found.metrics == {"pq": 1, "ap50": pytest.approx(1), "count_error": 0}
    # The two cups touch: the mask of classes has one part, of which neither cup is more than a half.
    components = found.details["components"]
    assert components["per_class"]["cup"]["pq"] == 0
    assert components["per_class"]["can"]["pq"] == 1
    assert (found.details["objects"], found.details["unseen"], found.details["images"]) == (6, 0, 3)
    low, high = found.details["test_intervals"]["pq_gain"]
    assert low <= 0.5 <= high
    assert json.loads((project / "results/metrics.json").read_text())["pq"] == 1
    plots = project / "results/plots"
    (cup, can) = csv.DictReader((plots / "class_pq.csv").open())
    assert (cup["class"], cup["pq"], cup["components_pq"], cup["objects"]) == ("cup", "1.0", "0.0", "4")
    assert can["count_bias"] == "0.0"
    rows = list(csv.DictReader((plots / "examples.csv").open()))
    assert [(row["pq"], row["components_pq"], row["objects"], row["missed"]) for row in rows] == [
        ("1", "0.5", "3", "0"),
        ("1", "0.5", "3", "0"),
        ("", "", "0", "0"),
    ]
    for name in ("best_1", "worst_1", "class_pq", "training_curves"):
        with Image.open(plots / f"{name}.png") as picture:
            assert min(picture.size) > 100


def test_another_model_is_refused(project, settings, tmp_path):
    about = {"network": "colours", "classes": ["background", "a", "b"], "size": [32, 48]}
    save_model(centres_model(), {**about, "stuff": [], "grouping": GROUPING}, tmp_path / "model")
    with pytest.raises(MaskwrightError, match="was trained for the classes background, a, b, not those of"):
        evaluate(settings, data=project / "data", model=tmp_path / "model", results=tmp_path)


def test_objects_without_a_pixel_of_the_network_are_counted():
    about = InstancesFacts(network="", classes=CLASSES, size=(8, 12), stuff=["can"], grouping=Grouping())
    mask, numbers, _ = scene()
    mask[0, 0], numbers[0, 0] = 1, 9  # the network's pixel is 4 x 4, and its nearest one is another
    mask[30, 40], numbers[30, 40] = 2, 10  # stuff
    assert count_unseen(Truth(mask, numbers), about) == 1
