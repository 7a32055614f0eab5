"""What can be measured for a claim. Each measure is data: it names the columns that it is taken from.

`recipe` is the same in plain values, which claims.json holds, so that a reader can compute the number again.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from typing import Any, Protocol

import numpy as np

from maskwright.claims.evidence import (
    Evidence,
    exact,
    of_intervals,
    of_mean,
    of_share,
    of_share_difference,
    of_student,
)
from maskwright.claims.results import Levels, Results, text_of
from maskwright.reporting.intervals import Interval


class Values(Protocol):
    """A number for each seed, always in the same order, and perhaps for each test example."""

    def seeds(self, results: Results) -> np.ndarray:
        """Return (R,). KeyError if it was not measured."""
        ...

    def examples(self, results: Results) -> np.ndarray | None:
        """Return the mean over the seeds for each test example, (N,); None if there is none."""
        ...

    @property
    def column(self) -> str:
        """Where the numbers stand: a table in `results/evidence`, and its column."""
        ...


@dataclass(frozen=True)
class OfSeeds:
    """A measure of each seed of a variant."""

    experiment: str
    variant: str
    measure: str

    def seeds(self, results: Results) -> np.ndarray:
        """Return the column of plots/replicates.csv."""
        return results.seeds(self.experiment, self.variant, self.measure)

    def examples(self, results: Results) -> np.ndarray | None:
        """Return the column of plots/examples.csv."""
        return results.examples(self.experiment, self.variant, self.measure)

    @property
    def column(self) -> str:
        """As "xor: signal/accuracy"."""
        return f"{self.experiment}: {self.variant}/{self.measure}"


@dataclass(frozen=True)
class OfTrials:
    """A measure of a sweep's trials with some levels: for each seed the mean over the other factors."""

    sweep: str
    levels: Levels
    measure: str

    def seeds(self, results: Results) -> np.ndarray:
        """Return the means of trials.csv."""
        return results.trial_seeds(self.sweep, self.levels, self.measure)

    def examples(self, results: Results) -> np.ndarray | None:
        """Return the means of the sweep's examples.csv."""
        return results.trial_examples(self.sweep, self.levels, self.measure)

    @property
    def column(self) -> str:
        """As "sweep detection: offsets=raw/ap50"."""
        return f"sweep {self.sweep}: {text_of(self.levels)}/{self.measure}"


@dataclass(frozen=True)
class Equal:
    """1 for each seed for which both are equal, else 0."""

    first: Values
    second: Values

    def seeds(self, results: Results) -> np.ndarray:
        """Return (R,)."""
        return (self.first.seeds(results) == self.second.seeds(results)).astype(int)

    def examples(self, results: Results) -> None:
        """Return None: it is said of whole networks."""
        return

    @property
    def column(self) -> str:
        """As "clustering: iic/a = clustering: iic/b"."""
        return f"{self.first.column} = {self.second.column}"


@dataclass(frozen=True)
class AtMost:
    """1 for each seed whose value is no greater than a limit, else 0."""

    values: Values
    limit: float

    def seeds(self, results: Results) -> np.ndarray:
        """Return (R,)."""
        return (self.values.seeds(results) <= self.limit).astype(int)

    def examples(self, results: Results) -> None:
        """Return None: it is said of whole networks."""
        return

    @property
    def column(self) -> str:
        """As "corner: a/b <= 0.5"."""
        return f"{self.values.column} <= {self.limit:g}"


@dataclass(frozen=True)
class Highest:
    """1 for each seed for which no other value is greater than the first, else 0."""

    first: Values
    others: tuple[Values, ...]

    def seeds(self, results: Results) -> np.ndarray:
        """Return (R,)."""
        return np.all([self.first.seeds(results) >= other.seeds(results) for other in self.others], axis=0).astype(
            int
        )

    def examples(self, results: Results) -> None:
        """Return None: it is said of whole trainings."""
        return

    @property
    def column(self) -> str:
        """As "sweep a: b=c/d >= sweep a: b=e/d >= ..."."""
        return " >= ".join(values.column for values in (self.first, *self.others))


def of_trials(sweep: str, measure: str, levels: Mapping[str, str]) -> OfTrials:
    """Take a measure of the trials with these levels."""
    return OfTrials(sweep, tuple(levels.items()), measure)


class Measure(Protocol):
    """What decides a claim."""

    def evidence(self, results: Results) -> Evidence:
        """Take it from the results. KeyError if it was not measured."""
        ...

    @property
    def recipe(self) -> dict[str, Any]:
        """How to compute it again, as claims.json holds it."""
        ...


@dataclass(frozen=True)
class Mean:
    """The mean over the seeds; its interval is cut to the bounds."""

    values: Values
    bounds: tuple[float, float] | None = None

    def evidence(self, results: Results) -> Evidence:
        """Take it from the results."""
        return of_mean(self.values.seeds(results), self.values.examples(results), self.bounds)

    @property
    def recipe(self) -> dict[str, Any]:
        """A column."""
        return {"mean": self.values.column}


