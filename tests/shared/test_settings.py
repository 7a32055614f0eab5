import warnings
from typing import Any

import pytest
from pydantic import ValidationError

from maskwright.photos.pretrained import LITE, STAGES
from maskwright.shared.settings import LITES, Backbone
from support.tiny_segmentation import tiny_settings


def test_the_backbones_are_those_that_there_are():
    assert tuple(LITE) == LITES
    assert tiny_settings(preset="pretrained", frozen=STAGES).frozen == STAGES
    with pytest.raises(ValidationError):
        tiny_settings(preset="pretrained", frozen=STAGES + 1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"backbone": "lite1"}, Backbone("lite1", None, 0)),
        ({"backbone": "VGG16", "weights": "imagenet"}, Backbone("VGG16", "imagenet", 0)),
        ({"preset": "pretrained"}, Backbone("lite0", "imagenet", 0)),
        ({"preset": "pretrained", "backbone": "lite2", "frozen": 5}, Backbone("lite2", "imagenet", 5)),
        ({"preset": "pretrained", "weights": "a.weights.h5"}, Backbone("lite0", "a.weights.h5", 0)),
    ],
)
def test_backbone(changes: dict[str, Any], expected: Backbone | None):
    assert tiny_settings(**changes).named_backbone == expected


def test_another_backbone_does_not_belong_to_the_preset():
    message = "backbone: VGG16 is none of the preset pretrained, which has lite0, lite1, lite2; choose one of them"
    with pytest.raises(ValidationError, match=message):
        tiny_settings(preset="pretrained", backbone="VGG16")


def test_sides():
    assert tiny_settings(size=[32, 64]).sides == (32, 64)
    with pytest.raises(ValueError, match="size is auto: choose it first"):
        _ = tiny_settings(size="auto").sides


@pytest.mark.parametrize("size", ["auto", [32, 64]])
def test_a_size_is_written_as_it_was_read(size: Any):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of pydantic, which writes the value all the same
        assert tiny_settings(size=size).model_dump(mode="json")["size"] == size
