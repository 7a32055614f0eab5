import numpy as np

from maskwright.plots.clustering import confusion_figure, galleries, joint_maps


def test_joints_are_drawn_epoch_by_epoch():
    joints = np.stack([np.full((3, 3), 1 / 9), np.eye(3) / 3])
    axes = joint_maps(joints, [1, 40]).axes
    assert [one.get_title() for one in axes[:2]] == ["epoch 1", "epoch 40"]
    np.testing.assert_array_equal(axes[1].images[0].get_array(), joints[1])


def test_confusion_says_how_many():
    (axes,) = confusion_figure(np.array([[3, 1], [0, 5]]), ["a", "b"]).axes
    assert [text.get_text() for text in axes.texts] == ["3", "1", "5"]
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.75, 0.25], [0, 1]])


def test_galleries_begin_with_the_image_nearest_to_the_mean():
    images = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.ones((1, 6, 6, 1), np.uint8)
    # Cluster 0 has images 0, 1 and 2, of which 1 lies at the mean; cluster 1 has image 3; cluster 2 has none.
    shares = np.array([[0.9, 0.1, 0], [0.8, 0.2, 0], [0.7, 0.3, 0], [0, 1, 0]])
    axes = galleries(images, shares, ["x", "y", "z"]).axes
    first = axes[0].images[0].get_array()
    assert (first == 1).all()
    assert [len(one.images) for one in axes[:4]] == [1, 1, 1, 0]
    assert (axes[12].images[0].get_array() == 3).all()
    assert not axes[24].images
    assert [axes[row].get_ylabel() for row in (0, 12, 24)] == ["x", "y", "z"]
