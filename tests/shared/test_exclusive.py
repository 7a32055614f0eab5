import os
import re
import subprocess
import sys

import pytest

from maskwright.shared.errors import MaskwrightError
from maskwright.shared.exclusive import only_here

HOLDING = """
import sys, time
from pathlib import Path
from maskwright.shared.exclusive import only_here

with only_here(Path(sys.argv[1]), "toy is training"):
    print("holding", flush=True)
    time.sleep(60)
"""


def test_a_second_one_is_told_who_is_first(tmp_path):
    lock = tmp_path / "made/toy.lock"
    with only_here(lock, "toy is training"):
        told = rf"^toy is training already \(process {os.getpid()} since \d{{4}}-\d\d-\d\d \d\d:\d\d\); wait for it"
        with pytest.raises(MaskwrightError, match=told), only_here(lock, "toy is training"):
            pytest.fail("two at once")
        with only_here(tmp_path / "other.lock", "other is training"):
            assert lock.is_file()
    assert not lock.exists()
    with only_here(lock, "toy is training"):
        assert lock.is_file()


def test_an_error_releases_it(tmp_path):
    lock = tmp_path / "toy.lock"
    with pytest.raises(ValueError, match="broken"), only_here(lock, "toy is training"):
        raise ValueError("broken")
    assert not lock.exists()


def test_a_kill_releases_it(tmp_path):
    lock = tmp_path / "toy.lock"
    process = subprocess.Popen([sys.executable, "-c", HOLDING, lock], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "holding\n"
    with pytest.raises(MaskwrightError, match=f"process {process.pid} since"), only_here(lock, "toy is training"):
        pytest.fail("two at once")
    process.kill()
    process.communicate()
    assert lock.exists()
    with only_here(lock, "toy is training"):
        assert re.match(f"process {os.getpid()} since", lock.read_text())
