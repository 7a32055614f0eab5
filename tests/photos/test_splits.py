from pathlib import Path

import pytest

from maskwright.photos.splits import Example, read_classes, read_split
from maskwright.shared.errors import MaskwrightError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "masks" / "train"
    folder.mkdir(parents=True)
    return folder


class TestIndex:
    def test_names_images_and_masks(self, folder: Path, tmp_path: Path):
        text = 'image,mask\n"../../photos/a/ü, 1.jpg",masks/x.png\n/far/b.jpg,masks/y.png\n'
        (folder / "index.csv").write_text(text, encoding="utf-8")
        assert read_split(folder) == [
            Example(tmp_path / "photos/a/ü, 1.jpg", folder / "masks/x.png"),
            Example(Path("/far/b.jpg"), folder / "masks/y.png"),
        ]

    def test_paths_stay_relative(self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        (folder / "index.csv").write_text("image,mask\n../../photos/a.jpg,masks/a.png\n")
        monkeypatch.chdir(tmp_path)
        assert read_split(Path("masks/train")) == [Example(Path("photos/a.jpg"), Path("masks/train/masks/a.png"))]

    def test_missing(self, folder: Path):
        with pytest.raises(MaskwrightError, match=r"train/index\.csv: no such file; run `maskwright masks` first$"):
            read_split(folder)

    def test_empty(self, folder: Path):
        (folder / "index.csv").write_text("image,mask\n")
        message = r"train/index\.csv: lists no image; check annotations\.train in params\.yaml$"
        with pytest.raises(MaskwrightError, match=message):
            read_split(folder)


class TestClasses:
    def test_of_one_split_and_of_two(self, tmp_path: Path):
        for split, text in (("train", '["background", "ü"]'), ("test", '["background","ü"]'), ("other", '["ü"]')):
            (tmp_path / split).mkdir()
            (tmp_path / split / "classes.json").write_text(text, encoding="utf-8")
        assert read_classes(tmp_path / "train") == ["background", "ü"]
        assert read_classes(tmp_path / "train", tmp_path / "test") == ["background", "ü"]
        with pytest.raises(MaskwrightError, match=r"other/classes\.json: differs from .*train/classes\.json; run"):
            read_classes(tmp_path / "train", tmp_path / "test", tmp_path / "other")

    def test_missing(self, folder: Path):
        with pytest.raises(MaskwrightError, match=r"train/classes\.json: no such file; run `maskwright masks`"):
            read_classes(folder)
