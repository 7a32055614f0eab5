"""Which test images to draw: the best and the worst."""

from collections.abc import Sequence

DRAWN = 3
"""How many of the best, and of the worst, are drawn."""


def best_and_worst(scores: Sequence[tuple[float, ...]]) -> dict[str, list[int]]:
    """Return which images have the highest and the lowest scores.

    Args:
        scores: of each image; of equal scores the next number decides, and at last the place: the earlier image is
            the better one. An image whose score begins with NaN is left out.

    Returns:
        Places in `scores`: under "best" from the best down, under "worst" from the worst up. No image is in both.
    """
    ranking = sorted(
        (place for place, score in enumerate(scores) if score[0] == score[0]),
        key=lambda place: (*scores[place], -place),
        reverse=True,
    )
    return {"best": ranking[:DRAWN], "worst": ranking[::-1][: max(0, min(DRAWN, len(ranking) - DRAWN))]}
