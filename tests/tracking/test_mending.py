"""What kills and moves leave behind: cut files of DVC."""

import json
import os
import subprocess

import pytest
from dvc.dvcfile import Lockfile
from dvc.repo import Repo

from maskwright.tracking import mending
from maskwright.tracking.mending import mend


def stage(name, md5):
    out = f"    outs:\n    - path: data/{name}\n      hash: md5\n      md5: {md5}\n"
    return f"  {name}:\n    cmd: python -m toy {name}\n{out}"


HEAD = "schema: '2.0'\nstages:\n"
A, B, C, NEW = stage("a", "1" * 32), stage("train@b", "2" * 32), stage("c", "3" * 32), stage("a", "4" * 32)
WHOLE = HEAD + A + B + C


def git(*arguments, when="2020-01-01T00:00:00"):
    who = {f"GIT_{role}_{what}": "x@x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
    subprocess.run(["git", *arguments], env={**os.environ, **who, **dates}, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setattr(mending, "_WRITING", 0)
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    git("init", "-q")
    return tmp_path


def test_nothing_to_do(project):
    assert mend() == []
    (project / "dvc.lock").write_text(WHOLE)
    (project / ".dvc/tmp/rwlock").write_text(json.dumps({"write": {}, "read": {}}))
    assert mend() == []
    assert mend() == []
    assert (project / "dvc.lock").read_text() == WHOLE
    assert (project / ".dvc/tmp/rwlock").is_file()


@pytest.mark.parametrize("left", ["", "{", '{"write": {"/a": '])
def test_dvcs_table_of_locks(project, left):
    (project / ".dvc/tmp/rwlock").write_text(left)
    (line,) = mend()
    assert line == ".dvc/tmp/rwlock: cut short by a kill, and deleted: DVC makes it anew"
    assert not (project / ".dvc/tmp/rwlock").exists()


def test_a_lock_cut_anywhere_is_completed_and_keeps_what_had_been_written_whole(project):
    """The stage `a` had run again when the kill came: what is whole of the new text counts, the rest is the old."""
    lock = project / "dvc.lock"
    lock.write_text(WHOLE)
    assert mend() == []
    new = HEAD + NEW + B + C
    lines = [end for end in range(1, len(new)) if new[end - 1] == "\n"]
    for end in sorted({*lines, *range(0, len(new), 7)}):
        lock.write_text(new[:end])
        told = mend()
        # Within the last stage, a cut at the end of a line leaves all stages, of which DVC runs the last one again.
        if told:
            assert told == [
                "dvc.lock: cut short by a kill, and completed from when it was whole; `git diff dvc.lock` shows it"
            ]
            assert lock.read_text() == HEAD + (NEW if end > len(HEAD + NEW) + 2 else A) + B + C, end
        else:
            assert new[:end].endswith("\n")
            assert end > len(HEAD + NEW + B) + len("  c:\n")
        (project / ".dvc/tmp/dvc.lock.whole").write_text(WHOLE)


def test_dvc_reads_what_was_completed(project):
    git("init", "-q")
    repo = Repo.init(str(project), force=True)
    lock = project / "dvc.lock"
    lock.write_text(WHOLE)
    mend()
    lock.write_text("")
    mend()
    content, _ = Lockfile(repo, str(lock))._load()
    assert list(content["stages"]) == ["a", "train@b", "c"]
    repo.close()


def test_the_last_commit_helps_where_no_copy_was_made_or_it_is_newer(project):
    lock = project / "dvc.lock"
    lock.write_text(WHOLE)
    git("add", "dvc.lock")
    git("commit", "-q", "-m", "results")
    lock.write_text("")
    assert "completed" in mend()[0]
    assert lock.read_text() == WHOLE

    copy = project / ".dvc/tmp/dvc.lock.whole"
    copy.write_text(HEAD + NEW + B + C)
    lock.write_text("")
    mend()
    assert lock.read_text() == HEAD + NEW + B + C

    os.utime(copy, (0, 0))
    lock.write_text("")
    mend()
    assert lock.read_text() == WHOLE


def test_an_earlier_commit_with_fewer_stages_is_not_taken_for_a_cut(project):
    lock = project / "dvc.lock"
    lock.write_text(HEAD + A)
    git("add", "dvc.lock")
    git("commit", "-q", "-m", "earlier", when="2037-01-01T00:00:00")
    (project / ".dvc/tmp/dvc.lock.whole").write_text(WHOLE)
    assert mend() == []
    assert lock.read_text() == HEAD + A


def test_without_any_copy_the_cut_file_is_put_aside(project):
    (project / "dvc.lock").write_text(WHOLE[:50])
    assert mend() == [
        "dvc.lock: cut short by a kill, and now dvc.lock.damaged: `dvc repro` makes it anew from DVC's cache"
    ]
    assert (project / "dvc.lock.damaged").read_text() == WHOLE[:50]
    assert not (project / "dvc.lock").exists()
