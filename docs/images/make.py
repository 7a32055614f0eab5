"""Makes those pictures of the documentation that are screenshots, from a project that has results.

    python docs/images/make.py FOLDER               # all of them, in docs/images
    python docs/images/make.py FOLDER mlflow        # one of them
    python docs/images/make.py FOLDER via --annotator via_image_annotator.html --predicted PHOTOS/predicted.json

FOLDER holds a project after `make run`: results, mlflow.db, mlartifacts. Needs Chromium on the PATH, and for `via`
the page of VIA 3, which is not part of this project, and what `maskwright predict segmentation PHOTOS --via` wrote,
here for the first six photographs of data/drinks/test. The browser reaches this computer only. Look at each picture
before you commit it.
"""

import argparse
import asyncio
import base64
import io
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from tornado.websocket import WebSocketClientConnection, websocket_connect

from maskwright.tracking.views import page as runs_page

HERE = Path(__file__).parent
SIZE = (1200, 700)
"""Of the window, and so of most pictures, in pixels."""
_LOW = (1200, 640)
"""Of the window that shows a short table."""
_WIDE = (1500, 800)
"""Of the window whose tools take much room; its picture is scaled to the width of the others."""
_ROWS = (1532, 640)
"""Of the contact sheet, in pixels: two rows."""
MOST_BYTES = 300_000
EXPERIMENT = "masked_digits"
"""Whose runs are shown: it has a row for each variant."""
_SHOWN = 4
"""Number of the predicted photograph, from 0: it has two objects."""
_PATIENCE = 300
"""Seconds that a page or a server may take."""


