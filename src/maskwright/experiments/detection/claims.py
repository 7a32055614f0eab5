"""What is claimed about this experiment, by its source and by us; see `claims.claim`."""

from maskwright.claims.claim import Claim, Source
from maskwright.claims.measures import Difference, Mean, of_trials

_TABLE = Source("book", "table 11.13.1")
_TEXT = Source("book", "section 11.13, text below the table")
_MEASURES = {"mIoU": "sources_miou", "precision": "sources_precision", "recall": "sources_recall"}

_RAW = {"offsets": "raw", "loss.offsets": "l1", "loss.classes": "cross_entropy"}
_RAW_SMOOTH = {**_RAW, "loss.offsets": "smooth_l1"}
_NORMALISED = {**_RAW, "offsets": "normalised"}
_SMOOTH = {**_NORMALISED, "loss.offsets": "smooth_l1"}
_FOCAL = {**_SMOOTH, "loss.classes": "focal"}

_REPORTED = (
    ("raw offsets", _RAW, ("0.64", "0.87", "0.87")),
    ("raw offsets and smooth L1", _RAW_SMOOTH, ("0.61", "0.86", "0.85")),
    ("normalised offsets", _NORMALISED, ("0.53", "0.90", "0.87")),
    ("normalised offsets and smooth L1", _SMOOTH, ("0.50", "0.85", "0.83")),
    ("normalised offsets, smooth L1 and focal loss", _FOCAL, ("0.51", "0.85", "0.83")),
)


def _reported(described: str, levels: dict[str, str], name: str, value: str) -> Claim:
    return Claim(
        experiment="detection",
        source=_TABLE,
        statement=f"With {described} the detector reaches {name} {value}.",
        reported=value,
        quantity=f"{name} by listing 11.13.1, six epochs of the small network on the practice set",
        measure=Mean(of_trials("detection", _MEASURES[name], levels), (0, 1)),
        comparable=False,
    )


def _better(
    source: Source, statement: str, name: str, first: dict[str, str], second: dict[str, str], reported: str
) -> Claim:
    return Claim(
        experiment="detection",
        source=source,
        statement=statement,
        reported=reported,
        quantity=f"{name} by listing 11.13.1, the first less the second",
        measure=Difference(*(of_trials("detection", _MEASURES[name], levels) for levels in (first, second))),
        low=0.0,
        reason="the first is said to be better",
    )


def _more_images(name: str) -> Claim:
    return Claim(
        experiment="detection",
        source=Source("book", "summary of chapter 11"),
        statement=f"More training images raise {name}.",
        quantity=f"{name} by listing 11.13.1 with 480 images, less that with 120, equally many steps",
        measure=Difference(*(of_trials("detection_images", _MEASURES[name], {"images": n}) for n in ("480", "120"))),
        low=0.0,
        reason="more is said to be better",
    )


CLAIMS = (
    *(
        _reported(described, levels, name, value)
        for described, levels, values in _REPORTED
        for name, value in zip(_MEASURES, values, strict=True)
    ),
    _better(_TEXT, "In mIoU raw offsets are best: better than normalised ones.", "mIoU", _RAW, _NORMALISED, "+0.11"),
    _better(_TEXT, "In mIoU raw offsets are better without smooth L1.", "mIoU", _RAW, _RAW_SMOOTH, "+0.03"),
    _better(
        _TEXT, "Normalised offsets have the highest precision: above raw.", "precision", _NORMALISED, _RAW, "+0.03"
    ),
    _better(
        _TEXT,
        "Normalised offsets have the highest recall; raw ones tie with them in the table.",
        "recall",
        _NORMALISED,
        _RAW,
        "0.00",
    ),
    *(
        _better(_TEXT, f"Smooth L1 lowers {name}, with {offsets} offsets.", name, first, second, reported)
        for offsets, first, second, values in (
            ("raw", _RAW, _RAW_SMOOTH, ("+0.03", "+0.01", "+0.02")),
            ("normalised", _NORMALISED, _SMOOTH, ("+0.03", "+0.05", "+0.04")),
        )
        for name, reported in zip(_MEASURES, values, strict=True)
        if (offsets, name) != ("raw", "mIoU")
    ),
    *(
        _better(_TEXT, f"Smooth L1 and focal loss together lower {name}.", name, _NORMALISED, _FOCAL, reported)
        for name, reported in zip(_MEASURES, ("+0.02", "+0.05", "+0.04"), strict=True)
    ),
    *(
        Claim(
            experiment="detection",
            source=_TABLE,
            statement=f"Beside smooth L1, the focal loss costs no {name}.",
            reported=reported,
            quantity=f"{name} by listing 11.13.1 with smooth L1 and focal loss, less that with smooth L1 alone",
            measure=Difference(*(of_trials("detection", _MEASURES[name], levels) for levels in (_FOCAL, _SMOOTH))),
            low=-0.02,
            reason="less than 0.02 is no loss: the table's own 50 photographs cannot tell less",
            equivalence=True,
        )
        for name, reported in zip(_MEASURES, ("+0.01", "0.00", "0.00"), strict=True)
    ),
    *(_more_images(name) for name in _MEASURES),
)
