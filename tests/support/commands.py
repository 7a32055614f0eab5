"""Checks commands of the shell without running them: each by the parser of the program that it calls."""

import json
import re
import shlex
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import typer
from dvc.cli import DvcParserError
from dvc.cli.parser import get_main_parser
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps

from maskwright.catalogue import EXPERIMENTS
from maskwright.cli import app
from maskwright.generated import GENERATED
from maskwright.params import parse_params
from maskwright.presets import presets_of
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.yaml_file import read_yaml
from support.project import ROOT

CHECKED = ("maskwright", "dvc", "make", "python")
ELSEWHERE = ("cp", "dask", "export", "git", "mlflow", "openssl", "pip", "source", "ssh", "uv")
"""Programs that are not ours to check, or that only make sense on a machine of the reader's."""
PROGRAMS = (*CHECKED, *ELSEWHERE)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_PLACEHOLDER = re.compile(r"[A-Z][A-Z_]*")
"""What the reader is to replace: NAME, FOLDER."""
_NUMBER = "20"
_CODE = re.compile(r"""(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|(?<=\S)\#|[^'"\#\\])*""", re.VERBOSE)
"""A line up to its comment: # is one only at the beginning of a word, and not in quotes."""


class WrongCommand(Exception):
    """A command that would not do what the page says."""


def lines_of(block):
    """Yield the lines of a block of shell commands, continued ones as one, with the number of the first."""
    held, first = "", 0
    for number, line in enumerate(block.splitlines()):
        first = first if held else number
        held += line
        if held.endswith("\\"):
            held = held[:-1]
        else:
            yield first, held
            held = ""
    if held:
        raise WrongCommand(f"{held}: nothing follows the backslash")


def split_line(line):
    """Return the commands of a line, each a list of words, without comments and variables that are set for it.

    Words such as `via|coco` are alternatives: there is a command for each.
    """
    code = _CODE.match(line).group()
    if line[len(code) :] and line[len(code)] != "#":
        raise WrongCommand(f"{line}: a quote is not closed")
    lexer = shlex.shlex(code, posix=True, punctuation_chars="&;")
    lexer.whitespace_split, lexer.commenters = True, ""
    commands = [[]]
    for word in lexer:
        if word in ("&&", "&", ";", "||", "|"):
            commands.append([])
        elif commands[-1] or not _ASSIGNMENT.match(word):
            commands[-1].append(word)
    return [list(choice) for words in commands if words for choice in product(*map(_alternatives, words))]


def _alternatives(word):
    return word.split("|") if re.fullmatch(r"[\w-]+(\|[\w-]+)+", word) else [word]


def program_of(words):
    """Return the name of the program that a command calls, without its folder."""
    return words[0].rpartition("/")[2]


@cache
def shipped_settings():
    """Return what is in params.yaml; not to be changed."""
    return read_yaml(ROOT / "params.yaml")


def check(line, settings=None, mention=False):
    """Check all commands of a line.

    Args:
        line: the line, as one would type it.
        settings: what params.yaml holds by then; None: what it holds here.
        mention: whether it may be just a command's name, in a sentence about it.

    Returns:
        How many commands there are.

    Raises:
        WrongCommand: one of them is wrong; the message says which, and why.
    """
    settings = shipped_settings() if settings is None else settings
    commands = split_line(line)
    for words in commands:
        program = program_of(words)
        if program not in PROGRAMS:
            raise WrongCommand(f"{line}: {program} is none of {', '.join(PROGRAMS)}")
        if program == "maskwright":
            check_maskwright(words[1:], settings, mention)
        elif program == "dvc":
            check_dvc(words[1:], settings, mention)
        elif program == "make":
            check_make(words[1:])
        elif program == "python":
            check_python(words[1:], settings)
    return len(commands)


def check_maskwright(arguments, settings, mention=False):
    """Let the command itself parse its arguments; files that they name need not exist."""
    command, words, shown = typer.main.get_command(app), arguments, f"maskwright {' '.join(arguments)}"
    try:
        context = command.make_context("maskwright", list(arguments))
        while hasattr(command, "resolve_command"):
            name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
            numbers = [_NUMBER if word == "N" else word for word in words]
            context = command.make_context(name, numbers, parent=context)
    except typer.Exit:  # `--version` and `--help`
        return
    except typer.BadParameter.__base__ as error:
        if mention and not words:  # the command is there, and only its arguments are missing
            return
        raise WrongCommand(f"{shown}: {error.format_message()}") from None
    if "name" in context.params:
        _check_name(context, shown, settings)


