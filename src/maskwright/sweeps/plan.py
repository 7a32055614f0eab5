"""The plan of a sweep: which combinations of levels, with which seeds. Everything is checked before anything runs."""

import hashlib
import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from maskwright.catalogue import EXPERIMENTS
from maskwright.params import Params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Section
from maskwright.shared.sweep_settings import Sweep

_MOST_TRIALS = 100_000
_FEWEST_TO_HALVE = 3  # with two factors, half the combinations show only one, the other or their sum


@dataclass(frozen=True)
class Trial:
    """One training of a sweep.

    Attributes:
        name: ten hexadecimal digits made from all settings of the experiment, seed included; the same in every sweep.
        levels: the level of each factor.
        seed: the seed.
    """

    name: str
    levels: dict[str, Any]
    seed: int


@dataclass(frozen=True)
class Plan:
    """A sweep, ready to run.

    Attributes:
        name: the sweep's name.
        sweep: its section of params.yaml.
        base: the section of its experiment, as in params.yaml.
        trials: ordered by combination, in the order of the factors, with the last factor's level changing fastest;
            the seeds of a combination are consecutive.
        folders: the data folder of each trial, by name, where the levels choose the data; empty where they are
            settings, and all trials have the data of the experiment.
    """

    name: str
    sweep: Sweep
    base: Section
    trials: tuple[Trial, ...]
    folders: Mapping[str, Path] = field(default_factory=dict)

    def settings(self, trial: Trial) -> Section:
        """Return the experiment's section for one trial: that of params.yaml with the trial's levels and its seed."""
        return _with_settings(self.base, self.sweep, {} if self.folders else trial.levels, trial.seed)


def sweep_section(name: str, params: Params) -> Sweep:
    """Return the section of a sweep.

    Raises:
        MaskwrightError: there is no such sweep.
    """
    if name not in params.sweeps.entries:
        listed = ", ".join(params.sweeps.entries) or "none"
        raise MaskwrightError(f"{name}: no such sweep; params.yaml has, under sweeps: {listed}")
    return params.sweeps.entries[name]


def plan_sweep(name: str, params: Params) -> Plan:
    """Lay out the trials of a sweep of params.yaml.

    Raises:
        MaskwrightError: there is no such sweep or experiment, a factor is not a key of the experiment's section, the
            section rejects a level or a combination, two levels are the same, or there is nothing to choose from.
    """
    sweep = sweep_section(name, params)
    where = f"params.yaml: sweeps.{name}"
    if sweep.experiment not in EXPERIMENTS:
        raise MaskwrightError(
            f"{where}.experiment: no experiment {sweep.experiment!r}; there is {', '.join(EXPERIMENTS)}"
        )
    for key in (*sweep.factors, *sweep.fixed):
        if key == "seed":
            raise MaskwrightError(f"{where}: seed is not a factor; list the seeds under seeds")
        if key in sweep.factors and key in sweep.fixed:
            raise MaskwrightError(f"{where}: {key} is both a factor and fixed; remove one")
    base = params.section(sweep.experiment)
    first: int = base.seed
    seeds = sweep.seeds if isinstance(sweep.seeds, list) else range(first, first + sweep.seeds)
    combinations = _combinations(sweep, where)
    if len(combinations) * len(seeds) > _MOST_TRIALS:
        raise MaskwrightError(
            f"{where}: {len(combinations):,} combinations with {len(seeds):,} seeds; a sweep has at most "
            f"{_MOST_TRIALS:,} trials, so lower either number"
        )
    trials: dict[str, Trial] = {}
    for levels in combinations:
        for seed in seeds:
            settings = _checked(base, sweep, levels, seed, where)
            text = json.dumps([sweep.experiment, settings.model_dump(mode="json")], sort_keys=True)
            trial = Trial(hashlib.sha256(text.encode()).hexdigest()[:10], levels, seed)
            same = trials.setdefault(trial.name, trial)
            if same is not trial:
                raise MaskwrightError(f"{where}: {_text(same.levels)} and {_text(levels)} are the same; remove one")
    return Plan(name, sweep, base, tuple(trials.values()))


