"""A store that does not answer, or that cannot be opened, costs seconds."""

import os
import socket
import time

import pytest

from maskwright.tracking.locations import StoreUnavailable
from maskwright.tracking.silence import FILE, REST, NoAnswer, forget, refuse_silent, remember
from maskwright.tracking.store import _PATIENCE_WITH_SERVERS, import_mlflow, named_store, open_store, sqlite_address


def test_a_server_that_accepts_and_never_answers(tmp_path, monkeypatch):
    timeout, retries, _ = map(int, _PATIENCE_WITH_SERVERS.values())
    assert (1 + retries) * timeout + 1 <= 15
    # With a timeout of 1 in place of 6 seconds: twice that, and the pause of at most one between.
    for variable in _PATIENCE_WITH_SERVERS:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(10)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("//", "//me:secret@"))
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable, match=rf"^{address}: no answer; see MLFLOW_TRACKING_URI$"):
            open_store(tmp_path, "toy")
        assert time.monotonic() - begun >= 2
        # The next command does not wait, nor does it connect.
        monkeypatch.setattr("maskwright.tracking.store.import_mlflow", None)
        with pytest.raises(
            StoreUnavailable, match=rf"^{address}: gave no answer \d+ s ago, and is asked again in \d+ s"
        ):
            open_store(tmp_path, "toy")


def test_a_silent_store_is_asked_again_after_a_while_or_when_told_to(tmp_path):
    for silent, age in (("http://other", 0), ("http://here", REST + 1), ("http://here", -60)):
        remember(tmp_path, silent)
        changed = time.time() - age
        os.utime(tmp_path / FILE, (changed, changed))
        refuse_silent(tmp_path, "http://here")
    remember(tmp_path, "http://here")
    with pytest.raises(NoAnswer, match="to ask it now, run `maskwright sync`"):
        refuse_silent(tmp_path, "http://here")
    forget(tmp_path)
    refuse_silent(tmp_path, "http://here")
    forget(tmp_path / "missing")
    remember(tmp_path / "missing", "http://here")  # nothing that can stop a training
    (tmp_path / FILE).write_bytes(b"\xff")
    refuse_silent(tmp_path, "http://here")


def test_a_database_that_cannot_be_opened(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/a folder/x.db")
    (tmp_path / "a folder/x.db").mkdir(parents=True)
    with pytest.raises(StoreUnavailable, match=r"x\.db: unable to open database file; see MLFLOW_TRACKING_URI$"):
        open_store(tmp_path, "toy")


def test_our_own_database_is_known_whatever_it_is_called(tmp_path, monkeypatch):
    own = sqlite_address(tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert named_store(tmp_path) == (own, True)
    for address in ("sqlite:///mlflow.db", f"sqlite:///{tmp_path}/mlflow.db"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        assert named_store(tmp_path) == (own, True)
    for address in ("sqlite:///other.db", "http://127.0.0.1:5000", "sqlite://"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        assert named_store(tmp_path) == (address, False)


def test_an_address_with_signs_that_have_a_meaning_is_relative(tmp_path, monkeypatch):
    project = tmp_path / "q?x=1 50%20"
    (project / "queue/copy").mkdir(parents=True)
    monkeypatch.chdir(project / "queue/copy")
    assert sqlite_address(project / "mlflow.db") == "sqlite:///../../mlflow.db"


def test_the_database_is_made_without_a_word_about_its_temporary_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    seen, point_to = [], import_mlflow().set_tracking_uri
    monkeypatch.setattr("mlflow.set_tracking_uri", lambda address: (seen.append(address), point_to(address)))
    open_store(tmp_path, "toy")
    assert (tmp_path / "mlflow.db").is_file()
    assert seen == [sqlite_address(tmp_path / "mlflow.db")]
