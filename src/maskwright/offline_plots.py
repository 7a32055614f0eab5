"""The page of `dvc plots show`, with the scripts that draw its charts inside.

DVC's own page loads Vega from a server. A package has the same scripts, and DVC takes another page from its
configuration: that of this copy of the project, `.dvc/config.local`, which is not in Git.
"""

import sys
from pathlib import Path

import vl_convert
from dvc.config import Config
from markupsafe import Markup

from maskwright.pages.template import render
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_file

_VEGA_LITE = "5.20"
"""The version of DVC's templates and of ours is 5."""


def make_plots_offline(dvc: Path = Path(".dvc")) -> str:
    """Write the page into the environment, name it in DVC's local configuration, and return what was done.

    Raises:
        MaskwrightError: this is not a DVC project.
    """
    if not dvc.is_dir():
        raise MaskwrightError(f"{dvc}: no such folder; run the command in the folder that holds params.yaml")
    page = Path(sys.prefix) / "share" / "maskwright" / "plots.html"
    # Names that the scripts declare stay among themselves.
    # The snippet may be left out, whatever the stub says.
    bundle = vl_convert.javascript_bundle(vl_version=_VEGA_LITE)  # pyright: ignore[reportCallIssue]
    scripts = Markup("(() => {" + bundle + "})();")
    with replaced_file(page) as file:
        file.write(render("maskwright.pages", "plots.html.jinja", script=scripts))
    with Config(str(dvc.resolve())).edit("local") as settings:
        # DVC's own code has no types here: it is a dictionary.
        assert isinstance(settings, dict)
        settings.setdefault("plots", {})["html_template"] = str(page)
    return f"`dvc plots show` draws its charts without a connection; {dvc / 'config.local'} names their page"
