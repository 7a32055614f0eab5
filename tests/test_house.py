"""The rules of the house, from the imports themselves: what may import what, and what each stage depends on."""

import ast
import re
from contextlib import suppress
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
import pytest
from dvc.repo import Repo

from maskwright.catalogue import EXPERIMENTS
from maskwright.cli.analysis import claims_of
from maskwright.shared.experiment import ManySeeds
from maskwright.shared.yaml_file import read_yaml

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/maskwright"
FLOORS = {
    *(
        "shared",
        "digits",
        "drinks",
        "photos",
        "via",
        "predictions",
        "formats",
        "serving",
        "reporting",
        "pages",
        "claims",
    ),
    *("learning/common", "learning/single", "learning/replicates", "learning/views"),
}
"""What stands below the experiments."""


def modules():
    return sorted(path for path in PACKAGE.rglob("*.py"))


def name(path):
    """Return a module's path below the package, such as `shared/errors.py`."""
    return path.relative_to(PACKAGE).as_posix()


def room(module):
    """Return the room a module stands in: a package, an experiment, a floor of `learning`, or a module by itself."""
    parts = module.split("/")
    depth = 2 if parts[0] in ("experiments", "learning") and len(parts) > 2 else 1
    return "/".join(parts[:depth]) if len(parts) > 1 else module


