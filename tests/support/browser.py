"""A page in headless Chromium."""

import shutil
import subprocess

import pytest


def shown(path, folder, *options):
    """Return a page's elements after its scripts have run, and what the browser's console said.

    Nothing is reachable: every name of a host is unknown.

    Args:
        path: the page.
        folder: where the browser may keep its profile.
        options: further ones of the command.
    """
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium on the PATH: what a page looks like is not tried")
    command = [
        *(browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--disable-background-networking", "--disable-component-update", "--no-first-run"),
        *("--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}"),
        *("--enable-logging=stderr", "--v=0", "--virtual-time-budget=4000", "--window-size=1400,1000", *options),
        *("--dump-dom", path.resolve().as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
