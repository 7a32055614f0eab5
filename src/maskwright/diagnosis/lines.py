"""From measured facts to one to three plain lines: how good a score is, and what holds it back. Plain functions.

The first line is always the score beside what needs no network; at most two others follow, the gravest first. Each
has a threshold, and the reason for it stands beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

MOST = 3
"""Lines, the first one included: more are not read."""

FEW_OBJECTS = 20
"""With fewer objects, a share of them such as recall is known to ±0.22 at best (1.96 · √(0.25 / 20))."""

SMALL_SHARE = 0.1
"""From this share of small objects on, they bear on the score; a single one may be a slip of the mouse."""

LOSS_RISE = 1.1
"""The validation loss ends so many times above its least: 1.1, since from epoch to epoch it moves by some percent."""

LOSS_GAP = 2.0
"""The validation loss is so many times the training loss. Augmentation makes training the harder of the two, so that
without overfitting it is at most about 1."""

STILL_RISING = 0.01
"""The validation score's mean over the last quarter of the epochs exceeds that of the quarter before by this: less is
within what two seeds differ by."""

_FEWEST_EPOCHS = 8
"""With fewer, a quarter is one epoch, and a difference of two epochs is mostly noise."""

_NAMED = 3


@dataclass(frozen=True)
class Facts:
    """What was measured. Everything but the score may be missing.

    Attributes:
        score_name: such as mIoU or AP50.
        split: the split that was scored: validation or test.
        score: from 0 to 1.
        baselines: scores on the same split that need no network, by what they do.
        losses: the training's loss of each epoch.
        val_losses: the validation's, likewise; the same formula as `losses`, or empty.
        val_scores: the score of each epoch on the validation split.
        never: classes with objects in the split of which nothing was found.
        sides: (n,) sides of the training objects as the network sees them, in its pixels.
        smallest: the least side, in the network's pixels, of an object that is not small.
        objects: how many objects each split has.
        pretrained: whether the backbone began with stored weights.
    """

    score_name: str
    split: str
    score: float
    baselines: Mapping[str, float] = field(default_factory=dict)
    losses: Sequence[float] = ()
    val_losses: Sequence[float] = ()
    val_scores: Sequence[float] = ()
    never: Sequence[str] = ()
    sides: np.ndarray = field(default_factory=lambda: np.zeros(0))
    smallest: float = 0.0
    objects: Mapping[str, int] = field(default_factory=dict)
    pretrained: bool = False


def diagnose(facts: Facts) -> list[str]:
    """Return one to three lines."""
    others = [never_found(facts), few_objects(facts), small_objects(facts), overfitting(facts), still_rising(facts)]
    return [beside_baselines(facts), *(line for line in others if line)][:MOST]


def beside_baselines(facts: Facts) -> str:
    """Say the score beside the baselines, and whether it exceeds them.

    By hand: 0.30 beside 0.45 for nothing found: no better.
    """
    told = "; ".join(f"{what}: {score:.3f}" for what, score in facts.baselines.items())
    line = f"{facts.split} {facts.score_name} {facts.score:.3f}" + (f" ({told})" if told else "")
    above = [what for what, score in facts.baselines.items() if facts.score <= score]
    if not above:
        return line
    return f"{line}: no better than {' or '.join(above)}"


def never_found(facts: Facts) -> str | None:
    """Name the classes of which nothing was found."""
    if not facts.never:
        return None
    more = len(facts.never) - _NAMED
    listed = ", ".join(facts.never[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"never found: {listed}; label more of it, raise epochs, or try loss.class_weights or the focal loss"


def few_objects(facts: Facts) -> str | None:
    """Name the splits whose scores say little, because they have few objects."""
    few = [f"{split} has {counted}" for split, counted in facts.objects.items() if counted < FEW_OBJECTS]
    if not few:
        return None
    return (
        f"few objects: {', '.join(few)}, and below {FEW_OBJECTS} a score says little; label more, or test all by "
        "annotations.folds and `maskwright crossvalidate`"
    )


def small_objects(facts: Facts) -> str | None:
    """Say how many training objects are too small for the network at its size, and which factor would do.

    By hand: sides 2, 2, 8, 8 and a least side of 4: half of them; a size twice as high and wide makes 2 into 4.
    """
    small = facts.sides[facts.sides < facts.smallest]
    if not len(small) or len(small) < SMALL_SHARE * len(facts.sides):
        return None
    factor = facts.smallest / float(np.quantile(small, 0.5))
    return (
        f"small objects: {len(small):,} of {len(facts.sides):,} have a side under {facts.smallest:g} pixels at the "
        f"network's size; a size {factor:.1f} times as high and wide shows half of these"
    )


def overfitting(facts: Facts) -> str | None:
    """Say that the validation loss rises, or is far above the training loss, and what to change.

    By hand: training 0.9, 0.4, 0.1 and validation 0.8, 0.5, 0.6: the last is 1.2 times the least, 0.5.
    """
    if len(facts.val_losses) < 2 or len(facts.losses) != len(facts.val_losses):
        return None
    last, least, training = facts.val_losses[-1], min(facts.val_losses), facts.losses[-1]
    advice = "label more photographs, or strengthen augment"
    if not facts.pretrained:
        advice = "label more photographs, strengthen augment, or take preset: pretrained"
    if least > 0 and last >= LOSS_RISE * least and training < facts.losses[int(np.argmin(facts.val_losses))]:
        return f"overfitting: the validation loss ends at {last:.3f}, after a least of {least:.3f}; {advice}"
    if training > 0 and last >= LOSS_GAP * training:
        return f"overfitting: the validation loss is {last:.3f}, the training loss {training:.3f}; {advice}"
    return None


def still_rising(facts: Facts) -> str | None:
    """Say that more epochs may help.

    By hand: of eight epochs, 0, 0, 0, 0, 0.5, 0.5, 0.6, 0.6: the last two exceed the two before by 0.1.
    """
    scores = np.asarray(facts.val_scores, float)
    if len(scores) < _FEWEST_EPOCHS:
        return None
    quarter = len(scores) // 4
    rise = float(scores[-quarter:].mean() - scores[-2 * quarter : -quarter].mean())
    if rise < STILL_RISING:
        return None
    return (
        f"still rising: validation {facts.score_name} rose by {rise:.3f} over the last quarter of the epochs; "
        "raise epochs"
    )
