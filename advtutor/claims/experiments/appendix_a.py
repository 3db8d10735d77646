"""Appendix A: a maxout network with ten sigmoids instead of the softmax, on rubbish.

The rubbish of the other networks is measured where they are: sections 4 and 7.
"""

from dataclasses import replace

from advtutor.claims.experiments.base import Experiment, each
from advtutor.claims.experiments.digits import UNCLIPPED, errors, rubbish
from advtutor.claims.experiments.section_4 import MAXOUT

SIGMOIDS = {
    "sigmoids": replace(MAXOUT, objective="yes or no", options={**MAXOUT.options, "sigmoids": True})
}

EXPERIMENTS = [
    Experiment("maxout-sigmoids", SIGMOIDS, each(SIGMOIDS, errors, rubbish), UNCLIPPED, minutes=9)
]
