"""What stands in a page of Markdown: commands, settings, links and anchors."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt

_READER = MarkdownIt("commonmark").enable("table")
_INLINE = ("maskwright ", "dvc ", "make ", "python benchmarks/", "-S ")
"""Code within a sentence is a command, or options of `dvc exp run`, if it begins so."""
_FILE = re.compile(r"(benchmarks|docs|src|tests)/[\w./-]+\.[a-z]+")
_SHELL = ("sh", "bash", "console", "shell")
_IN_HTML = re.compile(r"""\b(?:src|href)\s*=\s*["']([^"']+)["']""")


@dataclass(frozen=True)
class Found:
    """Something in a page, and the line on which it begins."""

    text: str
    line: int


@dataclass
class Page:
    """A page. `blocks` are all blocks of code, `inline` the commands within sentences, `links` also pictures, and
    `files` are the names of files of the project, written as code."""

    path: Path
    blocks: list[Found] = field(default_factory=list)
    inline: list[Found] = field(default_factory=list)
    links: list[Found] = field(default_factory=list)
    files: list[Found] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    prose: list[str] = field(default_factory=list)


def read_page(path):
    """Read a page of Markdown."""
    return parse_page(path.read_text(encoding="utf-8"), path)


def parse_page(text, path):
    """Read a page from its text; links are relative to `path`."""
    page, slugs = Page(path), Counter()
    tokens = _READER.parse(text)
    for number, token in enumerate(tokens):
        line = token.map[0] + 1 if token.map else 0
        if token.type == "code_block" or (token.type == "fence" and token.info in ("", *_SHELL)):
            # A fence is a line above its content.
            page.blocks.append(Found(token.content, line + (token.type == "fence")))
        elif token.type == "html_block":
            page.links += [Found(target, line) for target in _IN_HTML.findall(token.content)]
        elif token.type == "inline":
            _read_sentence(page, token, line)
            opened = tokens[number - 1].type
            if opened == "heading_open":
                slug = slug_of(token.children)
                page.anchors.add(f"{slug}-{slugs[slug]}" if slugs[slug] else slug)
                slugs[slug] += 1
            elif opened == "paragraph_open" and tokens[number - 1].level == 0:
                page.prose.append(token.content)
    return page


def _read_sentence(page, token, line):
    for child in token.children:
        if child.type == "code_inline" and child.content.startswith(_INLINE):
            page.inline.append(Found(child.content, line))
        elif child.type == "code_inline" and _FILE.fullmatch(child.content):
            page.files.append(Found(child.content, line))
        elif child.type in ("link_open", "image"):
            page.links.append(Found(child.attrs["href" if child.type == "link_open" else "src"], line))
        elif child.type == "html_inline":
            page.links += [Found(target, line) for target in _IN_HTML.findall(child.content)]


def slug_of(children):
    """Return the anchor that GitHub gives to a heading: its words in small letters, joined by hyphens."""
    text = "".join(child.content for child in children if child.type in ("text", "code_inline")).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
