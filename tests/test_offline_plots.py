"""`dvc plots show` without a connection: its page holds the scripts, and DVC's configuration names it."""

import re
import sys
from pathlib import Path

import pytest
from dvc.config import Config
from dvc_render import ImageRenderer, VegaRenderer
from dvc_render.html import render_html

from maskwright.offline_plots import make_plots_offline
from support.browser import shown
from support.refusals import refusal


@pytest.fixture
def page(tmp_path, monkeypatch):
    """What DVC draws with the page that its configuration names: a chart, and two pictures in DVC's order."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    dvc = tmp_path / "project" / ".dvc"
    dvc.mkdir(parents=True)
    (dvc / "config.local").write_text("[core]\n    remote = mine\n")
    make_plots_offline(dvc)
    make_plots_offline(dvc)
    settings = Config(str(dvc)).load_one("local")
    assert settings["core"]["remote"] == "mine"
    points = [{"epoch": epoch, "loss": 1 / epoch, "rev": "workspace"} for epoch in (1, 2, 3)]
    chart = VegaRenderer(points, "Loss", template="simple", x="epoch", y="loss")
    picture = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    pictures = [
        ImageRenderer([{"src": picture, "rev": "workspace"}], f"results/{name}.png")
        for name in ("autoencoder/plots/a", "segmentation/plots/worst_1")
    ]
    out = tmp_path / "dvc_plots" / "index.html"
    render_html([*pictures, chart], out, html_template=settings["plots"]["html_template"])
    return out


def test_nothing_is_loaded_from_elsewhere(page):
    text = page.read_text(encoding="utf-8")
    assert "jsdelivr" not in text
    assert not re.search(r"<(?:script|link|img|iframe)\b[^>]*\s(?:src|href)\s*=\s*[\"']?(?:https?:)?//", text)
    assert text.count("vegaEmbed('#Loss'") == 1


@pytest.mark.slow
def test_a_chart_is_drawn_and_the_worst_photograph_comes_first(page, tmp_path):
    probe = """<script>addEventListener("load", () => setTimeout(() => {
      const parts = [...document.querySelectorAll("#plots > div")];
      parts.sort((one, other) => one.offsetTop - other.offsetTop);
      document.title = parts.map((part) => part.id).join(" ");
    }, 1000));</script></body>"""
    before, _, after = page.read_text(encoding="utf-8").rpartition("</body>")  # the scripts have this in them too
    page.write_text(f"{before}{probe}{after}", encoding="utf-8")
    elements, complaints = shown(page, tmp_path)
    # Vega warns of what DVC's own templates leave empty, and of their older schema.
    assert [line for line in complaints if '"WARN ' not in line and "compiled spec uses Vega v5" not in line] == []
    assert re.search(r"<(canvas|svg)[^>]*marks", elements)
    order = "results_segmentation_plots_worst_1_png Loss results_autoencoder_plots_a_png"
    assert f"<title>{order}</title>" in elements


def test_outside_a_project(tmp_path):
    message = refusal(make_plots_offline, Path(tmp_path / ".dvc"))
    assert message == f"{tmp_path / '.dvc'}: no such folder; run the command in the folder that holds params.yaml"
