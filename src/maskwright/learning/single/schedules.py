"""Learning rate schedules. They are functions of the optimizer's step alone, so they have no state to store."""

from typing import Protocol

from keras.optimizers.schedules import (
    CosineDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
)

from maskwright.shared.settings import Schedule


class ScheduledTraining(Protocol):
    """The settings of an experiment that a schedule needs."""

    @property
    def learning_rate(self) -> float:
        """The highest learning rate."""
        ...

    @property
    def epochs(self) -> int:
        """The number of epochs of the whole training."""
        ...

    @property
    def schedule(self) -> Schedule:
        """The kind of schedule."""
        ...


def learning_rate(params: ScheduledTraining, steps_per_epoch: int, *, factor: float = 1.0) -> LearningRateSchedule:
    """Return the learning rate as a function of the step, which counts from 0 to S = epochs * steps_per_epoch.

    With L = factor * params.learning_rate:

        steps:  L below step 0.4 S, then 0.5 L, from 0.6 S 0.1 L, and from 0.8 S 0.05 L. With 100 epochs: halved
                after epoch 40, a tenth after 60, a twentieth after 80.
        cosine: linear from L / W at step 0 to L at step W, the warm-up; then L (1 + cos(pi (s - W) / (S - W))) / 2,
                which reaches 0 at step S (Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983). W is
                warmup_epochs in steps, rounded, at most half of S.
        inverse: L / (1 + 9 s / S), which falls fast at first, and reaches L / 10 at step S.

    Raises:
        ValueError: steps_per_epoch is not positive.
    """
    if steps_per_epoch < 1:
        raise ValueError(f"steps_per_epoch must be at least 1, not {steps_per_epoch}")
    steps = params.epochs * steps_per_epoch
    peak = factor * params.learning_rate
    if params.schedule.name == "steps":
        # Keras still uses the earlier value *at* a boundary, so the boundary is the last step before the change.
        boundaries = [-(-steps * share // 10) - 1 for share in (4, 6, 8)]
        return PiecewiseConstantDecay(boundaries, [peak * factor for factor in (1.0, 0.5, 0.1, 0.05)])
    if params.schedule.name == "inverse":
        return InverseTimeDecay(peak, steps, 9.0)
    warmup = min(round(params.schedule.warmup_epochs * steps_per_epoch), steps // 2)
    if warmup == 0:
        return CosineDecay(peak, steps)
    # Starting at 0 would waste the first step.
    return CosineDecay(peak / warmup, steps - warmup, warmup_target=peak, warmup_steps=warmup)
