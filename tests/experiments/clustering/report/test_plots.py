import numpy as np

from maskwright.experiments.clustering.report.plots import confusion_figure, galleries, heads_figure, joint_maps


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
    axes = galleries(images, shares, ["b", "c", "a"]).axes
    assert [axes[row].get_ylabel() for row in (0, 12, 24)] == ["a", "b", "c"]
    assert not axes[0].images
    assert [int(axes[12 + column].images[0].get_array().max()) for column in range(3)] == [1, 0, 2]
    assert [len(one.images) for one in axes[12:16]] == [1, 1, 1, 0]
    assert (axes[24].images[0].get_array() == 3).all()


def test_heads_are_dots_and_the_chosen_ones_are_marked():
    information, accuracy = np.array([[1.0, 2.0], [1.5, 1.2]]), np.array([[0.3, 0.9], [0.8, 0.4]])
    (axes,) = heads_figure(information, accuracy, [1, 0], 0.5).axes
    dots = [line.get_xydata().tolist() for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert dots == [[[1.0, 0.3], [2.0, 0.9]], [[1.5, 0.8], [1.2, 0.4]]]
    marks = {tuple(line.get_xydata()[0]) for line in axes.lines if line.get_marker() == "D" and len(line.get_xdata())}
    assert marks == {(2.0, 0.9), (1.5, 0.8)}
    assert list(axes.lines[-1].get_ydata()) == [0.5, 0.5]
