import numpy as np
import tensorflow as tf

from maskwright.experiments.clustering.learn.network import network
from support.tiny_clustering import tiny_clustering


def test_the_source_preset_is_the_vgg_of_four_convolutions():
    model = network(tiny_clustering(preset="vgg-f"), (28, 28, 1), 0)
    kernels = [layer.kernel.shape for layer in model.layers if "convolution" in layer.name]
    assert kernels == [(3, 3, 1, 64), (3, 3, 64, 128), (3, 3, 128, 256), (3, 3, 256, 512)]
    assert model.get_layer("flatten").output.shape == (None, 3 * 3 * 512)
    fast = network(tiny_clustering(), (28, 28, 1), 0)
    assert [layer.kernel.shape[-1] for layer in fast.layers if "convolution" in layer.name] == [16, 32, 64, 128]


def test_what_computes_in_bfloat16_answers_in_float32():
    model = network(tiny_clustering(precision="bfloat16"), (28, 28, 1), 0)
    assert model.get_layer("convolution_0").compute_dtype == "bfloat16"
    assert {variable.dtype for variable in model.variables} == {"float32"}
    shares = model(np.zeros((2, 24, 24, 1), np.float32))
    assert shares.dtype == tf.float32
    np.testing.assert_allclose(shares[:, :3], [[1 / 3] * 3] * 2, atol=1e-6)  # black views: no feature is above 0
