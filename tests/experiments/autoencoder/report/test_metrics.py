"""What the measures of reconstructions are, found another way."""

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from maskwright.experiments.autoencoder.report.metrics import mean_image_scores, means, similarity


def test_the_similarity_is_that_of_scikit_image():
    rng = np.random.default_rng(0)
    images = rng.random((3, 28, 20, 1)).astype(np.float32)
    others = np.clip(images + rng.normal(size=images.shape) * 0.2, 0, 1).astype(np.float32)
    settings = {"data_range": 1.0, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = [structural_similarity(a[..., 0], b[..., 0], **settings) for a, b in zip(images, others, strict=True)]
    measured = similarity(images, others)
    np.testing.assert_allclose(measured["ssim"], expected, atol=1e-4)
    errors = [np.mean((a - b) ** 2) for a, b in zip(images, others, strict=True)]
    np.testing.assert_allclose(measured["mse"], errors, rtol=1e-5)
    assert means(similarity(images, images)) == pytest.approx({"mse": 0.0, "ssim": 1.0}, abs=1e-6)


def test_the_control_is_the_mean_of_the_training_images():
    training = np.zeros((3, 11, 11, 1), np.float32)
    training[0] = 1.0
    images = np.stack([np.zeros((11, 11, 1)), np.ones((11, 11, 1))]).astype(np.float32)
    # With half an image added of each kind: (1 + 0.5) / (3 + 1) = 0.375.
    measured = mean_image_scores(training, images)
    assert measured["bce"] == pytest.approx(-(np.log(0.625) + np.log(0.375)) / 2)
    assert measured["mse"] == pytest.approx((0.375**2 + 0.625**2) / 2)
