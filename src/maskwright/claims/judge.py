"""The verdict on each claim. Imports no TensorFlow.

A claim is a statement, a number that would show it, and the range in which that number must lie. The number has up to
two 95 % intervals, over the seeds and over the test examples (`reporting.intervals`). The claim

    holds                   if both lie in the range
    does not hold           if both lie beyond one end of it
    cannot be told          otherwise
    not comparable          if the source's data or budget allow no verdict
    not measured            if what it needs was not trained

A statement that nothing is lost or gained holds if two one-sided tests at 5 % reject a true value beyond either end
of the range, as if a 90 % interval lay within it (Schuirmann 1987, https://doi.org/10.1007/BF01068419).

Among many verdicts some are wrong by chance. So each row that chance has a part in also has a p, the probability of
evidence as strong if the true value lay at the range's end, and Holm's adjustment of it over its table.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.claims.claim import Claim
from maskwright.claims.evidence import Evidence
from maskwright.claims.results import Results

HOLDS, FAILS, UNTOLD, INCOMPARABLE, MISSING = (
    "holds",
    "does not hold",
    "cannot be told",
    "not comparable",
    "not measured",
)

LEVEL = 0.05
"""Of a verdict by itself, and of all verdicts of a table together."""

SOURCES, FOUND = "sources", "found"
"""The two tables: what the sources say, and what was found here."""


def verdict(claim: Claim, evidence: Evidence) -> str:
    """Return the verdict on a claim."""
    if not claim.comparable:
        return INCOMPARABLE
    if not evidence.count and evidence.test is None:
        return HOLDS if claim.low <= evidence.seeds.mean <= claim.high else FAILS
    for decision in (HOLDS, FAILS):
        if p_of(claim, evidence, decision) < LEVEL:
            return decision
    return UNTOLD


def p_of(claim: Claim, evidence: Evidence, decision: str) -> float:
    """Return the p of a decision, two-sided; of an equivalence the larger of the two one-sided ones.

    It is below 5 % where both 95 % intervals lie within the range, or beyond one of its ends.
    """
    if decision == HOLDS:
        one_sided = max(evidence.p_above(claim.low), evidence.p_below(claim.high))
        return one_sided if claim.equivalence else min(1.0, 2 * one_sided)
    beyond = min(
        evidence.p_below(claim.low) if math.isfinite(claim.low) else 1.0,
        evidence.p_above(claim.high) if math.isfinite(claim.high) else 1.0,
    )
    return min(1.0, 2 * beyond)


def judge(claims: Sequence[Claim], results: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the two tables, as `claims.json` holds them: a row for each claim.

    Args:
        claims: what to judge.
        results: the folder that holds a folder for each experiment.

    Raises:
        MaskwrightError: an experiment has not been evaluated, a sweep not run, or its effects not analysed.
    """
    read = Results(results)
    tables: dict[str, list[dict[str, Any]]] = {SOURCES: [], FOUND: []}
    for claim in claims:
        tables[FOUND if claim.source is None else SOURCES].append(_row(claim, read))
    for rows in tables.values():
        tested = [row for row in rows if row["p"] is not None]
        for row, adjusted in zip(tested, holm([row["p"] for row in tested]), strict=True):
            row["p_holm"] = _rounded(adjusted, 3)
            row["p"] = _rounded(row["p"], 3)
    return tables


def holm(p: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p, in the given order.

    Sorted, the k-th smallest of n is multiplied by n - k + 1, and is at least the one before it and at most 1.

    Example:
        0.01, 0.04, 0.03: 3 · 0.01 = 0.03; 2 · 0.03 = 0.06; 1 · 0.04 is raised to 0.06. So 0.03, 0.06, 0.06.

    References:
        S. Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6.
    """
    values = np.asarray(p, float)
    order = np.argsort(values, kind="stable")
    factors = len(values) - np.arange(len(values))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * factors))
    return adjusted.tolist()


def _row(claim: Claim, results: Results) -> dict[str, Any]:
    row: dict[str, Any] = {
        "experiment": claim.experiment,
        "source": claim.source and claim.source.key,
        "place": claim.source and claim.source.place,
        "statement": claim.statement,
        "reported": claim.reported,
        "quantity": claim.quantity,
        "holds_from": _finite(claim.low),
        "holds_to": _finite(claim.high),
        "equivalence": claim.equivalence,
        "reason": claim.reason,
    }
    missing = {**dict.fromkeys(("measured", "low", "high", "test_low", "test_high")), "seeds": 0, "examples": 0}
    recipe = claim.measure.recipe
    try:
        evidence = claim.measure.evidence(results)
    except KeyError:
        return {**row, **missing, "verdict": MISSING, "p": None, "recipe": recipe}
    numbers: Mapping[str, float | None] = {
        "measured": evidence.seeds.mean,
        "low": _finite(evidence.seeds.low) if evidence.count else None,
        "high": _finite(evidence.seeds.high) if evidence.count else None,
        "test_low": evidence.test and evidence.test.low,
        "test_high": evidence.test and evidence.test.high,
    }
    decision = verdict(claim, evidence)
    chance = claim.comparable and (evidence.count or evidence.test is not None)
    return {
        **row,
        **{name: _rounded(value, claim.digits) for name, value in numbers.items()},
        "seeds": evidence.count,
        "examples": evidence.examples,
        "verdict": decision,
        "p": min(p_of(claim, evidence, one) for one in (HOLDS, FAILS)) if chance else None,
        "recipe": recipe,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.{digits}g}")
