"""The clustering network: an encoder, and heads with a softmax over their clusters."""

from typing import Any, NamedTuple

import keras
from keras import layers

from maskwright.experiments.clustering.params import Clustering
from maskwright.learning.common.determinism import layer_seed
from maskwright.learning.views.encoders import encode, together
from maskwright.learning.views.sampling import view_margin

ENCODERS = {"fast": "vgg-f-quarter", "vgg-f": "vgg-f"}
"""The encoder of each preset; see `learning.views.encoders`."""

HEAD_GAIN = 3.0
"""The factor by which features are multiplied before the heads.

With this factor, the heads start with distinct clusters and adapt faster than the features change. Softer heads pull
all features towards the coarsest differences between images, so some digits stay merged. With a factor of 1, the
accuracy on validation digits was 0.85 instead of 0.96.
"""

_PLACE = 100
"""The place of the first head among the layers with the same seed: after all layers of an encoder."""


class HeadGroup(NamedTuple):
    """Heads of one size.

    Attributes:
        heads: number of heads.
        clusters: number of clusters of each head.
    """

    heads: int
    clusters: int


def head_groups(settings: Clustering) -> list[HeadGroup]:
    """Return the heads that are scored, followed by the over-clustering heads if there are any."""
    over = [HeadGroup(settings.over_heads, settings.over_clusters)] if settings.over_heads else []
    return [HeadGroup(settings.heads, settings.clusters), *over]


def network(settings: Clustering, shape: tuple[int, int, int], seed: int) -> keras.Model:
    """Return one seed's network.

    Args:
        settings: the experiment's section of params.yaml.
        shape: (H, H, C), the shape of the images.
        seed: seed of the initial weights.

    Returns:
        Views (B, V, V, C), from 0 to 1 -> (B, heads K + over_heads L), float32: the probabilities of each head's
        clusters, head by head, with the over-clustering heads last.
    """
    side = shape[0] - 2 * view_margin(shape[0])
    views = keras.Input((side, side, shape[2]), name="views")
    features: Any = encode(views, ENCODERS[settings.preset], seed, settings.precision)
    features = layers.Rescaling(HEAD_GAIN, dtype="float32", name="gain")(features)
    outputs = []
    for group, (heads, clusters) in enumerate(head_groups(settings)):
        initial: Any = keras.initializers.HeNormal(layer_seed(seed, _PLACE + group))
        logits = layers.Dense(heads * clusters, kernel_initializer=initial, name=f"heads_{group}")(features)
        shares = layers.Softmax(name=f"clusters_{group}")(layers.Reshape((heads, clusters))(logits))
        outputs.append(layers.Flatten(name=f"flat_{group}")(shares))
    joined = layers.Concatenate(name="heads")(outputs) if len(outputs) > 1 else outputs[0]
    return keras.Model(views, joined, name=f"seed_{seed}")


def networks_together(networks: list[keras.Model], shape: tuple[int, int, int]) -> keras.Model:
    """Return all seeds' networks as one: images (B, H, H, C), from 0 to 1 -> (B, R, heads K + over_heads L)."""
    return together(networks, shape, "clustering")
