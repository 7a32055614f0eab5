import json
import subprocess

import pytest

from maskwright.differences import differences
from maskwright.shared.identity import content_hash
from maskwright.shared.processor import Processor, this_processor

HERE = this_processor()
OLD = Processor("Old Processor", ("avx2",), 4)


def git(folder, *command):
    identity = ("-c", "user.name=a", "-c", "user.email=a@x")
    subprocess.run(["git", *identity, *command], cwd=folder, check=True, capture_output=True)


def write(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A repository with results of another processor, in a folder below its root whose name has a space."""
    folder = tmp_path / "the project"
    lock = "stages:\n"
    for name in ("xor", "detection"):
        write(folder / f"results/{name}/metrics.json", {"accuracy": 0.5})
        processor = folder / f"results/{name}/processor.json"
        write(processor, OLD._asdict())
        lock += f"  train@{name}:\n    outs:\n    - path: results/{name}/processor.json\n"
        lock += f"      md5: {content_hash(processor)}\n"
    (folder / "dvc.lock").write_text(lock)
    (folder / "params.yaml").write_text("a: 1\n")
    (folder / ".gitignore").write_text("processor.json\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "results")
    monkeypatch.chdir(folder)
    return folder


def test_nothing_differs(project):
    assert differences() == []


def test_outside_git(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert differences() == []


def test_another_processor_and_other_numbers(project):
    write(project / "results/detection/metrics.json", {"accuracy": 0.6})
    write(project / "results/detection/processor.json", HERE._asdict())
    what, why = differences()
    assert what == "These results differ from the committed ones: detection."
    assert why == f"They were committed from another processor than this one ({HERE}). See README.md."


def test_another_processor_and_the_same_numbers(project):
    processor, lock = project / "results/xor/processor.json", project / "dvc.lock"
    committed = content_hash(processor)
    write(processor, HERE._asdict())
    # In the fixture both experiments have the same processor, and so the same hash: this is the first one's.
    lock.write_text(lock.read_text().replace(committed, content_hash(processor), 1))
    what, why = differences()
    assert what == "All numbers equal the committed ones, but files that only dvc.lock names differ."
    assert why.startswith("They were committed from another processor")


def test_only_what_the_results_depend_on_differs(project):
    """As after a change of a comment in the code: DVC ran the stages again, and they made the same."""
    lock = project / "dvc.lock"
    lock.write_text(lock.read_text() + "    deps:\n    - path: src\n      md5: abc\n")
    expected = (
        "All results equal the committed ones. dvc.lock names other code, data or settings for them; commit it."
    )
    assert differences() == [expected]
    git(project, "commit", "-q", "-a", "-m", "as it is now")
    assert differences() == []


@pytest.mark.parametrize("content", [None, "", "- a\n", "stages: {}\n", "stages:\n  train@xor: {}\n", "[" * 10_000])
def test_a_lock_without_the_outputs_does_not_make_results_equal(project, content):
    lock = project / "dvc.lock"
    lock.unlink() if content is None else lock.write_text(content)
    assert differences()[0] == "All numbers equal the committed ones, but files that only dvc.lock names differ."


def test_other_settings(project):
    write(project / "results/xor/metrics.json", {"accuracy": 1.0})
    write(project / "results/detection/metrics.json", {"accuracy": 1.0})
    (project / "params.yaml").write_text("a: 2\n")
    assert differences() == [
        "These results differ from the committed ones: detection, xor.",
        "Settings or code differ from the commit: params.yaml.",
    ]
    git(project, "checkout", "-q", "--", "params.yaml")
    assert differences()[1].startswith("Settings, code and processor are those of the commit, ")


def test_a_lock_that_is_none(project):
    (project / "dvc.lock").write_text("- a\n")
    git(project, "commit", "-q", "-a", "-m", "broken")
    write(project / "results/xor/metrics.json", {"accuracy": 1.0})
    assert len(differences()) == 2
