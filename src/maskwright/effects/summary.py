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
from maskwright.effects.choice import p_text
from maskwright.effects.diagnostics import influential_runs
from maskwright.effects.model import Model, Quality
from maskwright.effects.tables import PlainTable
from maskwright.shared import terminal

_WIDTH = 118
_WIDE = 100  # from this width on, the terminal's table has the intervals over the test examples


def print_analysis(analysis: Analysis, console: Console) -> None:
    """Print what was analysed, the effects, pairs beside them, how good the model is, and the warnings."""
    console.print(Text(_head(analysis.model), style="bold"))
    console.print(Text(f"Model: {analysis.choice.reason}"))
    for line in _left_out(analysis.model):
        console.print(Text(line))
    is_pair = _is_pair(analysis)
    console.print(_effects(analysis, ~is_pair, short=True, wide=console.width >= _WIDE))
    if is_pair.any():
        all_asked = analysis.choice.name == "asked" or not _certain(analysis)
        shown = is_pair if all_asked else is_pair & _matters(analysis)
        console.print(Text(_about_interactions(analysis)))
        if shown.any():
            console.print(_effects(analysis, shown, short=True, wide=console.width >= _WIDE))
    if analysis.choice.additive is not analysis.model:
        console.print(Text("The additive model, for comparison:"))
        console.print(_additive(analysis))
    if len(analysis.paired):
        console.print(Text("Pairs of configurations that differ in one factor only:"))
        console.print(_paired(analysis))
    if analysis.examples:
        console.print(Text(f"No intervals over the test examples: {analysis.examples}"))
    console.print(Text(f"Standard errors: {analysis.model.covariance.text}"))
    for line in _about_fit(analysis):
        console.print(Text(line))
    for warning in analysis.diagnostics.warnings:
        console.print(Text.assemble(("warning: ", "bold yellow"), warning))


def summary(analysis: Analysis) -> str:
    """Return everything as text, 118 characters wide: first the plain table, then what a reviewer asks for."""
    buffer = io.StringIO()
    options = {"color_system": None, "force_terminal": False, "legacy_windows": False}
    console = terminal.console(file=buffer, width=_WIDTH, **options)

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
    say(_head(model), f"Model: {analysis.choice.reason}", *_left_out(model))
    for name, counts in trials.failed_levels.items():
        say(f"  by {name}: {', '.join(counts)}")
    for warning in analysis.diagnostics.warnings:
        say(f"warning: {warning}")

    head("Effects")
    say(f"The model: {analysis.choice.reason}.")
    say(f"In units of {model.unit}, per stated change, averaged over the levels of the other factors.")
    say(f"Standard errors: {model.covariance.text}.")
    console.print(_effects(analysis, np.ones(len(analysis.effects), bool), short=False))
    say(
        "p (Holm): adjusted for the number of rows, those of factors and of interactions separately. in SDs: the",
        "standardised coefficient. detectable: the smallest effect that this plan finds with 80 % power (at 5 %,",
        "unadjusted).",
    )
    if _tested(analysis):
        say("How sure the effects are of the test examples: 95 % intervals, by the bootstrap over these.")
        console.print(_effects(analysis, ~_is_pair(analysis), short=True, wide=True))
    if analysis.examples:
        say(f"No intervals over the test examples: {analysis.examples}")
    if model.has_interactions:
        say(_about_interactions(analysis))
        console.print(_effects(analysis, _is_pair(analysis) & _matters(analysis), short=True, wide=True))
    if analysis.choice.additive is not model:
        say("The additive model, for comparison:")
        console.print(_additive(analysis))
        say(_about_lack(analysis.choice.additive_quality))

    head("Pairs of configurations that differ in one factor only")
    if len(analysis.paired):
        say("Differences between the means over the seeds; Student's t over the pairs.")
        console.print(_paired(analysis))
    else:
        say("There are no two such pairs for any change.")

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


def _left_out(model: Model) -> list[str]:
    """Return a line for each kind of factor or run that is not in the model."""
    trials = model.trials
    return [
        *(f"{name} is {level} in all of them, so it is not in the model" for name, level in trials.constant.items()),
        *(
            f"{column.label} is aliased with {other}, so it is not in the model"
            for column, other in model.design.aliased.items()
        ),
        *trials.remarks,
        *(f"{count} without a result: {reason}" for reason, count in trials.failed.items()),
    ]


def _head(model: Model) -> str:
    trials = model.trials
    seeds = "seeds not recorded" if trials.seeds is None else _count(trials.seeds, "seed")
    return (
        f"{trials.response}: {_count(len(trials.y), 'run')}, {_count(model.configurations, 'configuration')}, "
        f"{seeds}, {_count(model.residual_df, 'residual degree')} of freedom"
    )


def _is_pair(analysis: Analysis) -> np.ndarray:
    return np.array([len(column.term) > 1 for column in analysis.model.design.columns])


def _matters(analysis: Analysis) -> np.ndarray:
    return np.asarray(analysis.effects["p_holm"], float) < 0.05


def _certain(analysis: Analysis) -> bool:
    return bool(np.isfinite(np.asarray(analysis.effects["p_holm"], float)).any())