class Page:
    """A page in the browser, driven by Chromium's protocol for developers."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self._connection, self._number = connection, 0

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Have the browser do something, and return its answer."""
        self._number += 1
        await self._connection.write_message(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            text = await self._connection.read_message()
            if text is None:
                raise ConnectionError("the browser has gone")
            answer = json.loads(text)
            if answer.get("id") == self._number:  # others are events
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    async def value(self, script: str) -> Any:
        """Return what a script in the page comes to."""
        answer = await self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", script))
        return answer["result"].get("value")

    async def open(self, address: str, until: str) -> None:
        """Open an address, and wait until a script in the page comes to true."""
        await self.ask("Page.navigate", url=address)
        await self.wait(until)

    async def wait(self, until: str) -> None:
        """Wait until a script in the page comes to true, and a little longer, for what is drawn step by step."""
        for _ in range(2 * _PATIENCE):
            # Between two pages there may be none to ask.
            if await self.value(f"Boolean(document.body && ({until}))"):
                await asyncio.sleep(2)
                return
            await asyncio.sleep(0.5)
        raise TimeoutError(f"waited {_PATIENCE} s for {until}")

    async def resize(self, size: tuple[int, int]) -> None:
        """Give the page itself a size; a window's includes its frame."""
        width, height = size
        await self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def picture(self) -> Image.Image:
        """Return what the window shows."""
        answer = await self.ask("Page.captureScreenshot", format="png")
        return Image.open(io.BytesIO(base64.b64decode(answer["data"]))).convert("RGB")


@asynccontextmanager
async def browser() -> AsyncIterator[Page]:
    """Yield an empty page in a headless browser with a profile of its own, which reaches this computer only."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        sys.exit("make.py: error: no Chromium on the PATH")
    with TemporaryDirectory() as profile:
        command = [
            *(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *("--disable-background-networking", "--disable-component-update", "--no-first-run", "--hide-scrollbars"),
            *("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--user-data-dir={profile}/profile"),
            *("--remote-debugging-port=0", f"--window-size={SIZE[0]},{SIZE[1]}", "about:blank"),
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port = await _port(Path(profile, "profile/DevToolsActivePort"))
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
                tab = next(each for each in json.load(answer) if each["type"] == "page")
            connection = await websocket_connect(tab["webSocketDebuggerUrl"], max_message_size=2**28)
            page = Page(connection)
            await page.resize(SIZE)
            yield page
            connection.close()
        finally:
            process.terminate()
            process.wait(30)


async def _port(file: Path) -> int:
    for _ in range(2 * _PATIENCE):
        if file.is_file() and (lines := file.read_text(encoding="utf-8").splitlines()):
            return int(lines[0])
        await asyncio.sleep(0.5)
    raise TimeoutError("the browser does not start")


@contextmanager
def mlflow_pages(folder: Path) -> Iterator[str]:
    """Serve a project's MLflow pages by `maskwright ui`; yield their address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "maskwright", "ui", "--port", str(port)],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(_PATIENCE):
        if process.poll() is not None:
            raise ConnectionError("MLflow's pages do not start; `maskwright ui` says why")
        with suppress(OSError), urllib.request.urlopen(address, timeout=10):
            return
        time.sleep(1)
    raise TimeoutError(f"waited {_PATIENCE} s for {address}")


def narrowed(picture: Image.Image) -> Image.Image:
    """Return a picture with the width of the others."""
    return picture.resize((SIZE[0], picture.height * SIZE[0] // picture.width), Image.Resampling.LANCZOS)


async def mlflow(page: Page, given: argparse.Namespace) -> Image.Image:
    """Show the runs of an experiment, with a column for each main score."""
    await page.resize(_LOW)
    with closing(sqlite3.connect(given.folder / "mlflow.db")) as database:
        (number,) = database.execute("SELECT experiment_id FROM experiments WHERE name = ?", (EXPERIMENT,)).fetchone()
    with mlflow_pages(given.folder) as address:
        await page.open(runs_page(address, number), "document.querySelectorAll('[role=row]').length > 5")
        # The menu, the assistant and the notice about the saved view take the room of the table.
        await page.value(
            """for (const name of ["mlflow.assistant.chat_panel.close", "mlflow.experiment_page.shared_view.dismiss",
                                   "mlflow_header.toggle_sidebar_button"])
                 document.querySelector(`button[data-component-id="${name}"]`)?.click()"""
        )
        await asyncio.sleep(5)
        return await page.picture()


async def report(page: Page, given: argparse.Namespace) -> Image.Image:
    """Show the top of the page with all results."""
    await page.open((given.folder / "results/report.html").resolve().as_uri(), "document.readyState === 'complete'")
    return await page.picture()


async def via(page: Page, given: argparse.Namespace) -> Image.Image:
    """Show a prediction in VIA 3, which imports projects of VIA 2."""
    await page.resize(_WIDE)
    with TemporaryDirectory() as folder:
        annotator = Path(shutil.copy2(given.annotator, folder))
        await page.open(annotator.as_uri(), "typeof via !== 'undefined' && via.d && via.vm")
        text = json.dumps(given.predicted.read_text(encoding="utf-8"))
        await page.value(f"via.d.project_import_via2_json({text})")
        # VIA 3 asks where each photograph is; then the one is chosen that is to be seen.
        place = json.dumps(f"{given.predicted.parent.resolve().as_uri()}/")
        await page.value(
            f"""for (const file of Object.values(via.d.store.file)) {{
                  file.loc = _VIA_FILE_LOC.URIFILE;
                  file.src = new URL(file.fname, {place}).href;
                }}
                via.vm.view_selector.selectedIndex = {_SHOWN};
                via.vm.view_selector.dispatchEvent(new Event("change"));"""
        )
        await asyncio.sleep(5)
        return narrowed(await page.picture())


async def look(_: Page, given: argparse.Namespace) -> Image.Image:
    """Return the first rows of the contact sheet, which `maskwright look` draws itself."""
    return Image.open(given.folder / "results/look/contact_sheet.png").convert("RGB").crop((0, 0, *_ROWS))


PICTURES = {"look": look, "mlflow": mlflow, "report": report, "via": via}


def write(picture: Image.Image, path: Path) -> None:
    """Write a picture with as few colours as its size asks for, at most 256."""
    for colours in (256, 128, 64):
        picture.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            return
    raise ValueError(f"{path}: larger than {MOST_BYTES:,} bytes")


async def main() -> None:
    """Make the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a project with results")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(PICTURES)}; default: all that can be made"
    )
    parser.add_argument("--annotator", type=Path, help="the page of VIA 3, via_image_annotator.html")
    parser.add_argument("--predicted", type=Path, help="a VIA project with predictions, beside its photographs")
    parser.add_argument("--out", type=Path, default=HERE, help="where they go; default: docs/images")
    chosen = parser.parse_args()
    names = chosen.names or [name for name in PICTURES if name != "via"] + ["via"] * bool(chosen.annotator)
    if unknown := set(names) - set(PICTURES):
        parser.error(f"no such picture: {', '.join(sorted(unknown))}")
    if "via" in names and not (chosen.annotator and chosen.predicted):
        parser.error("via: needs --annotator and --predicted")
    for name in names:
        async with browser() as page:
            picture = await PICTURES[name](page, chosen)
        write(picture, chosen.out / f"{name}.png")
        print(chosen.out / f"{name}.png", picture.size, f"{(chosen.out / f'{name}.png').stat().st_size:,} bytes")


if __name__ == "__main__":
    asyncio.run(main())
