"""The claims as files and on the terminal."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from maskwright.claims.judge import FAILS, FOUND, HOLDS, INCOMPARABLE, LEVEL, MISSING, SOURCES, UNTOLD
from maskwright.shared.outputs import replaced_file, replaced_folder, write_json

Tables = Mapping[str, Sequence[Mapping[str, Any]]]

_TITLES = {SOURCES: "What the sources say", FOUND: "What we found"}

_RULE = """A number has two 95 % intervals: *seeds*, over the trainings (Student's t; for shares the binomial
distribution's, for differences of shares Newcombe's), and *test*, over the test examples (bootstrap of the mean over
the seeds). What is measured on every possible input has no second one. A statement holds if both lie in the range,
and does not hold if both lie beyond its end. With ≈ the statement says that nothing is lost or gained; it holds if
two one-sided tests at 5 % say so for both.

A verdict is about the data, the network and the budget that the quantity names; the sources' were others. The ranges
were fixed before the trainings whose numbers stand here; some statements were worded anew after trial runs.
"""


def write_claims(tables: Tables, results: Path) -> None:
    """Write `results`/claims.json and claims.md, and to `results`/evidence the tables that the numbers come from."""
    write_json(results / "claims.json", dict(tables))
    with replaced_file(results / "claims.md") as file:
        file.write("# Claims\n\n")
        file.write(_RULE)
        for name, rows in tables.items():
            file.write(f"\n## {_TITLES[name]}\n\n")
            file.writelines(_sources_lines(rows) if name == SOURCES else _found_lines(rows))
            file.write(f"\n{family_note(rows)}\n")
    with replaced_folder(results / "evidence") as folder:
        _write_evidence(tables, results, folder)


def print_claims(tables: Tables, console: Console) -> None:
    """Print each claim's verdict, beside it the statement, and below that what was measured."""
    colours = {HOLDS: "green", FAILS: "red", UNTOLD: "yellow", INCOMPARABLE: "blue", MISSING: "dim"}
    for name, rows in tables.items():
        console.print(f"[bold]{_TITLES[name]}[/]\n")
        table = Table(box=None, show_header=False, padding=(0, 2, 1, 0), pad_edge=False)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column()
        before = None
        for row in rows:
            group = row["source"] or row["experiment"]
            reported = f"; the source: {row['reported']}" if row["reported"] else ""
            condition = f"; holds if {_range(row)}" if row["verdict"] != INCOMPARABLE else ""
            evidence = f"{row['quantity']}: {measured_text(row)}{_counts(row)}{reported}{condition}"
            place = f" ({row['place']})" if row["place"] else ""
            decision = f"[{colours[row['verdict']]}]{row['verdict']}[/]"
            heading = "" if group == before else f"[bold]{group}[/]"
            table.add_row(heading, decision, f"{row['statement']}{place}\n[dim]{evidence}[/]")
            before = group
        console.print(table)
        console.print(family_note(rows), "\n", highlight=False)


def family_note(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say which verdicts of a table do not stand if all of them are to be right together."""
    tested = [row for row in rows if row.get("p_holm") is not None]
    decided = [row for row in tested if row["verdict"] in (HOLDS, FAILS)]
    weak = [row for row in decided if row["p_holm"] >= LEVEL]
    start = f"{len(tested)} of {len(rows)} rows were tested, and {len(decided)} of these decided."
    if not weak:
        return f"{start} All these verdicts also stand together, at 5 % for the whole table (Holm)."
    named = "; ".join(f"“{row['statement']}” ({row['quantity']})" for row in weak)
    return (
        f"{start} {len(decided) - len(weak)} of these verdicts also stand together, at 5 % for the whole table "
        "(Holm). "
        f"By themselves only: {named}."
    )


def measured_text(row: Mapping[str, Any]) -> str:
    """Write the number with its intervals: "0.955 (seeds 0.945 to 0.966; test 0.942 to 0.967)"."""
    if row["measured"] is None:
        return "-"
    parts = [
        f"{what} {row[low]:g} to {row[high]:g}"
        for what, low, high in (("seeds", "low", "high"), ("test", "test_low", "test_high"))
        if row[low] is not None and row[high] is not None
    ]
    return f"{row['measured']:g}" + (f" ({'; '.join(parts)})" if parts else "")


def _sources_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| source | statement | its number | quantity | measured | seeds, examples | holds if | verdict |\n"
    yield "|---|---|---|---|---|---|---|---|\n"
    for row in rows:
        yield _line(
            f"{row['source']}: {row['place']}",
            row["statement"],
            row["reported"] or "-",
            row["quantity"],
            measured_text(row),
            _numbers(row),
            row["reason"] if row["verdict"] == INCOMPARABLE else f"{_range(row)}: {row['reason']}",
            row["verdict"],
        )


def _found_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| experiment | statement | quantity | measured | seeds, examples | holds if | verdict |\n"
    yield "|---|---|---|---|---|---|---|\n"
    for row in rows:
        yield _line(
            row["experiment"],
            row["statement"],
            row["quantity"],
            measured_text(row),
            _numbers(row),
            f"{_range(row)}: {row['reason']}" if row["reason"] else _range(row),
            row["verdict"],
        )


def _line(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _numbers(row: Mapping[str, Any]) -> str:
    examples = f"{row['examples']:,}" if row["examples"] else "-"
    return f"{row['seeds'] or '-'}, {examples}"


def _counts(row: Mapping[str, Any]) -> str:
    counts = [f"{row[name]:,} {name}" for name in ("seeds", "examples") if row[name]]
    return f", {', '.join(counts)}" if counts else ""


def _range(row: Mapping[str, Any]) -> str:
    low, high = row["holds_from"], row["holds_to"]
    sign = "≈ " if row["equivalence"] else ""
    if low is None:
        return f"{sign}at most {high:g}"
    return f"{sign}at least {low:g}" if high is None else f"{sign}{low:g} to {high:g}"


def _write_evidence(tables: Tables, results: Path, folder: Path) -> None:
    """Copy the tables that the recipes name, but for those of the sweeps, which lie in results/sweep already."""
    numbers = []
    for row in (row for rows in tables.values() for row in rows):
        recipe = row["recipe"]
        for column in (recipe.get(key) for key in ("mean", "share", "less", "examples")):
            experiment = str(column).partition(":")[0]
            if column is None or experiment.startswith("sweep "):
                continue
            for name, copy in (("replicates", experiment), ("examples", f"{experiment}_examples")):
                if (results / experiment / f"plots/{name}.csv").is_file():
                    shutil.copyfile(results / experiment / f"plots/{name}.csv", folder / f"{copy}.csv")
        if "number" in recipe and row["measured"] is not None:
            numbers.append({"number": recipe["number"], "value": row["measured"]})
    if numbers:
        with replaced_file(folder / "numbers.csv") as file:
            pd.DataFrame(numbers).drop_duplicates().to_csv(file, index=False, lineterminator="\n")
