import csv
import json

import pytest

from maskwright.experiments.detection.report.evaluate import evaluate
from maskwright.shared.errors import MaskwrightError
from support.tiny_detection import tiny_settings

HEADLINE = ["ap50", "precision", "recall"]
OTHERS = ("ap", "ap75", "ar", "f1", "iou")
SOURCES = ("sources_miou", "sources_precision", "sources_recall")
INTERVALS = ("ap50", "ap", "precision", "f1", "recall", "iou", *SOURCES)


def written(results):
    return [json.loads((results / f"{name}.json").read_text()) for name in ("metrics", "details")]


@pytest.mark.slow
class TestEvaluate:
    def test_numbers_and_pictures(self, out):
        results = out / "results"
        metrics, details = written(results)
        assert [metrics, details] == json.loads((results / "returned.json").read_text())
        assert list(metrics) == HEADLINE
        assert (details["images"], details["boxes"]) == (5, 4)
        assert all(0 <= value <= 1 for value in (*metrics.values(), *(details[name] for name in OTHERS + SOURCES)))
        assert details["nms"].keys() == {"hard", "soft"}
        assert details["nms"]["hard"] == {**metrics, **{name: details[name] for name in OTHERS}}
        assert details["per_class"].keys() == {"cup", "can"}
        assert list(details["test_intervals"]) == list(INTERVALS)
        for name, (low, high) in details["test_intervals"].items():
            assert low <= {**metrics, **details}[name] <= high
        pictures = {path.name for path in (results / "plots").iterdir()}
        assert pictures >= {"precision_recall.png", "class_ap50.png", "training_curves.png", "nms.csv", "best_1.png"}
        with (results / "plots/nms.csv").open() as file:
            assert next(csv.reader(file)) == ["measure", "hard", "soft"]
        with (results / "plots/examples.csv").open() as file:
            examples = list(csv.DictReader(file))
        assert list(examples[0]) == [*SOURCES, "right", "wrong", "missed"]
        assert len(examples) == 5
        totals = {name: sum(float(row[name]) for row in examples) for name in examples[0]}
        for name in SOURCES:
            assert totals[name] / 5 == pytest.approx(details[name], rel=1e-5)
        assert totals["right"] + totals["missed"] == 4
        # The last image has no box.
        assert [examples[-1][name] for name in (*SOURCES, "right", "missed")] == ["0"] * 5

    def test_nothing_found_is_zero(self, out):
        metrics, details = written(out / "nothing found")
        assert metrics == dict.fromkeys(HEADLINE, 0)
        values = {name: value for name, value in details.items() if isinstance(value, float | int)}
        assert values == {
            **dict.fromkeys(OTHERS + SOURCES, 0),
            "images": 5,
            "boxes": 4,
            "predictions": 0,
        }

    def test_nothing_there_leaves_out_what_has_no_value(self, out):
        metrics, details = written(out / "nothing there")
        assert metrics == {}
        assert details == {
            "per_class": {"cup": {}, "can": {}},
            "nms": {"hard": {}, "soft": {}},
            "test_intervals": {},
            "images": 5,
            "boxes": 0,
            "predictions": 0,
        }
        assert (out / "nothing there/plots/precision_recall.png").is_file()

    def test_other_classes_than_those_of_the_model_are_refused(self, out, tmp_path):
        (tmp_path / "test").mkdir()
        (tmp_path / "test/classes.json").write_text('["background", "cup"]')
        with pytest.raises(MaskwrightError, match=r"was trained for the classes background, cup, can, not those of"):
            evaluate(tiny_settings(), data=tmp_path, model=out / "whole/model", results=tmp_path)
