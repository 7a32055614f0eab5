"""What the sources say about this experiment, and how each claim is tested; see `claims.judge`."""

from maskwright.claims.judge import Claim
from maskwright.claims.measures import difference, mean, of_trials

_RAW, _NORMALISED = {"offsets": "raw"}, {"offsets": "normalised"}


_L1, _SMOOTH_L1 = {"loss.offsets": "l1"}, {"loss.offsets": "smooth_l1"}


_CROSS_ENTROPY, _FOCAL = {"loss.classes": "cross_entropy"}, {"loss.classes": "focal"}


def _reported(name: str, value: float, levels: dict[str, str], described: str) -> Claim:
    return Claim(
        "detection",
        f"{described}, the detector reaches {name} {value}.",
        f"{name} on the test photographs, as the sources define it, after six epochs",
        mean(of_trials(f"sources_{name.lower()}", {**levels, **_CROSS_ENTROPY}), (0, 1)),
        low=value,
    )


def _better(name: str, first: dict[str, str], second: dict[str, str], statement: str) -> Claim:
    level, other = (next(iter(levels.values())) for levels in (first, second))
    alike = {} if "loss.classes" in first else _CROSS_ENTROPY
    # Focal loss was only tried with one kind of offsets and their loss, so both sides of the comparison use these.
    beside = {**_NORMALISED, **_SMOOTH_L1} if "loss.classes" in first else {}
    both = (of_trials(f"sources_{name.lower()}", {**levels, **alike, **beside}) for levels in (first, second))
    quantity = f"{name} as the sources define it, {level} less {other}"
    return Claim("detection", statement, quantity, difference(*both), low=0.0)


CLAIMS = (
    _reported("mIoU", 0.64, {**_RAW, **_L1}, "With raw offsets and the L1 loss"),
    _reported("precision", 0.87, {**_RAW, **_L1}, "With raw offsets and the L1 loss"),
    _reported("recall", 0.87, {**_RAW, **_L1}, "With raw offsets and the L1 loss"),
    _better("mIoU", _RAW, _NORMALISED, "Raw offsets fit boxes better than normalised ones."),
    _better("precision", _NORMALISED, _RAW, "Normalised offsets are better in precision."),
    _better("recall", _NORMALISED, _RAW, "Normalised offsets are better in recall."),
    _better("mIoU", _L1, _SMOOTH_L1, "Smooth L1 in place of L1 hurts mIoU."),
    _better("precision", _L1, _SMOOTH_L1, "It hurts precision."),
    _better("recall", _L1, _SMOOTH_L1, "It hurts recall."),
    _better("mIoU", _CROSS_ENTROPY, _FOCAL, "The focal loss on top hurts mIoU."),
    _better("precision", _CROSS_ENTROPY, _FOCAL, "It hurts precision."),
    _better("recall", _CROSS_ENTROPY, _FOCAL, "It hurts recall."),
)
