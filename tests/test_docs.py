"""What the pages tell the reader to type and to look up is there: commands, settings, links, pictures.

No command is run here, but for those of the README's first door. Each is given to the parser of its own program;
test_docs_run.py runs them.
"""

import re
import shlex
import subprocess
from functools import cache
from urllib.parse import unquote

import pytest

from maskwright.params import parse_params
from maskwright.shared.yaml_file import parse_yaml
from support.commands import WrongCommand, check, lines_of, shipped_settings, split_line
from support.documented import PAGES, blocks, commands, kind, mentions, page, place
from support.pages import parse_page
from support.photographs import write_photographs
from support.project import ROOT, copy_of_the_project, run


def links():
    for path in PAGES:
        for link in page(path).links:
            if not re.match(r"[a-z]+:", link.text):
                yield path, link.line, link.text


def settings_at(path, line):
    """Return params.yaml with all that a page, up to a line, has told the reader to write into it."""
    values = shipped_settings()
    for where, block in blocks("settings"):
        if where == path and block.line <= line:
            values = merged(values, parse_yaml(block.text, path))
    return values


def merged(values, changes):
    both = isinstance(values, dict) and isinstance(changes, dict)
    return {**values, **{key: merged(values.get(key), new) for key, new in changes.items()}} if both else changes


@cache
def files():
    """Return the files that Git has or would take, and their folders: only these are there for every reader."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = {path for name in listed.stdout.split("\0") if name and (path := ROOT / name).exists()}
    return found | {folder for path in found for folder in path.parents}


def led_to(path, target):
    """Return the file that a link of a page leads to.

    Raises:
        WrongCommand: there is no such file or heading.
    """
    name, _, anchor = unquote(target).partition("#")
    file = (path.parent / name).resolve() if name else path
    if file not in files():
        raise WrongCommand(f"{target}: no such file")
    if anchor and (file.suffix != ".md" or anchor not in page(file).anchors):
        raise WrongCommand(f"{target}: no such heading in {file.name}")
    return file


def cases(found):
    return [pytest.param(path, line, text, id=f"{place(path, line)} {text[:60]}") for path, line, text in found]


@pytest.mark.parametrize(("path", "line", "command"), cases(commands()))
def test_a_command_is_understood_by_its_program(path, line, command):
    assert check(command, settings_at(path, line)) > 0


@pytest.mark.parametrize(("path", "line", "command"), cases(mentions()))
def test_a_command_in_a_sentence_is_understood_by_its_program(path, line, command):
    assert check(command, settings_at(path, line), mention=True) > 0


@pytest.mark.parametrize(
    ("path", "line", "text"), cases((path, block.line, block.text) for path, block in blocks("settings"))
)
def test_settings_are_valid(path, line, text):
    assert parse_yaml(text, path)
    assert parse_params(settings_at(path, line))


@pytest.mark.parametrize(("path", "line", "target"), cases(links()))
def test_a_link_leads_somewhere(path, line, target):
    assert led_to(path, target).exists()


@pytest.mark.parametrize(
    ("path", "line", "name"), cases((path, found.line, found.text) for path in PAGES for found in page(path).files)
)
def test_a_file_that_a_page_names_is_there(path, line, name):
    assert ROOT / name in files()


def test_every_block_is_understood():
    for path in PAGES:
        for block in page(path).blocks:
            assert kind(block.text), place(path, block.line)


def test_the_pages_have_commands_links_and_settings():
    """Else nothing above would be checked, if for example the reader of Markdown changed."""
    assert len(list(commands())) > 80
    assert len(list(mentions())) > 80
    assert len(list(links())) > 60
    assert len(list(blocks("settings"))) > 4


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("maskwright trian xor", "No such command"),
        ("maskwright train xor xor", "unexpected extra argument"),
        ("maskwright train xro", "no such name"),
        ("maskwright look a.json --mots 3", "No such option"),
        ("maskwright look a.json --most many", "valid integer"),
        ("maskwright export xor --to onnx|tflite", "tflite"),
        ("maskwright export xor", "Missing option"),
        ("maskwright predict boxes a.jpg", "No such command"),
        ("maskwright preset xor sauce", "no such preset"),
        ("maskwright effects detectoin", "no such name"),
        ("maskwright claims && maskwright clams", "No such command"),
        ("MLFLOW_TRACKING_URI=x maskwright clams   # it's counted", "No such command"),
        ("dvc rerpo", "does not understand"),
        ("dvc exp run --queued", "does not understand"),
        ("dvc exp rnu", "does not understand"),
        ("dvc repro evaluate@xro", "no stage evaluate@xro"),
        ("dvc exp run -S xor.seed=1 evaluate", "no stage evaluate"),
        ("dvc repro evaluat@NAME", "no stage evaluat@NAME"),
        ("dvc exp run -S xor.sede=1 evaluate@xor", "sede"),
        ("dvc exp run -S xor.seed=one evaluate@xor", "xor.seed"),
        ("dvc exp run --queue -S xor.mask=signal,none,sinal evaluate@xor", "xor.mask"),
        ("dvc exp run -S xor.seed=1,2 evaluate@xor", "--queue"),
        ("make rnu", "no target"),
        ("make sweep-xor", "no target"),
        ("make test ARG=x", "no variable"),
        ("make test ARGS=tests/test_houses.py", "there is no tests/test_houses.py"),
        ("python benchmarks/nexxt.py", "there is no"),
        ("pyton benchmarks/next.py", "pyton is none of"),
        ("maskwright lint 'a.json", "not closed"),
    ],
)
def test_a_wrong_command_is_found(command, reason):
    with pytest.raises(WrongCommand, match=re.escape(reason)):
        check(command, mention=True)


@pytest.mark.parametrize("command", ["maskwright predict", "maskwright train", "dvc add"])
def test_only_a_sentence_may_name_a_command_without_its_arguments(command):
    assert check(command, mention=True) == 1
    with pytest.raises(WrongCommand):
        check(command)


def test_what_a_line_runs():
    line = "A=1 .venv/bin/dvc repro 'a b' && cp ~/x#1 \"#y\"; make run  # it's `all`"
    assert split_line(line) == [[".venv/bin/dvc", "repro", "a b"], ["cp", "~/x#1", "#y"], ["make", "run"]]
    assert list(lines_of("a \\\n  b\n\nc")) == [(0, "a   b"), (2, ""), (3, "c")]


@pytest.mark.parametrize(
    "dead", ["docs/own-dat.md", "docs/own-data.md#3-say-which-file-to-use", "#licences", "src#x", ".git/HEAD"]
)
def test_a_dead_link_is_found(dead):
    with pytest.raises(WrongCommand, match="no such"):
        led_to(ROOT / "README.md", dead)


def test_what_a_page_holds():
    text = """# A `b_c`, d!