@cache
def imports(module):
    """Return the modules of the package that a module imports, wherever in it, but for types alone."""
    found = set()
    pending = [ast.parse((PACKAGE / module).read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            pending.extend(node.orelse)
            continue
        pending.extend(ast.iter_child_nodes(node))
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        for each in names:
            package, _, rest = each.partition(".")
            path = PACKAGE / Path(*rest.split(".")) if rest else PACKAGE
            if package == "maskwright":
                found |= {name(file) for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()}
    return found - {module}


def arrows():
    """Return, for each room, the rooms that it imports from."""
    found = {}
    for path in modules():
        here = room(name(path))
        found.setdefault(here, set()).update(room(other) for other in imports(name(path)))
    for here, others in found.items():
        others -= {here, "__init__.py", "learning/__init__.py", "experiments/__init__.py", "learning", "experiments"}
    return found


def test_no_arrow_goes_in_a_circle():
    order = list(TopologicalSorter(arrows()).static_order())
    assert order.index("shared") < order.index("photos") < order.index("via") < order.index("cli")


def test_no_arrow_between_experiments_and_none_upwards():
    for here, others in arrows().items():
        if here.startswith("experiments/") or here in FLOORS:
            assert others <= FLOORS, f"{here} imports from {sorted(others - FLOORS)}"


def test_rooms_import_only_from_those_above_them_in_the_table():
    """The table of docs/architecture.md, which begins with the ground floor."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = text.partition("| room |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    order = {name.strip("/"): row for row, names in enumerate(rows) for name in re.findall(r"`([^`]+)`", names)}
    found = arrows()
    assert {"experiments/NAME" if name.startswith("experiments/") else name for name in found} - {
        *("__init__.py", "__main__.py", "experiments", "learning"),
        *order,
    } == set()
    for here, others in found.items():
        for other in others:
            lower, upper = (
                order.get("experiments/NAME" if name.startswith("experiments/") else name) for name in (other, here)
            )
            assert upper is None or lower is None or lower <= upper, f"{here} imports from {other}"


def test_shared_is_the_ground():
    assert arrows()["shared"] == set()


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_learning_knows_nothing_of_reports(experiment):
    inside = f"experiments/{experiment}/"
    above = tuple(f"{inside}{part}" for part in ("report/", "serve.py", "trial.py", "predict.py", "claims.py"))
    for path in (PACKAGE / inside / "learn").rglob("*.py"):
        assert not [other for other in imports(name(path)) if other.startswith((*above, "reporting/"))]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_each_experiment_has_the_same_parts(experiment):
    folder = PACKAGE / "experiments" / experiment
    for part in ("__init__.py", "params.py", "serve.py", "learn/train.py", "report/evaluate.py", "report/plots.py"):
        assert (folder / part).is_file(), part
    assert EXPERIMENTS[experiment].name == experiment


def test_only_tracking_knows_mlflow():
    for path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = {
            alias.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        named |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert "mlflow" not in named or name(path).startswith("tracking/"), name(path)


def is_plumbing(module):
    """Say whether a module cannot change a result: the ground floor, and sections, whose values are dependencies."""
    return module.startswith("shared/") or module.endswith(("__init__.py", "params.py"))


def closure(roots):
    """Return the modules that these import, directly or not, and themselves, without the plumbing."""
    found, pending = set(), list(roots)
    while pending:
        module = pending.pop()
        if module not in found and not is_plumbing(module):
            found.add(module)
            pending.extend(imports(module))
    return found


@pytest.fixture(scope="module")
def stages():
    """For each stage what it depends on, as dvc.yaml has it: paths, and sections of params.yaml."""
    found = {}
    for stage in Repo(str(ROOT)).index.stages:
        if stage.path_in_repo != "dvc.yaml":
            continue  # photographs that `dvc add` knows
        paths = {dep.def_path for dep in stage.deps if not dep.def_path.endswith("params.yaml")}
        params = {key for dep in stage.deps if hasattr(dep, "params") for key in dep.params}
        found[stage.addressing] = (paths, params)
    return found


def roots_of():
    """Return, for each stage, the modules that its command runs."""
    roots = {
        "drinks": ["drinks/dataset.py"],
        "crowd": ["drinks/dataset.py"],
        "digits": ["digits/dataset.py"],
        "masks": ["via/convert.py"],
        "look": ["looking/look.py"],
        "effects@autoencoder": ["effects/command.py"],
        "effects@detection": ["effects/command.py"],
        "claims": ["claims/judge.py", "claims/tables.py"],
        "report": ["report/report.py"],
        **{f"sweep-{name}": [f"experiments/{name}/trial.py"] for name in ("autoencoder", "instances")},
        **{f"sweep@{sweep}": [f"experiments/{experiment}/trial.py"] for sweep, experiment in PHOTOGRAPHS.items()},
    }
    for experiment in EXPERIMENTS:
        if experiment in IN_PIPELINE:
            generate = f"experiments/{experiment}/generate.py"
            roots[experiment] = [generate if (PACKAGE / generate).is_file() else f"experiments/{experiment}/data.py"]
        roots[f"train@{experiment}"] = [f"experiments/{experiment}/learn/train.py"]
        roots[f"evaluate@{experiment}"] = [f"experiments/{experiment}/report/evaluate.py"]
        if (PACKAGE / f"experiments/{experiment}/claims.py").is_file():
            roots["claims"].append(f"experiments/{experiment}/claims.py")
    return roots


def holds(path, module):
    """Say whether a dependency is this module, or a package that it is in."""
    return module == path or module.startswith(f"{path}/")


IN_PIPELINE = read_yaml(ROOT / "dvc.yaml")["stages"]
"""The stages of dvc.yaml, with those of a `foreach` under their common name."""

PHOTOGRAPHS = {sweep: entry["experiment"] for sweep, entry in IN_PIPELINE["sweep"]["foreach"].items()}
"""The sweeps that learn from photographs, and their experiments."""

STAGES = [*roots_of()]


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_depends_on_the_code_it_uses_and_on_no_other(stages, stage):
    used = closure(roots_of()[stage])
    named = {path.removeprefix("src/maskwright/") for path in stages[stage][0] if path.startswith("src/")}
    if stage.startswith("sweep"):
        # The sweep's own machinery: it writes the table, and it changes no number of a trial.
        named.remove("sweeps")
    missing = {
        module for module in used if not any(module == path or module.startswith(f"{path}/") for path in named)
    }
    assert not missing
    surplus = {path for path in named if not any(module == path or module.startswith(f"{path}/") for module in used)}
    assert not surplus


def test_every_stage_is_tested(stages):
    assert set(stages) == set(STAGES)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_key_of_a_training_says_the_same_as_its_stage(stages, experiment):
    about = EXPERIMENTS[experiment]
    paths, _ = stages[f"train@{experiment}"]
    code = {path.removeprefix("src/maskwright/") for path in paths if path.startswith("src/")}
    assert set(about.training_code) == code
    assert {path.as_posix() for path in about.training_data} == {path for path in paths if path.startswith("data/")}
    swept = [f"sweep@{sweep}" for sweep, of in PHOTOGRAPHS.items() if of == experiment]
    for stage in swept or {f"sweep-{experiment}"} & {*stages}:
        paths, _ = stages[stage]
        code = {path.removeprefix("src/maskwright/") for path in paths if path.startswith("src/")}
        assert {*about.training_code, *about.trial_code, "sweeps"} == code
        assert about.data.as_posix() in paths


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_a_training_depends_on_its_own_section(stages, experiment):
    for stage in ("train", "evaluate"):
        assert stages[f"{stage}@{experiment}"][1] == {experiment}


def test_what_data_and_tables_depend_on(stages):
    expected = {
        "drinks": {"drinks"},
        "crowd": {"drinks.crowd", "drinks.seed", "drinks.size"},
        "instances": {"annotations", "instances.source"},
        "digits": {"digits"},
        "xor": set(),
        "corner": {"corner.rectangles", "corner.seed"},
        "masks": {"annotations"},
        "look": {"segmentation.size"},
        "masked_digits": {"masked_digits.canvas", "masked_digits.seed"},
        "conditional": {"annotations", *(f"conditional.{key}" for key in ("coarse", "fine", "side", "source"))},
        "clustering": {"clustering.images", "clustering.side"},
        "sweep-autoencoder": {"autoencoder", "sweeps.autoencoder"},
        "sweep-instances": {"instances", "sweeps.instances"},
        **{f"sweep@{sweep}": {experiment, f"sweeps.{sweep}"} for sweep, experiment in PHOTOGRAPHS.items()},
        "effects@autoencoder": {"sweeps.autoencoder"},
        "effects@detection": {"sweeps.detection"},
        "claims": set(),
        "report": set(),
    }
    assert {
        stage: params for stage, (_, params) in stages.items() if not stage.startswith(("train@", "evaluate@"))
    } == expected


def test_claims_depend_on_the_results_they_read(stages):
    """A claim's file is read when the claim first asks for it; so what is read is what `claims` depends on."""
    asked = _Asked()
    for experiment in EXPERIMENTS:
        for claim in claims_of(experiment):
            with suppress(KeyError):
                claim.measure.evidence(asked)
    assert {path for path in stages["claims"][0] if path.startswith("results/")} == asked.read


class _Asked:
    """Stands for `claims.results.Results`: it remembers what was asked for, and has two numbers for everything."""

    def __init__(self):
        self.read = set()

    def _ask(self, path):
        self.read.add(path)
        return np.array([0.0, 1.0])

    def details(self, experiment):
        self._ask(f"results/{experiment}/details.json")
        raise KeyError

    def seeds(self, experiment, variant, measure):
        return self._ask(f"results/{experiment}/plots/replicates.csv")

    def examples(self, experiment, variant, measure):
        exhaustive = experiment in ("xor", "corner")
        return None if exhaustive else self._ask(f"results/{experiment}/plots/examples.csv")

    def examples_of_one(self, experiment, measure):
        return self._ask(f"results/{experiment}/plots/examples.csv")

    def trial_seeds(self, sweep, levels, measure):
        return self._ask(f"results/sweep/{sweep}")

    def trial_examples(self, sweep, levels, measure):
        return self._ask(f"results/sweep/{sweep}")

    def effects(self, sweep, response):
        self._ask(f"results/effects/{sweep}/tables")
        raise KeyError


def test_the_two_kinds_learn_on_their_floors():
    for about in EXPERIMENTS.values():
        floor = "learning/replicates" if isinstance(about, ManySeeds) else "learning/single"
        assert floor in about.code


def test_dvc_yaml_can_be_held_in_the_head():
    lines = (ROOT / "dvc.yaml").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 400 + 20 * (len(EXPERIMENTS) - 9)


def test_text_leaves_for_the_terminal_in_one_place():
    """Elsewhere, nobody prints, echoes, makes a console or writes to the standard streams."""
    for path in modules():
        # What shows a served model is copied into an example that runs without this project.
        if name(path) == "shared/terminal.py" or name(path).endswith("/show.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            assert called.split(".")[-1] not in ("print", "Console", "echo", "secho", "rprint") or (
                # Of a console that was made there.
                called.endswith("console.print")
            ), f"{name(path)}, line {node.lineno}"
            assert not called.startswith(("sys.stdout.write", "sys.stderr.write")), name(path)
