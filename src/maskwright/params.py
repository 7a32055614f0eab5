"""params.yaml as typed, documented models: an unknown key or a wrong value fails, named by its path."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from maskwright.errors import MaskwrightError
from maskwright.params_digits import Clustering, Conditional, Information
from maskwright.params_section import Fraction, Positive, Section

Side = Annotated[int, Field(ge=8, le=8192)]
XorMask = Literal["signal", "random", "none"]
MaskWay = Literal["channel", "multiply", "attention", "pool", "none", "random"]
CornerVariant = Literal[
    "hand_set",
    "as_posted",
    "matched_labels",
    "repeated_corner",
    "sigmoid_bce",
    "softmax_ce",
    "balanced",
    "class_weight",
]
CornerChange = Literal[
    "none",
    "logistic_sigmoid",
    "corner_weight",
    "centred_inputs",
    "repeated_corner",
    "sixteen_filters",
    "tenth_learning_rate",
    "fivefold_epochs",
    "fivefold_epochs_centred_inputs",
    "batch_of_one",
]
Attention = Literal["none", "spatial", "channel", "cbam"]
Offsets = Literal["raw", "normalised"]
Repeats = Annotated[int, Field(ge=1, le=511)]
Size = Annotated[tuple[Side, Side], Field(strict=False)]


class Annotations(Section):
    """Which VIA files are the data, and how to read them."""

    root: str
    train: str
    validation: str | None = None
    test: str | None = None
    label: str | None = None
    classes: list[str] | None = None
    on_error: Literal["fail", "skip"] = "fail"
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    seed: int = 0

    @model_validator(mode="after")
    def _check_classes(self) -> "Annotations":
        if self.classes is not None:
            if not self.classes:
                raise ValueError("classes is empty; list at least one, or null to take those in the training file")
            repeated = sorted({c for c in self.classes if self.classes.count(c) > 1})
            if repeated:
                raise ValueError(f"classes names {', '.join(repeated)} more than once")
            if len(self.classes) > 254:
                raise ValueError("more than 254 classes do not fit an 8-bit mask")
            if "background" in self.classes:
                raise ValueError("leave background out of classes: it is always there, as index 0")
        return self


class Drinks(Section):
    """The generated scenes: images per split and their size."""

    train: Positive
    validation: Positive
    test: Positive
    size: Size
    seed: int


class Augmentation(Section):
    """How much each training image is varied; 0 turns a kind off."""

    flip: Fraction = 0.5
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.0
    rotate: Annotated[float, Field(ge=0, le=180)] = 0.0
    crop: Annotated[float, Field(ge=0, lt=1)] = 0.0
    colour: Fraction = 0.0


class Loss(Section):
    """The training loss."""

    name: Literal["cross_entropy", "focal", "dice", "cross_entropy_dice"] = "cross_entropy"
    class_weights: Literal["balanced"] | list[Annotated[float, Field(ge=0)]] | None = None
    focal_gamma: Annotated[float, Field(ge=0)] = 2.0


class Schedule(Section):
    """The learning rate over the epochs."""

    name: Literal["steps", "cosine"] = "cosine"
    warmup_epochs: Annotated[float, Field(ge=0)] = 2.0


class Segmentation(Section):
    """The segmentation experiment."""

    preset: Literal["fast", "resnet56v2-fcn"]
    backbone: str | None = None
    weights: str | None = None
    attention: Attention = "none"
    size: Size
    epochs: Positive
    epoch_images: Positive
    batch_size: Positive
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    schedule: Schedule
    loss: Loss
    augment: Augmentation
    precision: Literal["float32", "bfloat16"]
    seed: int


class DetectionLoss(Section):
    """The training loss of detection."""

    classes: Literal["cross_entropy", "focal"] = "cross_entropy"
    offsets: Literal["l1", "smooth_l1"] = "smooth_l1"
    focal_gamma: Annotated[float, Field(ge=0)] = 2.0
    focal_alpha: Fraction = 0.25
    hard_negatives: Annotated[float, Field(gt=0)] | None = None


class Nms(Section):
    """Non-maximum suppression."""

    kind: Literal["hard", "soft"] = "hard"
    iou_threshold: Annotated[float, Field(gt=0, le=1)] = 0.2
    sigma: Annotated[float, Field(gt=0)] = 0.5
    most: Annotated[int, Field(ge=1, le=10_000)] = 100


class Detection(Section):
    """The detection experiment."""

    preset: Literal["fast", "resnet56v2-ssd"]
    backbone: str | None = None
    weights: str | None = None
    attention: Attention = "none"
    size: Size
    anchor_sizes: Annotated[tuple[float, float], Field(strict=False)]
    match_iou: Annotated[float, Field(gt=0, le=1)]
    offsets: Offsets
    epochs: Positive
    epoch_images: Positive
    batch_size: Positive
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    schedule: Schedule
    loss: DetectionLoss
    augment: Augmentation
    nms: Nms
    precision: Literal["float32", "bfloat16"]
    seed: int

    @model_validator(mode="after")
    def _check_anchor_sizes(self) -> "Detection":
        smallest, greatest = self.anchor_sizes
        if not 0 < smallest <= greatest:
            raise ValueError(
                f"anchor_sizes: give the smallest, above 0, then the greatest (got {list(self.anchor_sizes)})"
            )
        return self


class Xor(Section):
    """The XOR experiment."""

    mask: XorMask
    variants: list[XorMask]
    seeds: Annotated[int, Field(ge=2, le=1000)]
    hidden: Positive
    initial: Annotated[tuple[float, float], Field(strict=False)]
    steps: Annotated[int, Field(ge=50, multiple_of=50)]
    learning_rate: Annotated[float, Field(gt=0)]
    seed: int

    @model_validator(mode="after")
    def _check_initial(self) -> "Xor":
        if self.initial[0] >= self.initial[1]:
            raise ValueError(f"initial: the first number must be the smaller one (got {list(self.initial)})")
        return self


class CornerEpochs(Section):
    """How long each variant of the corner experiment trains."""

    as_posted: Positive
    repeated_corner: Positive
    sigmoid_bce: Positive
    softmax_ce: Positive
    balanced: Positive
    class_weight: Positive


class Rectangles(Section):
    """The images on which the corner detector is tried."""

    images: Positive
    size: Size
    count: Positive
    noise: Fraction


class Corner(Section):
    """The corner experiment."""

    variant: CornerVariant
    variants: list[CornerVariant]
    changes: list[CornerChange]
    seeds: Annotated[int, Field(ge=2, le=1000)]
    repeats: Repeats
    repeats_tried: list[Repeats]
    epochs: CornerEpochs
    rectangles: Rectangles
    seed: int


class Digits(Section):
    """The handwritten digits that several experiments share."""

    source: str
    train: Positive | None = None
    validation: Positive
    test: Positive
    seed: int


class MaskedDigits(Section):
    """The experiment with a mask as large as the image."""

    mask: MaskWay
    variants: list[MaskWay]
    seeds: Annotated[int, Field(ge=2, le=1000)]
    epochs: Positive
    batch_size: Annotated[int, Field(ge=4, multiple_of=4)]
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    shift: Annotated[int, Field(ge=0, le=14)]
    canvas: Annotated[int, Field(ge=84, le=1024)]
    seed: int


class Autoencoder(Section):
    """The autoencoder experiment."""

    variational: bool
    batch_norm: bool
    dropout: Annotated[float, Field(ge=0, lt=1)]
    attention: Attention
    attention_kernel: Literal[3, 5, 7]
    activation: Literal["elu", "relu", "selu", "sigmoid"]
    depth: Positive
    filters: Annotated[list[Positive], Field(min_length=1, max_length=8)]
    latent: Annotated[int, Field(ge=2)]
    kl_weight: Annotated[float, Field(ge=0)]
    images: Positive | None = None
    epochs: Positive
    batch_size: Positive
    learning_rate: Annotated[float, Field(gt=0)]
    schedule: Schedule
    seed: int


class Subset(Section):
    """A random choice among the configurations of a sweep."""

    configurations: Positive
    seed: int = 0


class Sweep(Section):
    """A sweep: an experiment, and what to vary in it."""

    experiment: str
    factors: Annotated[dict[str, Annotated[list[Any], Field(min_length=1)]], Field(min_length=1)]
    fixed: Annotated[dict[str, Any], Field(default_factory=dict)]
    exclude: Annotated[list[dict[str, Any]], Field(default_factory=list)]
    fraction: Literal["full", "half"] = "full"
    subset: Subset | None = None
    seeds: int | list[int]
    response: str

    @field_validator("seeds", mode="before")
    @classmethod
    def _check_seeds(cls, seeds: Any) -> Any:
        listed = isinstance(seeds, list)
        numbers: list[Any] = seeds if listed else [seeds]
        whole = bool(numbers) and all(type(number) is int for number in numbers)
        if not whole or len(set(numbers)) < len(numbers) or (not listed and numbers[0] < 1):
            raise ValueError(f"must be a number of seeds, or a list of different ones (got {seeds!r})")
        return seeds


class Sweeps(Section):
    """Sweeps by name, and the Dask scheduler on whose workers they run."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Sweep]

    scheduler: str | None = None

    @property
    def entries(self) -> dict[str, Sweep]:
        """The sweeps by name."""
        return self.__pydantic_extra__


