"""The data: masks of classes and of object numbers, of the generated crowd or of the annotated photographs."""

from pathlib import Path

from maskwright.drinks.dataset import OBJECT, SPLITS, VIA_FILE
from maskwright.experiments.instances.params import Instances
from maskwright.shared.terminal import note
from maskwright.via.convert import convert_annotations
from maskwright.via.params import Annotations

_DRINKS = Path("data/drinks")  # the practice set of the other experiments


def write_instances(settings: Instances, annotations: Annotations, crowd: Path, out: Path) -> None:
    """Write what `maskwright masks` writes, of the data that `settings.source` names.

    Args:
        settings: the section `instances` of params.yaml.
        annotations: the section `annotations`.
        crowd: the folder of the generated crowd.
        out: the folder to write.

    Raises:
        MaskwrightError: as `convert_annotations`.
    """
    if settings.source == "annotations":
        convert_annotations(annotations, out)
        return
    if Path(annotations.root) != _DRINKS:
        note(
            f"instances.source is crowd: the generated crowd is used, and not {annotations.root}; for that, set "
            "instances.source: annotations"
        )
    convert_annotations(annotations_of(crowd), out)


def annotations_of(crowd: Path) -> Annotations:
    """Return how the generated crowd is read."""
    train, validation, test = (f"{split}/{VIA_FILE}" for split in SPLITS)
    return Annotations(root=str(crowd), train=train, validation=validation, test=test, object=OBJECT)
