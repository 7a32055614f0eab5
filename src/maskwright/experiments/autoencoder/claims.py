"""What is claimed about this experiment, by its source and by us; see `claims.claim`."""

from maskwright.claims.claim import Claim, Source
from maskwright.claims.measures import Coefficient, Difference, Effect, of_trials

_TEXT = Source("attention", "last paragraph, on the linear model")
_CODE = Source("attention", "last paragraph; code, evaluate without targets")
_BCE = "binary cross-entropy of a test pixel, in nats"
_LAYERS = {
    "batch_norm: false to true": "Batch norm in the blocks",
    "dropout: 0 to 0.2": "Dropout in the blocks",
    "attention: none to spatial": "Spatial attention in the blocks",
}


def _layer(change: str) -> Claim:
    return Claim(
        experiment="autoencoder",
        source=_TEXT,
        statement=f"{_LAYERS[change]} improves the model's performance.",
        quantity=f"{_BCE}: effect of {change}, mean over the 32 configurations",
        measure=Effect("autoencoder", "bce", change),
        high=0.0,
        reason="with a reconstruction loss, negative is better",
    )


def _layer_as_evaluated(change: str) -> Claim:
    return Claim(
        experiment="autoencoder",
        source=_CODE,
        statement=f"{_LAYERS[change]} improves the model's performance, measured as (we read) the program does.",
        quantity=f"divergence of a test digit's code, in nats: effect of {change}, mean over the 32 configurations",
        measure=Effect("autoencoder", "kl", change),
        high=0.0,
        reason="negative is what the author reads as better; a low divergence is not better by itself",
    )


def _activation(name: str) -> Claim:
    pair = (of_trials("autoencoder", "bce", {"activation": each}) for each in (name, "relu"))
    return Claim(
        experiment="autoencoder",
        source=_TEXT,
        statement=f"Changing the activation ({name} for relu) moves performance the other way than the layers do.",
        quantity=f"{_BCE}: {name} less relu",
        measure=Difference(*pair),
        low=0.0,
        reason="the other way than an improvement; our reading is against relu, the default of the text's function",
    )


def _against_elu(name: str, statement: str) -> Claim:
    return Claim(
        experiment="autoencoder",
        statement=statement,
        quantity=f"{_BCE}: effect of elu to {name}",
        measure=Effect("autoencoder", "bce", f"activation: elu to {name}"),
        low=0.0,
        reason="a lower loss is better",
    )


CLAIMS = (
    *map(_layer, _LAYERS),
    *map(_layer_as_evaluated, _LAYERS),
    *map(_activation, ("elu", "selu", "sigmoid")),
    Claim(
        experiment="autoencoder",
        statement="In the source's regression an activation's coefficient is positive, whatever it does.",
        quantity=f"{_BCE}: coefficient of elu, without an intercept",
        measure=Coefficient("autoencoder", "bce", "activation = elu"),
        low=0.0,
        reason="without an intercept it is a mean loss",
    ),
    _against_elu("relu", "relu in place of elu makes reconstructions worse."),
    _against_elu("selu", "selu in place of elu makes them worse."),
    _against_elu("sigmoid", "sigmoid in place of elu makes them worse."),
)
