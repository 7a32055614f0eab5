"""How long it takes to divide a photograph into objects, once the network has looked at it.

    .venv/bin/python benchmarks/grouping.py [--rounds 20]

Discs on a grid stand for the objects, and the outputs are those of a network that is nearly right: the offsets are
off by a pixel or so, and the heat is a Gaussian. The network's size is that of the photograph, 480 x 640, which is
the slowest; with outputs of 192 x 256, the default, they are interpolated to 480 x 640 as well.

Targets on 2 free cores: 15 ms with 50 objects, 100 ms with 1,000.
"""

import argparse
import statistics
import time

import numpy as np

from maskwright.experiments.instances.learn.grouping import grouper
from maskwright.experiments.instances.params import Grouping

SIZE = (480, 640)
THINGS = np.arange(256) > 0
TARGETS = {50: 0.015, 1000: 0.1}
"""For each number of objects, the seconds that grouping may take."""


def main() -> None:
    """Measure, and print the medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    run = grouper(THINGS, Grouping())
    for size in (SIZE, (192, 256)):
        for count, target in TARGETS.items():
            outputs = nearly_right(count, size)
            found = len(run(outputs, SIZE).classes)  # the first call compiles
            seconds = []
            for _ in range(rounds):
                start = time.perf_counter()
                run(outputs, SIZE)
                seconds.append(time.perf_counter() - start)
            median, least = 1000 * statistics.median(seconds), 1000 * min(seconds)
            print(
                f"{size[1]} x {size[0]} outputs, {count:5} discs, {found:5} objects found: "
                f"median {median:.1f} ms, fastest {least:.1f} ms; target {1000 * target:.0f} ms"
            )


def nearly_right(count: int, size: tuple[int, int]) -> np.ndarray:
    """Return (h, w, 4 + 3) outputs for about so many discs."""
    rng = np.random.default_rng(count)
    height, width = size
    pitch = np.sqrt(height * width / count)
    rows, columns = np.indices(size)
    # The middle of the cell of the grid that a pixel lies in.
    down, across = ((np.floor(each / pitch) + 0.5) * pitch for each in (rows, columns))
    far = np.hypot(rows - down, columns - across)
    labels = np.where(far < 0.45 * pitch, 1 + (down + 7 * across).astype(int) % 3, 0)
    outputs = np.zeros((*size, 4 + 3), np.float32)
    outputs[..., :4] = 6 * np.eye(4)[labels] + rng.normal(size=(*size, 4))
    outputs[..., 4] = np.exp(-(far**2) / 8) + 0.01 * rng.normal(size=size)
    outputs[..., 5] = down - rows + rng.normal(size=size)
    outputs[..., 6] = across - columns + rng.normal(size=size)
    return outputs


if __name__ == "__main__":
    main()
