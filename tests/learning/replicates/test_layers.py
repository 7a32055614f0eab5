import keras
import numpy as np
import pytest

from maskwright.learning.replicates.layers import Replicate, ReplicatedConv2D, ReplicatedDense

SEEDS = (3, 0, 11)
RNG = np.random.default_rng(0)
UNIFORM = keras.initializers.RandomUniform(-0.9, 0.9)


class TestDense:
    def test_each_network_has_its_own_weights(self):
        layer = ReplicatedDense(2, (0, 1), name="layer", bias_initializer=UNIFORM)
        x = RNG.normal(size=(7, 2, 3)).astype("float32")
        y = np.asarray(layer(x))
        kernel, bias = (np.asarray(weight) for weight in layer.weights)
        assert kernel.shape == (2, 3, 2)
        assert bias.shape == (2, 2)
        for network_index in range(2):
            expected = x[:, network_index] @ kernel[network_index] + bias[network_index]
            np.testing.assert_allclose(y[:, network_index], expected, rtol=1e-5, atol=1e-6)

    def test_is_a_convolution_1x1_where_there_are_places(self):
        layer = ReplicatedDense(2, (0, 1), name="layer")
        x = RNG.normal(size=(3, 2, 4, 5, 3)).astype("float32")
        y = np.asarray(layer(x))
        assert y.shape == (3, 2, 4, 5, 2)
        kernel = np.asarray(layer.kernel)
        np.testing.assert_allclose(y[:, 1], x[:, 1] @ kernel[1], rtol=1e-5, atol=1e-6)

    def test_the_beginning_depends_on_the_seed_and_the_name_alone(self):
        def kernel(seeds, name):
            layer = ReplicatedDense(4, seeds, name=name)
            layer.build((None, len(seeds), 6))
            return np.asarray(layer.kernel)

        together = kernel(SEEDS, "layer")
        for index, seed in enumerate(SEEDS):
            np.testing.assert_array_equal(together[index], kernel((seed,), "layer")[0])
        assert not np.isclose(together[0], together[1]).any()
        assert not np.isclose(together, kernel(SEEDS, "another")).any()

    def test_begins_as_a_layer_of_its_kind(self):
        layer = ReplicatedDense(40, range(50), name="layer")
        layer.build((None, 50, 60))
        # Glorot: uniform within sqrt(6 / (60 + 40)) = 0.2449
        kernel = np.asarray(layer.kernel)
        assert 0.2445 < np.abs(kernel).max() <= 0.24495
        assert abs(kernel.mean()) < 0.002


class TestConvolution:
    def test_equals_keras(self):
        layer = ReplicatedConv2D(2, (0, 1), kernel_size=3, name="layer", bias_initializer=UNIFORM)
        x = RNG.normal(size=(4, 2, 6, 5, 3)).astype("float32")
        y = np.asarray(layer(x))
        assert y.shape == (4, 2, 4, 3, 2)
        for index in range(2):
            expected = keras.ops.conv(x[:, index], layer.kernel[index]) + layer.bias[index]
            np.testing.assert_allclose(y[:, index], expected, rtol=1e-4, atol=1e-5)

    def test_begins_as_the_convolution_of_keras_does(self):
        layer = ReplicatedConv2D(1, range(400), kernel_size=3, name="layer")
        layer.build((None, 400, 3, 3, 1))
        # Glorot counts the inputs and the outputs of a kernel of 3 x 3: sqrt(6 / (9 + 9)) = 0.5774
        assert 0.575 < np.abs(np.asarray(layer.kernel)).max() <= 0.57736

    def test_any_size(self):
        image = keras.Input((2, None, None, 1))
        model = keras.Model(image, ReplicatedConv2D(1, (0, 1), kernel_size=3, name="layer")(image))
        assert model.output_shape == (None, 2, None, None, 1)
        assert model(np.zeros((1, 2, 9, 7, 1))).shape == (1, 2, 7, 5, 1)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (ReplicatedDense(3, (1, 2), name="a", activation="relu", bias_initializer=UNIFORM), (2, 4)),
        (ReplicatedConv2D(3, (1, 2), kernel_size=2, name="b", activation="hard_sigmoid"), (2, 5, 5, 1)),
        (Replicate(3, name="c"), (4,)),
    ],
)
def test_round_trip(layer, shape, tmp_path):
    inputs = keras.Input(shape)
    model = keras.Model(inputs, layer(inputs))
    again = keras.models.model_from_json(model.to_json())
    assert again.layers[1].get_config() == layer.get_config()
    model.save_weights(tmp_path / "w.weights.h5")
    again.load_weights(tmp_path / "w.weights.h5")
    x = RNG.normal(size=(2, *shape)).astype("float32")
    np.testing.assert_array_equal(model(x), again(x))
    assert again.output_shape == model.output_shape == (None, *np.shape(model(x))[1:])
