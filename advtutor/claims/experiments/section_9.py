"""Section 9: an ensemble of twelve maxout networks."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advtutor.claims.experiments.base import Experiment, Run
from advtutor.claims.experiments.digits import UNCLIPPED, fgsm
from advtutor.claims.experiments.section_4 import SHORT_MAXOUT
from advtutor.evaluation import evaluate

MEMBERS = 12


class Ensemble(nn.Module):
    """The mean of the probabilities of several networks, as logits."""

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([m(x).log_softmax(dim=1) for m in self.members]).logsumexp(dim=0)


@dataclass(frozen=True)
class Whole:
    """Errors of the ensemble.

    made_for_one: with examples made for a member, the mean over the members; least_made_for_one,
    most_made_for_one: for the member whose examples it misreads least and most.
    """

    clean_error: float
    made_for_all: float
    made_for_one: float
    least_made_for_one: float
    most_made_for_one: float


def ensemble(run: Run) -> dict[str, Whole]:
    """Twelve maxout networks, attacked whole and through one of them."""
    members = [run.network("maxout", MEMBERS * run.seed + i) for i in range(MEMBERS)]
    whole, (x, y) = Ensemble(members).eval(), run.test
    through_one = [
        evaluate(whole, x, y, lambda _, x, y, m=m: fgsm()(m, x, y)).error  # type: ignore[misc]
        for m in members
    ]
    return {
        "ensemble": Whole(
            clean_error=evaluate(whole, x, y).error,
            made_for_all=evaluate(whole, x, y, fgsm()).error,
            made_for_one=sum(through_one) / MEMBERS,
            least_made_for_one=min(through_one),
            most_made_for_one=max(through_one),
        )
    }


EXPERIMENTS = [
    Experiment(
        "ensemble",
        ensemble,
        {"ensemble": Whole},
        {"maxout": SHORT_MAXOUT},
        {**UNCLIPPED, "members": MEMBERS},
        minutes=24,
        seeds=1,
    )
]
