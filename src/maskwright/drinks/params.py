"""The section `drinks` of params.yaml."""

from maskwright.shared.settings import Positive, Section, Size


class Crowd(Section):
    """Further scenes with many things that touch and hide one another: images per split."""

    train: Positive = 480
    validation: Positive = 60
    test: Positive = 100


class Drinks(Section):
    """The generated scenes: images per split and their size."""

    train: Positive
    validation: Positive
    test: Positive
    size: Size
    crowd: Crowd = Crowd()
    seed: int
