"""Descriptions in MLflow: what a run is, how to make it again, and a sweep's table of effects."""

import shlex

from maskwright.tracking.notes import experiment_note, sweep_note, training_note, with_effects

TAGS = {"mlflow.source.git.commit": "0123456789abcdef" * 2, "git.dirty": "false"}
COLUMNS = ("term", "change", "estimate", "low", "high", "p_holm", "additive_estimate")


def note(changed, tags=TAGS):
    return training_note("xor", "Can it?", "the label", changed, tags, "A Processor, 2 threads")


def test_a_run_says_what_it_is_and_how_to_make_it_again():
    text = note({})
    assert text.startswith("Can it?\n\n**the label**. The default settings.")
    assert "    git checkout 0123456789ab\n    dvc repro evaluate@xor\n" in text
    assert "Trained on: A Processor, 2 threads." in text
    assert "differed" not in text
    assert "Files differed from this commit" in note({}, {**TAGS, "git.dirty": "true"})
    assert "git checkout" not in note({}, {})


def test_the_command_sets_what_differs():
    text = note({"xor.hidden": 16, "xor.variants": ["a b"], "xor.mask": None})
    assert '`xor.hidden=16`, `xor.variants=["a b"]`, `xor.mask=null`' in text
    (command,) = [line.strip() for line in text.splitlines() if line.startswith("    dvc ")]
    words = ["-S", "xor.hidden=16", "-S", 'xor.variants=["a b"]', "-S", "xor.mask=null"]
    assert shlex.split(command) == ["dvc", "exp", "run", *words, "evaluate@xor"]
    many = note({f"xor.setting{number}": number for number in range(16)})
    assert "set the parameters of this run in params.yaml\n    dvc repro evaluate@xor" in many


def test_no_description_is_longer_than_mlflow_allows():
    assert len(note({"xor.word": "w" * 6000})) == 4900
    assert "dvc repro evaluate@xor" in experiment_note("xor", "Can it?")


def row(term, change, estimate, low, high, p, additive="1"):
    return dict(zip(COLUMNS, (term, change, estimate, low, high, p, additive), strict=True))


def test_a_sweep_has_a_table_of_effects_for_each_response():
    base = sweep_note(
        "toy", "Can it?", {"rate": [0.1, 1], "mask": [None, "a|b"]}, ["loss", "kl"], TAGS, "A Processor"
    )
    assert "- `rate`: 0.1, 1\n- `mask`: null, a|b\n" in base
    assert "    maskwright sweep toy\n    maskwright effects toy\n" in base
    effects = [
        row("rate", "x10", "-0.25", "-0.5", "-0.125", "0.01"),
        row("mask", "null → a|b", "0.5", "-1", "2", "0.5"),
        row("rate : mask", "x10 : null → a|b", "9", "8", "10", "0.001", additive=""),
        row("gate", "0 → 1", "1", "", "", ""),
    ]
    first = with_effects(base, "loss", effects, "additive")
    table = first.partition("### Effects on loss\n\n")[2]
    assert table.splitlines()[2:5] == [
        "| rate x10 | -0.25 | -0.5 to -0.125 | 0.010 | lowers |",
        "| mask null → a/b | +0.5 | -1 to 2 | 0.500 | unclear |",
        "| gate 0 → 1 | +1 | unknown |  | unclear |",
    ]
    both = with_effects(first, "kl", effects[:1], "additive")
    assert both.startswith(first.rstrip())
    again = with_effects(both, "loss", effects[:1], "another one")
    assert [line for line in again.splitlines() if line.startswith("### ")] == [
        "### Effects on loss",
        "### Effects on kl",
    ]
    assert again.count("| rate x10 |") == 2
    assert "mask null" not in again
    assert with_effects(again, "loss", effects[:1], "another one") == again
