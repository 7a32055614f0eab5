"""An analysis of effects for readers: one table on the terminal, and a text with everything."""

import io
import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from maskwright.effects.analysis import Analysis
from maskwright.effects.diagnostics import influential_runs
from maskwright.effects.model import Model
from maskwright.effects.tables import PlainTable

_WIDTH = 118


def print_analysis(analysis: Analysis, console: Console) -> None:
    """Print what was analysed, the effects as one table, how good the model is, and the warnings."""
    console.print(Text(_head(analysis.model), style="bold"))
    console.print(_effects(analysis, short=True))
    console.print(Text(f"Standard errors: {analysis.model.covariance.text}"))
    for line in _about_fit(analysis):
        console.print(Text(line))
    for warning in analysis.diagnostics.warnings:
        console.print(Text.assemble(("warning: ", "bold yellow"), warning))


def summary(analysis: Analysis) -> str:
    """Return everything as text, 118 characters wide: first the plain table, then what a reviewer asks for."""
    buffer = io.StringIO()
    console = Console(file=buffer, width=_WIDTH, color_system=None, force_terminal=False, legacy_windows=False)

    def say(*lines: str) -> None:
        for line in lines:
            console.print(Text(line))

    def head(title: str) -> None:
        say("", title, "=" * len(title))

    model, trials, plain = analysis.model, analysis.model.trials, analysis.plain
    title = f"Effects on {trials.response}"
    say(title, "=" * len(title))
    say(f"The plain table first: ordinary least squares on the means over the seeds ({plain.configurations} rows),")
    say("0/1 columns, no intercept, ordinary standard errors.")
    console.print(_plain(plain))
    say(f"R2 {plain.r2:.4f}")
    if plain.left_out:
        say(f"Left out, as sums of the columns above: {', '.join(plain.left_out)}")

    head("What was analysed")
    say(_head(model))
    for name, level in trials.constant.items():
        say(f"{name} is {level} in all of them, so it is not in the model")
    for column, other in model.design.aliased.items():
        say(f"{column.label} is aliased with {other}, so it is not in the model")
    say(*trials.remarks)
    for reason, count in trials.failed.items():
        say(f"{count} without a result: {reason}")
    for name, counts in trials.failed_levels.items():
        say(f"  by {name}: {', '.join(counts)}")
    for warning in analysis.diagnostics.warnings:
        say(f"warning: {warning}")

    head("Effects")
    say(f"In units of {model.unit}, per stated change, averaged over the levels of the other factors.")
    say(f"Standard errors: {model.covariance.text}.")
    console.print(_effects(analysis, short=False))
    say(
        "p (Holm): adjusted for the number of rows. in SDs: the standardised coefficient. detectable: the smallest",
        "effect that this plan finds with 80 % power (at 5 %, unadjusted).",
    )

    head("Analysis of variance (Type II)")
    console.print(_anova(analysis.anova))
    say("F, p: against the residual of the runs.")
    if analysis.quality.lack is not None and analysis.quality.pure_error is not None:
        say("(conf.): against the lack of fit, as if each configuration were one run.")

    head("Estimated mean at each level")
    console.print(_means(analysis))

    head("How good the model is")
    say(*_about_fit(analysis))

    head("Diagnostics")
    say(*_about_diagnostics(analysis))
    text = "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def _head(model: Model) -> str:
    trials = model.trials
    seeds = "seeds not recorded" if trials.seeds is None else _count(trials.seeds, "seed")
    return (
        f"{trials.response}: {_count(len(trials.y), 'run')}, {_count(model.configurations, 'configuration')}, "
        f"{seeds}, {_count(model.residual_df, 'residual degree')} of freedom"
    )


