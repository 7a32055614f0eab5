import pytest

from maskwright.experiments.information.learn.train import train
from maskwright.shared.errors import MaskwrightError
from support.tiny_information import tiny_information, write_data


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
