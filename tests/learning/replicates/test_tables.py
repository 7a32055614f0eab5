import numpy as np

from maskwright.learning.replicates.tables import (
    read_curves,
    read_examples,
    read_replicates,
    write_curves,
    write_examples,
    write_replicates,
)


def test_history(tmp_path):
    # Quantiles 0.1 and 0.9 of 0, 10, 20: positions 0.2 and 1.8 of the sorted values.
    curves = {
        "none": {"loss": np.array([[0.0, 10, 20], [1, 1, 1]])},
        "b": {"loss": np.ones((1, 2)), "recall": np.zeros((1, 2))},
    }
    write_curves(tmp_path / "h.csv", curves)
    assert (tmp_path / "h.csv").read_text() == (
        "variant,epoch,loss,loss_low,loss_high,recall,recall_low,recall_high\n"
        "none,1,10,2,18,,,\n"
        "none,2,1,1,1,,,\n"
        "b,1,1,1,1,0,0,0\n"
    )
    table = read_curves(tmp_path / "h.csv")
    assert table["variant"].tolist() == ["none", "none", "b"]
    assert table["recall"].isna().tolist() == [True, True, False]


def test_history_whose_rows_are_not_each_an_epoch(tmp_path):
    curves = {"a": {"loss": np.ones((3, 1))}, "b": {"loss": np.ones((2, 1))}}
    write_curves(tmp_path / "h.csv", curves, {"a": [4, 8, 9]})
    assert read_curves(tmp_path / "h.csv")["epoch"].tolist() == [4, 8, 9, 1, 2]


def test_history_of_nothing_is_a_header(tmp_path):
    write_curves(tmp_path / "h.csv", {})
    assert (tmp_path / "h.csv").read_text() == "variant,epoch,loss,loss_low,loss_high\n"
    assert read_curves(tmp_path / "h.csv").empty


def test_replicates(tmp_path):
    write_replicates(
        tmp_path / "r.csv", {"none": {"accuracy": np.array([0.5, 1.0])}, "b": {"accuracy": np.array([0.25])}}, 4
    )
    assert (tmp_path / "r.csv").read_text() == "variant,seed,accuracy\nnone,4,0.5\nnone,5,1\nb,4,0.25\n"
    assert read_replicates(tmp_path / "r.csv")["variant"].tolist() == ["none", "none", "b"]


def test_examples_are_means_over_the_seeds(tmp_path):
    measured = {
        "a": {"accuracy": np.array([[True, False, True], [True, True, False]])},
        "none": {"accuracy": np.array([[1.0, 0, 0]]), "other": np.array([[0.25, 0.5]])},
    }
    write_examples(tmp_path / "e.csv", measured)
    assert (tmp_path / "e.csv").read_text() == ("a/accuracy,none/accuracy,none/other\n1,1,0.25\n0.5,0,0.5\n0.5,0,\n")
    assert read_examples(tmp_path / "e.csv")["none/other"].dropna().tolist() == [0.25, 0.5]
