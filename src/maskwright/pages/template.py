"""Pages of HTML that need no other file and no connection: one environment and one style for all of them."""

import base64
import hashlib
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def render(package: str, template: str, **values: Any) -> str:
    """Return a page.

    Names of files and classes come from elsewhere, so whatever is filled in is escaped, and the page's own policy
    lets it load nothing.

    Args:
        package: the package that holds the template. Templates of this package, such as `style.css`, can be included.
        template: the file's name.
        values: what is filled in; one that is missing is an error.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, "."), PackageLoader("maskwright.pages", ".")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def script(package: str, name: str) -> tuple[Markup, str]:
    """Return a package's script, and the source expression by which a policy allows this script and no other."""
    text = files(package).joinpath(name).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(text), f"'sha256-{digest}'"
