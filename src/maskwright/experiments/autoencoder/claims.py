"""What the sources say about this experiment, and how each claim is tested; see `claims.judge`."""

from math import inf

from maskwright.claims.judge import Claim
from maskwright.claims.measures import effect


def _effect_claim(change: str, statement: str, *, improves: bool) -> Claim:
    quantity = f"cross-entropy of a test pixel, in nats: change by {change}"
    low, high = (-inf, 0.0) if improves else (0.0, inf)
    return Claim("autoencoder", statement, quantity, effect("bce", change), low, high)


CLAIMS = (
    _effect_claim("batch_norm: false to true", "Batch norm improves reconstructions.", improves=True),
    _effect_claim("dropout: 0 to 0.2", "Dropout improves them.", improves=True),
    _effect_claim("attention: none to spatial", "Spatial attention improves them.", improves=True),
    _effect_claim("activation: elu to relu", "relu in place of elu makes them worse.", improves=False),
    _effect_claim("activation: elu to selu", "selu in place of elu makes them worse.", improves=False),
    _effect_claim("activation: elu to sigmoid", "sigmoid in place of elu makes them worse.", improves=False),
)
