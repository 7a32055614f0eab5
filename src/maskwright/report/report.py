"""All results on one page that can be mailed.

The page holds its pictures, its style and a little script; it loads nothing. What was not trained or not evaluated is
left out, and so are the claims, which are about all experiments, unless all of them are on the page. It names no date
and no commit: equal results give an equal page, which DVC can keep.
"""

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from maskwright import __version__
from maskwright.pages.template import render, script
from maskwright.report.comparisons import range_text, read_claims, read_effects
from maskwright.report.curves import HEIGHT, WIDTH
from maskwright.report.data import count_data
from maskwright.report.experiments import Shown, read_experiment
from maskwright.report.pictures import embedded_picture
from maskwright.report.settings import changed_settings
from maskwright.report.wording import breakable, heading, label, number
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_file

_LIBRARIES = ("tensorflow", "keras", "numpy", "dvc", "mlflow", "scikit-learn", "pillow")
_MOST_TILES = 4


class Sources(NamedTuple):
    """Where a report's content lies.

    Attributes:
        results: the folder of the results.
        masks: the folder that `maskwright masks` wrote.
        settings: the content of params.yaml.
        defaults: the content of the params.yaml that maskwright comes with.
        experiments: what each experiment asks, in one sentence, in the order of the page.
    """

    results: Path
    masks: Path
    settings: Mapping[str, Any]
    defaults: Mapping[str, Any]
    experiments: Mapping[str, str]


def write_report(sources: Sources, out: Path) -> str:
    """Write the page, and return the line that sums it up.

    Raises:
        MaskwrightError: there are no results, or a file of them is damaged.
    """
    found = [read_experiment(name, about, sources.results / name) for name, about in sources.experiments.items()]
    shown = [experiment for experiment in found if experiment is not None]
    if not shown:
        raise MaskwrightError(
            f"{sources.results}: no experiment has results yet; run `dvc repro evaluate@segmentation`, or `make run`"
        )
    page = _page(sources, shown)
    with replaced_file(out) as file:
        file.write(page)
    experiments = f"{len(shown)} experiment{'' if len(shown) == 1 else 's'}"
    return f"{out}: {experiments}, {out.stat().st_size / 1e6:.1f} MB; open it in a browser, or mail it"


def _page(sources: Sources, shown: list[Shown]) -> str:
    sheet = sources.results / "look" / "contact_sheet.png"
    code, allowed = script("maskwright.report", "page.js")
    photographs = any(experiment.name in ("segmentation", "detection") for experiment in shown)
    # A table that came with the project judges the numbers of its practice data, and not those of the page.
    claims = read_claims(sources.results / "claims.json") if len(shown) == len(sources.experiments) else []
    return render(
        "maskwright.report",
        "page.html.jinja",
        title=str(sources.settings["annotations"]["root"]) if photographs else "maskwright",
        experiments=shown,
        tiles=shown[0].headline[:_MOST_TILES],
        settings=changed_settings(sources.settings, sources.defaults),
        data=count_data(sources.masks) if photographs else None,
        sheet=embedded_picture(sheet, "Contact sheet, the worst findings first") if sheet.is_file() else None,
        effects=read_effects(sources.results / "effects"),
        claims=claims,
        processors=_processors(shown),
        # Without Python's patch level, which no result depends on: else each computer would have another page.
        versions=[
            ("maskwright", __version__),
            ("Python", ".".join(platform.python_version_tuple()[:2])),
            *_versions(),
        ],
        width=WIDTH,
        height=HEIGHT,
        script=code,
        allowed=allowed,
        breakable=breakable,
        label=label,
        heading=heading,
        number=number,
        range_text=range_text,
    )


def _processors(shown: list[Shown]) -> list[tuple[str, list[str]]]:
    """Return each processor, with the experiments that were trained on it."""
    found: dict[str, list[str]] = {}
    for experiment in shown:
        if experiment.processor is not None:
            found.setdefault(str(experiment.processor), []).append(label(experiment.name))
    return [*found.items()]


def _versions() -> list[tuple[str, str]]:
    found = []
    for library in _LIBRARIES:
        try:
            found.append((library, version(library)))
        except PackageNotFoundError:  # such as tensorflow, which is tensorflow-cpu elsewhere
            continue
    return found
