import numpy as np
import pytest

from maskwright.experiments.clustering.learn.network import network
from maskwright.experiments.clustering.learn.train import train
from maskwright.experiments.clustering.params import SOURCE
from maskwright.shared.errors import MaskwrightError
from support.tiny_clustering import shipped_clustering, tiny_clustering, write_data


def test_fewer_images_than_a_batch(tmp_path):
    write_data(tmp_path, train=20)
    with pytest.raises(MaskwrightError, match=r"clustering\.batch_size: 30 is more than the 20 training images"):
        train(tiny_clustering(), data=tmp_path / "data", out=tmp_path / "model", history=tmp_path / "history.csv")
    assert not (tmp_path / "model").exists()


def test_fewer_test_images_than_clusters(tmp_path):
    write_data(tmp_path)
    with pytest.raises(MaskwrightError, match=r"clustering\.clusters: 31 is more than the 30 test images; lower it"):
        train(
            tiny_clustering(clusters=31, batch_size=70),
            data=tmp_path / "data",
            out=tmp_path / "model",
            history=tmp_path / "history.csv",
        )
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_the_source_s_network_has_its_count_and_trains(tmp_path):
    settings = shipped_clustering(**SOURCE)
    # Convolutions 3x3 with bias: 640 + 73,856 + 295,168 + 1,180,160; batch normalisation 4 x (64 + 128 + 256 + 512);
    # of 24 x 24 pixels 3 x 3 are left, and the head has 3 x 3 x 512 x 10 + 10.
    count = 640 + 73_856 + 295_168 + 1_180_160 + 3_840 + 46_090
    assert network(settings, (28, 28, 1), 0).count_params() == count == 1_599_754
    write_data(tmp_path)
    small = shipped_clustering(**{**SOURCE, "batch_size": 30, "epochs": 1, "seeds": 2})
    train(small, data=tmp_path / "data", out=tmp_path / "model", history=tmp_path / "history.csv")
    assert np.isfinite(np.genfromtxt(tmp_path / "history.csv", delimiter=",", skip_header=1)[1:]).all()
