import zipfile
from pathlib import Path

import numpy as np
import pytest

from maskwright.shared.outputs import replaced_file, replaced_folder, write_arrays, write_json


def files(folder: Path) -> dict[str, str]:
    return {f.relative_to(folder).as_posix(): f.read_text() for f in folder.rglob("*") if f.is_file()}


def interrupt_folder(path: Path) -> None:
    with replaced_folder(path) as new:
        (new / "one").write_text("1")
        raise KeyboardInterrupt


def interrupt_file(path: Path) -> None:
    with replaced_file(path) as file:
        file.write("half")
        raise RuntimeError


class TestFolder:
    def test_is_created_with_its_parents(self, tmp_path: Path):
        with replaced_folder(tmp_path / "a" / "b") as new:
            (new / "one").write_text("1")
            assert not (tmp_path / "a" / "b").exists()
        assert files(tmp_path) == {"a/b/one": "1"}

    def test_replaces_all_of_the_one_before(self, tmp_path: Path):
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "old").write_text("0")
        with replaced_folder(tmp_path / "b") as new:
            (new / "one").write_text("1")
        assert files(tmp_path) == {"b/one": "1"}

    def test_an_error_leaves_the_one_before(self, tmp_path: Path):
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "old").write_text("0")
        with pytest.raises(KeyboardInterrupt):
            interrupt_folder(tmp_path / "b")
        assert files(tmp_path) == {"b/old": "0"}
        assert [entry.name for entry in tmp_path.iterdir()] == ["b"]

    def test_leftovers_of_a_kill_are_swept_away(self, tmp_path: Path):
        for leftover in (".b.partial", ".b.replaced"):
            (tmp_path / leftover).mkdir()
            (tmp_path / leftover / "half").write_text("?")
        with replaced_folder(tmp_path / "b") as new:
            (new / "one").write_text("1")
        assert files(tmp_path) == {"b/one": "1"}

    def test_a_relative_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.chdir(tmp_path)
        with replaced_folder(Path("b")) as new:
            (new / "one").write_text("1")
        assert files(tmp_path) == {"b/one": "1"}


class TestFile:
    def test_appears_at_the_end_with_its_parents(self, tmp_path: Path):
        path = tmp_path / "a" / "x.csv"
        with replaced_file(path) as file:
            file.write("1\n")
            assert not path.exists()
        assert path.read_bytes() == b"1\n"
        assert list(path.parent.iterdir()) == [path]

    def test_an_error_leaves_the_one_before(self, tmp_path: Path):
        path = tmp_path / "x.csv"
        path.write_text("old")
        with pytest.raises(RuntimeError):
            interrupt_file(path)
        assert files(tmp_path) == {"x.csv": "old"}


class TestJson:
    def test_is_readable_by_people(self, tmp_path: Path):
        write_json(tmp_path / "x.json", {"größe": [1]})
        assert (tmp_path / "x.json").read_bytes() == '{\n  "größe": [\n    1\n  ]\n}\n'.encode()

    def test_has_no_nan_and_leaves_nothing_half_written(self, tmp_path: Path):
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_json(tmp_path / "x.json", {"miou": float("nan")})
        assert list(tmp_path.iterdir()) == []


def test_arrays_come_back_and_equal_arrays_are_equal_files(tmp_path):
    images, labels = np.arange(12, dtype=np.uint8).reshape(3, 2, 2), np.array([1.5, 2.5])
    for name in ("one", "two"):
        write_arrays(tmp_path / f"{name}.npz", images=images, labels=labels)
    with np.load(tmp_path / "one.npz") as arrays:
        assert list(arrays) == ["images", "labels"]
        np.testing.assert_array_equal(arrays["images"], images)
        np.testing.assert_array_equal(arrays["labels"], labels)
        assert arrays["images"].dtype == np.uint8
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.npz") as archive:
        for entry in archive.infolist():
            assert (entry.date_time, entry.create_system) == ((1980, 1, 1, 0, 0, 0), 3)
            # 20 as of old: Python's versions ask for 20 or 45 where a size of more than 4 GB is allowed for.
            assert (entry.create_version, entry.extract_version) == (20, 20)