@dataclass(frozen=True)
class Difference:
    """How much greater the first is than the second, seed by seed and test example by test example."""

    first: Values
    second: Values

    def evidence(self, results: Results) -> Evidence:
        """Take it from the results."""
        examples = [values.examples(results) for values in (self.first, self.second)]
        both = None if examples[0] is None or examples[1] is None else examples[0] - examples[1]
        return of_mean(self.first.seeds(results) - self.second.seeds(results), both)

    @property
    def recipe(self) -> dict[str, Any]:
        """Two columns."""
        return {"mean": self.first.column, "less": self.second.column}


@dataclass(frozen=True)
class Share:
    """The share of the seeds for which something happened: their value is 1, not 0."""

    values: Values

    def evidence(self, results: Results) -> Evidence:
        """Take it from the results."""
        return of_share(*_counted(self.values, results))

    @property
    def recipe(self) -> dict[str, Any]:
        """A column of 0 and 1."""
        return {"share": self.values.column}


@dataclass(frozen=True)
class ShareDifference:
    """The share of the seeds for which the first happened, less that for which the second did."""

    first: Values
    second: Values

    def evidence(self, results: Results) -> Evidence:
        """Take it from the results."""
        return of_share_difference(_counted(self.first, results), _counted(self.second, results))

    @property
    def recipe(self) -> dict[str, Any]:
        """Two columns of 0 and 1."""
        return {"share": self.first.column, "less": self.second.column}


@dataclass(frozen=True)
class Number:
    """A number of `details.json` that depends on no chance."""

    experiment: str
    keys: tuple[str, ...]

    def evidence(self, results: Results) -> Evidence:
        """Take it from the results."""
        value: Any = reduce(getitem, self.keys, results.details(self.experiment))
        return exact(float(value))

    @property
    def recipe(self) -> dict[str, Any]:
        """The keys that lead to it."""
        return {"number": f"{self.experiment}: {'/'.join(self.keys)}"}


@dataclass(frozen=True)
class Stored:
    """A number of `details.json` with its intervals; the keys lead to it, and to the number of seeds."""

    experiment: str
    keys: tuple[str, ...]
    seeds: tuple[str, ...]
    examples: int

    def evidence(self, results: Results) -> Evidence:
        """Take it from the results."""
        details = results.details(self.experiment)
        found: Any = reduce(getitem, self.keys, details)
        count: Any = reduce(getitem, self.seeds, details)
        test = Interval(found["mean"], found["test_low"], found["test_high"]) if "test_low" in found else None
        return of_intervals(Interval(found["mean"], found["low"], found["high"]), test, count, self.examples)

    @property
    def recipe(self) -> dict[str, Any]:
        """The keys that lead to it."""
        return {"number": f"{self.experiment}: {'/'.join(self.keys)}"}


@dataclass(frozen=True)
class OneTraining:
    """A measure of a single network: the mean over the test examples of its `plots/examples.csv`."""

    experiment: str
    measure: str

    def evidence(self, results: Results) -> Evidence:
        """Take it from the results."""
        values = results.examples_of_one(self.experiment, self.measure)
        # A single training says nothing of what another one would give.
        return of_mean(np.array([values.mean()]), values, (0, 1))

    @property
    def recipe(self) -> dict[str, Any]:
        """The measure's name."""
        return {"examples": f"{self.experiment}: {self.measure}"}


@dataclass(frozen=True)
class Effect:
    """The effect of a change on a response of a sweep, by its name in the effects' `metrics.json`."""

    sweep: str
    response: str
    change: str

    def evidence(self, results: Results) -> Evidence:
        """Take it from the results."""
        analysis = results.effects(self.sweep, self.response)
        found = analysis["effects"][self.change]
        known = found.get("test_low") is not None
        test = Interval(found["estimate"], found["test_low"], found["test_high"]) if known else None
        return _of_coefficient(found, analysis["seeds"], test, analysis.get("examples", 0) if known else 0)

    @property
    def recipe(self) -> dict[str, Any]:
        """The change, the response and the sweep."""
        return {"effect": f"sweep {self.sweep}: {self.change}", "on": self.response}


@dataclass(frozen=True)
class Coefficient:
    """A coefficient of the sources' own regression, without intercept, of a sweep's response."""

    sweep: str
    response: str
    name: str

    def evidence(self, results: Results) -> Evidence:
        """Take it from the results."""
        analysis = results.effects(self.sweep, self.response)
        return _of_coefficient(analysis["plain_table"][self.name], analysis["seeds"], None, 0)

    @property
    def recipe(self) -> dict[str, Any]:
        """The coefficient's name, the response and the sweep."""
        return {"coefficient": f"sweep {self.sweep}: {self.name}", "on": self.response}


def _counted(values: Values, results: Results) -> tuple[int, int]:
    taken = values.seeds(results)
    return int(taken.sum()), len(taken)


def _of_coefficient(found: Mapping[str, Any], seeds: int, test: Interval | None, examples: int) -> Evidence:
    """Return a row of an analysis. Without residual degrees of freedom it has an estimate, but no standard error."""
    estimate, error = found["estimate"], found["standard_error"]
    if error is None:
        return of_student(Interval(estimate, -math.inf, math.inf), math.inf, 0, seeds, test, examples)
    return of_student(Interval(estimate, found["low"], found["high"]), error, found["df"], seeds, test, examples)
