"""If-then inside a network: a first head's class probabilities decide how much of the features each branch gets.

A condition is not differentiable, but a product is. A `SwitchGate` therefore turns the probabilities of N classes
into a gate of N shares, and a `SoftSwitch` multiplies the features by each share. The same gate can be used anywhere
in the network and any number of times:

    gate = SwitchGate(mode="hard")(probabilities)              # (B, N)
    of_first, of_second = SoftSwitch()([features, gate])       # N tensors of the features' shape
"""

from typing import Any

import keras

ops: Any = keras.ops  # its annotations allow None for most results

Shape = tuple[int | None, ...]

PACKAGE = "maskwright"

MODES = ("soft", "hard", "gumbel")

_SMALLEST = 1e-12


@keras.saving.register_keras_serializable(PACKAGE)
class SwitchGate(keras.layers.Layer):
    """Turn class probabilities into a gate: (B, N) -> (B, N), not negative, and each row sums to 1.

        soft      g = p^(1/T) / sum p^(1/T), which is softmax(logits / T); p itself at T = 1
        hard      1 for the most probable class and 0 for the others; the gradient is that of `soft`
        gumbel    in training like `hard`, but with Gumbel noise added to log p, so that class n is chosen with
                  probability p_n (at any T); the gradient is that of the noisy softmax. Otherwise like `hard`

    The gate is computed in float32 whatever the dtype of the features, since bfloat16 has only three digits for a
    share among 10 classes.

    Args:
        mode: `soft`, `hard` or `gumbel`.
        temperature: T > 0. A small T moves the shares towards 0 and 1, a large one towards 1/N.
        seed: seed of the noise of `gumbel`.

    Raises:
        ValueError: the mode is unknown, or the temperature is not positive.

    Example:
        0.8 and 0.2 at T = 1/2: 0.64 / 0.68 = 0.941 and 0.04 / 0.68 = 0.059; hard: 1 and 0.

    References:
        Bengio, Leonard, Courville 2013, Estimating or propagating gradients through stochastic neurons,
        https://arxiv.org/abs/1308.3432 (straight-through); Jang, Gu, Poole 2017, Categorical reparameterization with
        Gumbel-softmax, https://arxiv.org/abs/1611.01144, section 2.2.
    """

    def __init__(
        self, mode: str = "soft", temperature: float = 1.0, seed: int | None = None, **arguments: Any
    ) -> None:
        # The layer has its own policy, since a mixed one would cast the probabilities before they arrive here.
        super().__init__(**{"dtype": "float32", **arguments})
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
        if not temperature > 0:
            raise ValueError(f"temperature must be above 0, not {temperature}")
        self.mode = mode
        self.temperature = temperature
        self.seed = seed
        self.noise = keras.random.SeedGenerator(seed) if mode == "gumbel" else None

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Compute the gate of one batch."""
        logits = ops.log(ops.maximum(inputs, _SMALLEST))
        if self.noise is not None and training:
            uniform = keras.random.uniform(ops.shape(inputs), _SMALLEST, 1.0, dtype="float32", seed=self.noise)
            logits = logits - ops.log(-ops.log(uniform))
        soft = ops.softmax(logits / self.temperature, axis=-1)
        if self.mode == "soft":
            return soft
        hard = ops.one_hot(ops.argmax(logits, axis=-1), inputs.shape[-1], dtype=soft.dtype)
        # In this order the second term is exactly 0, and the gate is exactly 0 or 1.
        return hard + (soft - ops.stop_gradient(soft))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "mode": self.mode, "temperature": self.temperature, "seed": self.seed}


@keras.saving.register_keras_serializable(PACKAGE)
class SoftSwitch(keras.layers.Layer):
    """Distribute features to branches: (B, ..., C) and a gate (B, N) -> N tensors (B, ..., C), the n-th times g_n.

    The numbers of axes and branches are arbitrary. A branch whose share is 0 gets zeros. Its output is then a
    constant, and the branch need not be computed.

    Raises:
        ValueError: the gate does not have the two axes batch and branch.
    """

    def build(self, input_shape: list[Shape]) -> None:
        """Check the gate's shape; there are no weights."""
        gate = input_shape[1]
        if len(gate) != 2 or gate[1] is None:
            raise ValueError(f"a gate must be (batch, branches) with a known number of branches, not {gate}")

    def call(self, inputs: list[Any]) -> list[Any]:
        """Distribute one batch."""
        features, gate = inputs
        axes = (1,) * (len(features.shape) - 1)
        return [features * ops.reshape(gate[:, n], (-1, *axes)) for n in range(gate.shape[1])]

    def compute_output_shape(self, input_shape: list[Shape]) -> list[Shape]:
        """Return the features' shape for each branch."""
        features, gate = input_shape
        return [features] * int(gate[1] or 0)
