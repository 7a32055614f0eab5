"""The data sets that `maskwright generate` makes, by name. What makes one is imported only when it is wanted."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from maskwright.params import Params


def _drinks(params: Params, out: Path) -> None:
    from maskwright.data.drinks import write_drinks

    write_drinks(params.drinks, out)


def _xor(params: Params, out: Path) -> None:
    from maskwright.data.xor import write_xor

    write_xor(out)


def _corner(params: Params, out: Path) -> None:
    from maskwright.data.corner import write_corner

    write_corner(params.corner, out)


def _digits(params: Params, out: Path) -> None:
    from maskwright.data.digits import write_digits

    write_digits(params.digits, out)


def _masked_digits(params: Params, out: Path) -> None:
    from maskwright.data.digit_grids import write_masked_digits

    write_masked_digits(params.masked_digits, out.with_name("digits"), out)


def _conditional(params: Params, out: Path) -> None:
    from maskwright.data.hierarchy_sources import write_hierarchy

    write_hierarchy(params, out.with_name("digits"), out)


def _clustering(params: Params, out: Path) -> None:
    from maskwright.data.pictures import write_pictures

    write_pictures(params.clustering, out.with_name("digits"), out)


GENERATED: Mapping[str, Callable[[Params, Path], None]] = MappingProxyType(
    {
        "drinks": _drinks,
        "xor": _xor,
        "corner": _corner,
        "digits": _digits,
        "masked_digits": _masked_digits,
        "conditional": _conditional,
        "clustering": _clustering,
    }
)
"""What writes each generated data set into a folder."""
