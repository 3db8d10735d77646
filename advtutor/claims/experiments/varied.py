"""What the maxout rows depend on: the length of the training, the scale of the pixels, the size."""

from dataclasses import replace

from advtutor.claims.experiments.base import Experiment, Run, each, measure
from advtutor.claims.experiments.digits import UNCLIPPED, errors, fgsm, rubbish
from advtutor.claims.experiments.section_4 import SHORT_MAXOUT, SOFTMAX
from advtutor.claims.experiments.section_6 import concentration, gain, one, pgd, transfer
from advtutor.claims.experiments.section_7 import RBF
from advtutor.claims.experiments.section_8 import AGREEMENT, line
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
# Where the shorter trainings measured what a row of the ledger measures, by the same name.
OF_ROWS = {
    id: of
    for of, ids in [
        ("maxout", "S4-maxout-error S4-maxout-confidence"),
        ("adversarial", "S6-at-fgsm S6-at-confidence"),
        ("both", "S6-transfer-orig-to-at S6-transfer-at-to-orig"),
        ("weights", "S6-weights"),
        ("sign noise", "S6-control-sign-error S6-control-sign-confidence"),
        ("uniform noise", "S6-control-uniform-error S6-control-uniform-confidence"),
        ("line", "F4-line"),
        ("softmax", "S8-agree-softmax S8-agree-softmax-both"),
        ("maxout", "A-rubbish-maxout A-rubbish-maxout-confidence"),
        ("sigmoids", "A-rubbish-sigmoid A-rubbish-sigmoid-confidence"),
    ]
    for id in ids.split()
}


@measure("fgsm_error")
def one_step(run: Run, name: str) -> float:
    """The error of a network on its own examples, unclipped."""
    return evaluate(run.network(name), *run.test, fgsm()).error


# The usual and the adversarial network of several sizes. The largest ones are trained for half as
# long, with others of that length to compare them with.
SIZES = [(60, 1), (120, 1), (480, 1), (240, 2), (480, 2), (1600, 2)]  # units, part of the length
_NAMES = {(units, part): f"{units} units{', half as long' * (part - 1)}" for units, part in SIZES}
_BOTH = {"usual": SHORT_MAXOUT, "adversarial": SHORTER["adversarial"]}

EXPERIMENTS = [
    Experiment(
        "shorter",
        {**SHORTER, "softmax": SOFTMAX, "RBF": RBF},
        {
            **each(["maxout"], errors, rubbish),
            **each(["adversarial, as long"], errors),
            **each(["adversarial"], errors, pgd),
            **each(["sign noise", "uniform noise"], errors),
            **each(["sigmoids"], errors, rubbish),
            # Clean errors are compared after equally long trainings.
            "both": [
                (transfer, "maxout", "adversarial"),
                (gain, "maxout", "adversarial, as long"),
            ],
            "weights": [(concentration, "maxout", "adversarial")],
            "line": [(line, "maxout")],
            **AGREEMENT,
        },
        UNCLIPPED,
        minutes=25,
    ),
    Experiment(
        "brighter",
        BRIGHTER,
        {**each(BRIGHTER, errors, rubbish), "both": [(transfer, "maxout", "adversarial")]},
        UNCLIPPED,
        minutes=12,
        seeds=3,
    ),
    one("stopping", STOPPED, minutes=10, seeds=1),
    one("retrained", RETRAINED, minutes=7),
    Experiment(
        "sizes",
        {
            f"{kind}, {name}": replace(
                recipe, epochs=recipe.epochs // part, options={"units": units, "pieces": 5}
            )
            for (units, part), name in _NAMES.items()
            for kind, recipe in _BOTH.items()
        },
        {
            name: [
                (transfer, f"usual, {name}", f"adversarial, {name}"),
                (one_step, f"adversarial, {name}"),
            ]
            for name in _NAMES.values()
        },
        UNCLIPPED,
        minutes=95,
        seeds=1,
    ),
]
