"""The model's columns: what each factor and interaction contributes, and which columns cannot be told apart.

A category has one 0/1 column for each level except the reference. A number has one column, in which the stated change
is 1. An interaction has the products of its factors' columns, each centred at the mean over that factor's levels,
with equal weights. So the coefficient of a factor is its effect averaged over the levels of the other factors, with
or without interactions in the model, and the coefficient of an interaction is the difference between two effects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from maskwright.effects.factors import Factor, check_known
from maskwright.effects.trials import Trials
from maskwright.shared.errors import MaskwrightError

_RELATIVE_ZERO = 1e-8


@dataclass(frozen=True)
class Column:
    """One column of the model: its term (the names of one or two factors) and the change of each factor."""

    term: tuple[str, ...]
    changes: tuple[str, ...]

    @property
    def change(self) -> str:
        """What changes: "elu → relu", or "elu → relu; false → true" for an interaction."""
        return "; ".join(self.changes)

    @property
    def label(self) -> str:
        """The factors and what changes, in words."""
        return " : ".join(f"{name} {change}" for name, change in zip(self.term, self.changes, strict=True))


@dataclass(frozen=True)
class Design:
    """The columns that the trials can tell apart, without the constant one.

    Attributes:
        factors: the factors, by name.
        columns: (K - 1) columns, factors first.
        matrix: (N, K) float64; the first column is 1.
        kept: bool for each column in the order of the terms, aliased ones included: whether it is in the model.
        aliased: for each column left out, what it equals, in words.
        confounded: whether an interaction that is left out is, in these trials, partly the effect of a factor.
    """

    factors: dict[str, Factor]
    columns: tuple[Column, ...]
    matrix: np.ndarray
    kept: np.ndarray
    aliased: dict[Column, str]
    confounded: bool = False

    @property
    def terms(self) -> list[tuple[str, ...]]:
        """The terms that have columns in the model, in order."""
        return list(dict.fromkeys(column.term for column in self.columns))

    def row(self, settings: Mapping[str, Any]) -> np.ndarray:
        """Return (K,): the model's row for given levels of some factors, averaged over the levels of the others."""
        rows = []
        for term in dict.fromkeys([*(c.term for c in self.columns), *(c.term for c in self.aliased)]):
            rows.append((term, _term_codes([self.factors[name] for name in term], settings)))
        mains = [values for term, values in rows if len(term) == 1]
        pairs = [values for term, values in rows if len(term) == 2]
        return np.concatenate([[1.0], *mains, *pairs])[self.kept]


def term_text(term: Sequence[str]) -> str:
    """Return a term's name: "dropout", or "dropout : attention" for an interaction."""
    return " : ".join(term)


def parse_interactions(asked: Sequence[str], factors: Sequence[str]) -> list[tuple[str, str]]:
    """Turn "all", "none" or "A:B" texts into pairs of factors.

    Raises:
        MaskwrightError: a text is not such a pair, or names something that is not a factor.
    """
    if not asked or list(asked) == ["none"]:
        return []
    if list(asked) == ["all"]:
        return list(combinations(factors, 2))
    pairs = []
    for text in asked:
        # Names may contain colons, so every place to cut is tried.
        parts = text.split(":")
        cuts = [(":".join(parts[:n]).strip(), ":".join(parts[n:]).strip()) for n in range(1, len(parts))]
        found = [cut for cut in cuts if set(cut) <= set(factors) and cut[0] != cut[1]]
        if not found:
            if len(cuts) == 1:
                check_known(dict.fromkeys(cuts[0]), factors, "interaction of")
            raise MaskwrightError(f"interaction {text!r}: write two different factors as A:B, or all, or none")
        one, other = sorted(found[0], key=list(factors).index)
        if (one, other) not in pairs:
            pairs.append((one, other))
    return pairs


def make_design(trials: Trials, interactions: Sequence[tuple[str, str]] = ()) -> Design:
    """Build the model's columns and leave out each that is a sum of earlier ones (aliased)."""
    factors = {factor.name: factor for factor in trials.factors}
    columns: list[Column] = []
    blocks: list[np.ndarray] = [np.ones((len(trials.y), 1))]
    for factor in trials.factors:
        columns += [Column((factor.name,), (change,)) for change in factor.changes]
        blocks.append(factor.codes(list(trials.levels[factor.name])))
    for one, other in interactions:
        columns += [Column((one, other), (a, b)) for a in factors[one].changes for b in factors[other].changes]
        left, right = (factors[n].codes(list(trials.levels[n])) - _centre(factors[n]) for n in (one, other))
        blocks.append(np.einsum("ni,nj->nij", left, right).reshape(len(trials.y), -1))
    full = np.hstack(blocks)
    kept, combination = independent_columns(full)
    aliased = {}
    mains = [index for index, column in enumerate(columns, start=1) if len(column.term) == 1]
    left_out = [index for index in np.flatnonzero(~kept) if len(columns[index - 1].term) == 2]
    confounded = bool(np.any(np.abs(combination[left_out][:, mains]) > 1e-6))
    names = ["a constant", *(column.label for column in columns)]
    for index in np.flatnonzero(~kept):
        parts = [names[i] for i in np.flatnonzero(np.abs(combination[index]) > 1e-6) if i > 0]
        aliased[columns[index - 1]] = ", ".join(parts) or "a constant"
    return Design(
        factors=factors,
        columns=tuple(column for column, keep in zip(columns, kept[1:], strict=True) if keep),
        matrix=full[:, kept],
        kept=kept,
        aliased=aliased,
        confounded=confounded,
    )


def _centre(factor: Factor) -> np.ndarray:
    return factor.codes(list(factor.levels)).mean(axis=0)


def _term_codes(factors: Sequence[Factor], settings: Mapping[str, Any]) -> np.ndarray:
    codes = [f.codes([settings[f.name]])[0] if f.name in settings else _centre(f) for f in factors]
    if len(factors) == 1:
        return codes[0]
    left, right = (code - _centre(factor) for code, factor in zip(codes, factors, strict=True))
    return np.outer(left, right).ravel()


def independent_columns(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which columns (P,) are not a sum of earlier ones, and the weights (P, P) that make up the others."""
    size = matrix.shape[1]
    kept, combination = np.zeros(size, bool), np.zeros((size, size))
    norms = np.linalg.norm(matrix, axis=0)
    for index in range(size):
        basis = matrix[:, kept]
        weights = np.linalg.lstsq(basis, matrix[:, index], rcond=None)[0] if kept.any() else np.zeros(0)
        rest = np.linalg.norm(matrix[:, index] - basis @ weights)
        if rest > _RELATIVE_ZERO * max(norms[index], 1.0):
            kept[index] = True
        else:
            combination[index, kept] = weights
    return kept, combination
