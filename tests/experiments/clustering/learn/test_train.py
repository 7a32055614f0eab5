import pytest

from maskwright.experiments.clustering.learn.train import train
from maskwright.shared.errors import MaskwrightError
from support.tiny_clustering import tiny_clustering, write_data


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
