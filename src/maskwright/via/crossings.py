"""Where an outline crosses itself."""

from collections.abc import Iterator

import numpy as np
import shapely

_RUN = 64  # edges; more make the runs' boxes larger, and fewer make more runs
_RUNS_AT_ONCE = 4  # so that the arrays fit the processor's cache
_FEW = 1_000  # points of outlines that shapely tells to be valid sooner than their runs are compared


def first_crossing(points: list[tuple[float, float]]) -> tuple[float, float] | None:
    """Return where two edges of a closed outline first cross in their interiors.

    Edges that only touch or run along each other do not cross, so a bridge to a hole, which runs there and back, is
    not a crossing. The outline is cut into runs of successive edges, and two runs are compared, each edge with each,
    if their boxes meet. In most outlines few do. In the worst, such as a hatching, all do: the time is quadratic, but
    an array's operations take few nanoseconds for a pair.

    Args:
        points: finite x and y; the last one is joined to the first.

    Returns:
        x and y on the first edge, in the outline's order, that a later one crosses (the first of these, if there
        are several); None if no edges cross.
    """
    corners = np.asarray(points, float)
    if len(corners) <= _FEW and shapely.is_valid(shapely.polygons(corners)):
        return None
    for first, second in _crossing_pairs(corners):
        edges = corners[np.array([[first, first + 1], [second, second + 1]]) % len(corners)]
        one, other = shapely.linestrings(edges[0]), shapely.linestrings(edges[1])
        if shapely.crosses(one, other):  # exact, where the sides are rounded
            (a, b), (c, d) = edges
            from_c, from_d = _side(a, b, c), _side(a, b, d)
            x, y = c + from_c / (from_c - from_d) * (d - c)
            return float(x), float(y)
    return None


def _crossing_pairs(corners: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield which edges cross which later ones as far as rounded numbers tell, in the order of both."""
    runs = _runs(corners)
    low, high = runs.min(axis=2), runs.max(axis=2)
    for number in range(runs.shape[1]):
        meet = (low[:, number:] <= high[:, number, None]) & (high[:, number:] >= low[:, number, None])
        meeting = number + np.flatnonzero(meet.all(axis=0))
        found = []
        for begin in range(0, len(meeting), _RUNS_AT_ONCE):
            others = meeting[begin : begin + _RUNS_AT_ONCE]
            own, other, edge = np.nonzero(_crossed(runs[:, number], runs[:, others]))
            found.append(np.stack([number * _RUN + own, others[other] * _RUN + edge], axis=1))
        pairs = np.concatenate(found)
        pairs = pairs[pairs[:, 0] < pairs[:, 1]]
        yield from map(tuple, pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].tolist())


def _runs(corners: np.ndarray) -> np.ndarray:
    """Return the corners of runs of edges, (x and y, run, corner); each starts where the one before it ends."""
    count = -(-len(corners) // _RUN)
    # The first corner closes the outline, and repeated fills the last run: an edge without length crosses nothing.
    rest = np.repeat(corners[:1], count * _RUN + 1 - len(corners), axis=0)
    filled = np.concatenate([corners, rest]).T
    return filled[:, np.arange(count)[:, None] * _RUN + np.arange(_RUN + 1)]


def _crossed(run: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return which edges of a run cross which edges of other runs, (edge, other run, its edge)."""
    of_corners = _side(run[:, :-1, None, None], run[:, 1:, None, None], others[:, None])
    right, left = of_corners > 0, of_corners < 0
    apart = (right[..., :-1] & left[..., 1:]) | (left[..., :-1] & right[..., 1:])
    if not apart.any():
        return apart
    of_run = _side(others[:, :, :-1], others[:, :, 1:], run[:, :, None, None])
    right, left = of_run > 0, of_run < 0
    return apart & ((right[:-1] & left[1:]) | (left[:-1] & right[1:]))


def _side(a: np.ndarray, b: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Return a number whose sign is the side of the line a -> b on which a point lies; x and y are the first axis."""
    x, y = b - a
    return x * (point[1] - a[1]) - y * (point[0] - a[0])
