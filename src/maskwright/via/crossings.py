"""Where an outline crosses itself."""

import numpy as np
import shapely

_EDGES_AT_ONCE = 64  # so that outlines whose edges all lie across one another need little memory


def first_crossing(points: list[tuple[float, float]]) -> tuple[float, float] | None:
    """Return where two edges of a closed outline first cross in their interiors.

    Edges that only touch or run along each other do not cross, so a bridge to a hole, which runs there and back, is
    not a crossing. Edges are compared only if their boxes meet, which an index (shapely's STRtree) tells: the time
    grows with the number of points and of such pairs.

    Args:
        points: finite x and y; the last one is joined to the first.

    Returns:
        x and y on the first edge, in the outline's order, that a later one crosses (the first of these, if there
        are several); None if no edges cross.
    """
    starts = np.asarray(points, float)
    if shapely.is_valid(shapely.polygons(starts)):
        return None
    ends = np.concatenate([starts[1:], starts[:1]])
    edges = np.asarray(shapely.linestrings(np.stack([starts, ends], axis=1)))
    index = shapely.STRtree(edges.tolist())
    for begin in range(0, len(edges), _EDGES_AT_ONCE):
        first, second = index.query(edges[begin : begin + _EDGES_AT_ONCE])
        first = first + begin
        later = second > first
        first, second = first[later], second[later]
        a, b, c, d = starts[first], ends[first], starts[second], ends[second]
        from_c, from_d = _side(a, b, c), _side(a, b, d)
        crossed = np.flatnonzero((from_c * from_d < 0) & (_side(c, d, a) * _side(c, d, b) < 0))
        if len(crossed):
            found = crossed[np.lexsort((second[crossed], first[crossed]))[0]]
            share = from_c[found] / (from_c[found] - from_d[found])
            x, y = c[found] + share * (d[found] - c[found])
            return float(x), float(y)
    return None


def _side(a: np.ndarray, b: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Return a sign for the side of the line a -> b on which `point` lies, each of them (n, 2)."""
    along, across = b - a, point - a
    return np.sign(along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0])
