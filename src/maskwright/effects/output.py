"""An analysis of effects as a folder: a text, CSV files, metrics.json and pictures."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from maskwright.effects import plots
from maskwright.effects.analysis import Analysis
from maskwright.effects.factors import level_text
from maskwright.effects.summary import summary
from maskwright.reporting.figure import save_figure
from maskwright.shared.outputs import replaced_folder, write_json


def write_analysis(analysis: Analysis, out: Path, pictures: Path | None = None) -> dict[str, Any]:
    """Write summary.txt, effects.csv, paired.csv, anova.csv, means.csv, plain_table.csv, metrics.json, and pictures.

    Args:
        analysis: what to write.
        out: the folder for texts and tables; replaced as a whole.
        pictures: the folder for pictures, also replaced; None for `plots` in `out`.

    Returns:
        What metrics.json holds.
    """
    metrics = _metrics(analysis)
    with replaced_folder(out) as folder:
        (folder / "summary.txt").write_text(summary(analysis), encoding="utf-8")
        tables = {
            "effects": analysis.effects,
            "paired": analysis.paired,
            "anova": analysis.anova,
            "means": analysis.means,
            "plain_table": analysis.plain.rows,
        }
        for name, table in tables.items():
            # 10 digits: further digits are rounding errors, which may differ between processors.
            table.to_csv(folder / f"{name}.csv", index=False, float_format="%.10g", lineterminator="\n")
        write_json(folder / "metrics.json", metrics)
        if pictures is None:
            _save_pictures(analysis, folder / "plots")
    if pictures is not None:
        with replaced_folder(pictures) as folder:
            _save_pictures(analysis, folder)
    return metrics


def _save_pictures(analysis: Analysis, folder: Path) -> None:
    model, checks = analysis.model, analysis.diagnostics
    trials, fitted = model.trials, np.asarray(model.fit.fittedvalues)
    levels = {factor.name: [level_text(level) for level in factor.levels] for factor in trials.factors}
    figures = {
        "forest": plots.forest(analysis.effects, model.unit),
        "main_effects": plots.main_effects(analysis.means, trials.response, float(trials.y.mean())),
        "interactions": plots.interactions(trials.levels.map(level_text), trials.y, levels, trials.response),
        "observed_fitted": plots.observed_fitted(model.y, fitted, model.unit),
        "residuals": plots.residuals(fitted, checks.residuals, model.unit),
        "normal_quantiles": plots.normal_quantiles(checks.residuals),
        "influence": plots.influence(checks.leverage, checks.residuals, checks.cooks, len(model.coefficients)),
    }
    for name, figure in figures.items():
        if figure is not None:
            save_figure(figure, folder / f"{name}.png")


def _metrics(analysis: Analysis) -> dict[str, Any]:
    choice, model, quality = analysis.choice, analysis.model, analysis.quality
    effects = _by_change(analysis.effects, ("estimate", "low", "high", "standard_error", "df", "p", "p_holm"))
    for found, row in zip(effects.values(), analysis.effects.to_dict("records"), strict=True):
        if math.isfinite(row["test_low"]):
            found |= {name: _number(row[name]) for name in ("test_low", "test_high")}
    beside = [f"additive_{name}" for name in ("estimate", "low", "high", "p_holm")]
    mains = analysis.effects.dropna(subset=["additive_estimate"])
    plain = analysis.plain.rows.to_dict("records")
    return {
        "model": choice.name,
        "model_reason": choice.reason,
        "runs": len(model.y),
        "configurations": model.configurations,
        "seeds": model.trials.seeds,
        "examples": analysis.test_examples,
        "without_result": sum(model.trials.failed.values()),
        "residual_df": model.residual_df,
        "standard_errors": model.covariance.kind,
        "scale": "response" if model.transform == "none" else model.transform,
        "r2": _number(quality.r2),
        "adjusted_r2": _number(quality.adjusted_r2),
        "left_out_r2": _number(quality.left_out_r2),
        "lack_of_fit_p": _number(quality.lack_p),
        "additive_lack_of_fit_p": _number(choice.additive_quality.lack_p),
        "breusch_pagan_p": _number(analysis.diagnostics.breusch_pagan_p),
        "warnings": len(analysis.diagnostics.warnings),
        "effects": effects,
        "additive_effects": {
            change: {name.removeprefix("additive_"): value for name, value in row.items()}
            for change, row in _by_change(mains, beside).items()
        },
        "pairs": _by_change(analysis.paired, list(analysis.paired.columns[2:])),
        "plain_table": {
            row["column"]: {
                **{name: _number(row[name]) for name in ("estimate", "standard_error", "low", "high", "p")},
                "df": analysis.plain.configurations - len(plain),
            }
            for row in plain
        },
    }


def _by_change(table: pd.DataFrame, names: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Return the named columns of each row, by its term and change: "dropout: 0 to 0.2"."""
    return {
        f"{row['term']}: {row['change']}".replace("→", "to"): {name: _number(row[name]) for name in names}
        for row in table.to_dict("records")
    }


def _number(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.10g}")
