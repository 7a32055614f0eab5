"""What other people wrote reaches the terminal as text, and never as an order to it."""

import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.progress import Progress, TextColumn
from rich.table import Table
from rich.text import Text

from maskwright.shared.errors import MaskwrightError
from maskwright.shared.terminal import complain, console, note, tell, visible, warn

HOSTILE = "a\x1b[2J\x1b]0;title\x07\x9b31m\nforged: line\r\x08\u202e\u2028\udc80"
SHOWN = r"a\x1b[2J\x1b]0;title\x07\x9b31m\nforged: line\r\x08\u202e\u2028\udc80"


def test_visible():
    assert visible(HOSTILE) == SHOWN
    assert visible("größe 猫 🐈 naïve [bold]") == "größe 猫 🐈 naïve [bold]"


@given(st.text(st.characters(exclude_categories=[])))
def test_what_is_visible_is_one_line_that_can_be_written(text):
    shown = visible(text)
    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert visible(shown) == shown


def test_lines(capsys):
    tell(HOSTILE)
    note(HOSTILE)
    warn(HOSTILE)
    complain(HOSTILE)
    complain(MaskwrightError(f"first {HOSTILE}", [HOSTILE, "third"]))
    out, err = capsys.readouterr()
    assert out == f"{SHOWN}\n"
    assert err.splitlines() == [
        SHOWN,
        f"maskwright: warning: {SHOWN}",
        f"maskwright: error: {SHOWN}",
        f"maskwright: error: first {SHOWN}",
        f"  {SHOWN}",
        "  third",
    ]


def test_a_line_stands_before_what_a_later_command_prints():
    imports = "import subprocess; from maskwright.shared.terminal import tell"
    code = f"{imports}; tell('first'); subprocess.run(['echo', 'then'])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "first\nthen\n"


def test_an_error_with_lines_survives_the_way_from_another_process():
    error = pickle.loads(pickle.dumps(MaskwrightError("one", ["two", "three"])))
    assert (error.message, error.lines, str(error)) == ("one", ("two", "three"), "one\n  two\n  three")
    assert str(MaskwrightError("one")) == "one"


def table(text):
    found = Table(text)
    found.add_row(text)
    found.add_row(Text(text))
    return found


@pytest.mark.parametrize("what", [str, Text, table])
def test_tables_and_texts(what, capsys):
    shown = console(width=200, force_terminal=True)
    shown.print(what("a\x1b[2J\x9b31m\u202e[red]b[/] :cat: [link=https://example.org]c[/link]"))
    out = capsys.readouterr().out
    # A table is as wide as the text before it was made visible, so it may cut what is hostile.
    assert r"a\x1b[2J\x9b31m\u202e[red]b[/] :cat: [link=https://exam" in out
    # Colours and layout are the program's own: of them, nothing but styles is left.
    assert not any(order in out for order in ("\x1b[2J", "\x1b]", "\x9b", "\u202e", "🐱"))


def test_a_bar(capsys):
    shown = console(stderr=True, force_terminal=True, width=100)
    with Progress(TextColumn("{task.description}", markup=False), console=shown) as bar:
        bar.add_task("a\x1b]0;title\x07")
    err = capsys.readouterr().err
    assert r"a\x1b]0;t" in err
    assert "\x1b]" not in err
    # The bar itself still moves: it hides the cursor, and shows it again.
    assert "\x1b[?25l" in err
    assert "\x1b[?25h" in err


def test_colours_are_kept(capsys):
    console(force_terminal=True, color_system="standard").print(Text("a", style="red"))
    assert capsys.readouterr().out == "\x1b[31ma\x1b[0m\n"
