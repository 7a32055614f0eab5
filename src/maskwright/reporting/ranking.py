"""Which test images to draw: the best and the worst."""

from collections.abc import Sequence

DRAWN = 3
"""How many of the best, and of the worst, are drawn at most."""


def best_and_worst(scores: Sequence[tuple[float, ...]]) -> dict[str, list[int]]:
    """Return which images have the highest and the lowest scores.

    Args:
        scores: of each image; of equal scores the next number decides, and at last the place: the earlier image is
            the better one. An image whose score begins with NaN is left out.

    Returns:
        Places in `scores`: under "best" from the best down, under "worst" from the worst up. No image is in both: if
        there are few, each gets half of them, and the best the one in the middle.
    """
    ranking = sorted(
        (place for place, score in enumerate(scores) if score[0] == score[0]),
        key=lambda place: (*scores[place], -place),
        reverse=True,
    )
    half = len(ranking) // 2
    return {"best": ranking[: min(DRAWN, len(ranking) - half)], "worst": ranking[::-1][: min(DRAWN, half)]}
