"""The drinks set: generated scenes with water bottles, soda cans and juice cans, annotated as if by hand in VIA.

Colours, labels, backgrounds and proportions are shared by the classes, so that only their form tells them apart: a
bottle's shoulder and cap, a soda can's tapered ends and tab, a juice can's ribs and flat rims. The splits are drawn
over different photographs, see `textures.PHOTOGRAPHS`. Imports no TensorFlow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from PIL import Image
from rich.progress import track

from maskwright.drinks.difficulty import CROWD, Difficulty
from maskwright.drinks.objects import CLASSES
from maskwright.drinks.params import Drinks
from maskwright.drinks.scene import draw_scene
from maskwright.drinks.textures import PHOTOGRAPHS
from maskwright.shared import terminal
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_folder
from maskwright.shared.parallel import parallel_map
from maskwright.via.model import ImageEntry, Region
from maskwright.via.write import write_via_project

SPLITS = ("train", "validation", "test")
VIA_FILE = "via_project.json"
ATTRIBUTE = "name"
"""The region attribute that holds the class."""

PARTS = ("flavour", "container")
"""Two more attributes, with free text, for the parts of the class: a water bottle is a bottle of water. Only the
class is chosen from a list, which is how `via.labels` recognises it."""

OBJECT = "object"
"""The region attribute of the crowd that holds the number of the thing, which others may cut into several regions."""


@dataclass(frozen=True)
class _Job:
    folder: Path
    seed: int
    split: int
    index: int
    size: tuple[int, int]
    crowd: bool


def write_drinks(params: Drinks, out: Path, *, workers: int | None = None, progress: bool = True) -> None:
    """Write `out`/SPLIT/NNNN.jpg and `out`/SPLIT/via_project.json for the splits train, validation and test.

    A scene depends only on the seed, its split, its number and the size: asking for more images leaves the others
    unchanged, byte for byte. `out` appears, or is replaced, in one step when everything is written.

    Args:
        params: images per split, size and seed.
        out: the folder; one that holds anything but an earlier drinks set is not replaced.
        workers: number of processes; the available cores if None.
        progress: show a bar on standard error.

    Raises:
        MaskwrightError: `out` is a file, or holds something else.
    """
    counts = {"train": params.train, "validation": params.validation, "test": params.test}
    _write(params, counts, out, crowd=False, workers=workers, progress=progress)


def write_crowd(params: Drinks, out: Path, *, workers: int | None = None, progress: bool = True) -> None:
    """Write scenes with many things that touch and hide one another, laid out as by `write_drinks`.

    Each region has the attribute `OBJECT`: a thing that another one cuts in two has two regions of one number.

    Args, errors: as for `write_drinks`.
    """
    crowd = params.crowd
    counts = {"train": crowd.train, "validation": crowd.validation, "test": crowd.test}
    _write(params, counts, out, crowd=True, workers=workers, progress=progress)


def _write(
    params: Drinks, counts: dict[str, int], out: Path, *, crowd: bool, workers: int | None, progress: bool
) -> None:
    _refuse_to_replace_other_things(out)
    name = "crowd" if crowd else "drinks"
    with replaced_folder(out) as new:
        for split in SPLITS:
            (new / split).mkdir(parents=True)
        jobs = (
            _Job(new / split, params.seed, number, index, params.size, crowd)
            for number, split in enumerate(SPLITS)
            for index in range(counts[split])
        )
        entries: Iterator[ImageEntry] = iter(
            track(
                parallel_map(_draw, jobs, workers=workers),
                f"drawing {name} scenes",
                total=sum(counts.values()),
                console=terminal.console(stderr=True),
                disable=not progress,
            )
        )
        for split in SPLITS:
            write_via_project(
                new / split / VIA_FILE,
                islice(entries, counts[split]),
                classes=CLASSES,
                attribute=ATTRIBUTE,
                texts=(*PARTS, OBJECT) if crowd else PARTS,
                name=f"{name}, {split}",
            )
        next(entries, None)  # the bar counts an image when the next one is asked for


def _draw(job: _Job) -> ImageEntry:
    # SeedSequence rejects negative numbers, but any integer should work as a seed.
    seed = (job.seed % 2**64, job.split, job.index)
    difficulty = CROWD if job.crowd else Difficulty()
    scene = draw_scene(seed, job.size, photographs=PHOTOGRAPHS[SPLITS[job.split]], difficulty=difficulty)
    path = job.folder / f"{job.index:04d}.jpg"
    Image.fromarray(scene.image).save(path, quality=scene.quality)
    regions = tuple(
        Region(
            number,
            "polygon",
            {"all_points_x": tuple(outline[:, 0].tolist()), "all_points_y": tuple(outline[:, 1].tolist())},
            {
                ATTRIBUTE: name,
                **dict(zip(PARTS, name.split(), strict=True)),
                **({OBJECT: str(thing)} if job.crowd else {}),
            },
        )
        for number, ((name, outline), thing) in enumerate(zip(scene.objects, scene.numbers, strict=True))
    )
    size = path.stat().st_size
    return ImageEntry(f"{path.name}{size}", path.name, size, regions)


def _refuse_to_replace_other_things(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise MaskwrightError(f"{out}: a file, where the drinks set is to be written; move it away")
    others = sorted(p.name for p in out.iterdir() if p.name not in SPLITS) if out.exists() else []
    if others:
        raise MaskwrightError(f"{out}: holds {others[0]}, which is not a drinks set; move it, or write elsewhere")
