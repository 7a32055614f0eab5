"""What a file says about where its photographs are."""

import pytest

from maskwright.via.hints import CommonFolder, name_parts, plain_path, via2_prefixes, via3_sources


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("a.jpg", "a.jpg"),
        (" a\\b.jpg ", "a/b.jpg"),
        ("file:.\\x.jpg", "./x.jpg"),
        ("file:x.jpg", "x.jpg"),
        ("file://C:\\photos\\x.jpg", "C:/photos/x.jpg"),
        ("file:///C:/photos/x%20y.jpg", "C:/photos/x y.jpg"),
        ("FILE:///home/x.jpg", "/home/x.jpg"),
        ("file:/home/x.jpg", "/home/x.jpg"),
        ("https://example.org/x.jpg", "https://example.org/x.jpg"),
        ("x%20y.jpg", "x%20y.jpg"),  # percent signs mean something in addresses only
        ("", ""),
    ],
)
def test_plain_path(written, plain):
    assert plain_path(written) == plain


def test_parts_of_a_name():
    assert name_parts("/home/./me/a.jpg") == ("/", "home", "me", "a.jpg")
    assert name_parts("C:\\x\\a.jpg") == ("C:", "x", "a.jpg")
    assert name_parts("") == ()


@pytest.mark.parametrize(
    ("names", "depth"),
    [
        ([], 0),
        (["a.jpg"], 0),
        (["p/a.jpg"], 1),
        (["p/q/a.jpg", "p/q/b.jpg"], 2),
        (["p/q/a.jpg", "p/r/b.jpg", "p/q/r/c.jpg"], 1),
        (["p/q/a.jpg", "p/b.jpg"], 1),
        (["p/q/a.jpg", "b.jpg"], 0),
        (["p/q/a.jpg", "r/q/a.jpg"], 0),
        (["/p/a.jpg", "/p/b.jpg"], 2),  # the root, and p
        (["C:\\p\\a.jpg", "file:///C:/p/b.jpg"], 2),
    ],
)
def test_leading_folders_that_all_names_share(names, depth):
    common = CommonFolder()
    for name in names:
        common.add(name)
    assert common.depth == depth


def test_paths_of_a_via_2_project():
    core = {"default_filepath": ".\\photos\\", "filepath": {"/data/": 2, "./photos/": 1, "": 1, "more/": 3}}
    assert via2_prefixes({"core": core}) == ("./photos/", "/data/", "more/")
    assert via2_prefixes({"core": {"default_filepath": "./", "filepath": []}}) == ()
    for damaged in (None, [], {"core": 3}, {"core": {"default_filepath": 3, "filepath": {"a/": None}}}):
        assert via2_prefixes(damaged) in ((), ("a/",))


def test_paths_of_a_via_3_project():
    files = {
        "1": {"fname": "a.jpg", "loc": 1, "src": "a.jpg"},  # no more than the name
        "2": {"fname": "b.jpg", "loc": 1, "src": "photos\\b.jpg"},
        "3": {"fname": "c.jpg", "loc": 3, "src": "c.jpg"},
        "4": {"fname": "d.jpg", "loc": 2, "src": "https://example.org/d.jpg"},
        "5": {"fname": "e.jpg", "loc": 4, "src": "data:image/png;base64,AAAA"},
        "6": {"fname": 3, "src": "f.jpg"},
        "7": None,
    }
    config = {"file": {"loc_prefix": {"1": "", "3": "file:///home/me/"}}}
    assert via3_sources(files, config) == {"b.jpg": "photos/b.jpg", "c.jpg": "/home/me/c.jpg"}
    assert via3_sources(files, None) == {"b.jpg": "photos/b.jpg"}
    assert via3_sources([], config) == {}
