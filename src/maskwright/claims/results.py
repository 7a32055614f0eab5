"""The results that decide the claims: tables of seeds, of test examples, of sweeps and of effects."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from maskwright.learning.replicates.tables import read_examples, read_replicates
from maskwright.shared.errors import MaskwrightError

Levels = tuple[tuple[str, str], ...]
"""Some factors of a sweep with a level each, as trials.csv writes it."""


@dataclass(frozen=True)
class Results:
    """A folder of results; each file is read when a claim first asks for it, and what was read is remembered.

    Attributes:
        folder: holds a folder for each experiment, `sweep` and `effects`.
    """

    folder: Path
    _read: dict[Path, Any] = field(default_factory=dict, init=False, repr=False)

    def details(self, experiment: str) -> dict[str, Any]:
        """Return the content of an experiment's `details.json`.

        Raises:
            MaskwrightError: the experiment has not been evaluated.
        """
        return self._once(self.file(f"{experiment}/details.json", f"evaluate {experiment}"), _read_json)

    def seeds(self, experiment: str, variant: str, measure: str) -> np.ndarray:
        """Return a measure of a variant, (R,), in the order of the seeds.

        Raises:
            KeyError: the variant was not trained, or has no such measure, or not for every seed.
            MaskwrightError: the experiment has not been evaluated.
        """
        table = self._once(self.file(f"{experiment}/plots/replicates.csv", f"evaluate {experiment}"), read_replicates)
        rows = table.loc[table["variant"] == variant]
        if rows.empty or np.isnan(np.asarray(rows[measure], float)).any():
            raise KeyError(f"{variant}/{measure}")
        return np.asarray(rows.sort_values(by="seed")[measure], float)

    def examples(self, experiment: str, variant: str, measure: str) -> np.ndarray | None:
        """Return a variant's mean over the seeds for each test example, (N,).

        None if the measure is not one of test examples. Errors as for `seeds`.
        """
        path = self.folder / experiment / "plots/examples.csv"
        if not path.is_file():
            return None
        column = f"{variant}/{measure}"
        table = self._once(path, read_examples)
        return np.asarray(table[column].dropna(), float) if column in table else None

    def examples_of_one(self, experiment: str, measure: str) -> np.ndarray:
        """Return a single network's measure of each test example, (N,); those without a value are left out.

        Raises:
            MaskwrightError: the experiment has not been evaluated.
        """
        table = self._once(self.file(f"{experiment}/plots/examples.csv", f"evaluate {experiment}"), read_examples)
        return np.asarray(table[measure].dropna(), float)

    def trials(self, sweep: str) -> pd.DataFrame:
        """Return the table of a sweep, a row for each combination and seed.

        Raises:
            MaskwrightError: the sweep has not been run.
        """
        return self._once(self.file(f"sweep/{sweep}/trials.csv", f"sweep {sweep}"), read_replicates)

    def trial_seeds(self, sweep: str, levels: Levels, measure: str) -> np.ndarray:
        """Return a measure of the trials with these levels, for each seed the mean over the other factors: (R,).

        Raises:
            KeyError: there is no such trial, or one of them did not finish.
            MaskwrightError: the sweep has not been run.
        """
        table = self.trials(sweep)
        rows = table[[all(str(row[key]) == level for key, level in levels) for _, row in table.iterrows()]]
        if rows.empty or {*rows["status"]} != {"finished"}:
            raise KeyError(f"{levels}")
        return np.asarray(rows.groupby("seed")[measure].mean(), float)

    def trial_examples(self, sweep: str, levels: Levels, measure: str) -> np.ndarray | None:
        """Return the mean over these trials for each test example, (N,); None if that is not known."""
        path = self.folder / "sweep" / sweep / "examples.csv"
        if not path.is_file():
            return None
        wanted = {f"{key}={level}" for key, level in levels}
        table = self._once(path, read_examples)
        columns = {name: str(name).rpartition("/") for name in table}
        chosen = [name for name, (of, _, what) in columns.items() if what == measure and wanted <= {*of.split(" ")}]
        return np.asarray(table[chosen].mean(axis=1), float) if chosen else None

    def effects(self, sweep: str, response: str) -> dict[str, Any]:
        """Return the analysis of a sweep's effects on a response: the content of its `metrics.json`.

        Raises:
            MaskwrightError: they have not been analysed.
        """
        return self._once(
            self.file(f"effects/{sweep}/tables/{response}/metrics.json", f"effects {sweep}"), _read_json
        )

    def file(self, name: str, command: str) -> Path:
        """Return the path of a file.

        Raises:
            MaskwrightError: it is missing; the error names the command that makes it.
        """
        path = self.folder / name
        if not path.is_file():
            raise MaskwrightError(f"{path}: no such file; run `maskwright {command}` first")
        return path

    def _once(self, path: Path, read: Callable[[Path], Any]) -> Any:
        if path not in self._read:
            self._read[path] = read(path)
        return self._read[path]


def text_of(levels: Mapping[str, str] | Levels) -> str:
    """Write levels as the columns of examples.csv have them: "offsets=raw loss.offsets=l1"."""
    return " ".join(f"{key}={level}" for key, level in dict(levels).items())


def _read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))
