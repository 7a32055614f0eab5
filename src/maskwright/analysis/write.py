"""An analysis of effects as a folder: a text, CSV files, metrics.json and pictures."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.analysis.factors import level_text
from maskwright.analysis.report import summary
from maskwright.analysis.study import Analysis
from maskwright.outputs import replaced_folder, write_json
from maskwright.plots import effects as pictures
from maskwright.plots.figure import save_figure


def write_analysis(analysis: Analysis, out: Path) -> dict[str, Any]:
    """Write summary.txt, effects.csv, anova.csv, means.csv, plain_table.csv, metrics.json and plots/*.png.

    The folder `out` is replaced as a whole.

    Returns:
        What metrics.json holds.
    """
    metrics = _metrics(analysis)
    with replaced_folder(out) as folder:
        (folder / "summary.txt").write_text(summary(analysis), encoding="utf-8")
        tables = {
            "effects": analysis.effects,
            "anova": analysis.anova,
            "means": analysis.means,
            "plain_table": analysis.plain.rows,
        }
        for name, table in tables.items():
            # 10 digits: more is rounding, which may differ between processors.
            table.to_csv(folder / f"{name}.csv", index=False, float_format="%.10g", lineterminator="\n")
        write_json(folder / "metrics.json", metrics)
        model, checks = analysis.model, analysis.diagnostics
        figures = {
            "forest": pictures.forest(analysis.effects, model.unit),
            "main_effects": pictures.main_effects(
                analysis.means, model.trials.response, float(model.trials.y.mean())
            ),
            "interactions": pictures.interactions(
                model.trials.levels.map(level_text),
                model.trials.y,
                {factor.name: [level_text(level) for level in factor.levels] for factor in model.trials.factors},
                model.trials.response,
            ),
            "observed_fitted": pictures.observed_fitted(model.y, np.asarray(model.fit.fittedvalues), model.unit),
            "residuals": pictures.residuals(np.asarray(model.fit.fittedvalues), checks.residuals, model.unit),
            "normal_quantiles": pictures.normal_quantiles(checks.residuals),
            "influence": pictures.influence(checks.leverage, checks.residuals, checks.cooks, len(model.coefficients)),
        }
        for name, figure in figures.items():
            if figure is not None:
                save_figure(figure, folder / "plots" / f"{name}.png")
    return metrics


def _metrics(analysis: Analysis) -> dict[str, Any]:
    model, quality = analysis.model, analysis.quality
    effects = {
        f"{row['term']}: {row['change']}".replace("→", "to"): {
            name: _number(row[name]) for name in ("estimate", "low", "high", "p", "p_holm")
        }
        for row in analysis.effects.to_dict("records")
    }
    return {
        "runs": len(model.y),
        "configurations": model.configurations,
        "seeds": model.trials.seeds,
        "without_result": sum(model.trials.failed.values()),
        "residual_df": model.residual_df,
        "standard_errors": model.covariance.kind,
        "scale": "response" if model.transform == "none" else model.transform,
        "r2": _number(quality.r2),
        "adjusted_r2": _number(quality.adjusted_r2),
        "left_out_r2": _number(quality.left_out_r2),
        "lack_of_fit_p": _number(quality.lack_p),
        "breusch_pagan_p": _number(analysis.diagnostics.breusch_pagan_p),
        "warnings": len(analysis.diagnostics.warnings),
        "effects": effects,
    }


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.10g}")
