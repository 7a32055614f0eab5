"""The convolutional autoencoder of dense blocks (Huang et al. 2017, https://arxiv.org/abs/1608.06993) of the source.

    image (B, H, W, C) -> encoder -> latent (B, L) -> decoder -> logits (B, H, W, C); their sigmoid is the image again

    conv block    convolution 3x3 -> [attention] -> [batch norm] -> [dropout] -> activation
    dense block   `depth` conv blocks, each of which sees the block's input and the output of all earlier ones
    encoder       convolution 3x3 to filters[0], ReLU; for each of filters[1:-1] a dense block and a convolution 3x3
                  of stride 2; convolution 3x3 to filters[-1], batch norm, ReLU; bottleneck
    bottleneck    n values -> dense to n, batch norm, ReLU -> dense to L, batch norm, ReLU; the decoder's: L, L, n
    latent        two dense layers, L -> L, for mean and log variance, if it is variational
    decoder       bottleneck; convolution 3x3 to filters[-1], ReLU; for each of filters[-2:0:-1] a dense block and a
                  transposed convolution 3x3 of stride 2; convolution 3x3 to C, batch norm

Only mean, log variance and the convolution of the spatial attention have a bias. The switches (those in brackets, and
the activation) concern the conv blocks alone: the convolutions of stride 2 are linear, and the other batch norms are
always there. The source is O. Gonzalez-Lugo, "Attention in convolutional autoencoders and hyperparameter analysis
with linear models": its text has the blocks and the two coders, its code MNISTAttention.py the bottlenecks.

The autoencoder is plain or variational (Kingma and Welling 2014, https://arxiv.org/abs/1312.6114). The layers
`encoder` and `decoder` of the model that `autoencoder` returns can be used on their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, NamedTuple

import keras
from keras import layers
from keras.initializers import GlorotUniform

from maskwright.experiments.autoencoder.params import Autoencoder
from maskwright.learning.common.attention import attend
from maskwright.learning.common.determinism import layer_seed
from maskwright.learning.common.layers import FusedBatchNormalization
from maskwright.shared.settings import Attention

ops: Any = keras.ops  # its annotations allow None for most results

REDUCTION = 4
"""The reduction of the channel attention. With the paper's 16, a block of 15 filters would have one hidden unit."""

BN_MOMENTUM = 0.9
"""The source has Keras's 0.99, which still remembers the first steps when a short training ends."""


@dataclass(frozen=True)
class ConvBlock:
    """A 3x3 convolution without bias -> [attention] -> [batch norm] -> [dropout] -> activation.

    Attributes:
        batch_norm: whether to use batch norm.
        dropout: share of the features that are dropped in training; 0 for none.
        attention: see `attention.attend`.
        attention_kernel: side of the spatial attention's convolution.
        activation: the name of a Keras activation.
    """

    batch_norm: bool
    dropout: float
    attention: Attention
    attention_kernel: int
    activation: str

    def __call__(self, x: Any, filters: int, seeds: Iterator[int]) -> Any:
        """Apply the block: (B, H, W, any) -> (B, H, W, filters)."""
        # Always take three seeds, so that the parts that two blocks have in common get equal initial weights.
        of_convolution, of_attention, of_dropout = islice(seeds, 3)
        x = _convolution(x, filters, of_convolution)
        x = attend(
            x,
            self.attention,
            kernel_size=self.attention_kernel,
            use_bias=True,
            reduction=REDUCTION,
            seed=of_attention,
        )
        if self.batch_norm:
            x = FusedBatchNormalization(momentum=BN_MOMENTUM)(x)
        if self.dropout:
            x = layers.Dropout(self.dropout, seed=of_dropout)(x)
        return layers.Activation(self.activation)(x)


def dense_block(x: Any, filters: int, depth: int, block: ConvBlock, seeds: Iterator[int]) -> Any:
    """Apply `depth` blocks, each to all earlier features: (B, H, W, C) -> (B, H, W, C + depth * filters)."""
    for _ in range(depth):
        x = layers.Concatenate()([x, block(x, filters, seeds)])
    return x


@keras.saving.register_keras_serializable("maskwright")
class Sampling(keras.layers.Layer):
    """Draw from a normal distribution by reparameterisation: mean + exp(log_variance / 2) * noise.

    [(B, L), (B, L)] -> (B, L). Outside training it returns the mean.

    Args:
        seed: determines the noise, together with the number of earlier calls in training.
    """

    def __init__(self, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: list[Any], training: bool = False) -> Any:
        """Draw one batch."""
        mean, log_variance = inputs
        if not training:
            return mean
        noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=self.generator)
        return mean + ops.exp(0.5 * log_variance) * noise

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Return the mean's shape."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "seed": self.seed}


def kl_divergence(mean: Any, log_variance: Any) -> Any:
    """Return the divergence of N(mean, exp(log_variance)) from N(0, 1) in nats: (B, L), (B, L) -> (B,).

    It is the sum over the latent dimensions of (mean ** 2 + exp(log_variance) - 1 - log_variance) / 2, and 0 if the
    distributions are equal. With one dimension, mean 1 and log_variance 0, it is 0.5.
    """
    return 0.5 * ops.sum(ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance, axis=-1)


def build(settings: Autoencoder, shape: tuple[int, ...]) -> keras.Model:
    """Build the network of the settings for images of this height, width and channels; see `autoencoder`."""
    height, width, channels = shape
    block = ConvBlock(
        batch_norm=settings.batch_norm,
        dropout=settings.dropout,
        attention=settings.attention,
        attention_kernel=settings.attention_kernel,
        activation=settings.activation,
    )
    return autoencoder(
        (height, width, channels),
        filters=tuple(settings.filters),
        depth=settings.depth,
        latent=settings.latent,
        block=block,
        variational=settings.variational,
        seed=settings.seed,
    )


