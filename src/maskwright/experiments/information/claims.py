"""What is claimed about this experiment, by its source and by us; see `claims.claim`."""

from math import log1p

from maskwright.claims.claim import Claim, Source
from maskwright.claims.measures import Difference, Mean, Number, OfSeeds

_NATS = 0.03
_CODES = OfSeeds("information", "digits", "accuracy")


def _mine(correlation: str) -> Claim:
    exact = -0.5 * log1p(-(float(correlation) ** 2))
    return Claim(
        experiment="information",
        statement=f"MINE estimates the mutual information of Gaussian variables with correlation {correlation}.",
        quantity=f"estimate in nats; the exact value is {exact:.4f}",
        measure=Mean(OfSeeds("information", f"gaussian_{correlation}", "mine")),
        low=exact - _NATS,
        high=exact + _NATS,
        reason="0.03 nats either way are 3.6 % of the largest value here, 0.83 nats",
        equivalence=True,
    )


def _codes_beat(measure: str, statement: str) -> Claim:
    return Claim(
        experiment="information",
        statement=statement,
        quantity=f"accuracy of a linear classifier of the trained codes, less that of {measure}",
        measure=Difference(
            _CODES,
            OfSeeds(
                "information",
                "digits",
                {
                    "untrained codes": "untrained_accuracy",
                    "as many principal components of the pixels": "pca_accuracy",
                    "as many random projections of the pixels": "projection_accuracy",
                    "the pixels": "pixels_accuracy",
                }[measure],
            ),
        ),
        low=0.0,
        reason="the sign decides",
    )


CLAIMS = (
    Claim(
        experiment="information",
        source=Source("book", "section 13.2, example after equation 13.2.8"),
        statement="A random byte and its four highest bits share 8 - 4 = 4 bits.",
        reported="4",
        quantity="mutual information of all 256 equally probable bytes and their four highest bits, in bits",
        measure=Number("information", ("identities", "byte", "I(X;Y)")),
        low=4 - 1e-9,
        high=4 + 1e-9,
        reason="equal but for rounding",
    ),
    Claim(
        experiment="information",
        source=Source("book", "equations 13.1.1, 13.1.2 and 13.2.1 to 13.2.8, by the words around them"),
        statement="Mutual information is the divergence of the joint distribution from the product of its marginals; "
        "it is symmetric, and follows from entropies in several ways.",
        quantity="largest difference of an equation's two sides, for a random joint distribution, in bits",
        measure=Number("information", ("identities", "random", "largest_difference")),
        high=1e-9,
        reason="equal but for rounding",
    ),
    Claim(
        experiment="information",
        source=Source("book", "section 13.1"),
        statement="Mutual information is exactly 0 for independent variables.",
        reported="0",
        quantity="mutual information of a joint distribution that is the product of its marginals, in bits",
        measure=Number("information", ("identities", "independent", "I(X;Y)")),
        low=-1e-9,
        high=1e-9,
        reason="equal but for rounding",
    ),
    Claim(
        experiment="information",
        source=Source("book", "section 13.1"),
        statement="Unlike correlation, mutual information measures dependence that is not linear.",
        quantity="nearest-neighbour estimate for a parabola with noise, whose correlation is 0, in nats",
        measure=Mean(OfSeeds("information", "parabola", "nearest")),
        low=0.1,
        reason="well above the 0.01 that independent pairs of this number give",
    ),
    *(_mine(correlation) for correlation in ("0", "0.3", "0.5", "0.7", "0.9")),
    _codes_beat("untrained codes", "Maximising the bound between two views teaches an encoder something."),
    _codes_beat(
        "as many random projections of the pixels",
        "Its codes serve a linear classifier better than random projections.",
    ),
    _codes_beat(
        "as many principal components of the pixels",
        "They serve it better than principal components of equal number.",
    ),
    _codes_beat("the pixels", "They serve it better than the pixels themselves."),
)
