import os
import subprocess
import sys

import pytest

from support import tiny_detection


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("detection data")
    tiny_detection.write_data(root)
    return root


@pytest.fixture(scope="session")
def out(data, tmp_path_factory):
    """What the program `tiny_detection` wrote: its trainings, their evaluations and a trial."""
    folder = tmp_path_factory.mktemp("detection out")
    command = [sys.executable, tiny_detection.__file__, str(data), str(folder)]
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return folder
