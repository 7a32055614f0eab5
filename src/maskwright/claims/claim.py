"""What a claim is: a statement, where it stands, and the number and range that decide it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from maskwright.claims.measures import Measure


class Source(NamedTuple):
    """Where a statement stands.

    Attributes:
        key: `mask channel`, `corner`, `attention`, `book` or `conditional`; docs/sources.md says what these are.
        place: the place in it, such as "table 11.13.1".
    """

    key: str
    place: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement and how it is tested. Statement and range are fixed before the training that decides.

    Attributes:
        experiment: the experiment that it belongs to.
        source: where the statement stands; None for what was found here.
        statement: one sentence; for a source's statement a paraphrase that keeps its meaning.
        reported: the source's own number, as it is printed there; "" if it gives none.
        quantity: what is measured here.
        measure: how it is taken from the results.
        low, high: the range in which the statement holds, ends included.
        reason: why the range is this one.
        comparable: whether the source's data and budget allow a verdict; if not, its number and ours stand side by
            side.
        equivalence: whether the statement says that nothing is lost or gained. It is then judged by two one-sided
            tests at 5 % against the two ends.
        digits: significant digits to print.
    """

    experiment: str
    source: Source | None = None
    statement: str
    reported: str = ""
    quantity: str
    measure: Measure
    low: float = -np.inf
    high: float = np.inf
    reason: str = ""
    comparable: bool = True
    equivalence: bool = False
    digits: int = 3
