"""The section `conditional` of params.yaml."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from maskwright.shared.settings import Positive, Section, Seeds

Switch = Literal["soft", "hard", "none", "plain", "routed", "routed_matched", "specialists"]

Weight = Annotated[float, Field(ge=0)]

ORACLE = "oracle"
"""The variant whose gate is the true coarse class. It is the upper bound for the others."""

UNGATED = ("none", "plain")
"""The variants in which no gate chooses."""

SEPARATE = ("routed", "routed_matched", "specialists")
"""The variants of K + 1 networks with an if-then between them."""

SOURCE: Mapping[str, Any] = {
    "variant": "soft",
    "preset": "source",
    "trunk": None,
    "branch": None,
    "side": 500,
    "second": "coarse",
    "temperature": 1.0,
    "loss_weights": [0.5, 0.5],
    "epochs": 5,
    "batch_size": 32,
    "learning_rate": 0.001,
    "schedule": "constant",
    "weight_decay": 0.0,
    "shift": 0,
}
"""The settings of the source, a question on a conditional CNN in Keras that was answered with a soft switch.

The answer's code has the network, the size of the images, the same labels for both heads, the weights of the two
losses, and five epochs. It names the optimizer `adam` and no batch size; Keras's defaults are a rate of 0.001 and
batches of 32, which its ten images fill only in part. Its images and labels are random numbers, so it has no data to
be reproduced: those of `conditional.source` take their place. Its images are in colour. Those of the digits are not,
and the first convolution then has 108 weights fewer.
"""


class Conditional(Section):
    """The experiment with a condition inside a network."""

    variant: Switch
    variants: list[Switch]
    source: Literal["digits", "regions"]
    coarse: str | dict[str, list[str]]
    fine: str | None = None
    side: Annotated[int, Field(ge=16, le=512)] | None = None
    preset: Literal["fast", "branch-heavy", "source"]
    trunk: Annotated[list[Positive], Field(min_length=2)] | None = None
    branch: Positive | None = None
    second: Literal["fine", "coarse"]
    seeds: Seeds
    temperature: Annotated[float, Field(gt=0)]
    gumbel: bool
    loss_weights: Annotated[tuple[Weight, Weight], Field(strict=False)]
    epochs: Positive
    batch_size: Positive
    learning_rate: Annotated[float, Field(gt=0)]
    schedule: Literal["triangular", "constant"]
    weight_decay: Weight
    shift: Annotated[int, Field(ge=0, le=14)]
    seed: int

    @model_validator(mode="after")
    def _check_coarse(self) -> "Conditional":
        if isinstance(self.coarse, dict) and len(self.coarse) < 2:
            raise ValueError("coarse: one coarse class leaves nothing to switch; name at least two")
        if self.source == "digits" and not isinstance(self.coarse, dict):
            raise ValueError("coarse: digits have no attributes; give each coarse class a list of digits")
        return self

    @model_validator(mode="after")
    def _check_trunk(self) -> "Conditional":
        if self.preset == "source" and self.trunk is not None and len(self.trunk) != 4:
            raise ValueError(
                "trunk: the preset source has four convolutions; give it four numbers of filters, or null"
            )
        return self

    outside: ClassVar[frozenset[str]] = frozenset({"variant", "variants", "source", "coarse", "fine", "side"})
    """The keys that do not affect how a variant is trained. The files of the data reflect the values of some."""

    @property
    def trained_variants(self) -> list[str]:
        """The variants to train: the chosen one, the ones to compare it with, and the bound."""
        return list(dict.fromkeys([self.variant, *self.variants, ORACLE]))
