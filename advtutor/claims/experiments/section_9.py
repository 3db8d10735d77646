"""Section 9: an ensemble of twelve maxout networks."""

import torch
from torch import Tensor, nn

from advtutor.claims.experiments.base import Run, measure
from advtutor.claims.experiments.digits import fgsm
from advtutor.claims.experiments.section_6 import through
from advtutor.claims.experiments.table import settings
from advtutor.evaluation import evaluate

MEMBERS = settings("ensemble")["members"]


class Ensemble(nn.Module):
    """The mean of the probabilities of several networks, as logits."""

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([m(x).log_softmax(dim=1) for m in self.members]).logsumexp(dim=0)


@measure(
    *("clean_error", "made_for_all", "made_for_one", "least_made_for_one", "most_made_for_one")
)
def ensemble(run: Run, name: str) -> tuple[float, ...]:
    """The errors of twelve networks of one recipe: clean, attacked whole and through one of them.

    The mean over the members, and those whose examples it misreads least and most.
    """
    members = [run.network(name, run.seed + i) for i in range(MEMBERS)]
    whole, test = Ensemble(members).eval(), run.test
    one = [through(member, whole, test) for member in members]
    clean, made_for_all = evaluate(whole, *test).error, evaluate(whole, *test, fgsm()).error
    return clean, made_for_all, sum(one) / MEMBERS, min(one), max(one)