def _check_name(context, shown, settings):
    """Check an experiment's name, and a preset's, which the command looks up only when it runs."""
    name, kind = context.params["name"], context.command.name
    if kind == "generate":
        known = GENERATED
    elif kind in ("sweep", "effects"):
        known = [name for name in settings["sweeps"] if name not in ("scheduler", "security")]
    else:
        known = EXPERIMENTS
    if name is None or _PLACEHOLDER.fullmatch(name):
        return
    if name not in known:
        raise WrongCommand(f"{shown}: no such name; there is {', '.join(known)}")
    chosen = context.params.get("chosen", "PRESET")
    if not _PLACEHOLDER.fullmatch(chosen) and chosen not in presets_of(name):
        raise WrongCommand(f"{shown}: no such preset; there is {', '.join(presets_of(name))}")


_dvc_parser = cache(get_main_parser)


def check_dvc(arguments, settings, mention=False):
    """Let DVC parse its arguments; check the stages and the settings that they name."""
    shown, named = f"dvc {' '.join(arguments)}", all(word.isalpha() for word in arguments)
    try:
        parsed = _dvc_parser().parse_args(arguments)
    except (DvcParserError, SystemExit):
        if mention and named and _has_help(arguments):
            return
        raise WrongCommand(f"{shown}: DVC does not understand it") from None
    if parsed.cmd == "repro" or parsed.func.__name__ == "CmdExperimentsRun":
        for target in parsed.targets:
            _check_stage(target, shown)
    overrides = getattr(parsed, "set_param", None) or []
    if overrides:
        _check_settings(overrides, shown, settings, queued=parsed.queue)


def _has_help(arguments):
    try:
        _dvc_parser().parse_args([*arguments, "--help"])
    except DvcParserError:
        return False
    except SystemExit as end:
        return not end.code
    return False


@cache
def stages():
    """Return the names of the pipeline's stages, such as `train@xor`."""
    return frozenset(stage.name for stage in Repo(str(ROOT)).index.stages)


def _check_stage(target, shown):
    pattern = re.compile("@".join("[a-z_]+" if _PLACEHOLDER.fullmatch(part) else part for part in target.split("@")))
    if not any(pattern.fullmatch(name) for name in stages()):
        raise WrongCommand(f"{shown}: no stage {target} in dvc.yaml")


def _check_settings(overrides, shown, settings, queued):
    """Write the settings into a copy of params.yaml as DVC does, and read that as maskwright does."""
    try:
        (path,) = (sweeps := get_hydra_sweeps({"params.yaml": overrides}))[0]
        if len(sweeps) > 1 and not queued:
            raise WrongCommand(f"{shown}: several values need --queue")
        for sweep in sweeps:
            with TemporaryDirectory() as folder:
                copy = Path(folder, path)
                copy.write_text(json.dumps(settings), encoding="utf-8")  # which is YAML too
                apply_overrides(copy, sweep[path])
                parse_params(read_yaml(copy))
    except (DvcException, MaskwrightError) as error:
        raise WrongCommand(f"{shown}: {error}: {error.__cause__ or ''}") from None


def check_make(arguments):
    """Check that the Makefile has the targets and the variables."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [name for names in re.findall(r"^([\w%. /-]+):(?!=)", text, re.MULTILINE) for name in names.split()]
    variables = re.findall(r"^(\w+) \?=", text, re.MULTILINE)
    for word in arguments:
        shown = f"make {' '.join(arguments)}"
        variable, given, value = word.partition("=")
        if given and variable not in variables:
            raise WrongCommand(f"{shown}: the Makefile has no variable {variable}")
        if given:
            for name in (each.partition("::")[0] for each in shlex.split(value) if each.startswith("tests")):
                if not (ROOT / name).exists():
                    raise WrongCommand(f"{shown}: there is no {name}")
        elif not any(_makes(target, word) for target in targets):
            raise WrongCommand(f"{shown}: the Makefile has no target {word}")


def _makes(target, word):
    """Return whether a target, perhaps a pattern, makes what a word asks for. Each pattern is one of sweeps."""
    prefix, pattern, suffix = target.partition("%")
    if not pattern:
        return word == target
    stem = word.removeprefix(prefix).removesuffix(suffix)
    if not word.startswith(prefix) or not word.endswith(suffix):
        return False
    return bool(_PLACEHOLDER.fullmatch(stem)) or bool({f"{prefix}{stem}", f"{prefix[:-1]}@{stem}"} & stages())


def check_python(arguments, settings):
    """Check that a program of ours exists; `exports` holds what `maskwright export` writes."""
    if arguments[:2] == ["-m", "maskwright"]:
        check_maskwright(arguments[2:], settings)
    elif not arguments[0].startswith("exports/") and not (ROOT / arguments[0]).is_file():
        raise WrongCommand(f"python {' '.join(arguments)}: there is no {arguments[0]}")
