"""What is claimed about this experiment, by its source and by us; see `claims.claim`."""

from maskwright.claims.claim import Claim, Source
from maskwright.claims.measures import AtMost, Difference, Number, OfSeeds, Share, ShareDifference, Stored

_SHARE = "share of the trainings after which all 512 patterns are right"
_MOST = "most trainings should do it"


def _learns(variant: str) -> Share:
    return Share(OfSeeds("corner", variant, "solved"))


CLAIMS = (
    Claim(
        experiment="corner",
        source=Source("corner", "question, weights set by hand"),
        statement="Weights can be set by hand with which the network gives the wanted output.",
        quantity="1 if the weights set by hand get all 512 patterns right, else 0",
        measure=Number("corner", ("hand_set", "solved", "mean")),
        low=1.0,
        reason="every pattern",
    ),
    Claim(
        experiment="corner",
        source=Source("corner", "question, output of evaluate"),
        statement="With them, evaluate shows a loss of 9.37e-4.",
        reported="9.3703e-04",
        quantity="mean of the running means of 16 batches, the last counted twice, as a progress bar averages them",
        measure=Number("corner", ("hand_set", "evaluate", "progress_bar")),
        low=9.3702e-4,
        high=9.3704e-4,
        reason="within one unit of the last printed digit",
        digits=5,
    ),
    Claim(
        experiment="corner",
        source=Source("corner", "question, training"),
        statement="Trained with squared error for 100 epochs, it converges to giving 0 everywhere.",
        quantity="share of the trainings with all 512 outputs nearer to 0 than to 1, labels as posted",
        measure=Share(AtMost(OfSeeds("corner", "as_posted", "largest_output"), 0.5)),
        low=0.5,
        reason=f"{_MOST}; below one half an output names no corner",
    ),
    Claim(
        experiment="corner",
        source=Source("corner", "author's own solution"),
        statement="With a softmax of two and cross-entropy it learns the right predictions, the corner last.",
        quantity=_SHARE,
        measure=_learns("softmax_ce"),
        low=0.5,
        reason=_MOST,
    ),
    Claim(
        experiment="corner",
        source=Source("corner", "author's own solution, last remark"),
        statement="Balancing the data set, with more corners, can speed up training.",
        quantity="gradient steps until all 512 stay right, with softmax and cross-entropy: balanced less unbalanced",
        measure=Difference(
            OfSeeds("corner", "balanced", "steps_to_learn"), OfSeeds("corner", "softmax_ce", "steps_to_learn")
        ),
        high=0.0,
        reason="fewer steps",
    ),
    Claim(
        experiment="corner",
        statement="With both faults mended, the question's network takes fewer steps than its author's solution.",
        quantity="gradient steps until all 512 stay right: `repeated_corner` less `softmax_ce`",
        measure=Difference(
            OfSeeds("corner", "repeated_corner", "steps_to_learn"), OfSeeds("corner", "softmax_ce", "steps_to_learn")
        ),
        high=0.0,
        reason="the sign decides",
    ),
    Claim(
        experiment="corner",
        statement="Trained on for 1,000 epochs at 1e-7, as in the source's program, weights set by hand stay right.",
        quantity=_SHARE,
        measure=_learns("hand_set_trained"),
        low=0.5,
        reason=_MOST,
    ),
    Claim(
        experiment="corner",
        statement="The labels' shape is a mistake: weights that get every pattern right have a loss.",
        quantity="loss that evaluate returns for the weights set by hand, labels as posted",
        measure=Number("corner", ("hand_set", "evaluate", "labels_512")),
        low=1e-9,
        reason="a network that is right everywhere should have no loss",
        digits=4,
    ),
    Claim(
        experiment="corner",
        statement="With the labels in the outputs' shape, the loss of the weights set by hand is 0.",
        quantity="loss that evaluate returns for labels of shape (512, 1, 1, 1)",
        measure=Number("corner", ("hand_set", "evaluate", "labels_512_1_1_1")),
        high=1e-9,
    ),
    Claim(
        experiment="corner",
        statement="Mending the labels' shape alone is not enough.",
        quantity=_SHARE,
        measure=_learns("matched_labels"),
        high=0.5,
        reason=_MOST,
    ),
    Claim(
        experiment="corner",
        statement="Showing the corner more often alone is not enough.",
        quantity=_SHARE + ", with the labels as posted",
        measure=_learns("repeated_corner, labels posted"),
        high=0.5,
        reason=_MOST,
    ),
    Claim(
        experiment="corner",
        statement="Both together are: the structure need not change.",
        quantity=_SHARE,
        measure=_learns("repeated_corner"),
        low=0.5,
        reason=_MOST,
    ),
    Claim(
        experiment="corner",
        statement="A logistic sigmoid with cross-entropy learns it too.",
        quantity=_SHARE,
        measure=_learns("sigmoid_bce"),
        low=0.5,
        reason=_MOST,
    ),
    Claim(
        experiment="corner",
        statement="The softmax does not need balanced data in order to learn.",
        quantity=_SHARE + ", balanced less unbalanced",
        measure=ShareDifference(OfSeeds("corner", "balanced", "solved"), OfSeeds("corner", "softmax_ce", "solved")),
        high=0.25,
        reason="one training in four would be a clear difference, and twenty of each can show one",
    ),
    Claim(
        experiment="corner",
        statement="Slid over an image, the trained network finds the top-left corners of rectangles.",
        quantity="recall on clean images",
        measure=Stored(
            "corner", ("repeated_corner", "detection", "clean", "recall"), ("repeated_corner", "seeds"), 40
        ),
        low=0.95,
    ),
)
