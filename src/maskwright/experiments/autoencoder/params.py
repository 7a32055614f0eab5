"""The section `autoencoder` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from maskwright.shared.settings import Attention, Positive, Schedule, Section


class Autoencoder(Section):
    """The autoencoder experiment."""

    variational: bool
    batch_norm: bool
    dropout: Annotated[float, Field(ge=0, lt=1)]
    attention: Attention
    attention_kernel: Literal[3, 5, 7]
    activation: Literal["elu", "relu", "selu", "sigmoid"]
    depth: Positive
    filters: Annotated[list[Positive], Field(min_length=3, max_length=8)]
    latent: Annotated[int, Field(ge=2)]
    kl_weight: Annotated[float, Field(ge=0)]
    images: Positive | None = None
    epochs: Positive
    batch_size: Positive
    learning_rate: Annotated[float, Field(gt=0)]
    schedule: Schedule
    seed: int
