import pytest

from maskwright.experiments.information.learn.digits import encoder
from maskwright.experiments.information.learn.pairs import statistics
from maskwright.experiments.information.learn.train import train
from maskwright.experiments.information.params import SOURCE
from maskwright.learning.replicates.tables import read_curves
from maskwright.learning.views.mutual_information import statistics_network
from maskwright.shared.errors import MaskwrightError
from support.tiny_information import shipped_information, tiny_information, write_data


def test_too_few_digits_for_a_batch(tmp_path):
    write_data(tmp_path)
    with pytest.raises(
        MaskwrightError, match=r"information\.digits\.batch_size: 70 is more than the 60 training images; lower it"
    ):
        train(
            tiny_information(digits={"batch_size": 70}),
            data=tmp_path / "digits",
            out=tmp_path / "model",
            history=tmp_path / "history.csv",
        )
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_the_source_s_networks_have_their_counts_and_train(tmp_path):
    settings = shipped_information(SOURCE)
    # Two dense layers of 16 units with bias, of one number each, and one unit: 2 x (16 + 16) + 16 + 1.
    assert statistics(settings).count_params() / settings.seeds == 81
    # VGG F: convolutions 1,549,824 with their biases and 3,840 of batch normalisation; 4,608 x 10 + 10 for the code.
    assert encoder(settings.digits, 0).count_params() == 1_549_824 + 3_840 + 46_090 == 1_599_754
    # 2 x (10 x 1024 + 1024) + 1024 + 1
    assert statistics_network(settings.digits.latent, settings.digits.hidden, 0).count_params() == 23_553
    write_data(tmp_path)
    small = {"pairs": 200, "batch_size": 100, "epochs": 1, "bins": 5, "correlations": [0.5], "seeds": 2}
    of_digits = {"digits.batch_size": 60, "digits.epochs": 1, "digits.seeds": 2}
    train(
        shipped_information({**SOURCE, **small, **of_digits}),
        data=tmp_path / "digits",
        out=tmp_path / "model",
        history=tmp_path / "history.csv",
    )
    curves = read_curves(tmp_path / "history.csv")
    assert curves["variant"].tolist() == ["digits", "gaussian_0.5", "parabola"]
    assert curves["information"].notna().all()
