"""The report: what is there is on it, what is not there is left out, and nothing on it is taken for its own text."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from maskwright.defaults import default_settings
from maskwright.report.experiments import read_experiment
from maskwright.report.report import Sources, write_report
from maskwright.shared.outputs import write_json
from support.refusals import refusal
from support.results import (
    CHANGED,
    CLASSES,
    HOSTILE,
    in_place,
    write_comparisons,
    write_masks,
    write_picture,
    write_segmentation,
    write_xor,
)

ASKED = {"segmentation": "Which class?", "xor": "Can a network use a mask?"}


class Page(HTMLParser):
    """What a browser would make of a page: its elements and their attributes, and its text but for scripts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words, self.inside = [], [], ""
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def report(folder, changed=None, asked=ASKED):
    results, masks = in_place(folder)
    defaults = default_settings()
    settings = {section: values | (changed or {}).get(section, {}) for section, values in defaults.items()}
    out = folder / "results/report.html"
    line = write_report(Sources(results, masks, settings, defaults, asked), out)
    assert line.startswith(f"{out}: ")
    # Where a line may end, the text is no other.
    return Page(out.read_text(encoding="utf-8").replace("<wbr>", ""))


@pytest.fixture
def whole(tmp_path):
    results, masks = in_place(tmp_path)
    write_segmentation(results)
    write_xor(results)
    write_comparisons(results)
    write_masks(masks)
    write_picture(results / "look/contact_sheet.png", photograph=True)
    return report(tmp_path, CHANGED)


def test_it_has_everything(whole):
    for text in (
        "Report on data/photos",
        "3 photographs (train 2, test 1), 2 classes. 2 experiments",
        "segmentation.epochs 3 10",  # here, and by default
        f"{HOSTILE} 2 0 2",  # objects: train, test, all
        "The checks of the annotations found 1 warning;",
        "segmentation mIoU 0.750 0.500 to 0.875",
        "segmentation pixel accuracy 0.500",
        # The variant whose mean is the main number gives its intervals: over the examples, and over the trainings.
        "XOR accuracy signal 0.875 0.812 to 0.938 0.750 to 1.000",
        "XOR solved 0.500",
        "none accuracy 0.500 0.375 to 0.625",
        f"{HOSTILE} 0.500 1,002",  # by class
        "50.0 % 10",  # confusion
        "dropout 0 → ",
        "depth 1 → 3 -0.100",
        "16 trainings of 4 combinations; the model is additive.",
        "1 holds",
        "1 cannot be told",
        "accuracy; book, p. 1; there 0.9",
        "at least 0.8",
        "Trained on A <b>, avx2, 2 threads.",
        "dvc repro report",
    ):
        assert text in whole.text, text
    # The worst photograph comes first, although it is the second one in the table.
    assert whole.text.index("onerror") < whole.text.index("good.jpg 0.900")


def test_a_claim_that_was_not_measured_is_left_out(whole):
    assert "not measured" not in whole.text


def test_claims_are_shown_only_beside_all_experiments(whole, tmp_path):
    """Else they may be those that came with the project, about the practice data and not about one's own."""
    page = report(tmp_path, asked=ASKED | {"corner": "Why not?"})
    assert "Why not?" not in page.text
    for shown, expected in ((whole, True), (page, False)):
        ids, addresses = ({each.get(key) for _, each in shown.elements} for key in ("id", "href"))
        assert ("claims" in ids, "#claims" in addresses, "at least 0.8" in shown.text) == (expected,) * 3
        assert {"effects", "xor"} <= ids


def test_effects_that_only_came_with_the_project_are_left_out(tmp_path):
    results, _ = in_place(tmp_path)
    write_segmentation(results)
    write_comparisons(results)
    shutil.rmtree(results / "effects/autoencoder/plots")  # Git keeps the tables alone
    page = report(tmp_path)
    assert "effects" not in {each.get("id") for _, each in page.elements}
    assert "dropout" not in page.text


def test_pictures_that_the_page_draws_itself_are_left_out(whole):
    shown = [picture["alt"] for picture in whole.all("img") if picture.get("class") == "zoom"]
    assert shown == [
        "Contact sheet, the worst findings first",
        "segmentation: worst 1",
        "segmentation: best 1",
        "Extra",
        "autoencoder, BCE: forest",
    ]
    kinds = [picture["src"].split(";")[0] for picture in whole.all("img") if picture.get("class") == "zoom"]
    assert kinds == ["data:image/jpeg"] * 3 + ["data:image/png"] * 2


def test_nothing_is_taken_for_the_pages_own_text(whole):
    assert len(whole.all("script")) == 1
    assert not any(name.startswith("on") for _, attributes in whole.elements for name in attributes)
    assert whole.text.count(HOSTILE) >= 6


