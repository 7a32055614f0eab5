import signal
import subprocess
import sys
import time

import pytest

from maskwright.shared.stopping import Stopped, exit_code

WAITING = """
import sys, time
from maskwright.shared.stopping import exit_code, stop_as_by_ctrl_c

stop_as_by_ctrl_c()
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt as interrupt:
    print("cleaned up", flush=True)
    sys.exit(exit_code(interrupt))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_cleans_up_as_ctrl_c_does(number, code):
    # The tests themselves may run under nohup, which a process inherits.
    heard = f"import signal; signal.signal({int(number)}, signal.SIG_DFL)\n{WAITING}"
    process = subprocess.Popen([sys.executable, "-c", heard], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert process.communicate()[0] == "cleaned up\n"
    assert process.returncode == code


def test_nohup_is_respected():
    process = subprocess.Popen(
        ["nohup", sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    assert process.poll() is None
    process.kill()
    process.communicate()


def test_exit_codes():
    assert exit_code(KeyboardInterrupt()) == 130
    assert exit_code(Stopped(signal.SIGTERM)) == 143
