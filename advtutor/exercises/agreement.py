"""The exercise on agreement: do two models make the same mistake?"""

import torch
from torch import Tensor

from advtutor.checks.engine import Case, Exercise, Run, cases, same


def agreement(read_a, read_b, y):
    both = (read_a != y) & (read_b != y)
    return (read_a == read_b)[both].float().mean().item()


def readings(batch: int, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    y = torch.randint(classes, (batch,))
    read_a, read_b = (torch.randint(classes, (batch,)) for _ in range(2))
    read_a[:2], read_b[1:3] = y[:2], y[1:3]  # right: by a, by both, by b
    read_a[3:6] = read_b[3:6] = (y[3:6] + 1) % classes  # wrong, and in the same way
    return read_a, read_b, y


def one_reading() -> tuple[Tensor, Tensor, Tensor]:
    return torch.tensor([4]), torch.tensor([4]), torch.tensor([9])


def never_both() -> tuple[Tensor, Tensor, Tensor]:
    """Each misreads one, but not the same one."""
    return torch.tensor([0, 1, 5, 3]), torch.tensor([0, 7, 2, 3]), torch.tensor([0, 1, 2, 3])


def counted(runs: list[Run], wanted: list[Run]) -> tuple[str, str]:
    """The numbers of an input on which the result is another one; those without a share last."""
    pairs = [(run, right.result) for run, right in zip(runs, wanted, strict=True)]
    run, due = next(
        pair
        for pair in sorted(pairs, key=lambda pair: pair[1] != pair[1])
        if not same(pair[0].result, pair[1])
    )
    if due != due:
        return (
            "number-where-none",
            f"where both misread nothing there is no share: it returns {run.result:g}, and should "
            'return float("nan")',
        )
    read_a, read_b, y = run.arguments.values()
    both = (read_a != y) & (read_b != y)
    alike, among = int(((read_a == read_b) & both).sum()), int(both.sum())
    return (
        "values",
        f"of {len(y)} examples both misread {among}, and {alike} of these as the same class: "
        f"{alike} / {among} = {due:.4g} is due, and {run.result:.4g} comes out",
    )


EXERCISE = Exercise(
    agreement,
    notebook="05_why_examples_transfer",
    number=1,
    cases=[
        *cases(readings, (61, 57, 4)),
        Case(one_reading, batch=1),
        *cases(readings, (104, 23, 10)),
        Case(never_both, batch=4),
    ],
    mistakes={
        "everything": {"[both]": ""},
        "either": {"&": "|"},
        "only-a": {" & (read_b != y)": ""},
        "only-b": {"(read_a != y) & ": ""},
        "different": {"==": "!="},
        "both-wrong": {"(read_a == read_b)[both]": "both"},
        "out-of-all": {"(read_a == read_b)[both]": "((read_a == read_b) & both)"},
        "count": {".mean()": ".sum()"},
    },
    says={
        "everything": "the examples that both read rightly count too, and there both always "
        "agree: look only at those that both misread",
        "either": "an example counts here as soon as one of the two misreads it: join the two "
        "conditions with &, not with |",
        "only-a": "this is the share among all that read_a misreads: leave out those that read_b "
        "reads rightly",
        "only-b": "this is the share among all that read_b misreads: leave out those that read_a "
        "reads rightly",
        "different": "this is the share on which the two see different classes: count read_a == "
        "read_b",
        "both-wrong": "this is how often both err, whatever they see: ask whether they see the "
        "same class",
        "out-of-all": "the number of agreements is divided by all examples: divide it by those "
        "that both misread",
        "count": "this is how many there are: divide it by the number that both misread",
        "nan": "it returns NaN where both misread something: do you pick the examples that both "
        "misread, != y and not == y?",
    },
    otherwise=counted,
    hints=(
        "Two questions for each example: do both misread it, and do they see the same class? "
        "Each is a tensor of truth values, [N].",
        "both = (read_a != y) & (read_b != y) picks the examples. Among them, take the share with "
        "read_a == read_b.",
        "(read_a == read_b)[both].float().mean().item(): the mean of an empty tensor is NaN, as "
        "it should be.",
    ),
)
