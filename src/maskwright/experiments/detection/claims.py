"""What is claimed about this experiment, by its source and by us; see `claims.claim`."""

from maskwright.claims.claim import Claim, Source
from maskwright.claims.measures import Difference, Highest, Mean, Share, of_trials

_TABLE = Source("book", "table 11.13.1")
_TEXT = Source("book", "section 11.13, the paragraphs before listing 11.13.1")
_BOTH = Source("book", "section 11.13, before listing 11.13.1, and summary of chapter 11")
_SETTING = "by listing 11.13.1 (practice set, small network, six epochs)"
_MEASURES = {"mIoU": "sources_miou", "precision": "sources_precision", "recall": "sources_recall"}

_RAW = {"offsets": "raw", "loss.offsets": "l1", "loss.classes": "cross_entropy"}
_RAW_SMOOTH = {**_RAW, "loss.offsets": "smooth_l1"}
_NORMALISED = {**_RAW, "offsets": "normalised"}
_SMOOTH = {**_NORMALISED, "loss.offsets": "smooth_l1"}
_FOCAL_ALONE = {**_NORMALISED, "loss.classes": "focal"}
_FOCAL = {**_SMOOTH, "loss.classes": "focal"}
_PUBLISHED = {"preset": "resnet56v2-ssd"}
_OURS = {"preset": "fast"}

_REPORTED = (
    ("raw offsets", _RAW, ("0.64", "0.87", "0.87")),
    ("raw offsets and smooth L1", _RAW_SMOOTH, ("0.61", "0.86", "0.85")),
    ("normalised offsets", _NORMALISED, ("0.53", "0.90", "0.87")),
    ("normalised offsets and smooth L1", _SMOOTH, ("0.50", "0.85", "0.83")),
    ("normalised offsets, smooth L1 and focal loss", _FOCAL, ("0.51", "0.85", "0.83")),
)


def _reported(
    described: str, name: str, value: str, sweep: str, levels: dict[str, str], setting: str, reason: str
) -> Claim:
    return Claim(
        experiment="detection",
        source=_TABLE,
        statement=f"With {described} the detector reaches {name} {value}.",
        reported=value,
        quantity=f"{name} {setting}",
        measure=Mean(of_trials(sweep, _MEASURES[name], levels), (0, 1)),
        reason=reason,
        comparable=False,
    )


def _lowers(
    name: str, what: str, without: dict[str, str], with_it: dict[str, str], beside: str, reported: str = ""
) -> Claim:
    return Claim(
        experiment="detection",
        source=_TEXT,
        statement=f"{what} lowers {name}, with {beside}.",
        reported=reported,
        quantity=f"{name} {_SETTING}: without less with",
        measure=Difference(*(of_trials("detection", _MEASURES[name], levels) for levels in (without, with_it))),
        low=0.0,
        reason="without it is said to be better",
    )


def _highest(name: str, described: str, levels: dict[str, str], reported: str) -> Claim:
    values = [of_trials("detection", _MEASURES[name], each) for _, each, _ in _REPORTED]
    first = of_trials("detection", _MEASURES[name], levels)
    return Claim(
        experiment="detection",
        source=_BOTH,
        statement=f"Of the five variants, {described} have the highest {name}.",
        reported=reported,
        quantity=f"share of the seeds for which no other variant has a higher {name} {_SETTING}",
        measure=Share(Highest(first, tuple(other for other in values if other != first))),
        low=0.5,
        reason="it is told as the outcome of one training of each, so most seeds should show it",
    )


CLAIMS = (
    *(
        _reported(
            *(described, name, value, "detection", levels, _SETTING),
            "other photographs, another network, 6 epochs in place of 200",
        )
        for described, levels, values in _REPORTED
        for name, value in zip(_MEASURES, values, strict=True)
    ),
    *(
        _reported(
            *("raw offsets", name, value, "published_detection", _PUBLISHED),
            "by listing 11.13.1 (practice set, published network, five epochs)",
            "other photographs at a fifth of the sides, 5 epochs of 480 in place of 200 of 1,000",
        )
        for name, value in zip(_MEASURES, _REPORTED[0][2], strict=True)
    ),
    _highest("mIoU", "raw offsets", _RAW, "0.64; next 0.61"),
    _highest("precision", "normalised offsets", _NORMALISED, "0.90; next 0.87"),
    _highest("recall", "normalised offsets", _NORMALISED, "0.87; raw ones tie"),
    Claim(
        experiment="detection",
        source=_BOTH,
        statement="Without normalisation of the offsets mIoU is better.",
        reported="0.64 and 0.53",
        quantity=f"mIoU {_SETTING}, L1 and cross-entropy: raw less normalised",
        measure=Difference(*(of_trials("detection", "sources_miou", levels) for levels in (_RAW, _NORMALISED))),
        low=0.0,
        reason="raw is said to be better",
    ),
    *(
        _lowers(name, "Smooth L1", without, with_it, beside, reported)
        for beside, without, with_it, values in (
            ("raw offsets", _RAW, _RAW_SMOOTH, ("0.64 and 0.61", "0.87 and 0.86", "0.87 and 0.85")),
            ("normalised offsets", _NORMALISED, _SMOOTH, ("0.53 and 0.50", "0.90 and 0.85", "0.87 and 0.83")),
        )
        for name, reported in zip(_MEASURES, values, strict=True)
    ),
    *(_lowers(name, "The focal loss", _NORMALISED, _FOCAL_ALONE, "normalised offsets and L1") for name in _MEASURES),
    *(
        _lowers(name, "Smooth L1 with the focal loss", _NORMALISED, _FOCAL, "normalised offsets", reported)
        for name, reported in zip(_MEASURES, ("0.53 and 0.51", "0.90 and 0.85", "0.87 and 0.83"), strict=True)
    ),
    *(
        Claim(
            experiment="detection",
            source=Source("book", "table 11.13.1, last two columns"),
            statement=f"In the table, though not by the text, the focal loss beside smooth L1 changes {name} by "
            f"{reported}.",
            reported=reported,
            quantity=f"{name} {_SETTING}: normalised offsets and smooth L1, focal loss less cross-entropy",
            measure=Difference(*(of_trials("detection", _MEASURES[name], levels) for levels in (_FOCAL, _SMOOTH))),
            reason="other photographs and network, 6 epochs, not 200; the text compares with the default losses",
            comparable=False,
        )
        for name, reported in zip(_MEASURES, ("+0.01", "0.00", "0.00"), strict=True)
    ),
    *(
        Claim(
            experiment="detection",
            source=Source("book", "summary of chapter 11"),
            statement=f"More training images improve the performance: {name}.",
            quantity=f"{name} {_SETTING}: 480 training images less 120 of them, equally many steps",
            measure=Difference(
                *(of_trials("detection_images", _MEASURES[name], {"images": n}) for n in ("480", "120"))
            ),
            low=0.0,
            reason="more is said to be better; with equally many steps it is not the training's length that decides",
        )
        for name in _MEASURES
    ),
    *(
        Claim(
            experiment="detection",
            statement=f"With equally many steps of the source's recipe the small network has the higher {name}.",
            quantity=f"{name} by listing 11.13.1 (practice set, five epochs): small less published network",
            measure=Difference(
                *(of_trials("published_detection", _MEASURES[name], levels) for levels in (_OURS, _PUBLISHED))
            ),
            low=0.0,
            reason="higher is higher",
        )
        for name in _MEASURES
    ),
)
