"""What pretraining gains with things that ImageNet has no class for: coins, and nearly all flowers.

    sudo apt-get install tuxpaint-stamps-default
    python benchmarks/unnamed_classes.py --seeds 3              6 trainings: about a quarter of an hour on 2 cores

The Debian package has photographs of 26 coins and 24 flowers, cut out. Among ImageNet's 1,000 classes is no coin, and
of flowers only a daisy and an orchid. The cut-outs are laid on photographs of scikit-image, and so are fruit,
vegetables, nuts and mushrooms, which count as background: 40 scenes to train on, 10 to choose the epoch by, and 30 to
test. No cut-out and no photograph is in two splits. These are montages, with true outlines but no true light.

`fast` learns from nothing with its default settings, and `pretrained` as `maskwright preset segmentation photographs`
sets it. The difference has two intervals: Student's t over the seeds, and a bootstrap over the test scenes, drawn
together for both. What is finished in `--out` is not trained again.
"""

import argparse
import json
import shutil
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from maskwright.drinks.textures import PHOTOGRAPHS, photograph
from maskwright.experiments.segmentation import held_out
from maskwright.experiments.segmentation.params import Segmentation
from maskwright.params import load_params
from maskwright.photos.splits import BOXES, CLASSES, INDEX, MASKS
from maskwright.presets import apply_preset
from maskwright.shared.outputs import replaced_folder, write_json
from maskwright.shared.processor import this_processor
from maskwright.shared.quiet import no_chatter
from seeds import kept_or_made, score_lines

FOLDERS: dict[str, tuple[str, ...]] = {
    "coin": ("symbols/money/*/coins/*.png", "symbols/money/japanese/*.png"),
    "flower": ("plants/flowers/*.png",),
    "background": ("food/fruit/*.png", "food/vegetables/*.png", "food/nuts/*.png", "plants/mushrooms/*.png"),
}
"""The cut-outs, below the package's folder."""
NAMES = ("background", "coin", "flower")
SCENES = {"train": 40, "validation": 10, "test": 30}
SHARES = (0.5, 0.2, 0.3)
"""Of the cut-outs, in the order of the splits."""
SIZE = (360, 480)
SIDES = (70, 170)
"""Longest side of a cut-out in a scene, in pixels."""
BACKDROPS = {split: [name for name in names if name != "coins"] for split, names in PHOTOGRAPHS.items()}
"""Photographs without unlabelled coins."""
RECIPES = ("fast", "pretrained")


