"""Commands on what MLflow has: register, ui."""

import os
import sys
from typing import Annotated

import typer

from maskwright.catalogue import experiment, sentence
from maskwright.cli.options import Name
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.experiment import OneNetwork
from maskwright.shared.terminal import tell


def register(name: Name) -> None:
    """Register the recorded model with the best validation score in MLflow, with the alias `best`."""
    about = experiment(name)
    if not isinstance(about, OneNetwork):
        raise MaskwrightError(
            f"{name}: its trainings have no validation score, so that none of its models is the best"
        )
    from maskwright.recording import mlflow_named
    from maskwright.tracking.models import register_best
    from maskwright.tracking.provenance import project_root

    with mlflow_named():
        found = register_best(project_root(), name, sentence(name), about.best_by)
    state = "registered" if found.new else "registered already"
    left_out = f", without {found.elsewhere} that have other validation data" if found.elsewhere else ""
    tell(f"{name}: {found.run!r} has the highest {found.metric} ({found.score:.4g}) of {found.models}{left_out}")
    tell(f"models:/{name}@best is version {found.version}, {state}")


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 5000,
) -> None:
    """Show every run in the browser, by MLflow's pages."""
    from maskwright.tracking.locations import DATABASE
    from maskwright.tracking.mending import mend
    from maskwright.tracking.pages import first_page
    from maskwright.tracking.provenance import project_root
    from maskwright.tracking.store import sqlite_address

    for line in mend():
        tell(line)
    database = project_root() / DATABASE
    tell(f"Open {first_page(f'http://127.0.0.1:{port}', database)}")
    tell("To compare two runs: tick the boxes before their names, then press Compare above the table.")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # These jobs are about language models: eight processes that would wait for work.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    store = ("--backend-store-uri", sqlite_address(database))
    place = ("--host", "127.0.0.1", "--port", str(port), "--workers", "1")
    # In this process's place, so that it gets the signals of the terminal itself.
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", "ui", *store, *place])
