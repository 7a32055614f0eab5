import numpy as np

from maskwright.experiments.information.report.codes import code_answers, codes_of, control_answers


def test_codes_are_of_pixels_from_0_to_1_in_batches():
    images = np.random.default_rng(0).integers(0, 256, (501, 28, 28, 1)).astype(np.uint8)
    sizes = []

    def model(batch, training):
        sizes.append(len(batch))
        assert not training
        return batch.max(axis=(1, 2))[:, None]

    codes = codes_of(model, images)
    assert sizes == [500, 1]
    np.testing.assert_array_equal(codes[:, 0, 0], images.max(axis=(1, 2, 3)).astype(np.float32) / 255)


def test_each_seed_s_codes_have_an_accuracy_of_their_own():
    labels = np.arange(100) % 2
    noise = np.random.default_rng(0).normal(size=100)
    # The first seed's codes are the labels, the second's say nothing of them.
    codes = np.stack([labels, noise], axis=1)[..., None]
    answers = code_answers([codes, codes], [labels, labels])
    assert answers.shape == (2, 100)
    accuracies = answers.mean(axis=1)
    assert accuracies[0] == 1
    assert accuracies[1] < 0.75


def test_controls_use_the_pixels_their_components_and_a_projection_for_each_seed():
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    # The brightness, which the first component is, tells the classes apart; among 576 pixels each has it.
    images = np.clip(100 + 60 * labels[:, None, None, None] + rng.normal(0, 20, (200, 28, 28, 1)), 0, 255)
    parts = [images[:120].astype(np.uint8), images[120:].astype(np.uint8)]
    found = control_answers(parts, [labels[:120], labels[120:]], 1, range(3))
    assert {name: answers.shape for name, answers in found.items()} == {
        "pixels": (3, 80),
        "pca": (3, 80),
        "projection": (3, 80),
    }
    assert found["pixels"].all()
    assert found["pca"].all()
    assert (found["projection"][0] != found["projection"][1]).any()
    again = control_answers(parts, [labels[:120], labels[120:]], 1, range(1, 3))
    np.testing.assert_array_equal(again["projection"], found["projection"][1:])
