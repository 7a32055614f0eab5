"""What an experiment's package offers to the command, to sweeps and to MLflow. Imports no TensorFlow.

A package states an `EXPERIMENT`, of one of two kinds:

- `OneNetwork`: models/NAME is the model; its training is shown as it goes, and survives a kill;
- `ManySeeds`: models/NAME/VARIANT is a model that holds the networks of all seeds of a variant, which train together.

What needs TensorFlow is behind functions that import it only when they are called.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeVar

from maskwright.shared.settings import Section

if TYPE_CHECKING:
    import keras

S_contra = TypeVar("S_contra", bound=Section, contravariant=True)

LogEpoch = Callable[[int, dict[str, float]], None]
"""Is told each new epoch (from 1) and its numbers."""


class Evaluation(NamedTuple):
    """What an evaluation found.

    Attributes:
        metrics: the few numbers that stand first: `results/NAME/metrics.json`, a DVC metric.
        details: all others, by class or by variant: `results/NAME/details.json`.
    """

    metrics: dict[str, Any]
    details: dict[str, Any]


class LearnsOne(Protocol[S_contra]):
    """The module `learn.train` of an experiment with one network."""

    def train(
        self,
        settings: S_contra,
        *,
        data: Path,
        out: Path,
        history: Path,
        checkpoint: Path,
        log_epoch: LogEpoch,
    ) -> None:
        """Train, and write the model and its history.

        Args:
            settings: the experiment's section of params.yaml.
            data: the folder of its data.
            out: the model's folder, written whole at the end.
            history: a CSV with a row for each epoch.
            checkpoint: a folder that outlives a kill and belongs to this training alone; gone when it has ended.
            log_epoch: see `LogEpoch`.
        """
        ...


class LearnsMany(Protocol[S_contra]):
    """The module `learn.train` of an experiment with many seeds."""

    def train(self, settings: S_contra, *, data: Path, out: Path, history: Path) -> None:
        """Train every variant; the arguments are those of `LearnsOne.train`. `out` gets a folder for each variant."""
        ...


class Reports(Protocol[S_contra]):
    """The module `report.evaluate`."""

    def evaluate(self, settings: S_contra, *, data: Path, model: Path, results: Path) -> Evaluation:
        """Score what was trained on the test split, and write metrics.json, details.json and plots/ to `results`."""
        ...


class Serves(Protocol):
    """The module `serve`."""

    def serving_model(self, folder: Path) -> "keras.Model":
        """Load a stored model, or that of a variant, as one with one input and one output, to be served."""
        ...


class Tries(Protocol[S_contra]):
    """The module `trial`."""

    def trial(self, settings: S_contra, data: Path) -> dict[str, float]:
        """Train in memory with one combination of settings, and return its numbers on the test split; no files."""
        ...


class VariantSettings(Protocol):
    """What the section of an experiment with many seeds has."""

    outside: ClassVar[frozenset[str]]

    @property
    def trained_variants(self) -> list[str]:
        """The names of the variants that are trained."""
        ...


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """An experiment, whatever its kind.

    Attributes:
        name: also that of its section, its stages and its folders.
        settings: the type of its section of params.yaml.
        data: the folder of its data.
        training_data: what of it the training depends on, as paths in the project.
        splits: what its parts are for, in MLflow's words, and the stem of their files in `data`; `{variant}` stands
            for the variant's name.
        code: the code that determines a training, beside the package's own `learn` and `learning/common`: modules and
            packages below `maskwright`, as paths.
        sections: the sections of params.yaml that made its data, beside its own.
        reports: imports what evaluates.
        serves: imports what loads a model to serve.
        tries: imports what a sweep runs; None where the experiment cannot be swept.
        trial_code: the code that determines a trial, beside the training's.
    """

    name: str
    settings: type[Section]
    data: Path
    training_data: tuple[Path, ...]
    splits: Mapping[str, str]
    code: tuple[str, ...]
    sections: tuple[str, ...] = ()
    reports: Callable[[], Reports[Any]]
    serves: Callable[[], Serves]
    tries: Callable[[], Tries[Any]] | None = None
    trial_code: tuple[str, ...] = ()

    @property
    def model(self) -> Path:
        """The folder of the model, or of the variants' models."""
        return Path("models") / self.name

    @property
    def results(self) -> Path:
        """The folder of the results."""
        return Path("results") / self.name

    @property
    def history(self) -> Path:
        """The table of the training, epoch by epoch."""
        return self.results / "training.csv"

    @property
    def processor(self) -> Path:
        """The file that says on which processor the training ran."""
        return self.results / "processor.json"

    @property
    def training_code(self) -> tuple[str, ...]:
        """All code that determines a training: modules and packages below `maskwright`, as paths."""
        return (f"experiments/{self.name}/learn", "learning/common", *self.code)


@dataclass(frozen=True, kw_only=True)
class OneNetwork(Experiment):
    """An experiment with one network.

    Attributes:
        learns: imports what trains.
    """

    learns: Callable[[], LearnsOne[Any]]


@dataclass(frozen=True, kw_only=True)
class ManySeeds(Experiment):
    """An experiment with variants, each trained with many seeds.

    Attributes:
        learns: imports what trains.
        drawn: how the names of those variants begin that draw their examples as they train, and use no data; None
            where all use the data.
        sections_of: the sections of params.yaml that made the data, where the settings decide that.
    """

    learns: Callable[[], LearnsMany[Any]]
    drawn: str | None = None
    sections_of: Callable[[Any], tuple[str, ...]] | None = field(default=None)
