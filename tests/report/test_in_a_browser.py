"""The report in a browser: no complaint, nothing is asked for elsewhere, and what is to be clicked works."""

import re

import pytest

from maskwright.defaults import default_settings
from maskwright.report.report import Sources, write_report
from support.browser import shown
from support.results import in_place, write_comparisons, write_masks, write_picture, write_segmentation, write_xor

pytestmark = pytest.mark.slow

# Sorts the table of scores by the value, twice, and by the measure; opens the first picture, goes on to the next.
CLICKS = """
const found = [];
const table = document.querySelector("#scores ~ .wide table");
const column = (index) => [...table.tBodies[0].rows].map((row) => row.cells[index].textContent.trim());
const heads = table.querySelectorAll("thead button");
heads[2].click(); found.push(column(2).join(" "), heads[2].parentElement.getAttribute("aria-sort"));
heads[2].click(); found.push(column(2).join(" "), heads[2].parentElement.getAttribute("aria-sort"));
heads[1].click(); found.push(column(1).join(" | "));
document.querySelector("button.open").click();
const dialog = document.querySelector("dialog");
found.push(dialog.open, dialog.querySelector("p").textContent);
dialog.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
found.push(dialog.querySelector("p").textContent);
dialog.click(); found.push(dialog.open);
found.push(document.documentElement.scrollWidth <= innerWidth);
dispatchEvent(new Event("beforeprint")); found.push(document.querySelectorAll("details:not([open])").length);
const paragraph = (text) => Object.assign(document.createElement("p"), { textContent: text });
document.body.replaceChildren(...found.map(paragraph));
"""


def test_in_a_browser(tmp_path):
    results, masks = in_place(tmp_path)
    write_segmentation(results)
    write_xor(results)
    write_comparisons(results)
    write_masks(masks)
    write_picture(results / "look/contact_sheet.png", photograph=True)
    settings, page = default_settings(), tmp_path / "report.html"
    asked = {"segmentation": "Which class?", "xor": "Can it?"}
    write_report(Sources(results, masks, settings | {"xor": {}}, settings, asked), page)

    # The page's policy turns every request, and every script but its own, into a complaint.
    elements, complaints = shown(page, tmp_path)
    assert complaints == []
    assert elements.count('<th><button type="button">') > 10
    assert elements.count('class="open"') == elements.count('class="zoom"') == 5

    text = page.read_text(encoding="utf-8")
    text = re.sub(r"script-src [^\"]+", "script-src 'unsafe-inline'", text)
    clicked = tmp_path / "clicked.html"
    clicked.write_text(text.replace("</body>", f"<script>{{{CLICKS}}}</script></body>"), encoding="utf-8")
    # On a phone, which is 375 pixels wide.
    elements, complaints = shown(clicked, tmp_path, "--window-size=375,800")
    assert complaints == []
    assert re.findall(r"<p>(.*?)</p>", elements) == [
        "0.875 0.750 0.500 0.500",
        "descending",
        "0.500 0.500 0.750 0.875",
        "ascending",
        "accuracy signal | mIoU | pixel accuracy | solved",
        "true",
        "Contact sheet, the worst findings first",
        "segmentation: worst 1",
        "false",
        "true",
        "0",
    ]
