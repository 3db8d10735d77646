"""What the maxout rows depend on: the length of the training, the scale of the pixels, the size."""

from dataclasses import dataclass, replace

from advtutor.claims.experiments.base import Experiment, Run
from advtutor.claims.experiments.digits import (
    UNCLIPPED,
    Errors,
    ErrorsAndRubbish,
    errors,
    errors_and_rubbish,
    fgsm,
    on_each,
)
from advtutor.claims.experiments.section_4 import SHORT_MAXOUT, SOFTMAX
from advtutor.claims.experiments.section_6 import (
    Comparison,
    Concentration,
    Transfer,
    concentration,
    one,
    pgd_error,
    stopped,
    transfer,
)
from advtutor.claims.experiments.section_7 import RBF
from advtutor.claims.experiments.section_8 import (
    Agreement,
    Line,
    Pair,
    agreement,
    one_wrong_class,
)
from advtutor.claims.trained import Recipe
from advtutor.evaluation import evaluate

# The first edition's trainings: a quarter of the length, adversarial ones less than half, on pixels
# that dropout rescales.
AS_LONG = replace(SHORT_MAXOUT, objective="adversarial")
SHORTER = {
    "maxout": SHORT_MAXOUT,
    "adversarial, as long": AS_LONG,
    "adversarial": replace(AS_LONG, epochs=24),
    "sign noise": replace(SHORT_MAXOUT, objective="sign noise"),
    "uniform noise": replace(SHORT_MAXOUT, objective="uniform noise"),
    "sigmoids": replace(
        SHORT_MAXOUT, objective="yes or no", options={**SHORT_MAXOUT.options, "sigmoids": True}
    ),
}
# The same, on pixels that it does not rescale.
BRIGHTER = {
    name: replace(recipe, model="BrighterMaxout")
    for name, recipe in SHORTER.items()
    if recipe is not AS_LONG
}
# A training stopped by the adversarial error on held-out digits; and the length that it chose, on
# all 60,000 digits.
STOPPED = replace(AS_LONG, epochs=30, examples=50_000, held_out=10_000, stop_on="FGSM error")
RETRAINED = replace(AS_LONG, epochs=30)
# Where the shorter trainings measured what a row of the ledger measures.
OF_ROWS = {
    "S4-maxout-error": ("maxout", "fgsm_error"),
    "S4-maxout-confidence": ("maxout", "fgsm_confidence"),
    "S6-at-fgsm": ("adversarial", "fgsm_error"),
    "S6-at-confidence": ("adversarial", "fgsm_confidence"),
    "S6-transfer-orig-to-at": ("both", "made_for_usual_read_by_hardened"),
    "S6-transfer-at-to-orig": ("both", "made_for_hardened_read_by_usual"),
    "S6-weights": ("weights", "added"),
    "S6-control-sign-error": ("sign noise", "fgsm_error"),
    "S6-control-sign-confidence": ("sign noise", "fgsm_confidence"),
    "S6-control-uniform-error": ("uniform noise", "fgsm_error"),
    "S6-control-uniform-confidence": ("uniform noise", "fgsm_confidence"),
    "F4-line": ("line", "one_wrong_class"),
    "S8-agree-softmax": ("softmax", "maxouts_class"),
    "S8-agree-softmax-both": ("softmax", "maxouts_class_both_wrong"),
    "A-rubbish-maxout": ("maxout", "rubbish_error"),
    "A-rubbish-maxout-confidence": ("maxout", "rubbish_confidence"),
    "A-rubbish-sigmoid": ("sigmoids", "rubbish_error"),
    "A-rubbish-sigmoid-confidence": ("sigmoids", "rubbish_confidence"),
}


@dataclass(frozen=True)
class Hardened(Errors):
    """The same, and the error after 40 steps of PGD, unclipped, on the first 1,000 digits."""

    pgd_error: float


