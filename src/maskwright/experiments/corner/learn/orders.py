"""The order in which the networks of the corner experiment see the patterns."""

from collections.abc import Iterator, Sequence

import numpy as np

from maskwright.experiments.corner.data import CORNER_INDEX, PATTERNS
from maskwright.experiments.corner.learn.variants import Setting


def draw_batches(settings: Sequence[Setting], seeds: Sequence[int], between: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield the batches of a stack of networks, one part of the training at a time.

    Args:
        settings: the settings in the stack; all have the same batch size.
        seeds: the seeds of each setting's networks.
        between: the numbers of epochs of the parts, in order.

    Yields:
        (steps, 512, R) uint16, the number of times that each pattern is in each network's batch. For batches of one
        example: (steps, 1, R), the index of the pattern.
    """
    first = settings[0]
    if first.batch_size == PATTERNS and not first.balanced:
        # A batch of all patterns is the same in any order.
        yield from (np.ones((epochs, PATTERNS, len(settings) * len(seeds)), np.uint16) for epochs in between)
        return
    orders = [np.random.default_rng([seed % 2**64, 1]) for seed in seeds]
    replacements = [np.random.default_rng([seed % 2**64, 2]) for seed in seeds]
    for epochs in between:
        drawn = [draw_epochs(rng, epochs, first.balanced) for rng in orders]
        kinds: dict[int, list[np.ndarray]] = {1: drawn}
        if any(setting.repeats > 1 for setting in settings):
            ranks = [_shuffled(rng, np.arange(PATTERNS - 1), epochs) for rng in replacements]
            for repeats in {setting.repeats for setting in settings} - {1}:
                kinds[repeats] = [repeat_corner(rows, rank, repeats) for rows, rank in zip(drawn, ranks, strict=True)]
        times = {
            repeats: np.stack([pattern_counts(own, first.batch_size) for own in rows], -1)
            if first.batch_size > 1
            else np.stack([own.astype(np.uint16).reshape(-1, 1) for own in rows], -1)
            for repeats, rows in kinds.items()
        }
        yield np.concatenate([times[setting.repeats] for setting in settings], axis=-1)


def steps_per_epoch(setting: Setting) -> int:
    """Return how many batches an epoch has; the last one may be smaller."""
    return -(-examples_per_epoch(setting) // setting.batch_size)


def examples_per_epoch(setting: Setting) -> int:
    """Return how many examples an epoch has."""
    return 2 * (PATTERNS - 1) if setting.balanced else PATTERNS


def draw_epochs(rng: np.random.Generator, epochs: int, balanced: bool) -> np.ndarray:
    """Draw the order in which a network sees the patterns: (epochs, 512), or (epochs, 1022) if balanced."""
    every = np.arange(PATTERNS)
    if balanced:
        every = np.concatenate([every, np.full(PATTERNS - 2, CORNER_INDEX)])
    return _shuffled(rng, every, epochs)


def repeat_corner(rows: np.ndarray, ranks: np.ndarray, repeats: int) -> np.ndarray:
    """Replace some other patterns by the corner, so that it occurs `repeats` times in each epoch.

    Args:
        rows: (epochs, 512), each pattern once.
        ranks: (epochs, 511), a random order of the other patterns; the first ones are replaced.
        repeats: a number from 1 to 512.
    """
    others = np.delete(np.arange(PATTERNS), CORNER_INDEX)
    replaced = np.zeros(rows.shape, bool)
    np.put_along_axis(replaced, others[ranks[:, : repeats - 1]], True, axis=1)
    return np.where(np.take_along_axis(replaced, rows, axis=1), CORNER_INDEX, rows)


def _shuffled(rng: np.random.Generator, values: np.ndarray, times: int) -> np.ndarray:
    return np.stack([rng.permutation(values) for _ in range(times)])


def pattern_counts(rows: np.ndarray, batch_size: int) -> np.ndarray:
    """Count each pattern in each batch: (epochs, examples) -> (steps, 512) uint16.

    An epoch's last batch may be smaller.
    """
    epochs, examples = rows.shape
    steps = -(-examples // batch_size)
    batch = np.arange(epochs)[:, None] * steps + np.arange(examples) // batch_size
    counts = np.bincount((batch * PATTERNS + rows).ravel(), minlength=epochs * steps * PATTERNS)
    return counts.reshape(epochs * steps, PATTERNS).astype(np.uint16)
