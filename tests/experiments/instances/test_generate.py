"""The data of instances: of the generated crowd, or of the annotated photographs."""

import json

import numpy as np

from maskwright.drinks.dataset import write_crowd
from maskwright.drinks.params import Crowd, Drinks
from maskwright.experiments.instances.generate import write_instances
from maskwright.params import load_params
from maskwright.photos.objects import read_objects
from maskwright.photos.splits import read_split
from maskwright.via.params import Annotations
from support.via_files import annotations, image, photo, rect


def test_the_crowd_keeps_drinks_whole_that_others_cut_in_two(tmp_path, capsys):
    drinks = Drinks(train=1, validation=1, test=1, size=(64, 96), seed=0, crowd=Crowd(train=2, validation=1, test=1))
    crowd, out = tmp_path / "crowd", tmp_path / "instances"
    write_crowd(drinks, crowd, workers=1, progress=False)
    settings = load_params().section("instances")
    write_instances(settings, Annotations(root="data/photos", train="via.json"), crowd, out)
    assert "the generated crowd is used, and not data/photos" in capsys.readouterr().err
    for split in ("train", "validation", "test"):
        project = json.loads((crowd / split / "via_project.json").read_text())["_via_img_metadata"]
        for example, drawn in zip(read_split(out / split), project.values(), strict=True):
            numbers = {int(region["region_attributes"]["object"]) for region in drawn["regions"]}
            found = read_objects(out / split / "objects" / example.mask.name)
            # The outlines are those of the visible parts, so that none hides another altogether.
            assert set(np.unique(found).tolist()) - {0} == numbers


def test_the_photographs_of_the_annotations(tmp_path, capsys):
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        photo(tmp_path / name)
    annotations(tmp_path / "via.json", *(image(f"{name}.jpg", rect(0, kind="cat")) for name in "abc"))
    settings = load_params().section("instances").model_copy(update={"source": "annotations"})
    write_instances(settings, Annotations(root=str(tmp_path), train="via.json"), tmp_path / "crowd", tmp_path / "out")
    assert capsys.readouterr().err == ""
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"train", "validation", "test", "report.json"}