def shorter(run: Run) -> dict[str, object]:
    """The rows of the maxout network after the shorter trainings.

    The clean errors are compared after equally long ones.
    """
    usual, as_long, hardened = (
        run.network(name) for name in ("maxout", "adversarial, as long", "adversarial")
    )
    before, after = evaluate(usual, *run.test).error, errors(as_long, run.test)
    passed = transfer(usual, hardened, run.test)
    return {
        "maxout": errors_and_rubbish(run, "maxout"),
        "adversarial, as long": after,
        "adversarial": Hardened(
            **vars(errors(hardened, run.test)), pgd_error=pgd_error(hardened, run)
        ),
        "sign noise": errors(run.network("sign noise"), run.test),
        "uniform noise": errors(run.network("uniform noise"), run.test),
        "sigmoids": errors_and_rubbish(run, "sigmoids"),
        "both": Comparison(**vars(passed), clean_error_added=after.clean_error - before),
        "weights": concentration(usual, hardened),
        "line": Line(one_wrong_class(usual, run.test)),
        **agreement(run),
    }


def brighter(run: Run) -> dict[str, ErrorsAndRubbish | Transfer]:
    """The same networks, trained on pixels that dropout does not rescale."""
    both = transfer(run.network("maxout"), run.network("adversarial"), run.test)
    return {**on_each(run), "both": both}


@dataclass(frozen=True)
class Size:
    """The usual and the adversarial training of networks of so many units."""

    units: int
    half_as_long: bool = False

    @property
    def name(self) -> str:
        """What it is called among the numbers."""
        return f"{self.units} units{', half as long' if self.half_as_long else ''}"

    @property
    def networks(self) -> dict[str, Recipe]:
        """The two networks, the usual one first."""
        return {
            f"{kind}, {self.name}": replace(
                recipe,
                epochs=recipe.epochs // (2 if self.half_as_long else 1),
                options={"units": self.units, "pieces": 5},
            )
            for kind, recipe in (("usual", SHORT_MAXOUT), ("adversarial", SHORTER["adversarial"]))
        }


# The largest ones are trained for half as long, with others of that length to compare them with.
SIZES = [
    *(Size(units) for units in (60, 120, 480)),
    *(Size(units, half_as_long=True) for units in (240, 480, 1600)),
]


@dataclass(frozen=True)
class SizeNumbers(Transfer):
    """The same, and the error of the hardened one on its own examples."""

    fgsm_error: float


def sizes(run: Run) -> dict[str, SizeNumbers]:
    """Whether examples pass from one network to the other as easily at another size."""
    numbers = {}
    for size in SIZES:
        usual, hardened = (run.network(name) for name in size.networks)
        error = evaluate(hardened, *run.test, fgsm()).error
        passed = transfer(usual, hardened, run.test)
        numbers[size.name] = SizeNumbers(**vars(passed), fgsm_error=error)
    return numbers


EXPERIMENTS = [
    Experiment(
        "shorter",
        shorter,
        {
            "maxout": ErrorsAndRubbish,
            "adversarial, as long": Errors,
            "adversarial": Hardened,
            "sign noise": Errors,
            "uniform noise": Errors,
            "sigmoids": ErrorsAndRubbish,
            "both": Comparison,
            "weights": Concentration,
            "line": Line,
            "softmax": Agreement,
            "RBF": Agreement,
            "softmax and RBF": Pair,
        },
        {**SHORTER, "softmax": SOFTMAX, "RBF": RBF},
        UNCLIPPED,
        minutes=25,
    ),
    Experiment(
        "brighter",
        brighter,
        {**dict.fromkeys(BRIGHTER, ErrorsAndRubbish), "both": Transfer},
        BRIGHTER,
        UNCLIPPED,
        minutes=12,
        seeds=3,
    ),
    stopped("stopping", STOPPED, minutes=10),
    one("retrained", RETRAINED, minutes=7),
    Experiment(
        "sizes",
        sizes,
        {size.name: SizeNumbers for size in SIZES},
        {name: recipe for size in SIZES for name, recipe in size.networks.items()},
        UNCLIPPED,
        minutes=95,
        seeds=1,
    ),
]