def _effects(analysis: Analysis, *, short: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("effect of", overflow="fold")
    for name in ("estimate", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    logit = "in_response" in analysis.effects
    columns = ["p (Holm)", "reading"] if short else ["p", "p (Holm)", "df", "in SDs", "detectable"]
    for name in [*columns, *([f"in {analysis.model.trials.response}"] if logit else [])]:
        table.add_column(Text(name), justify="left" if name == "reading" else "right", no_wrap=True)
    digits = _decimals(analysis.effects)
    for column, row in zip(analysis.model.design.columns, analysis.effects.to_dict("records"), strict=True):
        interval = (
            f"{_fixed(row['low'], digits)} to {_fixed(row['high'], digits)}" if row["low"] == row["low"] else "-"
        )
        cells = [column.label, _fixed(row["estimate"], digits, sign=True), interval]
        if short:
            cells += [_p(row["p_holm"]), _reading(row)]
        else:
            cells += [_p(row["p"]), _p(row["p_holm"]), _significant(row["df"], 3)]
            cells += [_fixed(row["standardised"], 2, sign=True), _fixed(row["detectable"], digits)]
        if logit:
            cells.append(_significant(row["in_response"], 3))
        table.add_row(*map(Text, cells))
    return table


def _reading(row: dict[Any, Any]) -> str:
    if math.isnan(row["p_holm"]):
        return "unknown"
    if row["p_holm"] >= 0.05:
        return "unclear"
    return "raises" if row["estimate"] > 0 else "lowers"


def _plain(plain: PlainTable) -> Table:
    digits = _decimals(plain.rows)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("column", "coefficient", "std err", "t", "P>|t|", "[0.025", "0.975]"):
        table.add_column(name, justify="left" if name == "column" else "right")
    for row in plain.rows.to_dict("records"):
        cells = [str(row["column"]), *(_fixed(row[name], digits) for name in ("estimate", "standard_error"))]
        cells += [_fixed(row["t"], 2), _p(row["p"]), *(_fixed(row[name], digits) for name in ("low", "high"))]
        table.add_row(*map(Text, cells))
    return table


def _means(analysis: Analysis) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("factor", "level", "runs", "observed", "estimated", "95 % interval"):
        table.add_column(name, justify="left" if name in ("factor", "level") else "right", overflow="fold")
    for row in analysis.means.to_dict("records"):
        low, high = (_significant(row[end], 5) for end in ("low", "high"))
        values = (_significant(row[name], 5) for name in ("observed", "mean"))
        interval = f"{low} to {high}" if low != "-" else "-"
        cells = [str(row["factor"]), str(row["level"]), str(row["runs"]), *values, interval]
        # A Text, because rich takes brackets in a str for markup.
        table.add_row(*map(Text, cells))
    return table


def _anova(frame: pd.DataFrame) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    shown = [name for name in frame.columns if not np.all(pd.isna(frame[name]))]
    for name in shown:
        title = name.replace("_configurations", " (conf.)")
        table.add_column(title, justify="left" if name == "term" else "right", overflow="fold")
    for row in frame.to_dict("records"):
        cells = []
        for name in shown:
            if not isinstance(row[name], float):
                cells.append(str(row[name]))
            elif math.isnan(row[name]):
                cells.append("")
            else:
                cells.append(_p(row[name]) if name in ("p", "p_configurations") else _significant(row[name], 4))
        table.add_row(*map(Text, cells))
    return table


def _about_fit(analysis: Analysis) -> list[str]:
    quality, model = analysis.quality, analysis.model
    left_out = "not defined (a configuration decides a coefficient alone)"
    if quality.left_out_r2 is not None:
        left_out = f"{quality.left_out_r2:.4f}"
    adjusted = "not defined" if quality.adjusted_r2 is None else f"{quality.adjusted_r2:.4f}"
    lines = [f"R2 {quality.r2:.4f}, adjusted {adjusted}, leaving out one configuration at a time {left_out}"]
    if quality.lack_p is not None:
        verdict = "more than chance" if quality.lack_p < 0.05 else "no more than chance explains"
        lines.append(
            f"Lack of fit against seed-to-seed error: F({quality.lack_df}, {quality.pure_error_df}) = "
            f"{quality.lack_f:.3g}, {_p_text(quality.lack_p)}: {verdict}"
        )
    elif quality.pure_error_df == 0:
        lines.append("Lack of fit: cannot be tested, since no configuration has a second seed")
    elif quality.lack_df == 0:
        lines.append("Lack of fit: cannot be tested, since the model has a coefficient for each configuration")
    else:
        lines.append("Lack of fit: cannot be tested, since the seeds of each configuration gave the same result")
    mains = [len(column.term) == 1 for column in model.design.columns]
    sizes = np.asarray(analysis.effects["detectable"], float)
    sizes = sizes[mains & np.isfinite(sizes)]
    if sizes.size:
        least, most = (_significant(value, 2) for value in (sizes.min(), sizes.max()))
        span = least if least == most else f"{least} to {most}"
        lines.append(f"Smallest effect that this plan finds with 80 % power: {span} ({model.unit})")
    return lines


def _about_diagnostics(analysis: Analysis) -> Iterable[str]:
    checks, model = analysis.diagnostics, analysis.model
    if checks.breusch_pagan_p is None:
        yield "Breusch-Pagan test of equal spread: nothing is left to test"
    else:
        yield f"Breusch-Pagan test of equal spread: {_p_text(checks.breusch_pagan_p)}"
    yield f"Largest leverage {checks.leverage.max():.3f} (mean {len(model.coefficients) / len(model.y):.3f})"
    if np.isfinite(checks.cooks).any():
        yield f"Largest Cook's distance {np.nanmax(checks.cooks):.3f}; runs above {min(1.0, 4 / len(model.y)):.3g}:"
        for text, distance in influential_runs(model, checks):
            yield f"  {distance:.3f}  {text}"
    yield "Variance inflation factors:"
    for label, value in checks.vif.items():
        yield f"  {value:5.2f}  {label}"


def _decimals(table: pd.DataFrame) -> int:
    """How many decimals show two digits of the smallest standard error, or three of the smallest estimate."""
    errors = np.asarray(table["standard_error"], float)
    errors = errors[errors > 0]
    sizes = np.abs(np.asarray(table["estimate"], float))
    sizes = sizes[sizes > 1e-9 * sizes.max()]
    if errors.size:
        return int(np.clip(1 - math.floor(math.log10(errors.min())), 0, 8))
    return int(np.clip(2 - math.floor(math.log10(sizes.min())), 0, 8)) if sizes.size else 3


def _fixed(value: float, decimals: int, *, sign: bool = False) -> str:
    return "-" if math.isnan(value) else f"{value:{'+' if sign else ''}.{decimals}f}"


def _significant(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}g}"


def _p(value: float) -> str:
    if math.isnan(value):
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _p_text(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
