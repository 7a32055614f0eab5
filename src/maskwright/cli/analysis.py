"""Commands that compare settings and results: sweep, effects, preset, claims, report."""

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maskwright.catalogue import EXPERIMENTS, experiment
from maskwright.cli.options import MASKS, PARAMS, RESULTS, Name, names
from maskwright.params import load_params
from maskwright.shared.lean import lean_imports
from maskwright.shared.terminal import console, tell

if TYPE_CHECKING:
    from maskwright.effects.command import Choices


def sweep(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A sweep of params.yaml, under `sweeps`.")],
) -> None:
    """Train every combination of some settings, into results/sweep/NAME/trials.csv; run again, it continues."""
    from maskwright.sweeps.recording import sweep as run
    from maskwright.tracking.provenance import project_root

    for line in run(name, load_params(), root=project_root(), results=RESULTS).split("\n"):
        tell(line)


def effects(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A sweep of params.yaml, under `sweeps`.")
    ] = None,
    mlflow_experiment: Annotated[
        str | None, typer.Option(metavar="E", help="Instead of a sweep: an MLflow experiment, of any project.")
    ] = None,
    response: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC", help="What was measured, as metrics.miou; of a sweep the default is in params.yaml."
        ),
    ] = None,
    factors: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="Parameters that were varied. Without it, an experiment's are listed."),
    ] = None,
    seed: Annotated[
        str | None, typer.Option(metavar="PARAMETER", help="What tells runs of the same settings apart.")
    ] = None,
    interactions: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A:B",
            help="Pairs whose effects may depend on each other, `all` or `none`. Default: all if needed.",
        ),
    ] = None,
    logit: Annotated[
        bool, typer.Option("--logit", help="On the log-odds scale, for shares that come near 0 or 1.")
    ] = False,
    scale: Annotated[
        list[str] | None,
        typer.Option(metavar="FACTOR=SCALE", help="category, linear or log, as you decide."),
    ] = None,
    reference: Annotated[
        list[str] | None, typer.Option(metavar="FACTOR=LEVEL", help="The level that others are compared with.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder to write; default: in results/effects, or in effects for any other analysis.",
        ),
    ] = None,
) -> None:
    """How large the effect of each setting is, and how sure that is; see docs/effects.md."""
    with lean_imports():
        from maskwright.effects.command import Choices
        from maskwright.effects.factors import named_values, parse_scales

    how = Choices(
        interactions=tuple(interactions or ()),
        transform="logit" if logit else "none",
        scales=parse_scales(scale or []),
        references=named_values(reference or [], "--reference"),
    )
    if name is not None and mlflow_experiment is None:
        if factors is not None or seed is not None:
            raise typer.BadParameter(
                "belongs to --mlflow-experiment; of a sweep params.yaml decides", param_hint="--factors, --seed"
            )
        _effects_of_sweep(name, how, response, out)
    elif name is None and mlflow_experiment is not None:
        from maskwright.effects.mlflow_runs import analyse_runs, list_varied
        from maskwright.tracking.provenance import project_root

        if factors is None:
            list_varied(mlflow_experiment, response, project_root())
            return
        if response is None:
            raise typer.BadParameter("name what was measured, such as metrics.loss", param_hint="--response")
        folder = out or Path("effects") / re.sub(r"[^\w.-]", "_", mlflow_experiment)
        analyse_runs(mlflow_experiment, response, names(factors) or [], seed, how, project_root(), folder)
    else:
        raise typer.BadParameter("give one of them", param_hint="NAME, --mlflow-experiment")


def _effects_of_sweep(name: str, how: "Choices", response: str | None, out: Path | None) -> None:
    """Analyse a sweep's responses, into results/effects; another way to look at them goes to another folder."""
    from maskwright.effects.command import Choices, analyse_responses, analyse_sweep
    from maskwright.recording import record_effects_or_warn
    from maskwright.sweeps.plan import sweep_section

    params = load_params()
    section, table = sweep_section(name, params), RESULTS / "sweep" / name / "trials.csv"
    if response is None and out is None and how == Choices():
        analyse_sweep(section, table, RESULTS / "effects" / name)
        record_effects_or_warn(name, params, results=RESULTS)
    else:
        wanted = [response] if response else section.responses
        analyse_responses(section, table, wanted, how, out or Path("effects") / name)


def preset(
    name: Name,
    chosen: Annotated[
        str,
        typer.Argument(
            metavar="PRESET",
            help="source: its author's settings. photographs: few of your own (segmentation, detection, instances).",
        ),
    ],
) -> None:
    """Write a preset of an experiment into params.yaml; `git checkout params.yaml` takes it back."""
    from maskwright.presets import apply_preset

    experiment(name)
    told = apply_preset(name, chosen)
    for line in told:
        tell(line)
    tell("params.yaml has been changed" if told else "params.yaml has these settings already")


def claims() -> None:
    """Compare what the sources say with what was measured, into results/claims.md and results/claims.json."""
    from maskwright.claims.judge import judge
    from maskwright.claims.tables import print_claims, write_claims

    tables = judge([claim for name in EXPERIMENTS for claim in claims_of(name)], RESULTS)
    write_claims(tables, RESULTS)
    print_claims(tables, console(markup=True, highlight=True))


def report(
    out: Annotated[Path, typer.Option(metavar="FILE", help="The page to write.")] = RESULTS / "report.html",
) -> None:
    """Put all results on one page that needs no other file: settings, data, scores, curves, pictures, claims."""
    from maskwright.defaults import default_settings
    from maskwright.report.report import Sources, write_report
    from maskwright.shared.yaml_file import read_yaml

    load_params()  # first: what is wrong with it is not for the page to find
    asked = {name: _question(name) for name in EXPERIMENTS}
    tell(write_report(Sources(RESULTS, MASKS, read_yaml(PARAMS), default_settings(), asked), out))


def _question(name: str) -> str:
    """Return what an experiment asks: the first line of its package, behind its name."""
    text = import_module(f"maskwright.experiments.{name}").__doc__ or ""
    question = text.partition("\n")[0].partition(": ")[2].strip()
    return question[:1].upper() + question[1:]


def claims_of(name: str) -> tuple[Any, ...]:
    """Return what is claimed about an experiment."""
    module = f"maskwright.experiments.{name}.claims"
    return import_module(module).CLAIMS if find_spec(module) else ()
