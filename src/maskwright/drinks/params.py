"""The section `drinks` of params.yaml."""

from maskwright.shared.settings import Positive, Section, Size


class Drinks(Section):
    """The generated scenes: images per split and their size."""

    train: Positive
    validation: Positive
    test: Positive
    size: Size
    seed: int
