"""The data sets that `maskwright generate` makes, by name. Each generator is imported only when it is needed."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from maskwright.params import Params


def _drinks(params: Params, out: Path) -> None:
    from maskwright.drinks.dataset import write_drinks

    write_drinks(params.drinks, out)


def _crowd(params: Params, out: Path) -> None:
    from maskwright.drinks.dataset import write_crowd

    write_crowd(params.drinks, out)


def _digits(params: Params, out: Path) -> None:
    from maskwright.digits.dataset import write_digits

    write_digits(params.digits, out)


def _xor(params: Params, out: Path) -> None:
    from maskwright.experiments.xor.data import write_xor

    write_xor(out)


def _corner(params: Params, out: Path) -> None:
    from maskwright.experiments.corner.data import write_corner

    write_corner(params.section("corner"), out)


def _masked_digits(params: Params, out: Path) -> None:
    from maskwright.experiments.masked_digits.generate import write_masked_digits

    write_masked_digits(params.section("masked_digits"), out.with_name("digits"), out)


def _conditional(params: Params, out: Path) -> None:
    from maskwright.experiments.conditional.generate import write_hierarchy

    write_hierarchy(params.section("conditional"), params.annotations, out.with_name("digits"), out)


def _clustering(params: Params, out: Path) -> None:
    from maskwright.experiments.clustering.generate import write_pictures

    write_pictures(params.section("clustering"), out.with_name("digits"), out)


def _instances(params: Params, out: Path) -> None:
    from maskwright.experiments.instances.generate import write_instances

    write_instances(params.section("instances"), params.annotations, out.with_name("crowd"), out)


GENERATED: Mapping[str, Callable[[Params, Path], None]] = MappingProxyType(
    {
        "drinks": _drinks,
        "crowd": _crowd,
        "xor": _xor,
        "corner": _corner,
        "digits": _digits,
        "masked_digits": _masked_digits,
        "conditional": _conditional,
        "clustering": _clustering,
        "instances": _instances,
    }
)
"""For each generated data set, the function that writes it into a folder."""
