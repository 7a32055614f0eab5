"""Descriptions that MLflow shows, in Markdown: what an experiment, a run or a model is, and how to make it again."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

NOTE = "mlflow.note.content"
"""The tag that MLflow's pages show as the description."""
COMMIT = "mlflow.source.git.commit"
DIRTY = "git.dirty"

_LONGEST = 4900
"""MLflow cuts the tags of an experiment at 5,000 characters."""
_EFFECTS = "\n### Effects on "
_SIGNIFICANT = 0.05
_MOST_CHANGES = 15
"""Settings that are written into a command."""


def experiment_note(name: str, about: str) -> str:
    """Return the description of an experiment of ours."""
    return (
        f"{about}\n\nEach run is one trained model, named by what differs from the default settings. `test/...` are "
        "its scores on the test split, `validation/...` is the score that chose its epoch, `curves/...` are the "
        "epochs.\n\n"
        f"To make one, with the settings in params.yaml:\n\n    dvc repro evaluate@{name}\n"
    )


def training_note(
    name: str, about: str, label: str, changed: Mapping[str, Any], tags: Mapping[str, str], processor: str
) -> str:
    """Return the description of a training's run and of its model.

    Args:
        name: of the experiment.
        about: what the experiment is, in a sentence.
        label: the run's name.
        changed: the settings that differ from the defaults, by dotted key.
        tags: of the run, with the commit.
        processor: which one trained, in words.
    """
    settings = ", ".join(f"`{key}={_value(value)}`" for key, value in changed.items())
    told = f"Settings that differ from the defaults: {settings}." if settings else "The default settings."
    if not changed:
        again = f"dvc repro evaluate@{name}"
    elif len(changed) > _MOST_CHANGES:
        again = f"# set the parameters of this run in params.yaml\ndvc repro evaluate@{name}"
    else:
        chosen = " ".join(f"-S {shlex.quote(f'{key}={_value(value)}')}" for key, value in changed.items())
        again = f"dvc exp run {chosen} evaluate@{name}"
    return _cut(f"{about}\n\n**{label}**. {told}\n\n{_how(again, tags, processor)}")


def sweep_note(
    name: str,
    about: str,
    factors: Mapping[str, Sequence[Any]],
    responses: Sequence[str],
    tags: Mapping[str, str],
    processor: str,
) -> str:
    """Return the description of a sweep's run; see `with_effects` for what is added when the effects are known."""
    listed = "\n".join(f"- `{key}`: {', '.join(map(_value, levels))}" for key, levels in factors.items())
    again = f"maskwright sweep {name}\nmaskwright effects {name}"
    return _cut(
        f"{about}\n\nEvery run below is one training with another combination of these settings, named by them and "
        f"by its seed (`s0`, `s1`, ...). What is compared: "
        f"{', '.join(f'`{response}`' for response in responses)}.\n\n"
        f"{listed}\n\n{_how(again, tags, processor)}"
    )


def with_effects(note: str, response: str, effects: Sequence[Mapping[str, str]], reason: str) -> str:
    """Return a sweep's description with a table of the effects on a response; an earlier one is replaced.

    Args:
        note: the description until now.
        response: what was analysed.
        effects: the rows of `effects.csv`.
        reason: which model they are from, in words.
    """
    rows = ["| change | effect | 95 % interval | p (Holm) | |", "|---|---:|---:|---:|---|"]
    for row in effects:
        if not row["additive_estimate"]:
            continue  # of a pair of factors; these are many, and in effects.csv
        estimate, p = float(row["estimate"]), row["p_holm"]
        clear = bool(p) and float(p) < _SIGNIFICANT
        reading = ("raises" if estimate > 0 else "lowers") if clear else "unclear"
        interval = f"{float(row['low']):.3g} to {float(row['high']):.3g}" if row["low"] else "unknown"
        # A bar would end the cell.
        change = f"{row['term']} {row['change']}".replace("|", "/")
        rows.append(f"| {change} | {estimate:+.3g} | {interval} | {f'{float(p):.3f}' if p else ''} | {reading} |")
    table = "\n".join(rows)
    base, *earlier = note.split(_EFFECTS)
    sections = {section.partition("\n")[0]: section.rstrip() for section in earlier}
    sections[response] = (
        f"{response}\n\n{table}\n\nThe model: {reason}. Everything is in Artifacts, effects-{response}."
    )
    return _cut("\n".join([base.rstrip(), *(f"{_EFFECTS}{section}\n" for section in sections.values())]))


def _how(again: str, tags: Mapping[str, str], processor: str) -> str:
    commit = tags.get(COMMIT, "")
    lines = [f"git checkout {commit[:12]}"] if commit else []
    lines += again.split("\n")
    changed = " Files differed from this commit when the run was recorded." if tags.get(DIRTY) == "true" else ""
    shown = "\n".join(f"    {line}" for line in lines)
    return f"To make it again:\n\n{shown}\n\nTrained on: {processor}.{changed}\n"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