def test_nothing_on_it_leads_elsewhere(whole):
    """Each address holds what it leads to, or is a place on the page; and the page's policy allows no other."""
    places = {attributes["id"] for _, attributes in whole.elements if "id" in attributes}
    for tag, attributes in whole.elements:
        for name, value in attributes.items():
            assert not re.search(r"https?:|//|url\(|@import", value or "") or (value or "").startswith("data:"), tag
            if name in ("src", "href", "srcset", "action", "poster", "data", "xlink:href"):
                assert value.startswith("data:image/") or value.removeprefix("#") in places, (tag, value[:80])
    (policy,) = [each["content"] for each in whole.all("meta") if "http-equiv" in each]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-")


def test_one_experiment_alone(tmp_path):
    results, _ = in_place(tmp_path)
    write_segmentation(results)
    page = report(tmp_path)
    assert "All settings are the defaults." in page.text
    assert "1 experiment trained" in page.text
    assert "dvc repro evaluate@segmentation maskwright report" in page.text
    titles = {attributes.get("id") for tag, attributes in page.elements if tag == "h2"}
    assert titles == {"asked", "scores", "segmentation", "environment", "commands"}


def test_equal_results_give_an_equal_page(tmp_path):
    results, _ = in_place(tmp_path)
    write_segmentation(results)
    report(tmp_path)
    first = (tmp_path / "results/report.html").read_bytes()
    report(tmp_path)
    assert (tmp_path / "results/report.html").read_bytes() == first


def test_no_results(tmp_path):
    results, _ = in_place(tmp_path)
    (results / "segmentation").mkdir(parents=True)
    message = refusal(report, tmp_path)
    assert message.startswith(f"{results}: no experiment has results yet; run `dvc repro evaluate@segmentation`")
    assert not (results / "report.html").exists()


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", '"text"', "[" * 100_000, "\x00"])
@pytest.mark.parametrize("name", ["segmentation/metrics.json", "segmentation/details.json", "claims.json"])
def test_damaged_numbers(tmp_path, name, content):
    results, _ = in_place(tmp_path)
    write_segmentation(results)
    write_xor(results)
    (results / name).write_text(content)
    problem = "not a result of maskwright, or damaged; run the stage that makes it again"
    assert refusal(report, tmp_path) == f"{results / name}: {problem}"


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n cut"])
def test_a_damaged_picture(tmp_path, content):
    results, _ = in_place(tmp_path)
    write_segmentation(results)
    path = results / "segmentation/plots/worst_1.png"
    path.write_bytes(content)
    assert refusal(report, tmp_path) == f"{path}: not a picture, or damaged; run the stage that makes it again"


def test_tables_that_are_cut_short_or_hold_no_numbers(tmp_path):
    """They were written whole, so this is not worth an error; but it must not be worth a traceback either."""
    results, _ = in_place(tmp_path)
    write_segmentation(results)
    for name in ("training.csv", "plots/confusion_matrix.csv", "plots/examples.csv"):
        path = results / "segmentation" / name
        for content in ("", "a", "image\n", "epoch,loss\n1\n", "epoch,loss\nnan,inf\n,\n1,x,2,3\n", "\xff\n\x01"):
            path.write_bytes(content.encode("latin-1"))
            assert "segmentation mIoU 0.750" in report(tmp_path).text


def test_numbers_that_came_with_the_project_are_not_of_these_data(tmp_path):
    results = tmp_path / "results"
    write_json(results / "segmentation/metrics.json", {"miou": 0.5})
    assert read_experiment("segmentation", "?", results / "segmentation") is None
    write_json(results / "segmentation/details.json", {"f1": 0.25})
    shown = read_experiment("segmentation", "?", results / "segmentation")
    assert shown is not None
    assert [score.value for score in shown.headline] == [0.5]


def test_details_of_unexpected_shape(tmp_path):
    results, _ = in_place(tmp_path)
    write_segmentation(results)
    details = {
        "per_class": {"a": 1, "b": {"iou": "high"}},
        "test_intervals": {"miou": [0.5], "pixel_accuracy": "wide"},
        "deep": {"deeper": {"deepest": {"mean": 1.0, "low": None, "high": None}}},
        "list": [1, 2],
        "true": True,
    }
    (results / "segmentation/details.json").write_text(json.dumps(details))
    page = report(tmp_path)
    assert "deep.deeper deepest 1.000" in page.text
    assert CLASSES[1] in page.text  # in the confusion matrix


def test_a_page_for_the_whole_pipeline_can_be_mailed():
    """The style and the script weigh little beside the pictures: 40 KB at most."""
    package = Path(__file__).parents[2] / "src/maskwright"
    files = [package / "pages/style.css", package / "report/page.js", package / "report/page.html.jinja"]
    assert sum(file.stat().st_size for file in files) < 40_000
