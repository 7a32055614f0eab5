"""Every image's mask gets a name of its own, which any file system can hold."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from maskwright.via import mask_names
from maskwright.via.mask_names import MaskNames


def chosen(*filenames):
    names = MaskNames()
    return [names.choose(filename) for filename in filenames]


def test_the_suffix_is_kept_where_another_image_has_the_name():
    assert chosen("in/a.jpg", "in/a.png", "in/A.JPG", "in\\a.jpg", "a.jpg") == [
        "masks/in/a.png",
        "masks/in/a.png.png",
        "masks/in/A.JPG.png",
        "masks/in/a.jpg1.png",
        "masks/a.png",
    ]


def test_names_that_lead_out_of_the_folder_are_cut():
    assert chosen("../../a.jpg", "/etc/b.jpg", "", "data:" + "x" * 5000) == [
        "masks/a.png",
        "masks/etc/b.png",
        "masks/_.png",
        "masks/_.png",  # an embedded image, which gets no mask
    ]


def test_a_folder_that_is_called_as_another_images_mask():
    first, second = chosen("a", "a.png/b.jpg")
    assert first == "masks/a.png"
    assert not second.startswith("masks/a.png/")
    # `a.png` is a folder now, and so are the first names that the count would give.
    assert chosen("a.png/b.jpg", "a1.png/b.jpg", "a")[2] == "masks/a2.png"


file_names = st.text(st.sampled_from("aAäÄ./\\ "), max_size=8) | st.text(max_size=300)


@settings(deadline=None, max_examples=100)
@given(st.lists(file_names, max_size=12))
def test_names_differ_whatever_the_case_and_no_file_is_a_folder(filenames):
    names = [name.casefold() for name in chosen(*filenames)]
    assert len(set(names)) == len(names)
    assert all(len(part.encode("utf-8", "surrogatepass")) <= 300 for name in names for part in name.split("/"))
    assert not any(other.startswith(f"{name}/") for name in names for other in names)


def test_thousands_of_names_that_differ_in_case_take_few_attempts_each(monkeypatch):
    tried = []
    named = mask_names._named
    monkeypatch.setattr(mask_names, "_named", lambda image, name: tried.append(name) or named(image, name))
    filenames = ["".join(letters) + ".jpg" for letters in product(*zip("abcdefghijk", "ABCDEFGHIJK", strict=True))]
    names = chosen(*filenames)
    assert len(tried) <= 2 * len(filenames)  # counting from 0 for each would take two million
    assert names[:3] == ["masks/abcdefghijk.png", "masks/abcdefghijK.jpg.png", "masks/abcdefghiJk.jpg1.png"]
    assert len({name.casefold() for name in names}) == 2048
