"""Kill the pipeline at random moments, and compare what it then makes with what an uninterrupted run makes.

    make chaos                                          every stage killed once
    make chaos ARGS='--kills 90 --seed 1'
    make chaos ARGS='--kills 3 digits xor corner'       these stages, and what they depend on

A project with small settings is run once without a kill, in a temporary folder. Then it is run again from nothing, as
`make run` does it, by `maskwright mend` and `dvc repro`. Each time that `dvc repro` has come to the stage and the
moment of the next kill, its whole process group gets SIGKILL or SIGTERM. With more kills than stages there are
further such rounds, each from nothing.

A kill is survived if no process outlives it, `maskwright mend` and the next `dvc repro` succeed, and at the end the
stage that was killed has left the same files as in the uninterrupted run, byte by byte: data, masks, models, tables
and pictures; and no other file lies there. Its entry in dvc.lock must be the same too, but not its place: where only
some stages are asked for, DVC runs those that do not depend on one another in any order. Not compared are MLflow's
store and what DVC keeps for itself.

The seed determines the stages, their shares of the stage's time and the signals; how much of its work a stage has
done by then depends on the computer, and on what else it does. A run that ends before its kill is done again from
nothing, and killed in half the time. Expected: all kills are survived.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from support.project import copy_of_the_project, environment, locked

MADE = ("data", "models", "results", "checkpoints")
"""The folders that the pipeline writes to."""

REACHED = re.compile(r"^(?:Running stage '([^']+)':|Stage '([^']+)' (?:didn't change|is cached).*)$", re.MULTILINE)
"""What DVC says when it has come to a stage."""

BEFORE = "what comes before the first stage"
"""DVC's own start, which is killed like a stage."""

SMALLEST_SHARE = 0.02
"""A kill that came too late is tried again with half its share of the stage's time, until that is less than this."""

OUTLIVES = 60
"""Seconds after which a process that should have ended is one that outlives its pipeline."""


@dataclass
class Kill:
    """One kill: when `share` of the time of `stage` is over, in the `round`-th run."""

    round: int
    stage: str
    share: float
    signal: signal.Signals
    struck: str = ""  # nothing, since the run had ended
    mended: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def shown(self) -> str:
        """Return what identifies it, and what came of it."""
        what = f"round {self.round}, {self.signal.name} at {self.share:.3f} of {self.stage}"
        return "; ".join([what, f"struck {self.struck or 'nothing'}", *self.mended, *self.problems])

    def outcome(self) -> str:
        """Return what came of it, in two words at most."""
        if self.problems:
            return "not survived"
        return "survived" if self.struck else "too late"


@dataclass(frozen=True)
class Reference:
    """The uninterrupted run: the seconds of `BEFORE` and of each stage, each file's hash, each stage in dvc.lock."""

    seconds: dict[str, float]
    files: dict[str, str]
    lock: dict[str, Any]


def main() -> None:
    """Kill, print what became of each kill, and exit with 1 if one was not survived, or if none struck."""
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that no `dvc repro` outlives this
    with tempfile.TemporaryDirectory(prefix="chaos") as name:
        folder = Path(name)
        reference = uninterrupted(make_project(folder / "uninterrupted"), arguments.stages)
        kills = plan(list(reference.seconds), arguments.kills or len(reference.seconds), arguments.seed)
        print(
            f"{len(reference.seconds) - 1} stages, {sum(reference.seconds.values()):.0f} s without a kill", flush=True
        )
        for number in range(1, kills[-1].round + 1):
            ours = [kill for kill in kills if kill.round == number]
            killed_round(folder / f"round {number}", arguments.stages, ours, reference)
            for kill in ours:
                print(f"seed {arguments.seed}, {kill.shown()}: {kill.outcome()}", flush=True)
            shutil.rmtree(folder / f"round {number}")
    outcomes = [kill.outcome() for kill in kills]
    survived, struck = outcomes.count("survived"), len(kills) - outcomes.count("too late")
    print(f"survived {survived}/{struck}")
    sys.exit(survived < struck or not struck)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("stages", nargs="*", help="stages to run, with those they depend on; all where none is named")
    parser.add_argument("--kills", type=int, help="how many; as many as there are stages where not given")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.kills is not None and arguments.kills < 1:
        parser.error("--kills: at least 1")
    return arguments


def make_project(folder: Path) -> Path:
    folder.mkdir()
    return copy_of_the_project(folder)