def _combinations(sweep: Sweep, where: str) -> list[dict[str, Any]]:
    combinations = math.prod(map(len, sweep.factors.values()))
    if combinations > _MOST_TRIALS:
        raise MaskwrightError(
            f"{where}.factors: {combinations:,} combinations; a sweep has at most {_MOST_TRIALS:,}, so leave some out"
        )
    places = list(product(*(range(len(levels)) for levels in sweep.factors.values())))
    if sweep.fraction == "half":
        # The regular half fraction I = +AB...K: of the two-level factors' combinations, those with an even number of
        # second levels. Each such factor's main effect is aliased only with the interaction of all the others.
        halved = [number for number, levels in enumerate(sweep.factors.values()) if len(levels) == 2]
        if len(halved) < _FEWEST_TO_HALVE:
            raise MaskwrightError(
                f"{where}.fraction: half needs {_FEWEST_TO_HALVE} or more factors with two levels, but there are "
                f"{len(halved)}; set full, or use subset"
            )
        places = [place for place in places if sum(place[number] for number in halved) % 2 == 0]
    excluded = [_excluded(sweep, number, where) for number in range(len(sweep.exclude))]
    places = [place for place in places if not any(row.items() <= dict(enumerate(place)).items() for row in excluded)]
    if not places:
        raise MaskwrightError(f"{where}.exclude: leaves no combination; remove a row")
    if sweep.subset is not None:
        wanted = sweep.subset.configurations
        if wanted > len(places):
            raise MaskwrightError(f"{where}.subset.configurations: {wanted} of only {len(places)}; lower it")
        places = sorted(random.Random(sweep.subset.seed).sample(places, wanted))
    return [
        {key: levels[number] for (key, levels), number in zip(sweep.factors.items(), place, strict=True)}
        for place in places
    ]


def _excluded(sweep: Sweep, row: int, where: str) -> dict[int, int]:
    """Return a row of `exclude`: the index of each of its factors, and the index of the factor's level."""
    factors = list(sweep.factors)
    places = {}
    for key, level in sweep.exclude[row].items():
        if key not in factors or level not in sweep.factors[key]:
            raise MaskwrightError(f"{where}.exclude: {_text({key: level})} is not a level of a factor")
        places[factors.index(key)] = sweep.factors[key].index(level)
    if not places:
        raise MaskwrightError(f"{where}.exclude: row {row + 1} names no factor")
    return places


def _checked(base: Section, sweep: Sweep, levels: Mapping[str, Any], seed: int, where: str) -> Section:
    try:
        return _with_settings(base, sweep, levels, seed)
    except ValidationError as error:
        raise MaskwrightError("; ".join(_describe(error, sweep, levels, where))) from None


def _with_settings(base: Section, sweep: Sweep, levels: Mapping[str, Any], seed: int) -> Section:
    values = base.model_dump(mode="json")
    for key, value in {**sweep.fixed, **levels, "seed": seed}.items():
        inner = values
        *parents, last = key.split(".")
        for parent in parents:
            below = inner.get(parent)
            # If this is not a section, its model rejects it.
            inner[parent] = below if isinstance(below, dict) else {}
            inner = inner[parent]
        inner[last] = value
    return type(base).model_validate(values)


def _describe(error: ValidationError, sweep: Sweep, levels: Mapping[str, Any], where: str) -> Iterator[str]:
    for item in error.errors():
        place = ".".join(str(part) for part in item["loc"])
        settings = {**sweep.fixed, **levels}
        key = next((key for key in settings if f"{place}.".startswith(f"{key}.")), None)
        key = key or next((key for key in settings if place and key.startswith(f"{place}.")), None)
        message = item["msg"].removeprefix("Value error, ")
        if key is None:
            yield f"{where}: {_text(levels)}: {message}"
        elif item["type"] == "extra_forbidden":
            yield f"{where}.{_group(sweep, key)}.{key}: the section {sweep.experiment} has no such key"
        else:
            yield f"{where}.{_group(sweep, key)}.{key}: {json.dumps(settings[key])}: {message}"


def _group(sweep: Sweep, key: str) -> str:
    return "factors" if key in sweep.factors else "fixed"


def _text(levels: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {json.dumps(level)}" for key, level in levels.items())
