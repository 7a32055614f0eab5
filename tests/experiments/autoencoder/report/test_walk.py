"""A walk through the codes."""

import keras
import numpy as np
from scipy.special import expit

from maskwright.experiments.autoencoder.learn.network import ConvBlock, autoencoder
from maskwright.experiments.autoencoder.report.walk import latent_walk


def test_a_latent_walk_is_a_grid_of_images():
    keras.utils.set_random_seed(0)
    block = ConvBlock(batch_norm=False, dropout=0.0, attention="none", attention_kernel=5, activation="elu")
    model = autoencoder((28, 28, 1), filters=(4, 3, 2), depth=1, latent=3, block=block, variational=True, seed=0)
    codes = np.stack([np.linspace(-1, 1, 41), np.linspace(0, 4, 41), np.linspace(0, 1, 41) ** 2], axis=1)
    images, axes = latent_walk(model, codes, 5)
    assert images.shape == (5, 5, 28, 28)
    # The quantiles 0.025 and 0.975 of 41 even steps are the second and the last but one.
    np.testing.assert_allclose(axes, [np.linspace(-0.95, 0.95, 5), np.linspace(0.1, 3.9, 5)], atol=1e-6)
    # The third dimension stays at its median, that of the middle step.
    one = model.get_layer("decoder")(np.array([[axes[0][3], axes[1][1], 0.25]]))
    np.testing.assert_allclose(images[1, 3], expit(np.asarray(one))[0, ..., 0], atol=1e-5)
