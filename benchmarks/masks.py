"""How fast annotations become masks, against the loop that people write first, and in how much memory.

    .venv/bin/python benchmarks/masks.py [--images 2000] [--rounds 5] [--most 10000]

The loop: one process that decodes each photograph with OpenCV, fills its polygons with cv2.fillPoly, and saves a
one-hot float32 array by numpy.save. Against it: the command `maskwright masks`, which also checks every image and
region, and writes palette PNGs, a table, COCO and a report. Both run in fresh processes, in turns; the files lie in
the page cache for both. The loop gets a quarter of the images, since its arrays take 5 MB each; its rate does not
depend on their number, while the command's start-up weighs more the fewer they are.

Expected on 2 free cores: at least 5 times the images per second, and no more memory for 10,000 images than for 100.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from skimage import data

from maskwright.via.model import ImageEntry, Region
from maskwright.via.write import write_via_project

HEIGHT, WIDTH = 480, 640
CLASSES = ("bottle", "can", "carton")
DISTINCT = 200  # photographs; further ones are hard links to them

LOOP = """
import json, sys, time
from pathlib import Path
import cv2
import numpy as np

file, out = Path(sys.argv[1]), Path(sys.argv[2])
classes = sys.argv[3].split(",")
start = time.perf_counter()
out.mkdir()
for image in json.loads(file.read_text())["_via_img_metadata"].values():
    photo = cv2.imread(str(file.parent / image["filename"]))
    mask = np.zeros(photo.shape[:2], np.uint8)
    for region in image["regions"]:
        shape = region["shape_attributes"]
        points = np.stack([shape["all_points_x"], shape["all_points_y"]], axis=1).astype(np.int32)
        cv2.fillPoly(mask, [points], 1 + classes.index(region["region_attributes"]["class"]))
    np.save(out / (image["filename"] + ".npy"), np.eye(len(classes) + 1, dtype=np.float32)[mask])
print(time.perf_counter() - start)
"""

CALL = """
import sys, time
from pathlib import Path
from maskwright.via.convert import convert_file

if __name__ == "__main__":
    start = time.perf_counter()
    convert_file(Path(sys.argv[1]), Path(sys.argv[2]))
    print(time.perf_counter() - start)
"""


def make_photographs(folder: Path) -> list[Path]:
    generator = np.random.default_rng(0)
    sources = [Image.fromarray(photo).convert("RGB") for photo in (data.astronaut(), data.coffee(), data.chelsea())]
    sources += [Image.fromarray(photo).convert("RGB") for photo in (data.rocket(), data.gravel())]
    paths = []
    for number in range(DISTINCT):
        source = sources[number % len(sources)]
        share = generator.uniform(0.6, 1)
        width, height = share * source.width, share * source.height
        left, top = generator.uniform(0, source.width - width), generator.uniform(0, source.height - height)
        photo = source.resize((WIDTH, HEIGHT), box=(left, top, left + width, top + height))
        paths.append(folder / f"photograph-{number}.jpg")
        photo.save(paths[-1], quality=90)
    return paths


def make_annotations(folder: Path, photographs: list[Path], count: int) -> Path:
    """Write a VIA file of `count` images beside as many files."""
    folder.mkdir()

    def entries() -> Iterator[ImageEntry]:
        generator = np.random.default_rng(1)
        for number in range(count):
            photograph = photographs[number % len(photographs)]
            name = f"{number:06}.jpg"
            os.link(photograph, folder / name)
            size = photograph.stat().st_size
            regions = tuple(outline(generator, index) for index in range(len(CLASSES)))
            yield ImageEntry(f"{name}{size}", name, size, regions)

    path = folder / "via_project.json"
    write_via_project(path, entries(), classes=CLASSES, name="benchmark")
    return path


def outline(generator: np.random.Generator, index: int) -> Region:
    """Draw a lobed shape of 30 points in the left, middle or right third of an image."""
    angles = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    radii = generator.uniform(50, 90) + 12 * np.sin(generator.integers(2, 6) * angles) + generator.normal(0, 2, 30)
    centre = WIDTH / 6 * (1 + 2 * index), generator.uniform(120, 360)
    xs, ys = (
        np.rint(c + radii * wave).astype(int).tolist()
        for c, wave in zip(centre, (np.cos(angles), np.sin(angles)), strict=True)
    )
    geometry = {"all_points_x": tuple(xs), "all_points_y": tuple(ys)}
    return Region(index, "polygon", geometry, {"class": CLASSES[index]})


def run(command: list[str], out: Path) -> tuple[float, str]:
    """Run a command that writes `out`; return its seconds, and what it printed."""
    start = time.perf_counter()
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    shutil.rmtree(out)
    return seconds, finished.stdout


def peak_memory(command: list[str], out: Path) -> tuple[float, float, float]:
    """Return the peak in MB of the sum over all processes, of the first process, and of the largest other one."""
    process = subprocess.Popen(command)
    parent = psutil.Process(process.pid)
    peaks = (0, 0, 0)
    while process.poll() is None:
        try:
            first = parent.memory_info().rss
            others = [child.memory_info().rss for child in parent.children(recursive=True)]
        except psutil.Error:
            continue  # one has ended just now
        peaks = tuple(map(max, peaks, (first + sum(others), first, max(others, default=0))))
        time.sleep(0.02)
    shutil.rmtree(out)
    total, first, other = (peak / 1e6 for peak in peaks)
    return total, first, other


def report(name: str, images: int, seconds: list[float]) -> float:
    rates = sorted(images / s for s in seconds)
    median = statistics.median(rates)
    print(f"  {name:<46} {median:7.0f} images/s  ({rates[0]:.0f} to {rates[-1]:.0f})")
    return median


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000, help="for speed; the loop gets a quarter")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=int, default=10_000, help="images for memory, against 100")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photographs = make_photographs(folder)
        out = folder / "out"
        few = make_annotations(folder / "few", photographs, options.images // 4)
        file = make_annotations(folder / "speed", photographs, options.images)
        loop = [sys.executable, "-c", LOOP, str(few), str(out), ",".join(CLASSES)]
        command = [sys.executable, "-m", "maskwright", "masks", str(file), "--out", str(out)]
        script = folder / "call.py"
        script.write_text(CALL)
        call = [sys.executable, str(script), str(file), str(out)]
        loops, commands, calls = [], [], []
        for _ in range(options.rounds):
            loops.append(run(loop, out))
            commands.append(run(command, out))
            calls.append(run(call, out))
        print(f"{options.images} images of {WIDTH}x{HEIGHT}, {options.rounds} rounds, median (lowest to highest)")
        slow = report(
            "loop (cv2, one-hot float32), whole process", options.images // 4, [whole for whole, _ in loops]
        )
        slow_inner = report("loop, without start-up", options.images // 4, [float(inner) for _, inner in loops])
        fast = report("maskwright masks, whole command", options.images, [whole for whole, _ in commands])
        fast_inner = report(
            "maskwright masks, without the first start-up", options.images, [float(inner) for _, inner in calls]
        )
        print(f"  ratio of medians: {fast / slow:.1f} with start-up, {fast_inner / slow_inner:.1f} without")
        print("peak memory in MB: all processes together | first process | largest worker")
        for count in sorted({100, options.most}):
            file = make_annotations(folder / f"memory-{count}", photographs, count)
            command = [sys.executable, "-m", "maskwright", "masks", str(file), "--out", str(out)]
            total, first, other = peak_memory(command, out)
            print(f"  {count:>6} images: {total:6.0f} | {first:6.0f} | {other:6.0f}")


if __name__ == "__main__":
    main()
