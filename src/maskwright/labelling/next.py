"""The photographs to label next, with predicted outlines to correct.

maskwright next new-photos --count 20
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from maskwright.labelling.choice import choose
from maskwright.labelling.uncertainty import flip_disagreement, mean_entropy
from maskwright.looking.hashing import Hash, perceptual_hash
from maskwright.photos.images import ImageError, read_image, resize_image
from maskwright.predictions.photographs import (
    expanded,
    find_photographs,
    refuse_losses,
    tracked,
    verified_or_problem,
)
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.parallel import parallel_map
from maskwright.shared.quiet import no_chatter
from maskwright.via.findings import counted
from maskwright.via.listed import listed_photographs
from maskwright.via.params import Annotations

_BATCH = 16


def label_next(
    folder: Path,
    annotations: Annotations,
    *,
    count: int,
    flips: bool,
    model: Path,
    masks: Path,
    out: Path,
    via: Path,
    recursive: bool,
) -> Iterator[str]:
    """Rank unlabelled photographs, and write a VIA project with the predicted outlines of the first ones.

    Args:
        folder: of photographs, labelled ones among them.
        annotations: the section of params.yaml, whose files list the labelled photographs.
        count: how many photographs are wanted.
        flips: rank them by `flip_disagreement`, in place of `mean_entropy`.
        model: the folder of the trained segmentation.
        masks: the folder that `maskwright masks` wrote for the training.
        out: folder for the masks and overlays of those chosen; an earlier prediction is replaced.
        via: the new VIA project.
        recursive: the photographs in the folder's folders count too.

    Yields:
        What was passed over, what was chosen, and where it is, as lines.

    Raises:
        MaskwrightError: no photograph is left to label, and as `find_photographs` and `split_sources`.
    """
    found = list(expanded([folder], out=out, recursive=recursive))
    refuse_losses(found, out, via)
    labelled = {path for _, path in listed_photographs(annotations)}
    candidates = [path for path in found if path.resolve() not in labelled]
    if len(candidates) < len(found):
        yield f"{counted(len(found) - len(candidates), 'photograph is', 'photographs are')} labelled; passed over"
    check = partial(verified_or_problem, megapixels=annotations.megapixels)
    usable = []
    for path, result in zip(candidates, parallel_map(check, candidates, chunk=128), strict=True):
        if isinstance(result, str):
            yield f"passed over: {result}"
        else:
            usable.append(path)
    if not usable:
        raise MaskwrightError(f"{folder}: no photograph is left to label; add some, or name another folder")
    find_photographs(usable[:1], out=out, via=via, megapixels=annotations.megapixels)  # can `via` name it?
    unsure, hashes = look_at(usable, model, flips=flips)
    choice = choose(unsure, hashes, list(_hashes(sorted(labelled))), count)
    if choice.like_labelled:
        told = counted(choice.like_labelled, "looks", "look")
        yield f"{told} like a labelled photograph; passed over"
    if choice.like_others:
        yield f"{counted(choice.like_others, 'looks', 'look')} like a less sure photograph; passed over"
    if not choice.chosen:
        raise MaskwrightError(f"{folder}: each photograph looks like a labelled one; add others")
    from maskwright.experiments.segmentation.predict import predict

    paths = [usable[place] for place in choice.chosen]
    photographs = find_photographs(paths, out=out, via=via, megapixels=annotations.megapixels)
    predict(photographs, model=model, out=out, via=via, masks=masks)
    for photograph, place in zip(photographs, choice.chosen, strict=True):
        yield f"{unsure[place]:.3f}  {photograph.path}"
    fewer = f" ({count:,} were wanted)" if len(photographs) < count else ""
    yield (
        f"{counted(len(photographs), 'photograph', 'photographs')}{fewer}, the least sure of {len(usable):,} "
        f"by {'flips' if flips else 'entropy'}: outlines to correct in {via}, masks and overlays in {out}"
    )


class Looked(NamedTuple):
    """How unsure the network is of each photograph, and the photographs' hashes."""

    unsure: list[float]
    hashes: list[Hash]


def look_at(paths: Sequence[Path], model: Path, *, flips: bool) -> Looked:
    """Look at photographs with a trained segmentation, one of them at full resolution at a time.

    Args:
        paths: of the photographs.
        model: the folder of the trained segmentation.
        flips: measure `flip_disagreement`, in place of `mean_entropy`.

    Raises:
        MaskwrightError: the model is missing or incomplete, or a photograph can no longer be read.
    """
    with no_chatter():
        from maskwright.experiments.segmentation.report.inference import compiled, load_trained
    network, _, size = load_trained(model)
    forward = compiled(network)
    unsure: list[float] = []
    hashes: list[Hash] = []

    def images() -> Iterator[np.ndarray]:
        for path in tracked(paths, len(paths), "photographs"):
            image = read_image(path)
            hashes.append(perceptual_hash(image))
            yield resize_image(image, size)

    each = images()
    while batch := list(islice(each, _BATCH)):
        stack = np.stack(batch)
        answers = forward(stack)
        if flips:
            mirrored = forward(np.ascontiguousarray(stack[:, :, ::-1]))[:, :, ::-1]
            unsure += [flip_disagreement(one, other) for one, other in zip(answers, mirrored, strict=True)]
        else:
            unsure += [mean_entropy(answer) for answer in answers]
    return Looked(unsure, hashes)


def _hashes(paths: Sequence[Path]) -> Iterator[Hash]:
    """Yield the hashes of the labelled photographs that can be read."""
    for path in tracked(paths, len(paths), "labelled photographs"):
        try:
            yield perceptual_hash(read_image(path))
        except ImageError:
            continue  # `lint` names it
