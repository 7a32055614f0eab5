"""What lint checks: files, folders, and what params.yaml names, by its settings."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from maskwright.cli import app
from maskwright.shared.errors import MaskwrightError
from maskwright.via.convert import convert_annotations
from maskwright.via.params import Annotations
from maskwright.via.targets import annotation_files, lint_all
from support.via_files import annotations, image, photo, rect

PARAMS = (Path(__file__).parents[2] / "params.yaml").read_text()


@pytest.fixture
def root(tmp_path):
    """Photographs in one folder, and the annotations of training and validation in another."""
    for name in ("a", "b", "c", "d"):
        photo(tmp_path / "data/photos" / f"{name}.jpg")
    annotations(
        tmp_path / "data/labels/train.json",
        *(image(f"{name}.jpg", rect(0, name="cot"), rect(9, name="dog", size="big")) for name in "ab"),
    )
    annotations(
        tmp_path / "data/labels/other.json", image("c.jpg", rect(Name="cat")), image("d.jpg", rect(Name="dog"))
    )
    return tmp_path / "data"


def chosen(root, **more):
    files = {"train": "labels/train.json", "validation": "labels/other.json", "test": "labels/other.json"}
    return Annotations(root=str(root), images="photos", label="name", rename={"cot": "cat"}, **files | more)


def test_files_that_the_settings_name_are_read_by_them(root):
    path = root / "labels/train.json"
    (report,) = lint_all([path], chosen(root))
    assert report.lossless
    assert (report.attribute, report.per_class) == ("name", {"cat": 2, "dog": 2})
    assert "the label 'cot' (2 regions) is read as 'cat'" in [p.message for p in report.problems]
    # Without them, the attribute is unclear and the photographs are not found.
    with pytest.raises(MaskwrightError, match="any of several attributes"):
        list(lint_all([path], None))
    (report,) = lint_all([path], None, label="name", images=root / "photos")
    assert (report.lossless, report.per_class) == (True, {"cot": 2, "dog": 2})


def test_all_files_of_the_settings(root):
    reports = list(lint_all(annotation_files(root)[0][::-1], chosen(root)))
    assert [Path(report.file).name for report in reports] == ["train.json", "other.json"]
    assert all(report.lossless for report in reports)
    assert reports[1].classes == ("cat", "dog")


def test_the_limit_on_photographs_is_for_all_files(root, tmp_path):
    photo(tmp_path / "x.jpg")
    other = annotations(tmp_path / "x.json", image("x.jpg", rect(kind="cot")))
    # 30 x 20 pixels are 600 of the 500 allowed.
    for report in lint_all([root / "labels/other.json", other], chosen(root, megapixels=0.0005)):
        refused = [p for p in report.problems if p.code == "bad-image"]
        assert len(refused) == report.images
        assert "30 x 20 pixels are too large" in refused[0].message


def test_what_the_command_line_says_takes_precedence(root):
    (report,) = lint_all([root / "labels/other.json"], chosen(root), classes=["cat"])
    assert report.classes == ("cat",)
    assert [p.code for p in report.problems if p.severity == "refused"] == ["unknown-label"]


def test_other_files_are_read_by_themselves(root, tmp_path):
    photo(tmp_path / "x.jpg")
    path = annotations(tmp_path / "x.json", image("x.jpg", rect(kind="cot")))
    (report,) = lint_all([path], chosen(root))
    assert report.per_class == {"cot": 1}


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("more", [{}, {"images": None}, {"rename": None}, {"rename": {"cot": None}}])
def test_lint_and_masks_agree(root, tmp_path, more, broken):
    """Lint of all files loses nothing if and only if masks can be made."""
    if broken:
        annotations(
            root / "labels/other.json", image("c.jpg", rect(900, Name="dog")), image("d.jpg", rect(Name="dog"))
        )
    settings = chosen(root).model_copy(update=more)
    lossless = all(report.lossless for report in lint_all(annotation_files(root)[0], settings))
    if lossless:
        convert_annotations(settings, tmp_path / "out")
    else:
        with pytest.raises(MaskwrightError, match="that would lose annotations"):
            convert_annotations(settings, tmp_path / "out")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        # Masks need an image in each split, and a region in training alone.
        ({"train": ["labels/train.json", "labels/bare.json"]}, None),
        ({"validation": "labels/bare.json"}, None),
        ({"train": "labels/bare.json"}, "not even its only region can be used as one of cat, dog"),
        ({"test": "labels/gone.json"}, "none of its 2 images can be used"),
        ({"test": ["labels/gone.json", "labels/other.json"]}, None),
    ],
)
def test_lint_and_masks_agree_on_files_without_anything_to_use(root, tmp_path, files, message):
    photo(root / "photos/e.jpg")
    point = {"shape_attributes": {"name": "point", "cx": 1, "cy": 1}, "region_attributes": {"name": "cat"}}
    annotations(root / "labels/bare.json", image("e.jpg", point))
    annotations(root / "labels/gone.json", image("f.jpg"), image("g.jpg"))
    settings = chosen(root, classes=["cat", "dog"], **files)
    named = [getattr(settings, split) for split in ("train", "validation", "test")]
    targets = [root / name for names in named for name in ([names] if isinstance(names, str) else names)]
    refused = [
        p.message for report in lint_all(targets, settings) for p in report.problems if p.severity == "refused"
    ]
    assert refused == [message] * (message is not None)
    if message is None:
        convert_annotations(settings, tmp_path / "out")
    else:
        with pytest.raises(MaskwrightError, match=message):
            convert_annotations(settings, tmp_path / "out")


def test_annotation_files_of_a_folder(root):
    (root / "notes.json").write_text('{"kind": "notes"}')
    (root / "table.csv").write_text("a,b\n1,2\n")
    (root / ".hidden.json").write_text("{}")
    (root / "cut.json").write_text('{"a.jpg": {"filename": "a.jpg", "regions": [')
    found, others = annotation_files(root)
    assert [path.relative_to(root).as_posix() for path in found] == [
        "cut.json",
        "labels/other.json",
        "labels/train.json",
    ]
    assert [other.partition(": ")[0] for other in others] == [f"{root}/notes.json", f"{root}/table.csv"]
    with pytest.raises(MaskwrightError, match=r"photos: no VIA or COCO file in it or in its folders; name one"):
        annotation_files(root / "photos")


def in_project(root, monkeypatch, **values):
    """Make the folder above `root` a project with these annotations."""
    text = PARAMS.replace("root: data/drinks ", "root: data ")
    for key, value in values.items():
        before = next(line for line in text.splitlines() if line.startswith(f"  {key}: "))
        text = text.replace(before, f"  {key}: {value}", 1)
    (root.parent / "params.yaml").write_text(text)
    monkeypatch.chdir(root.parent)


def test_commands(root, monkeypatch):
    run = CliRunner()
    files = {"train": "labels/train.json", "validation": "labels/other.json", "test": "labels/other.json"}
    in_project(root, monkeypatch, **files, label="name", images="photos", rename="{cot: cat, dog: null}")
    for arguments in (["lint", "data"], ["lint", "data/labels/train.json"]):
        result = run.invoke(app, arguments)
        assert result.exit_code == 0, result.output
        assert "2 left out by annotations.rename. Nothing would be lost." in result.output
    result = run.invoke(app, ["masks", "--out", "made"])
    assert result.exit_code == 0, result.output
    assert "train: 2 masks; 2 cat" in result.output
    result = run.invoke(app, ["masks", "--out", "made", "--images", "data/photos"])
    assert result.exit_code == 2


def test_classes_with_commas_are_quoted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "photos/a.jpg")
    annotations(tmp_path / "v.json", image("a.jpg", rect(0, name="cat, big"), rect(9, name="dog")))
    arguments = ["v.json", "--images", "photos", "--classes", 'dog, "cat, big"']
    result = CliRunner().invoke(app, ["lint", *arguments])
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(app, ["masks", *arguments, "--out", "made"])
    assert result.exit_code == 0, result.output
    assert '"cat, big"' in (tmp_path / "made/masks/classes.json").read_text()
    # The command that an error prints can be run as it stands.
    annotations(tmp_path / "v.json", image("a.jpg", rect(0, name="cat, big"), rect(99, name="dog")))
    settings = Annotations(root=".", images="photos", train="w.json", validation="v.json", test="v.json")
    annotations(tmp_path / "w.json", image("a.jpg", rect(0, name="cat, big"), rect(9, name="dog")))
    with pytest.raises(MaskwrightError, match=r"""lint v\.json --label name --classes '"cat, big",dog'`"""):
        convert_annotations(settings, tmp_path / "out")
