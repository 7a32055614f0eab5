"""The facts in the files of a training and of an evaluation."""

import numpy as np
import pytest

from maskwright.catalogue import EXPERIMENTS
from maskwright.diagnosis.gather import facts_of_evaluation, facts_of_training, has_diagnosis
from maskwright.params import load_params
from maskwright.shared.experiment import Evaluation
from maskwright.via.convert import convert_annotations
from maskwright.via.params import Annotations
from support.sweep_trials import SHIPPED
from support.via_files import annotations, image, photo, rect


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Photographs of 30 x 20 pixels: two to train on, with a cat and a dog of 5 x 5 each, and one with a cat for each
    of the others."""
    for number in range(4):
        photo(tmp_path / f"photos/{number}.jpg")
    both = [rect(0, name="cat"), rect(9, name="dog")]
    annotations(tmp_path / "photos/a.json", *(image(f"{n}.jpg", *both) for n in (0, 1)))
    annotations(tmp_path / "photos/b.json", image("2.jpg", rect(name="cat")))
    annotations(
        tmp_path / "photos/c.json", image("3.jpg", rect(name="cat"), rect(9, name="cat"), rect(18, name="dog"))
    )
    chosen = Annotations(root=str(tmp_path / "photos"), train="a.json", validation="b.json", test="c.json")
    monkeypatch.chdir(tmp_path)
    convert_annotations(chosen, tmp_path / "data/masks")
    for name, key in (("segmentation", "miou"), ("detection", "ap50")):
        path = tmp_path / f"results/{name}/training.csv"
        path.parent.mkdir(parents=True)
        path.write_text(f"epoch,loss,val_loss,val_{key}\n1,0.9,0.8,0.3\n2,0.5,0.7,0.6\n3,0.4,0.75,0.5\n")
    return tmp_path


def settings(name, **changes):
    return load_params(SHIPPED).section(name).model_copy(update={"size": (10, 15), **changes})


def test_a_training_of_segmentation(project):
    found = facts_of_training(EXPERIMENTS["segmentation"], settings("segmentation"))
    assert (found.score_name, found.split, found.score) == ("mIoU", "validation", 0.6)
    assert found.losses == [0.9, 0.5, 0.4]
    assert found.val_losses == [0.8, 0.7, 0.75]
    assert found.val_scores == [0.3, 0.6, 0.5]
    assert found.objects == {"train": 4, "validation": 1, "test": 3}
    # 25 pixels of 600 become 6.25 of 150: a side of 2.5.
    assert found.sides == pytest.approx([2.5] * 4)
    # At half the size, the one cat of the validation has 4 to 9 of 150 pixels: IoU(background) / 2.
    assert found.baselines.keys() == {"nothing found"}
    assert (150 - 9) / 150 / 2 <= found.baselines["nothing found"] <= (150 - 4) / 150 / 2


def test_weighted_classes_make_the_losses_incomparable(project):
    loss = settings("segmentation").loss.model_copy(update={"class_weights": "balanced"})
    found = facts_of_training(EXPERIMENTS["segmentation"], settings("segmentation", loss=loss))
    assert found.val_losses == []


def test_the_size_that_the_model_stores(project):
    (project / "models/segmentation").mkdir(parents=True)
    (project / "models/segmentation/about.json").write_text('{"size": [20, 30]}')
    found = facts_of_training(EXPERIMENTS["segmentation"], settings("segmentation"))
    assert found.sides == pytest.approx([5.0] * 4)


def test_an_evaluation_of_segmentation(project):
    plots = project / "results/segmentation/plots"
    plots.mkdir()
    (plots / "confusion_matrix.csv").write_text(
        "actual,predicted,pixels,share\nbackground,background,525,1\nbackground,cat,0,0\n"
        "cat,background,20,0\ncat,cat,30,0\ndog,cat,25,1\ndog,dog,0,0\n"
    )
    about = EXPERIMENTS["segmentation"]
    found = facts_of_evaluation(about, settings("segmentation"), Evaluation({"miou": 0.4}, {}))
    assert found is not None
    assert (found.split, found.score, found.never) == ("test", 0.4, ["dog"])
    # 600 pixels, of which two cats have 50 and a dog 25: 525 / 600 / 3, and (1 + 50 / 75) / 3.
    assert found.baselines == pytest.approx(
        {"nothing found": 525 / 1800, "every object found, all called cat": (1 + 2 / 3) / 3}
    )


def test_an_evaluation_of_detection(project):
    per_class = {"cat": {"recall": 0.5}, "dog": {"recall": 0.0}}
    about = EXPERIMENTS["detection"]
    found = facts_of_evaluation(about, settings("detection"), Evaluation({"ap50": 0.3}, {"per_class": per_class}))
    assert found is not None
    assert (found.score_name, found.score, found.never) == ("AP50", 0.3, ["dog"])
    # Two cats and a dog: 2 / 3 / 2.
    assert found.baselines == pytest.approx({"nothing found": 0, "every object found, all called cat": 1 / 3})
    assert facts_of_evaluation(about, settings("detection"), Evaluation({}, {})) is None


def test_which_experiments_have_one():
    assert [name for name in EXPERIMENTS if has_diagnosis(name)] == ["segmentation", "detection"]
    assert np.all([EXPERIMENTS[name].holds_out is not None for name in ("segmentation", "detection")])