def _tested(analysis: Analysis) -> bool:
    return bool(np.isfinite(np.asarray(analysis.effects["test_low"], float)).any())


def _about_interactions(analysis: Analysis) -> str:
    number = int(_is_pair(analysis).sum())
    found = int((_is_pair(analysis) & _matters(analysis)).sum())
    if not _certain(analysis):
        return f"{_count(number, 'interaction')}, without anything to tell them from chance by:"
    return f"Interactions that are more than chance (Holm): {found or 'none'} of {number}{':' if found else ''}"


def _effects(analysis: Analysis, shown: np.ndarray, *, short: bool, wide: bool = False) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("effect of", overflow="fold")
    tested = wide and _tested(analysis)
    for name in ("estimate", "95 % interval", *(["over test examples"] if tested else [])):
        table.add_column(name, justify="right", no_wrap=True)
    logit = "in_response" in analysis.effects
    columns = ["p (Holm)", "reading"] if short else ["p", "p (Holm)", "df", "in SDs", "detectable"]
    for name in [*columns, *([f"in {analysis.model.trials.response}"] if logit else [])]:
        table.add_column(Text(name), justify="left" if name == "reading" else "right", no_wrap=True)
    digits = _decimals(analysis.effects)
    rows = zip(analysis.model.design.columns, analysis.effects.to_dict("records"), shown, strict=True)
    for column, row in ((column, row) for column, row, show in rows if show):
        interval = _interval(row["low"], row["high"], digits)
        cells = [column.label, _fixed(row["estimate"], digits, sign=True), interval]
        if tested:
            cells.append(_interval(row["test_low"], row["test_high"], digits))
        if short:
            cells += [_p(row["p_holm"]), _reading(row)]
        else:
            cells += [_p(row["p"]), _p(row["p_holm"]), _significant(row["df"], 3)]
            cells += [_fixed(row["standardised"], 2, sign=True), _fixed(row["detectable"], digits)]
        if logit:
            cells.append(_significant(row["in_response"], 3))
        table.add_row(*map(Text, cells))
    return table


def _additive(analysis: Analysis) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("effect of", overflow="fold")
    for name in ("estimate", "95 % interval", "p (Holm)"):
        table.add_column(name, justify="right", no_wrap=True)
    digits = _decimals(analysis.effects)
    for column, row in zip(analysis.model.design.columns, analysis.effects.to_dict("records"), strict=True):
        if len(column.term) == 1:
            interval = _interval(row["additive_low"], row["additive_high"], digits)
            estimate = _fixed(row["additive_estimate"], digits, sign=True)
            table.add_row(*map(Text, (column.label, estimate, interval, _p(row["additive_p_holm"]))))
    return table


def _paired(analysis: Analysis) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("change of", overflow="fold")
    for name in ("mean", "95 % interval", "same sign"):
        table.add_column(name, justify="right", no_wrap=True)
    alone = bool(analysis.paired["without_partner"].any())
    if alone:
        table.add_column("without partner", justify="right")
    digits = _decimals(analysis.effects)
    for row in analysis.paired.to_dict("records"):
        same = f"{max(row['rising'], row['falling'])} of {row['pairs']}"
        interval = _interval(row["low"], row["high"], digits)
        cells = [f"{row['term']} {row['change']}", _fixed(row["mean"], digits, sign=True), interval, same]
        table.add_row(*map(Text, [*cells, *([str(row["without_partner"])] if alone else [])]))
    return table


def _interval(low: float, high: float, digits: int) -> str:
    return "-" if math.isnan(low) else f"{_fixed(low, digits)} to {_fixed(high, digits)}"


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
    lines.append(_about_lack(quality))
    mains = [len(column.term) == 1 for column in model.design.columns]
    sizes = np.asarray(analysis.effects["detectable"], float)
    sizes = sizes[mains & np.isfinite(sizes)]
    if sizes.size:
        least, most = (_significant(value, 2) for value in (sizes.min(), sizes.max()))
        span = least if least == most else f"{least} to {most}"
        lines.append(f"Smallest effect that this plan finds with 80 % power: {span} ({model.unit})")
    return lines


def _about_lack(quality: Quality) -> str:
    if quality.lack_p is not None:
        verdict = "more than chance" if quality.lack_p < 0.05 else "no more than chance explains"
        return (
            f"Lack of fit against seed-to-seed error: F({quality.lack_df}, {quality.pure_error_df}) = "
            f"{quality.lack_f:.3g}, {p_text(quality.lack_p)}: {verdict}"
        )
    if quality.pure_error_df == 0:
        return "Lack of fit: cannot be tested, since no configuration has a second seed"
    if quality.lack_df == 0:
        return "Lack of fit: cannot be tested, since the model has a coefficient for each configuration"
    return "Lack of fit: cannot be tested, since the seeds of each configuration gave the same result"


def _about_diagnostics(analysis: Analysis) -> Iterable[str]:
    checks, model = analysis.diagnostics, analysis.model
    if checks.breusch_pagan_p is None:
        yield "Breusch-Pagan test of equal spread: nothing is left to test"
    else:
        yield f"Breusch-Pagan test of equal spread: {p_text(checks.breusch_pagan_p)}"
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


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