def main() -> None:
    """Make the scenes, train, and print the scores and the difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stamps", type=Path, default=Path("/usr/share/tuxpaint/stamps"))
    parser.add_argument("--out", type=Path, default=Path("checkpoints/benchmark-unnamed-classes"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="in place of those of the recipes")
    asked = parser.parse_args()
    print(this_processor(), flush=True)
    data = asked.out / "scenes"
    if not data.is_dir():
        write_scenes(asked.stamps, data)
    settings = {name: recipe(name, asked.out) for name in RECIPES}
    if asked.epochs is not None:
        settings = {name: one.model_copy(update={"epochs": asked.epochs}) for name, one in settings.items()}
    found: dict[str, list[Any]] = {name: [] for name in RECIPES}
    for seed in range(asked.seeds):
        for name in RECIPES:
            seeded = settings[name].model_copy(update={"seed": seed})
            kept = asked.out / f"{name}-{seed}.json"
            one = kept_or_made(kept, seeded.model_dump(mode="json"), partial(training, seeded, data))
            found[name].append(one)
            ious = "  ".join(f"{key} {value:.3f}" for key, value in one.items() if key.startswith("iou/"))
            score = f"{held_out.SCORE} {one[held_out.SCORE]:.3f}"
            print(f"seed {seed}  {name:10} {score}  {ious}  {one['seconds']:.0f} s", flush=True)
    print(f"test {held_out.SCORE}: mean of the seeds (t over seeds; bootstrap over scenes), each seed")
    for line in score_lines(found, NAMES, {"difference": ("pretrained", "fast")}):
        print(line)


def write_scenes(stamps: Path, out: Path) -> None:
    """Write the splits in the layout of `maskwright masks`; the same scenes whenever it is called."""
    rng = np.random.default_rng(0)
    parts = {name: cut_outs(stamps, globs, rng) for name, globs in FOLDERS.items()}
    with replaced_folder(out) as new:
        for split, count in SCENES.items():
            (new / split / MASKS).mkdir(parents=True)
            rows, images, annotations = ["image,mask"], [], []
            for number in range(count):
                image, mask, boxes = scene(rng, split, {name: splits[split] for name, splits in parts.items()})
                Image.fromarray(image).save(new / split / f"{number:02d}.jpg", quality=92)
                Image.fromarray(mask).save(new / split / MASKS / f"{number:02d}.png")
                rows.append(f"{number:02d}.jpg,{MASKS}/{number:02d}.png")
                images.append({"id": number, "height": SIZE[0], "width": SIZE[1]})
                annotations += [{"image_id": number, "bbox": box} for box in boxes]
            (new / split / INDEX).write_text("\n".join(rows) + "\n", encoding="utf-8")
            (new / split / CLASSES).write_text(json.dumps(NAMES), encoding="utf-8")
            # What `size: auto` reads.
            write_json(new / split / BOXES, {"images": images, "annotations": annotations})


def cut_outs(stamps: Path, globs: tuple[str, ...], rng: np.random.Generator) -> dict[str, list[Image.Image]]:
    """Return the cut-outs of a class for each split, without their empty margins."""
    paths = sorted(path for glob in globs for path in stamps.glob(glob))
    if len(paths) < len(SCENES):
        raise SystemExit(f"{stamps}: has no {globs[0]}; install tuxpaint-stamps-default")
    images = [Image.open(path).convert("RGBA") for path in paths]
    images = [image.crop(image.getchannel("A").getbbox()) for image in images]
    order = rng.permutation(len(images))
    ends = np.round(np.cumsum(SHARES) * len(images)).astype(int)
    places = np.split(order, ends[:-1])
    return {split: [images[place] for place in chosen] for split, chosen in zip(SCENES, places, strict=True)}


def scene(
    rng: np.random.Generator, split: str, parts: Mapping[str, list[Image.Image]]
) -> tuple[np.ndarray, np.ndarray, list[list[int]]]:
    """Return a photograph, (H, W, 3) uint8, with cut-outs laid on it, its mask, (H, W) uint8, and the objects' boxes.

    A box is left, top, width and height of what the frame does not cut off.
    """
    canvas = backdrop(rng, split)
    mask = np.zeros(SIZE, np.uint8)
    boxes = []
    kinds = [*rng.choice(NAMES[1:], rng.integers(1, 4)), *["background"] * rng.integers(1, 4)]
    for kind in rng.permutation(kinds):
        part = parts[kind][rng.integers(len(parts[kind]))]
        part = part.rotate(rng.uniform(0, 360), Image.Resampling.BICUBIC, expand=True)
        share = rng.uniform(*SIDES) / max(part.size)
        part = part.resize([max(1, round(side * share)) for side in part.size], Image.Resampling.LANCZOS)
        # Up to a third of it may be outside.
        x, y = (
            round(rng.uniform(-part.size[axis] / 3, canvas.size[axis] - 2 * part.size[axis] / 3)) for axis in (0, 1)
        )
        light = np.clip(np.asarray(part, np.float32)[..., :3] * rng.uniform(0.6, 1.15), 0, 255).astype(np.uint8)
        alpha = part.getchannel("A")
        canvas.paste(Image.fromarray(light), (x, y), alpha)
        inside = Image.new("L", canvas.size)
        inside.paste(alpha, (x, y))
        mask[np.asarray(inside) >= 128] = NAMES.index(kind)
        if kind != "background":
            left, top, right, bottom = inside.getbbox() or (0, 0, 1, 1)
            boxes.append([left, top, right - left, bottom - top])
    return np.asarray(canvas), mask, boxes


def backdrop(rng: np.random.Generator, split: str) -> Image.Image:
    """Return a random part of one of the split's photographs, mirrored or not."""
    height, width = SIZE
    whole = Image.fromarray(photograph(rng.choice(BACKDROPS[split])))
    zoom = max(width / whole.width, height / whole.height) * rng.uniform(1.0, 1.5)
    whole = whole.resize([round(side * zoom) + 1 for side in whole.size], Image.Resampling.BICUBIC)
    left, top = int(rng.integers(whole.width - width + 1)), int(rng.integers(whole.height - height + 1))
    part = whole.crop((left, top, left + width, top + height))
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part


def recipe(name: str, out: Path) -> Segmentation:
    """Return the settings of one of `RECIPES`: the defaults, or with the preset for photographs."""
    path = out / f"{name}.yaml"
    shutil.copy("params.yaml", path)
    if name == "pretrained":
        apply_preset("segmentation", "photographs", path)
    return load_params(path).section("segmentation")


def training(settings: Segmentation, data: Path) -> dict[str, Any]:
    """Train; return the scores, the time, and each scene's confusion matrix."""
    with no_chatter():  # not part of the time
        import maskwright.experiments.segmentation.learn.train  # noqa: F401
    began = time.perf_counter()
    tried = held_out.trial(settings, data)
    return {
        **tried.measures,
        "seconds": time.perf_counter() - began,
        "confusions": [one["confusion"] for one in tried.found],
    }


if __name__ == "__main__":
    main()