class Outputs(NamedTuple):
    """The outputs of a network for a batch, as tensors.

    Attributes:
        logits: (B, H, W, C).
        codes: (B, L), the latent; its mean if the autoencoder is variational.
        divergence: (B,), see `kl_divergence`; None if the autoencoder is not variational.
    """

    logits: Any
    codes: Any
    divergence: Any


def run(model: Any, images: Any, *, training: bool) -> Outputs:
    """Encode and decode a batch (B, H, W, C). In training, a variational autoencoder decodes a sample of the code."""
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    encoded = encoder(images, training=training)
    if not isinstance(encoded, list):
        return Outputs(decoder(encoded, training=training), encoded, None)
    code = model.get_layer("sampling")(encoded, training=training)
    return Outputs(decoder(code, training=training), encoded[0], kl_divergence(*encoded))


def autoencoder(
    shape: tuple[int, int, int],
    *,
    filters: tuple[int, ...],
    depth: int,
    latent: int,
    block: ConvBlock,
    variational: bool,
    seed: int,
) -> keras.Model:
    """Build the autoencoder: (B, *shape) values from 0 to 1 -> (B, *shape) float32 logits.

    Args:
        shape: height, width and channels of an image; height and width are arbitrary.
        filters: of the first convolution, of each dense block, and of the encoder's last convolution: three or more.
            After each dense block height and width halve, rounded up.
        depth: number of blocks in a dense block.
        latent: number of dimensions of the latent.
        block: the block that dense blocks consist of.
        variational: whether the latent is sampled from a distribution in training. The encoder then returns a list of
            mean and log variance; otherwise it returns the latent, which is not negative.
        seed: seed of these samples, of dropout and of the initial weights.
    """
    sides = [shape[:2]]
    for _ in filters[1:-1]:
        height, width = sides[-1]
        sides.append((-(-height // 2), -(-width // 2)))
    image = keras.Input(shape, name="image")
    seeds = (layer_seed(seed, place) for place in count())
    encoder = _encoder(shape, filters, depth, latent, block, variational, seeds)
    decoder = _decoder(sides, shape[2], filters, depth, latent, block, seeds)
    code = encoder(image)
    if variational:
        code = Sampling(seed, name="sampling")(code)
    return keras.Model(image, decoder(code), name="variational_autoencoder" if variational else "autoencoder")


def _encoder(
    shape: tuple[int, int, int],
    filters: tuple[int, ...],
    depth: int,
    latent: int,
    block: ConvBlock,
    variational: bool,
    seeds: Iterator[int],
) -> keras.Model:
    image = keras.Input(shape, name="image")
    x = layers.ReLU()(_convolution(image, filters[0], next(seeds)))
    for number in filters[1:-1]:
        x = dense_block(x, number, depth, block, seeds)
        x = _convolution(x, number, next(seeds), strides=2)
    x = _convolution(x, filters[-1], next(seeds))
    x = layers.ReLU()(FusedBatchNormalization(momentum=BN_MOMENTUM)(x))
    x = layers.Flatten()(x)
    for units in (x.shape[-1], latent):
        x = _dense(x, units, next(seeds))
    initials: list[Any] = [GlorotUniform(seed) for seed in islice(seeds, 2)]
    if not variational:
        return keras.Model(image, x, name="encoder")
    mean = layers.Dense(latent, kernel_initializer=initials[0], dtype="float32", name="mean")(x)
    log_variance = layers.Dense(latent, kernel_initializer=initials[1], dtype="float32", name="log_variance")(x)
    return keras.Model(image, [mean, log_variance], name="encoder")


def _decoder(
    sides: list[tuple[int, int]],
    channels: int,
    filters: tuple[int, ...],
    depth: int,
    latent: int,
    block: ConvBlock,
    seeds: Iterator[int],
) -> keras.Model:
    code = keras.Input((latent,), name="code")
    height, width = sides[-1]
    x: Any = code
    for units in (latent, height * width * filters[-1]):
        x = _dense(x, units, next(seeds))
    x = layers.Reshape((height, width, filters[-1]))(x)
    x = layers.ReLU()(_convolution(x, filters[-1], next(seeds)))
    for number, (height, width) in zip(filters[-2:0:-1], sides[-2::-1], strict=True):
        x = dense_block(x, number, depth, block, seeds)
        # A stride of 2 doubles the sides. Where the encoder rounded up, the result must be one pixel smaller.
        padding = (1 - height % 2, 1 - width % 2)
        initial: Any = GlorotUniform(next(seeds))
        x = layers.Conv2DTranspose(
            number,
            3,
            2,
            padding="same",
            output_padding=padding,
            use_bias=False,
            kernel_initializer=initial,
        )(x)
    x = _convolution(x, channels, next(seeds))
    logits = FusedBatchNormalization(momentum=BN_MOMENTUM, dtype="float32", name="logits")(x)
    return keras.Model(code, logits, name="decoder")


def _convolution(x: Any, filters: int, seed: int, strides: int = 1) -> Any:
    initial: Any = GlorotUniform(seed)
    return layers.Conv2D(filters, 3, strides, padding="same", use_bias=False, kernel_initializer=initial)(x)


def _dense(x: Any, units: int, seed: int) -> Any:
    """Apply a part of a bottleneck: (B, any) -> (B, units), not negative."""
    initial: Any = GlorotUniform(seed)
    x = layers.Dense(units, use_bias=False, kernel_initializer=initial)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=BN_MOMENTUM)(x))
