"""The section `autoencoder` of params.yaml."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

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


SOURCE: Mapping[str, Any] = {
    "variational": True,
    "batch_norm": True,
    "dropout": 0.2,
    "attention": "spatial",
    "attention_kernel": 5,
    "activation": "relu",
    "depth": 3,
    "filters": [35, 25, 15, 5],
    "latent": 2,
    "kl_weight": 0.001,
    "images": None,
    "epochs": 25,
    "batch_size": 64,
    "learning_rate": 0.005,
    "schedule.name": "inverse",
}
"""The author's own values: O. Gonzalez-Lugo, "Attention in convolutional autoencoders and hyperparameter analysis
with linear models", and its code MNISTAttention.py.

    text, SpatialAttention              the kernel of 5
    text, MakeConvolutionBlock          batch norm, dropout, attention and relu, its defaults; a sweep varies them
    code, MakeVariationalAutoencoder    a latent of 2
    code, NetworkFitness                depth, epochs, batch size, rate
    code, MainArch and the last loop    filters, and the weight of the divergence

The code's rate in step s is 0.005 / (1 + 0.000392 s), so 0.00049 after 25 epochs of 938 batches; `inverse` ends at
0.0005. It trains on MNIST's 60,000 digits. `digits.source: keras` gets them, and keeps some for validation."""