def plan(stages: list[str], kills: int, seed: int) -> list[Kill]:
    """Return the kills in the order in which they strike, every stage once before any is killed twice.

    Every second kill, in the mean, falls into the last fifth of its stage's time, in which most files are written.
    """
    random_ = random.Random(seed)
    planned = []
    for start in range(0, kills, len(stages)):
        chosen = random_.sample(stages, min(len(stages), kills - start))
        for stage in sorted(chosen, key=stages.index):
            share = random_.uniform(random_.choice((0.0, 0.8)), 1.0)
            how = random_.choice((signal.SIGKILL, signal.SIGTERM))
            planned.append(Kill(1 + start // len(stages), stage, share, how))
    return planned


def uninterrupted(folder: Path, targets: Sequence[str]) -> Reference:
    """Run the project once, and time its stages."""
    starts: dict[str, float] = {}
    with repro(folder, targets) as running:
        ended = False
        while not ended:
            time.sleep(0.02)
            ended = running.process.poll() is not None  # first, so that what was said at the end is read
            for stage in running.stages():
                starts.setdefault(stage, time.monotonic())
    if running.process.returncode:
        sys.exit(f"The uninterrupted run failed.\n{running.said()}")
    ends = [*list(starts.values())[1:], time.monotonic()]
    seconds = {stage: end - start for (stage, start), end in zip(starts.items(), ends, strict=True)}
    return Reference(seconds, digests(folder), locked(folder))


def killed_round(folder: Path, targets: Sequence[str], kills: list[Kill], reference: Reference) -> None:
    """Run the project from nothing, with these kills, and note at each kill what went wrong.

    Where a run fails, the other kills strike another project, so that nothing that one left is blamed on them.
    So they do where a run ends before its kill, which then comes in half the time.
    """
    make_project(folder)
    for number, kill in enumerate([*kills, None]):
        problem = mend(folder, kills[:number]) or killed_run(folder, targets, kill, reference)
        if not problem and kill is not None and not kill.struck and kill.share > SMALLEST_SHARE:
            compare(folder, kills[:number], reference)
            shutil.rmtree(folder)
            kill.share /= 2
            killed_round(folder, targets, kills[number:], reference)
            return
        if not problem:
            continue
        for earlier in kills[: max(number - 1, 0)]:
            earlier.problems.append("not compared: a later kill of this round was not survived")
        if number == 0:
            sys.exit(f"A run from nothing failed.\n{problem}")
        kills[number - 1].problems.append(problem)
        if kill is not None:
            shutil.rmtree(folder)
            killed_round(folder, targets, kills[number:], reference)
        return
    compare(folder, kills, reference)


def killed_run(folder: Path, targets: Sequence[str], kill: Kill | None, reference: Reference) -> str:
    """Run `dvc repro` until the kill, or to its end where there is none; return what went wrong before."""
    with repro(folder, targets) as running:
        if kill is None:
            running.process.wait()
        else:
            wait_for_moment(running, kill, reference)
            strike(running, kill)
    expected = {0} if kill is None else {0, -kill.signal}
    return "" if running.process.returncode in expected else f"`dvc repro` failed:\n{running.said()}"


@dataclass(frozen=True)
class Running:
    """A `dvc repro` in a process group of its own, and the file with what it says."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """Return what it has said so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def stages(self) -> list[str]:
        """Return `BEFORE` and the stages that DVC has come to, in their order; the last one is where it is."""
        return [BEFORE, *(run or skipped for run, skipped in REACHED.findall(self.said()))]


@contextmanager
def repro(folder: Path, targets: Sequence[str]) -> Iterator[Running]:
    log = folder.with_name(f"{folder.name}.log")
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["dvc", "repro", *targets],
            cwd=folder,
            env=environment(),
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Running(process, log)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for_moment(running: Running, kill: Kill, reference: Reference) -> None:
    """Wait until the share of the stage's time is over, or the next stage begins, or the run ends."""
    moment = float("inf")
    while running.process.poll() is None and time.monotonic() < moment:
        *over, now = running.stages()
        if kill.stage in over:
            return
        if kill.stage == now:
            moment = min(moment, time.monotonic() + kill.share * reference.seconds[now])
        time.sleep(0.01)


def strike(running: Running, kill: Kill) -> None:
    """Kill the process group, and wait until all of it has ended."""
    if running.process.poll() is not None:
        return
    kill.struck = running.stages()[-1]
    os.killpg(running.process.pid, kill.signal)
    end = time.monotonic() + OUTLIVES
    while time.monotonic() < end:
        running.process.poll()  # a process that has ended is in its group until its parent asks
        try:
            os.killpg(running.process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    kill.problems.append(f"processes outlive it by {OUTLIVES} s")
    os.killpg(running.process.pid, signal.SIGKILL)


def mend(folder: Path, kills: Sequence[Kill]) -> str:
    """Run `maskwright mend`, and note at the last of these kills what it did; return what went wrong."""
    done = subprocess.run(
        [sys.executable, "-m", "maskwright", "mend"],
        cwd=folder,
        env={**environment(), "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
    )
    for kill in kills[-1:]:
        kill.mended += [f"mended {line}" for line in done.stdout.splitlines()]
    return f"`maskwright mend` failed:\n{done.stdout}{done.stderr}" if done.returncode else ""


def digests(folder: Path) -> dict[str, str]:
    """Return the hash of each file that the pipeline made."""
    made = [path for name in MADE for path in sorted((folder / name).rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in made}


def compare(folder: Path, kills: Sequence[Kill], reference: Reference) -> None:
    """Note what differs from the uninterrupted run: at the kills of its stage, or at all if that was not killed."""
    found, lock = digests(folder), locked(folder)
    files = sorted(path for path in found | reference.files if found.get(path) != reference.files.get(path))
    entries = sorted(stage for stage in lock | reference.lock if lock.get(stage) != reference.lock.get(stage))
    made_by = {path: maker(path, lock) for path in files} | {f"dvc.lock ({stage})": stage for stage in entries}
    struck = {kill.struck for kill in kills}
    for kill in kills:
        own = [what for what, stage in made_by.items() if stage == kill.struck]
        others = [what for what, stage in made_by.items() if stage not in struck]
        if own:
            kill.problems.append(f"differs from the uninterrupted run: {', '.join(own)}")
        if others:
            kill.problems.append(f"differs, after this kill or another one of the round: {', '.join(others)}")


def maker(path: str, lock: dict[str, Any]) -> str:
    """Return the stage that has made a file; "" if none has."""
    for stage, entry in lock.items():
        if any(path == out["path"] or path.startswith(f"{out['path']}/") for out in entry["outs"]):
            return stage
    return ""


if __name__ == "__main__":
    main()
