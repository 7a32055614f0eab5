import numpy as np

from maskwright.experiments.information.report.codes import code_accuracies, codes_of


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
    accuracies = code_accuracies([codes, codes], [labels, labels])
    assert accuracies[0] == 1
    assert accuracies[1] < 0.75
