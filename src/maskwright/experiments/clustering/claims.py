"""What is claimed about this experiment, by its source and by us; see `claims.claim`."""

from maskwright.claims.claim import Claim, Source
from maskwright.claims.measures import Difference, Equal, Mean, OfSeeds, Share, Stored

_ACCURACY = OfSeeds("clustering", "iic", "accuracy")

CLAIMS = (
    Claim(
        experiment="clustering",
        source=Source("book", "section 13.3, last paragraphs"),
        statement="Clusters found without labels, by maximising information between two views, can be turned into "
        "classes by linear assignment.",
        quantity="accuracy on test digits, each cluster named one to one on the training digits",
        measure=Mean(_ACCURACY, (0, 1)),
        low=0.9,
        reason="nine in ten is a classifier; the text gives no number",
    ),
    Claim(
        experiment="clustering",
        source=Source("book", "introduction of chapter 13"),
        statement="Mutual information can cluster codes, so that classification is a simple linear separation.",
        quantity="accuracy on test digits of a linear classifier of the chosen head's ten outputs",
        measure=Mean(OfSeeds("clustering", "iic", "head_linear_accuracy"), (0, 1)),
        low=0.9,
        reason="nine in ten is a classifier; the text gives no number",
    ),
    Claim(
        experiment="clustering",
        source=Source("book", "section 13.3"),
        statement="Supervised, three convolutions and dense layers reach up to 99.3 % on MNIST.",
        reported="0.993",
        quantity="accuracy of three convolutions and a dense layer, trained on 3,500 digits",
        measure=Mean(OfSeeds("masked_digits", "single", "accuracy"), (0, 1)),
        reason="3,500 digits to train on, not 60,000",
        comparable=False,
    ),
    Claim(
        experiment="clustering",
        statement="A linear classifier does better with the ten outputs than with ten principal components.",
        quantity="its accuracy with the chosen head's outputs, less that with ten principal components",
        measure=Difference(
            OfSeeds("clustering", "iic", "head_linear_accuracy"), OfSeeds("clustering", "iic", "pca_linear_accuracy")
        ),
        low=0.0,
        reason="the sign decides",
    ),
    Claim(
        experiment="clustering",
        statement="The clusters fit the digits far better than k-means of the pixels.",
        quantity="accuracy on test digits, less that of k-means",
        measure=Difference(_ACCURACY, OfSeeds("clustering", "iic", "k_means_accuracy")),
        low=0.2,
        reason="twenty points",
    ),
    Claim(
        experiment="clustering",
        statement="The head with the least loss is as accurate as the best one, so no label is needed to choose it.",
        quantity="accuracy of the most accurate head, less that of the head with the least loss",
        measure=Stored("clustering", ("iic", "most_accurate_gain"), ("iic", "seeds"), 1000),
        high=0.01,
        reason="a point is what chance alone gives the best of many heads on 1,000 digits",
        equivalence=True,
    ),
    Claim(
        experiment="clustering",
        statement="Naming clusters one to one and naming each by its most frequent digit come to the same.",
        quantity="share of the trainings with equally many right test digits",
        measure=Share(Equal(OfSeeds("clustering", "iic", "majority_accuracy"), _ACCURACY)),
        low=0.5,
        reason="in most trainings",
    ),
    Claim(
        experiment="clustering",
        statement="The names found on training digits are those that suit the test digits best.",
        quantity="share of the trainings with equally many right test digits",
        measure=Share(Equal(OfSeeds("clustering", "iic", "source_accuracy"), _ACCURACY)),
        low=0.5,
        reason="in most trainings",
    ),
)
