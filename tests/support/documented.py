"""What the pages of the documentation hold: which blocks are commands, and each command with its place."""

import ast
import re
from functools import cache

from support.commands import PROGRAMS, WrongCommand, lines_of, program_of, split_line
from support.pages import read_page
from support.project import ROOT

PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
FIGURES = (
    "dvc.yaml  params.yaml",
    "VIA files and photographs",
    "loss: 64 runs, 32 configurations",
    "conv block    convolution",
    "trunk       three convolutions",
    "P = 1/n sum",
)
"""How the blocks begin that nobody types: folders, formulas, and what a command prints."""


@cache
def page(path):
    return read_page(path)


def place(path, line):
    return f"{path.relative_to(ROOT).as_posix()}:{line}"


@cache
def kind(text):
    """Return what a block of code is: shell, settings, python or figure.

    Raises:
        WrongCommand: it is none of these, perhaps because its program is not known.
    """
    if text.startswith(FIGURES):
        return "figure"
    if re.match(r"[a-z_]+:\n", text):
        return "settings"
    words = next((commands[0] for _, line in lines_of(text) if (commands := split_line(line))), [""])
    if program_of(words) in PROGRAMS:
        return "shell"
    if text.startswith("import ") and ast.parse(text):
        return "python"
    raise WrongCommand(f"{text}: neither commands of {', '.join(PROGRAMS)}, nor settings, nor Python")


def blocks(wanted):
    for path in PAGES:
        for block in page(path).blocks:
            try:
                found = kind(block.text)
            except (WrongCommand, SyntaxError):
                found = None  # which `test_every_block_is_understood` reports
            if found == wanted:
                yield path, block


def commands():
    for path, block in blocks("shell"):
        for number, line in lines_of(block.text):
            if split_line(line):
                yield path, block.line + number, line


def mentions():
    for path in PAGES:
        for found in page(path).inline:
            yield path, found.line, f"dvc exp run {found.text}" if found.text.startswith("-S ") else found.text
