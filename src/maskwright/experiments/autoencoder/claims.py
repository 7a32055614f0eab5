"""What is claimed about this experiment, by its source and by us; see `claims.claim`."""

from maskwright.claims.claim import Claim, Source
from maskwright.claims.measures import Coefficient, Effect

_TEXT = Source("attention", "last paragraph but one, on the linear model")
_RESPONSES = {
    "bce": "binary cross-entropy of a test pixel, in nats",
    "kl": "divergence of a test digit's code, in nats, which the source's program measures",
}
_LAYERS = {
    "batch_norm: false to true": "Batch norm in the blocks",
    "dropout: 0 to 0.2": "Dropout in the blocks",
    "attention: none to spatial": "Spatial attention in the blocks",
}


def _layer(change: str, response: str) -> Claim:
    return Claim(
        experiment="autoencoder",
        source=_TEXT,
        statement=f"{_LAYERS[change]} improves the model's performance.",
        quantity=f"{_RESPONSES[response]}: effect of {change}",
        measure=Effect("autoencoder", response, change),
        high=0.0,
        reason="a lower loss is better",
    )


def _activation(name: str) -> Claim:
    return Claim(
        experiment="autoencoder",
        source=_TEXT,
        statement=f"The activation {name} moves the performance the other way than the layers do.",
        quantity=f"{_RESPONSES['bce']}: coefficient of {name} in the source's regression",
        measure=Coefficient("autoencoder", "bce", f"activation = {name}"),
        low=0.0,
        reason="the layers' coefficients are to be negative. Without an intercept this one is a mean loss, so it is "
        "positive whatever the activation does",
    )


def _against_elu(name: str, statement: str) -> Claim:
    return Claim(
        experiment="autoencoder",
        statement=statement,
        quantity=f"{_RESPONSES['bce']}: effect of elu to {name}",
        measure=Effect("autoencoder", "bce", f"activation: elu to {name}"),
        low=0.0,
        reason="a lower loss is better",
    )


CLAIMS = (
    *(_layer(change, response) for response in _RESPONSES for change in _LAYERS),
    *(_activation(name) for name in ("elu", "relu", "selu", "sigmoid")),
    _against_elu("relu", "relu in place of elu makes reconstructions worse."),
    _against_elu("selu", "selu in place of elu makes them worse."),
    _against_elu("sigmoid", "sigmoid in place of elu makes them worse."),
)