Run `make run` or `x`, `-S a.b=1`, `docs/x.md`; [go](#a-b_c-d "title"), <img src="p.png">.

## A b_c, d

    dvc repro

1. item

       maskwright claims

```sh
make ui
```
"""
    found = parse_page(text, ROOT / "README.md")
    assert found.anchors == {"a-b_c-d", "a-b_c-d-1"}
    assert [(block.text, block.line) for block in found.blocks] == [
        ("dvc repro\n", 7),
        ("maskwright claims\n", 11),
        ("make ui\n", 14),
    ]
    assert [each.text for each in found.inline] == ["make run", "-S a.b=1"]
    assert [each.text for each in found.files] == ["docs/x.md"]
    assert {link.text for link in found.links} == {"#a-b_c-d", "p.png"}


@pytest.mark.parametrize("text", ["dcv repro\n", "pyton x.py\nmake run\n", "words\n"])
def test_a_block_of_an_unknown_program_is_found(text):
    with pytest.raises(WrongCommand):
        kind(text)


@pytest.mark.slow
def test_the_first_door_opens(tmp_path):
    """The README's first commands for one's own photographs, as they stand there, up to the contact sheet."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## I have photographs\n")[2]
    block = parse_page(text, ROOT / "README.md").blocks[0].text
    typed = [line for _, line in lines_of(block)]
    last = next(number for number, line in enumerate(typed) if line.startswith("maskwright look"))
    project = copy_of_the_project(tmp_path / "mask wright")
    write_photographs(tmp_path / "my photos", "via_project.json")
    photographs = shlex.quote(str(tmp_path / "my photos"))
    told = [
        # The program runs the code of the copy.
        run(project, "sh", "-c", f"export PYTHONPATH=src; {line.replace('~/my-photos', photographs)}")
        for line in typed[: last + 1]
    ]
    assert len(told) >= 3
    assert {path.name for path in (project / "look").iterdir()} >= {
        "look.html",
        "contact_sheet.png",
        "statistics.png",
    }
    assert "8" in told[-2]
    assert "look.html" in told[-1]
