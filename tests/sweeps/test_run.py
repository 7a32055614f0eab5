"""Sweeps run: failures, deaths of workers and of the sweep itself, and what is kept."""

import csv
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from maskwright.catalogue import EXPERIMENTS
from maskwright.effects.trials import read_trials, select_trials
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.experiment import Tried
from maskwright.shared.identity import trial_code_hash
from maskwright.sweeps.cluster import open_cluster, unordered
from maskwright.sweeps.plan import plan_sweep
from maskwright.sweeps.run import scheduler_address, swept_experiment, trial_keys
from maskwright.sweeps.worker import Task, run_trial
from support import sweep_trials
from support.sweep_trials import TOY, forty, parameters, ran, run

TESTS = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])}


def rows(folder):
    with (folder / "out/trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def start(*command):
    return subprocess.Popen(
        [sys.executable, "-m", *command], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@contextmanager
def scheduler_and_workers():
    """A scheduler and two workers, each a process of its own: its address, itself, and the workers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    listen = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0")
    # Without a nanny, which would start a worker again: what is killed here stays dead.
    worker = ("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", *listen)
    processes = [
        start("distributed.cli.dask_scheduler", "--port", str(port), *listen),
        start(*worker),
        start(*worker),
    ]
    try:
        yield address, processes[0], processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def shared():
    """The address of a scheduler with workers that nobody kills."""
    with scheduler_and_workers() as (address, _, _):
        yield address


def wait_until(condition, what):
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail(f"a minute passed without {what}")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder of a sweep of 40 trials that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    line = run(folder, forty(steps=50))
    assert line == f"toy: 40 finished; see {folder / 'out/trials.csv'}"
    return folder


def test_the_table(undisturbed):
    table = rows(undisturbed)
    expected = [(rate, units, seed) for rate in (1.0, 2.0, 3.0, 4.0) for units in (1, 2) for seed in range(5)]
    assert list(table[0]) == [
        "trial", "learning_rate", "hidden", "seed", "accuracy", "loss", "third", "status", "reason",
    ]  # fmt: skip
    assert [(float(r["learning_rate"]), int(r["hidden"]), int(r["seed"])) for r in table] == expected
    assert [float(r["accuracy"]) for r in table] == [rate / units for rate, units, _ in expected]
    assert {r["third"] for r in table} == {"0.3333333333"}
    assert {(r["status"], r["reason"]) for r in table} == {("finished", "")}
    assert [r["trial"] for r in table] == [t.name for t in plan_sweep("toy", parameters(forty(steps=50))).trials]
    processes = {line[-1] for line in ran(undisturbed)}
    assert len(ran(undisturbed)) == 40
    assert len(processes) == 2
    assert str(os.getpid()) not in processes


def test_the_table_of_the_test_examples(undisturbed):
    with (undisturbed / "out/examples.csv").open(newline="") as file:
        header, *lines = csv.reader(file)
    combinations = [(rate, units) for rate in (1.0, 2.0, 3.0, 4.0) for units in (1, 2)]
    assert header == [
        f"learning_rate={rate} hidden={units}/{name}" for rate, units in combinations for name in ("accuracy", "loss")
    ]
    # The accuracy has two examples, the loss three. The mean of the seeds 0, ..., 4 is 2, and a third of it 0.666667.
    assert lines == [
        [cell for rate, units in combinations for cell in (f"{0.5 * rate / units:.6g}", "2")],
        [cell for rate, units in combinations for cell in (f"{1.5 * rate / units:.6g}", "2")],
        ["", "0.666667"] * 8,
    ]


def test_the_table_is_what_the_analysis_reads(undisturbed):
    trials = select_trials(read_trials(undisturbed / "out/trials.csv"), "accuracy", ["learning_rate", "hidden"])
    assert len(trials.y) == 40
    assert trials.seeds == 5
    assert trials.configuration.max() + 1 == 8


def test_a_repeated_sweep_runs_nothing_and_an_extended_one_what_is_new(undisturbed, tmp_path, shared):
    for name in ("data", "out", "kept"):
        (tmp_path / name).mkdir()
    (tmp_path / "kept/toy.jsonl").write_bytes((undisturbed / "kept/toy.jsonl").read_bytes())
    told = []
    line = run(tmp_path, forty(steps=50), log=lambda trial, outcome: told.append(trial.name))
    assert line.startswith("toy: 40 finished (40 from before); see ")
    assert ran(tmp_path) == []
    assert len(set(told)) == len(told) == 40
    for table in ("trials.csv", "examples.csv"):
        assert (tmp_path / "out" / table).read_bytes() == (undisturbed / "out" / table).read_bytes()
    line = run(tmp_path, {**forty(steps=50), "seeds": [0, 1, 2, 3, 4, 99]}, scheduler=shared)
    assert line.startswith("toy: 48 finished (40 from before); see ")
    assert {seed for _, _, seed, _ in ran(tmp_path)} == {"99"}
    assert len(ran(tmp_path)) == 8


def test_what_goes_wrong_is_a_row_and_a_killer_harms_nobody_else(tmp_path, shared):
    section = {"factors": {"hidden": [13, 14, 15, 16, 1]}, "fixed": {"steps": 50}, "seeds": 2}
    line = run(tmp_path, section)
    assert line.splitlines()[0] == f"toy: 3 finished, 2 diverged, 5 failed; see {tmp_path / 'out/trials.csv'}"
    table = rows(tmp_path)
    died = "its worker died each time, for lack of memory perhaps"
    clash = "a measure is called hidden, like another column"
    assert [(row["hidden"], row["seed"], row["accuracy"], row["status"], row["reason"]) for row in table] == [
        ("13", "0", "", "failed", "ValueError: thirteen units"),
        ("13", "1", "", "failed", "ValueError: thirteen units"),
        ("14", "0", "nan", "diverged", "accuracy is nan"),
        ("14", "1", "nan", "diverged", "accuracy is nan"),
        ("15", "0", "", "failed", died),
        ("15", "1", "0.06666666667", "finished", ""),
        ("16", "0", "", "failed", clash),
        ("16", "1", "", "failed", clash),
        ("1", "0", "1", "finished", ""),
        ("1", "1", "1", "finished", ""),
    ]
    assert [line[1:3] for line in ran(tmp_path)].count(("15", "0")) == 2
    # 13, 14 and 16 have no result. Of 15, seed 1 alone has one, so its loss is that seed's.
    assert (tmp_path / "out/examples.csv").read_text().splitlines() == [
        "hidden=15/accuracy,hidden=15/loss,hidden=1/accuracy,hidden=1/loss",
        "0.0333333,1,0.5,0.5",
        "0.1,1,1.5,0.5",
        ",0.333333,,0.166667",
    ]
    # Once more: what failed is tried again, what diverged or finished is not.
    (tmp_path / "ran").unlink()
    without_killer = {**section, "factors": {"hidden": [13, 14, 1]}}
    assert run(tmp_path, without_killer, scheduler=shared).startswith(
        "toy: 2 finished, 2 diverged, 2 failed (4 from before); "
    )
    assert {units for _, units, _, _ in ran(tmp_path)} == {"13"}


def test_nothing_finished(tmp_path, shared):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/examples.csv").write_text("of an earlier sweep\n")
    with pytest.raises(
        MaskwrightError, match=r"toy: none of 2 trials finished: ValueError: thirteen units \(2 of them"
    ):
        run(tmp_path, {"factors": {"hidden": [13]}, "fixed": {"steps": 50}, "seeds": 2}, scheduler=shared)
    assert [row["status"] for row in rows(tmp_path)] == ["failed", "failed"]
    assert not (tmp_path / "out/examples.csv").exists()


def test_a_response_that_is_not_measured_is_told_at_once(tmp_path, shared):
    with pytest.raises(MaskwrightError) as caught:
        run(tmp_path, {**forty(steps=1000), "response": "acuracy"}, scheduler=shared)
    assert "sweeps.toy.response: a trial does not measure 'acuracy' but accuracy, loss, third;" in str(caught.value)
    assert len(ran(tmp_path)) < 20


def test_a_worker_killed_in_the_middle_costs_no_trial_and_a_lost_scheduler_none_that_has_run(tmp_path, undisturbed):
    told = []

    def kill(process, after):
        def log(trial, outcome):
            told.append(trial.name)
            if len(told) == after:
                process.kill()
                assert process.wait() == -signal.SIGKILL

        return log

    with scheduler_and_workers() as (address, scheduler, workers):
        run(tmp_path, forty(steps=500), log=kill(workers[0], after=10), scheduler=address)
        assert len(set(told)) == len(told) == 40
        table = rows(tmp_path)
        assert [(row["status"], int(row["seed"])) for row in table] == [("finished", n % 5) for n in range(40)]
        before = [(row["accuracy"], row["loss"]) for row in rows(undisturbed)]
        assert [(row["accuracy"], row["loss"]) for row in table] == before
        processes = [line[-1] for line in ran(tmp_path)]
        assert set(processes) == {str(worker.pid) for worker in workers}
        # The one that died took at most two trials with it, which ran again.
        assert 40 <= len(processes) <= 42
        assert len({line[:3] for line in ran(tmp_path)}) == 40

        told.clear()
        (tmp_path / "kept/toy.jsonl").unlink()
        with pytest.raises(
            MaskwrightError, match="the connection to the Dask scheduler is lost; start it, and run th"
        ):
            run(tmp_path, forty(steps=500), log=kill(scheduler, after=5), scheduler=address)
        assert 5 <= (tmp_path / "kept/toy.jsonl").read_bytes().count(b"\n") == len(told) < 40


def test_a_sweep_killed_in_the_middle_continues(tmp_path, undisturbed, shared):
    script = (
        "import pathlib, sys; from support import sweep_trials;"
        " sweep_trials.run(pathlib.Path(sys.argv[1]), sweep_trials.forty(steps=50))"
    )
    text = f"if __name__ == '__main__':\n    {script}\n"
    (tmp_path / "main.py").write_text(text)
    kept = tmp_path / "kept/toy.jsonl"
    process = subprocess.Popen([sys.executable, tmp_path / "main.py", tmp_path], env=ENVIRONMENT)
    wait_until(lambda: kept.exists() and kept.read_bytes().count(b"\n") >= 8, "8 trials")
    process.kill()
    process.wait()
    workers = {int(line[-1]) for line in ran(tmp_path)}
    wait_until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), "the end of the workers")
    assert not (tmp_path / "out/trials.csv").exists()
    lines = kept.read_bytes().splitlines()
    kept.write_bytes(b"\n".join(lines)[:-20])  # the last line broke off
    there = len(lines) - 1
    (tmp_path / "ran").unlink()
    line = run(tmp_path, forty(steps=50), scheduler=shared)
    assert line.startswith(f"toy: 40 finished ({there} from before); see ")
    assert 8 <= there + 1 < 40
    assert len(ran(tmp_path)) == 40 - there
    for table in ("trials.csv", "examples.csv"):
        assert (tmp_path / "out" / table).read_bytes() == (undisturbed / "out" / table).read_bytes()


def test_ctrl_c_is_quiet_and_keeps_what_there_is(tmp_path):
    text = (
        "import pathlib, signal, sys\n"
        "from support import sweep_trials\n"
        "if __name__ == '__main__':\n"
        # Tests that were started in the background have inherited that the signal is ignored.
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "    try:\n"
        "        sweep_trials.run(pathlib.Path(sys.argv[1]), sweep_trials.forty(steps=2000))\n"
        "    except KeyboardInterrupt:\n"
        "        sys.exit(130)\n"
    )
    (tmp_path / "main.py").write_text(text)
    command = [sys.executable, tmp_path / "main.py", tmp_path]
    process = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True, start_new_session=True)
    kept = tmp_path / "kept/toy.jsonl"
    wait_until(lambda: kept.exists() and kept.read_bytes().count(b"\n") >= 3, "3 trials")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, workers and all
    told = process.communicate()[1].splitlines()
    assert process.returncode == 130
    assert told[0] == "toy: 40 trials"
    assert told[-1].endswith("of 40 trials are kept; run it again to continue")
    assert len(told) == 2
    assert not any(Path(f"/proc/{line[-1]}").exists() for line in ran(tmp_path))


def test_no_scheduler_there(monkeypatch):
    monkeypatch.setattr("maskwright.sweeps.cluster._CONNECTING", "1s")
    with (
        pytest.raises(MaskwrightError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9 \(.*\); start one"),
        open_cluster("tcp://127.0.0.1:9", workers=1, preload=run_trial.__module__),
    ):
        pass


def test_the_environment_names_the_scheduler_first(monkeypatch):
    params = parameters(forty(steps=50))
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    assert scheduler_address(params) is None
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://elsewhere:8786")
    assert scheduler_address(params) == "tcp://elsewhere:8786"


def test_the_environment_is_left_as_others_have_changed_it(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    # As another thread does that makes MLflow's database: here before Dask begins, and gone before it ends.
    monkeypatch.setenv("PASSING", "here for a moment")
    with open_cluster(None, workers=1, preload=run_trial.__module__):
        assert os.environ["OMP_NUM_THREADS"] == "1"  # as Dask wants it
        del os.environ["PASSING"]
    assert "PASSING" not in os.environ
    assert "OMP_NUM_THREADS" not in os.environ
    assert os.environ["MKL_NUM_THREADS"] == "7"


def double(number):
    return 2 * number


def test_few_tasks_are_taken_ahead(shared):
    taken = []

    def numbers():
        for number in range(60):
            taken.append(number)
            yield number

    with open_cluster(shared, workers=1, preload=run_trial.__module__) as client:
        results = unordered(client, double, numbers())
        found = [next(results) for _ in range(10)]
        # Ten that are done, and at most two for each of two workers, and those that came in between.
        assert 10 <= len(taken) <= 18
        found += list(results)
        assert len(client.futures) <= 4
    assert sorted(found) == [(number, 2 * number) for number in range(60)]


def test_keys_follow_what_determines_a_trial(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a").write_text("1")
    plan = plan_sweep("toy", parameters(forty(steps=50)))
    keys = trial_keys(plan, TOY, tmp_path / "data")
    assert len(set(keys.values())) == 40
    assert trial_keys(plan, TOY, tmp_path / "data") == keys
    other = plan_sweep("toy", parameters(forty(steps=100)))
    assert not set(trial_keys(other, TOY, tmp_path / "data").values()) & set(keys.values())
    assert not set(trial_keys(plan, EXPERIMENTS["xor"], tmp_path / "data").values()) & set(keys.values())
    (tmp_path / "data/a").write_text("2")
    assert not set(trial_keys(plan, TOY, tmp_path / "data").values()) & set(keys.values())
    with pytest.raises(MaskwrightError, match="nowhere: no such folder; run `dvc repro nowhere` first"):
        trial_keys(plan, TOY, Path("nowhere"))


def test_other_code_on_a_worker_is_no_result(tmp_path):
    settings = parameters(forty(steps=50)).section("xor")
    right = run_trial(Task(TOY, trial_code_hash(TOY), settings, tmp_path / "data"))
    assert right.status == "finished"
    wrong = run_trial(Task(TOY, "0" * 32, settings, tmp_path / "data"))
    assert (wrong.status, wrong.measures) == ("failed", {})
    assert wrong.reason.startswith("RuntimeError: this worker has other code or libraries")


@pytest.mark.parametrize(
    ("returned", "status", "reason"),
    [
        (Tried({"a": 1, "b": 0.5}, {"a": np.array([0.5, 1.5])}), "finished", ""),
        (Tried({"a": np.inf, "b": np.nan, "c": 1.0}, {"a": np.array([np.inf])}), "diverged", "a is inf, b is nan"),
        (Tried({"a": 1.0}, {"a": np.array([1, np.nan])}), "diverged", "a of an example is not finite"),
        (Tried({"a": "0.5"}, {}), "failed", "a is not a number but str"),
        (Tried({}, {}), "failed", "the trial returned no `Tried` with named numbers but Tried"),
        ({"a": 1.0}, "failed", "the trial returned no `Tried` with named numbers but dict"),
        (0.5, "failed", "the trial returned no `Tried` with named numbers but float"),
    ],
)
def test_what_a_trial_may_return(returned, status, reason, monkeypatch, tmp_path):
    monkeypatch.setattr(sweep_trials, "trial", lambda settings, data: returned)
    settings = parameters(forty(steps=50)).section("xor")
    outcome = run_trial(Task(TOY, trial_code_hash(TOY), settings, tmp_path))
    assert (outcome.status, outcome.reason) == (status, reason)
    assert outcome.examples == ({"a": [0.5, 1.5]} if status == "finished" else {})


def test_functions_of_several_networks_are_no_warning(monkeypatch, caplog, tmp_path):
    def trial(settings, data):
        for message in ("5 out of the last 5 calls to f triggered tf.function retracing.", "something else"):
            logging.getLogger("tensorflow").warning(message)
        return Tried({"a": 1.0}, {})

    monkeypatch.setattr(sweep_trials, "trial", trial)
    settings = parameters(forty(steps=50)).section("xor")
    with caplog.at_level("WARNING"):
        assert run_trial(Task(TOY, trial_code_hash(TOY), settings, tmp_path)).status == "finished"
    assert caplog.messages == ["something else"]


def test_an_experiment_without_trials_cannot_be_swept():
    section = {"experiment": "clustering", "factors": {"epochs": [1, 2]}, "seeds": 1, "response": "nmi"}
    with pytest.raises(MaskwrightError, match=r"sweeps\.toy.experiment: clustering cannot be swept"):
        swept_experiment(plan_sweep("toy", parameters(section)))
