"""The section `digits` of params.yaml."""

from maskwright.shared.settings import Positive, Section


class Digits(Section):
    """The handwritten digits that several experiments share."""

    source: str
    train: Positive | None = None
    validation: Positive
    test: Positive
    seed: int
