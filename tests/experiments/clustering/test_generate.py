import numpy as np
import pytest
from PIL import Image

from maskwright.experiments.clustering.generate import write_pictures
from maskwright.experiments.clustering.learn.pictures import read_names, read_pictures
from maskwright.shared.errors import MaskwrightError
from support.tiny_clustering import shipped_clustering


def write_folder(root, number=40):
    for label, name in enumerate(("dark", "light")):
        (root / name).mkdir(parents=True)
        for index in range(number):
            image = np.full((20, 30, 3), 50 + 150 * label, np.uint8)
            image[:, :5] = image[:, 25:] = 7
            Image.fromarray(image).save(root / name / f"{index:03d}.png")
    (root / "notes.txt").write_text("not a picture")


def test_digits(tmp_path):
    for split, number in {"train": 12, "test": 3}.items():
        images = np.arange(number * 28 * 28).reshape(number, 28, 28).astype(np.uint8)
        np.savez(tmp_path / f"{split}.npz", images=images, labels=np.arange(number, dtype=np.uint8) % 10)
    write_pictures(shipped_clustering(), tmp_path, tmp_path / "out")
    assert read_names(tmp_path / "out") == list("0123456789")
    drawn = read_pictures(tmp_path / "out", "train")
    assert drawn.images.shape == (12, 28, 28, 1)
    assert drawn.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert read_pictures(tmp_path / "out", "test").images.shape == (3, 28, 28, 1)


def test_a_folder_of_folders(tmp_path):
    write_folder(tmp_path / "photos")
    write_pictures(shipped_clustering(images=str(tmp_path / "photos"), side=16), tmp_path, tmp_path / "out")
    assert read_names(tmp_path / "out") == ["dark", "light"]
    training, test = (read_pictures(tmp_path / "out", split) for split in ("train", "test"))
    assert len(training.images) + len(test.images) == 80
    assert 4 <= len(test.images) <= 32
    # The middle square of 20 x 20 is all of one colour.
    for drawn in (training, test):
        assert drawn.images.shape[1:] == (16, 16, 3)
        assert {
            (int(label), image.min(), image.max()) for label, image in zip(drawn.labels, drawn.images, strict=True)
        } == {
            (0, 50, 50),
            (1, 200, 200),
        }


def test_one_more_picture_moves_no_other(tmp_path):
    sizes = []
    for number in (40, 41):
        write_folder(tmp_path / str(number), number)
        write_pictures(shipped_clustering(images=str(tmp_path / str(number))), tmp_path, tmp_path / "out")
        sizes.append([len(read_pictures(tmp_path / "out", split).images) for split in ("train", "test")])
    added = np.subtract(sizes[1], sizes[0])
    assert added.sum() == 2
    assert added.min() >= 0


def test_what_is_wrong_with_a_folder(tmp_path):
    with pytest.raises(MaskwrightError, match="no such folder; clustering"):
        write_pictures(shipped_clustering(images=str(tmp_path / "nowhere")), tmp_path, tmp_path / "out")
    (tmp_path / "one" / "class").mkdir(parents=True)
    with pytest.raises(MaskwrightError, match="a folder of pictures for each of several classes"):
        write_pictures(shipped_clustering(images=str(tmp_path / "one")), tmp_path, tmp_path / "out")
    (tmp_path / "one" / "other").mkdir()
    with pytest.raises(MaskwrightError, match="no picture for the train split; add some"):
        write_pictures(shipped_clustering(images=str(tmp_path / "one")), tmp_path, tmp_path / "out")
    (tmp_path / "one" / "other" / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(MaskwrightError, match=r"broken\.png: .*; remove it from"):
        write_pictures(shipped_clustering(images=str(tmp_path / "one")), tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(MaskwrightError, match="run `maskwright generate clustering` first"):
        read_pictures(tmp_path, "train")
