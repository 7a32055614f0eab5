"""What the sources say about this experiment, and how each claim is tested; see `claims.judge`."""

from maskwright.claims.judge import Claim
from maskwright.claims.measures import difference, mean, of_seeds

CLAIMS = (
    Claim(
        "clustering",
        "Clusters found by mutual information are the digits, 99 % of them.",
        "accuracy on test digits, clusters assigned on training digits; the source trained 1,200 epochs on 60,000",
        mean(of_seeds("iic", "accuracy"), (0, 1)),
        low=0.99,
    ),
    Claim(
        "clustering",
        "They fit the digits far better than k-means of the pixels.",
        "accuracy on test digits, less that of k-means",
        difference(of_seeds("iic", "accuracy"), of_seeds("iic", "k_means_accuracy")),
        low=0.2,
    ),
    Claim(
        "clustering",
        "The head with the least loss is the most accurate, so no label is needed to choose it.",
        "accuracy of the most accurate head, less that of the head with the least loss",
        difference(of_seeds("iic", "most_accurate"), of_seeds("iic", "accuracy")),
        high=0.01,
    ),
    Claim(
        "clustering",
        "The assignment of clusters to digits that is found on training digits holds on test digits.",
        "accuracy with the assignment that suits the test digits best, less that with the one of training digits",
        difference(of_seeds("iic", "source_accuracy"), of_seeds("iic", "accuracy")),
        high=0.01,
    ),
)