class Params(Section):
    """All of params.yaml."""

    annotations: Annotations
    drinks: Drinks
    segmentation: Segmentation
    detection: Detection
    xor: Xor
    corner: Corner
    digits: Digits
    masked_digits: MaskedDigits
    autoencoder: Autoencoder
    conditional: Conditional
    information: Information
    clustering: Clustering
    sweeps: Sweeps


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check a params file.

    Raises:
        MaskwrightError: the file is missing, is not YAML, or has an unknown key, a wrong type or a wrong value;
            the message names the file and every offending key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MaskwrightError(f"{path}: no such file; run the command in the folder that holds params.yaml") from None
    except UnicodeDecodeError:
        raise MaskwrightError(f"{path}: not text in UTF-8; save it as such") from None
    except OSError as error:
        raise MaskwrightError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise MaskwrightError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    return parse_params(values, path)


def parse_params(values: Any, path: Path = Path("params.yaml")) -> Params:
    """Check the content of a params file; `path` is for the message. Raises as `load_params`."""
    if not isinstance(values, dict):
        raise MaskwrightError(f"{path}: must hold sections such as annotations and segmentation")
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise MaskwrightError("; ".join(_describe(path, item) for item in error.errors())) from None


def _describe(path: Path, item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"])
    message = {"extra_forbidden": "unknown key; remove it or correct its spelling", "missing": "missing"}.get(
        item["type"], item["msg"].removeprefix("Value error, ")
    )
    given = "" if item["type"] in ("missing", "extra_forbidden", "value_error") else f" (got {item['input']!r})"
    return f"{path}: {key}: {message}{given}"
