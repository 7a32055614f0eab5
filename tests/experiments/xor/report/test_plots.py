import numpy as np

from maskwright.experiments.xor.report.plots import example_rows


def test_examples_show_bits_mask_and_label():
    inputs = np.zeros((48, 4, 2))
    inputs[:, 1, 0] = 1
    figure = example_rows(
        {"signal": (inputs, np.eye(2)[np.ones(48, int)]), "none": (inputs[..., :1], np.eye(2)[[0] * 48])}
    )
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert texts.count("→ 1") == 4
    assert texts.count("→ 0") == 4
    assert texts.count("1") == 8  # a one in each of eight examples
