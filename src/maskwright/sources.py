"""What code a module runs, found without importing it, so that TensorFlow need not be loaded to know."""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

_PACKAGE = __name__.partition(".")[0]
_LIBRARIES = ("tensorflow", "keras", "numpy")


def defines(module: str, function: str) -> bool:
    """Return whether a module has a function of that name, its own or one that it imports."""
    for node in _parsed(_source(module)).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return True
        if isinstance(node, ast.ImportFrom) and function in (alias.asname or alias.name for alias in node.names):
            return True
    return False


@cache
def code_hash(module: str, without: tuple[str, ...] = ()) -> str:
    """Return a hash of a module's source, of all of this package that it imports, and of the libraries' versions.

    Args:
        module: its full name.
        without: modules of this package that do not count, nor what only they import.
    """
    digest = hashlib.sha256(" ".join(_versions(_LIBRARIES)).encode())
    for name, source in sorted(_closure(module, set(without)).items()):
        digest.update(f"\n{name}\n".encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()[:32]


def _closure(module: str, without: set[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found or name in without:
            continue
        found[name] = _source(name)
        waiting += _imports(found[name])
    return found


def _imports(source: Path) -> Iterator[str]:
    """Yield the modules of this package that a file imports, wherever in it."""
    for node in ast.walk(_parsed(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from package import name` may name a module or something in the package.
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name.partition(".")[0] == _PACKAGE and _is_module(name))


def _is_module(name: str) -> bool:
    return _file(name) is not None


def _source(module: str) -> Path:
    source = _file(module)
    if source is None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)
    return source


def _file(module: str) -> Path | None:
    package, *parts = module.split(".")
    if package != _PACKAGE:
        spec = find_spec(module)
        return Path(spec.origin) if spec and spec.origin else None
    # Not find_spec, which imports what the name lies in: for `from module import name`, the module.
    place = Path(__file__).parent.joinpath(*parts)
    return next((path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()), None)


def _parsed(source: Path) -> ast.Module:
    return ast.parse(source.read_bytes())


def _versions(libraries: Iterable[str]) -> Iterator[str]:
    for library in libraries:
        try:
            yield f"{library}=={version(library)}"
        except PackageNotFoundError:
            yield f"{library} missing"
