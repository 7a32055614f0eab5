"""The model that MLflow keeps: loaded, and served over HTTP, where maskwright is not installed."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from maskwright.tracking.inputs import Data
from maskwright.tracking.runs import Training, record
from maskwright.tracking.store import open_store

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
SIZES = [(32, 32), (48, 100), (7, 5), (1, 1)]
"""Height and width of what is sent: the network's own size, and others, each a batch of another length."""


def batches():
    """Return noise in coarse blocks, so that the classes cover areas."""
    random = np.random.default_rng(0)
    made = []
    for number, (height, width) in enumerate(SIZES, 1):
        blocks = random.integers(0, 256, (number, -(-height // 8), -(-width // 8), 3), np.uint8)
        made.append(blocks.repeat(8, axis=1).repeat(8, axis=2)[:, :height, :width])
    return made


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """Log a network as training does; return its URI, its environment, and the masks that it makes of `batches`."""
    import keras

    from maskwright.experiments.segmentation.learn import network as fcn
    from maskwright.experiments.segmentation.serve import serving_model
    from maskwright.learning.common.saved import save_model

    root = tmp_path_factory.mktemp("a project")
    model, history = root / "models/segmentation", root / "training.csv"
    keras.utils.set_random_seed(0)
    save_model(fcn.fast(3), {"classes": ["background", "cat", "dog"], "size": [32, 32]}, model)
    history.write_text("epoch,loss\n1,0.5\n")
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "DVC_EXP_NAME"):
            patch.delenv(variable, raising=False)
        training = Training(
            name="segmentation",
            about="Which class does each pixel belong to?",
            variant="",
            label="defaults",
            changed={},
            key="k",
            params={},
            data=Data("none", root, {}),
            model=model,
            history=history,
            processor="",
            best_by="",
            serving_model=serving_model,
        )
        assert record(root, training, None)
        store = open_store(root, "segmentation")
        (found,) = store.client.search_logged_models([store.experiment])
    served = serving_model(model)
    masks = [np.asarray(served(batch)) for batch in batches()]
    assert len(np.unique(masks[1])) > 1
    # A package of that name comes first, and cannot be imported.
    blocker = tmp_path_factory.mktemp("blocker")
    (blocker / "maskwright").mkdir()
    (blocker / "maskwright/__init__.py").write_text("raise ImportError('maskwright is not installed here')\n")
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "DVC_"))},
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(blocker),
        "MLFLOW_TRACKING_URI": f"sqlite:///{root}/mlflow.db",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    return found.model_uri, environment, masks


def test_pyfunc_gives_the_same_masks_without_maskwright(logged, tmp_path):
    uri, environment, masks = logged
    np.savez(tmp_path / "in.npz", *batches())
    code = """if True:
        import sys
        import mlflow, numpy as np
        model = mlflow.pyfunc.load_model(sys.argv[1])
        np.savez("out.npz", *(model.predict(batch) for batch in np.load("in.npz").values()))
        try:
            import maskwright
        except ImportError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", code, uri], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "maskwright is not installed here"
    predicted = list(np.load(tmp_path / "out.npz").values())
    assert [p.dtype for p in predicted] == [np.uint8] * len(SIZES)
    assert [p.shape for p in predicted] == [(1, 32, 32), (2, 48, 100), (3, 7, 5), (4, 1, 1)]
    for ours, theirs in zip(masks, predicted, strict=True):
        np.testing.assert_array_equal(theirs, ours)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket: no port to lose to another program, no proxy, and no network, not even loopback."""

    def __init__(self, path):
        super().__init__("localhost", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


@pytest.fixture
def socket_path():
    # Not below tmp_path: a socket's path has at most 107 bytes.
    with tempfile.TemporaryDirectory() as folder:
        yield f"{folder}/server"


def test_mlflow_serves_it(logged, tmp_path, socket_path):
    uri, environment, masks = logged
    # `mlflow models serve` starts uvicorn, which reads its options from the environment too.
    environment = {**environment, "UVICORN_UDS": socket_path}
    log = tmp_path / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            ["mlflow", "models", "serve", "-m", uri, "--env-manager", "local"],
            cwd=tmp_path,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_for_answer(socket_path, server, log)
        for batch, expected in zip(batches(), masks, strict=True):
            answer = ask(socket_path, "POST", "/invocations", {"inputs": batch.tolist()})
            assert answer == (200, {"predictions": expected.tolist()})
        status, answer = ask(socket_path, "POST", "/invocations", {"inputs": [[1, 2], [3, 4]]})
        assert status == 400, answer
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def wait_for_answer(path, server, log):
    end = time.monotonic() + 180
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            status, _ = ask(path, "GET", "/ping")
        except OSError:
            time.sleep(0.5)
        else:
            assert status == 200
            return
    pytest.fail(f"no answer after 180 s:\n{log.read_text()}")


def ask(path, method, url, content=None):
    """Return the answer's status, and its JSON."""
    connection = UnixConnection(path)
    try:
        connection.request(method, url, content and json.dumps(content), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text.strip() else None
    finally:
        connection.close()
