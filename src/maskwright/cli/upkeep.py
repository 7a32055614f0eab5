"""Commands that keep the records in order: sync, mend, differences, offline-plots."""

from collections.abc import Callable, Iterator
from functools import partial

import typer

from maskwright.catalogue import EXPERIMENTS
from maskwright.cli.options import RESULTS
from maskwright.params import Params, load_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.quiet import no_chatter
from maskwright.shared.terminal import note, tell


def sync() -> None:
    """Record in MLflow what DVC restored from its cache: trained models and evaluations that have no row there."""
    from maskwright.tracking.locations import StoreUnavailable
    from maskwright.tracking.mending import mend as put_right
    from maskwright.tracking.provenance import project_root
    from maskwright.tracking.silence import forget

    params = load_params()  # first: what is wrong with it is not for each experiment to find
    forget(project_root())
    for line in put_right():
        tell(line)
    failed = False
    for name, record in _restored(params):
        try:
            tell(f"{name}: {record()}")
        except StoreUnavailable:
            raise  # the next one would fail in the same way, as slowly
        except (MaskwrightError, OSError) as error:
            note(f"{name}: error: {' '.join(str(error).split())}")
            failed = True
    if failed:
        raise typer.Exit(1)


def _restored(params: Params) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield each experiment and sweep, with what records it and says what was done."""
    from maskwright.recording import record_restored, record_restored_sweep
    from maskwright.tracking.provenance import produced

    def record(name: str) -> str:
        about = EXPERIMENTS[name]
        found = produced(name, about.model, about.results)
        if found is None:
            message = "models and dvc.lock do not belong together; run `dvc repro` or `dvc checkout` first"
            return message if about.model.is_dir() else "not trained"
        with no_chatter():
            about.serves()
        return record_restored(name, found)

    for name in EXPERIMENTS:
        yield name, partial(record, name)
    for name in params.sweeps.entries:
        yield f"sweep {name}", partial(record_restored_sweep, name, RESULTS)


def mend() -> None:
    """Put right what a kill of `dvc repro`, or a move of the project, left behind; nothing where all is well."""
    from maskwright.tracking.mending import mend as put_right

    for line in put_right():
        tell(line)


def differences() -> None:
    """Say which results differ from the committed ones, and why; nothing where all are the same."""
    from maskwright.differences import differences as found

    for line in found():
        tell(line)


def offline_plots() -> None:
    """Let `dvc plots show` work without a connection, in this copy of the project; `make setup` does it."""
    from maskwright.offline_plots import make_plots_offline

    tell(make_plots_offline())
