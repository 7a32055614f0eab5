import json

import pandas as pd
import pytest
from rich.console import Console

from maskwright.claims.tables import family_note, measured_text, print_claims, write_claims

ROW = {
    "experiment": "xor",
    "source": "mask channel",
    "place": "answer",
    "statement": "It learns.",
    "reported": "0.9",
    "quantity": "accuracy",
    "holds_from": 0.5,
    "holds_to": None,
    "equivalence": False,
    "reason": "most",
    "measured": 0.955,
    "low": 0.945,
    "high": 0.966,
    "test_low": 0.942,
    "test_high": 0.967,
    "seeds": 8,
    "examples": 1000,
    "verdict": "holds",
    "p": 0.01,
    "p_holm": 0.04,
    "recipe": {"mean": "xor: a/accuracy"},
}
FOUND = {
    **ROW,
    "source": None,
    "place": None,
    "statement": "Nothing is lost.",
    "reported": "",
    "holds_from": -0.01,
    "holds_to": 0.01,
    "equivalence": True,
    "reason": "",
    "measured": 4.0,
    "low": None,
    "high": None,
    "test_low": None,
    "test_high": None,
    "seeds": 0,
    "examples": 0,
    "verdict": "does not hold",
    "p": None,
    "p_holm": None,
    "recipe": {"number": "xor: hand/loss"},
}
UNKNOWN = {
    **ROW, "statement": "Other data.", "verdict": "not comparable", "measured": None, "low": None, "high": None,
    "test_low": None, "test_high": None, "p": None, "p_holm": None, "holds_from": None,
    "recipe": {"mean": "sweep x: a=b/c"},
}  # fmt: skip


@pytest.fixture
def written(tmp_path):
    (tmp_path / "xor/plots").mkdir(parents=True)
    (tmp_path / "xor/plots/replicates.csv").write_text("variant,seed,accuracy\na,0,0.9\n")
    (tmp_path / "xor/plots/examples.csv").write_text("a/accuracy\n1\n")
    write_claims({"sources": [ROW, UNKNOWN], "found": [FOUND]}, tmp_path)
    return tmp_path


def test_files(written):
    assert json.loads((written / "claims.json").read_text()) == {"sources": [ROW, UNKNOWN], "found": [FOUND]}
    lines = (written / "claims.md").read_text().splitlines()
    assert (
        "| mask channel: answer | It learns. | 0.9 | accuracy | 0.955 (seeds 0.945 to 0.966; test 0.942 to 0.967) "
        "| 8, 1,000 | at least 0.5: most | holds |"
    ) in lines
    assert "| mask channel: answer | Other data. | 0.9 | accuracy | - | 8, 1,000 | most | not comparable |" in lines
    assert "| xor | Nothing is lost. | accuracy | 4 | -, - | ≈ -0.01 to 0.01 | does not hold |" in lines


def test_evidence_lies_beside_the_tables(written):
    assert sorted(path.name for path in (written / "evidence").iterdir()) == [
        "numbers.csv",
        "xor.csv",
        "xor_examples.csv",
    ]
    assert pd.read_csv(written / "evidence/numbers.csv").to_dict("records") == [
        {"number": "xor: hand/loss", "value": 4.0}
    ]
    assert (written / "evidence/xor.csv").read_bytes() == (written / "xor/plots/replicates.csv").read_bytes()


def test_terminal():
    console = Console(record=True, width=200)
    print_claims({"sources": [ROW, UNKNOWN], "found": [FOUND]}, console)
    text = console.export_text()
    assert "It learns. (answer)" in text
    assert (
        "accuracy: 0.955 (seeds 0.945 to 0.966; test 0.942 to 0.967), 8 seeds, 1,000 examples; the source: 0.9"
        in text
    )
    assert text.index("What the sources say") < text.index("What we found")


def test_measured_text():
    assert measured_text({**ROW, "test_low": None, "test_high": None}) == "0.955 (seeds 0.945 to 0.966)"
    assert measured_text(FOUND) == "4"


def test_note_on_the_family():
    assert family_note([ROW, FOUND]).endswith(
        "All these verdicts also stand together, at 5 % for the whole table (Holm)."
    )
    note = family_note([ROW, {**ROW, "statement": "Weak.", "p_holm": 0.06}])
    assert note.startswith("2 of 2 rows were tested, and 2 of these decided. 1 of these verdicts also stand together")
    assert "By themselves only: “Weak.” (accuracy)." in note
