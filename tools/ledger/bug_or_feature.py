"""Measure what notebook 06 ships beside its own run: more seeds, more objections, other teachers.

python -m tools.ledger.bug_or_feature      about an hour of one core; writes bug_or_feature.csv

A student learns from pictures that a teacher was made to misread, each with the wrong label that
the teacher reads (Ilyas and others, arXiv 1905.02175, section 3.2, and 3.1 for `robustified`).
"""

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from advtutor import attacks, data, training
from advtutor.exercises.matched_noise import matched_noise
from advtutor.exercises.project_l2 import project_l2
from advtutor.exercises.targeted_step import targeted_step
from advtutor.models import MLP, ConvNet, SoftmaxRegression

TARGET = Path(__file__).resolve().parents[2] / "advtutor" / "assets" / "bug_or_feature.csv"
SEEDS, N, EPS, BATCHES = (0, 1, 2), 20_000, 1.5, 300
Row = tuple[str, int, int, str, float]  # experiment, seed, pictures, measure, value


l2_pgd = partial(attacks.pgd, eps=EPS, norm="l2", random_start=False)


def train(model: nn.Module, x: Tensor, y: Tensor, epochs: int, seed: int) -> nn.Module:
    training.fit(
        model, x, y, objective=training.clean, epochs=epochs, lr=3e-3, seed=seed, progress=False
    )
    return model


def student(
    x: Tensor, labels: Tensor, seed: int, kind: type[nn.Module] = ConvNet, batches: int = BATCHES
) -> nn.Module:
    """A new network after about so many batches of 128 of these pictures."""
    epochs = max(1, round(batches * 128 / len(x)))
    return train(kind(seed=100 + seed), x, labels, epochs, 100 + seed)


@torch.no_grad()
def read(model: nn.Module, x: Tensor) -> Tensor:
    return torch.cat([model(part).argmax(dim=1) for part in x.split(1000)])


def right(model: nn.Module) -> float:
    return share(read(model, x_test) == y_test)


def share(which: Tensor) -> float:
    return which.float().mean().item()


def draw(low: int, high: int, shape: torch.Size, seed: int) -> Tensor:
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed))


def never_right(y: Tensor, seed: int) -> Tensor:
    return (y + draw(1, 10, y.shape, seed)) % 10


def moved(teacher: nn.Module, x: Tensor, t: Tensor, eps: float = EPS) -> Tensor:
    """Five steps towards t, at most eps from x."""
    parts = []
    for start, target in zip(x.split(1000), t.split(1000), strict=True):
        x_adv = start
        for _ in range(5):
            x_adv = project_l2(targeted_step(teacher, x_adv, target, 0.4 * eps), start, eps)
        parts.append(x_adv)
    return torch.cat(parts)


def fooled(teacher: nn.Module, x: Tensor, x_adv: Tensor, y: Tensor, t: Tensor) -> Tensor:
    return (read(teacher, x) == y) & (read(teacher, x_adv) == t)


def of_one_teacher(seed: int) -> Iterator[Row]:
    """The main experiment, its controls and the objections."""
    teacher, t = train(ConvNet(seed=seed), x, y, 2, seed), never_right(y, seed)
    yield "teacher", seed, N, "right", right(teacher)
    x_adv = moved(teacher, x, t)
    kept = fooled(teacher, x, x_adv, y, t)
    before, after, labels = x[kept], x_adv[kept], t[kept]

    def row(name: str, x: Tensor, labels: Tensor, kind: type[nn.Module] = ConvNet) -> Row:
        return name, seed, len(x), "right", right(student(x, labels, seed, kind))

    misled = student(after, labels, seed)
    yield "the steps", seed, len(after), "right", right(misled)
    yield row("no steps", before, labels)
    noisy = matched_noise(before, after, 0.6 * draw(0, 2, before.shape, seed) - 0.3)
    yield row("noise of the same length", noisy, labels)
    yield row("linear student of the noise", noisy, labels, SoftmaxRegression)
    other = torch.randperm(len(before), generator=torch.Generator().manual_seed(seed))
    wrong = labels[other] != y[kept]
    elsewhere = (before + (after - before)[other]).clamp(0, 1)
    name, moved_labels = "steps on other pictures", labels[other][wrong]
    marked = student(elsewhere[wrong], moved_labels, seed)
    yield name, seed, len(moved_labels), "right", right(marked)
    for who, model in (("student", marked), ("teacher", teacher)):
        reads = share(read(model, elsewhere[wrong]) == moved_labels)
        yield name, seed, len(moved_labels), f"the {who} reads the label", reads
    rest = 3 * len(moved_labels) // 4
    early = student(elsewhere[wrong][:rest], moved_labels[:rest], seed)
    reads = share(read(early, elsewhere[wrong][rest:]) == moved_labels[rest:])
    yield name, seed, rest, "a student of three quarters reads the label in the last", reads
    yield row("dense student", after, labels, MLP)
    yield row("linear student", after, labels, SoftmaxRegression)
    yield row("all 20,000 pictures", x_adv, t)
    any_class = draw(0, 10, y.shape, seed)
    sign = partial(attacks.bim, teacher, eps=0.1, step_size=0.04, steps=5, targeted=True)
    by_sign = torch.cat([*map(sign, x.split(1000), t.split(1000))])
    for name, targets, x_new in (
        ("labels shifted by one", (y + 1) % 10, moved(teacher, x, (y + 1) % 10)),
        ("labels at random, some right", any_class, moved(teacher, x, any_class)),
        ("steps half as long", t, moved(teacher, x, t, EPS / 2)),
        ("steps twice as long", t, moved(teacher, x, t, 2 * EPS)),
        ("sign steps, 0.1 a pixel", t, by_sign),
    ):
        rows = fooled(teacher, x, x_new, y, targets)
        model, n = student(x_new[rows], targets[rows], seed), int(rows.sum())
        yield name, seed, n, "right", right(model)
        if name == "steps half as long":
            yield row("as few, no steps", x[rows], t[rows])
        if name == "labels shifted by one":
            shifted = share(read(model, x_test) == (y_test + 1) % 10)
            yield name, seed, n, "read as the next class", shifted
        if name == "labels at random, some right":
            yield name, seed, n, "labels that are right", share((targets == y)[rows])
    linear, others = train(SoftmaxRegression(seed=seed), x, y, 3, seed), digits.train.x[N:]
    reads = read(linear, others)
    misread = reads != digits.train.y[N:]
    yield row("a network's mistakes, no steps", others[misread], reads[misread])
    yield from transfer(teacher, misled, seed)
    if seed == 0:
        yield from robustified(teacher, seed)


def transfer(teacher: nn.Module, misled: nn.Module, seed: int) -> Iterator[Row]:
    """The teacher under steps made for its student and for a network that it shares only data with.

    And whether the two repeat the teacher's mistakes.
    """
    apart = train(ConvNet(seed=200 + seed), x, y, 2, 200 + seed)
    few, labels = x_test[:2000], y_test[:2000]
    its_reading = read(teacher, x_test)
    wrong = its_reading != y_test
    for name, model in (("its student", misled), ("another network", apart)):
        x_adv = l2_pgd(model, few, labels, step_size=0.6, steps=5)
        error = share(read(teacher, x_adv) != labels)
        yield "transfer to the teacher", seed, len(few), f"made for {name}", error
        repeats = share((read(model, x_test) == its_reading)[wrong])
        yield "the teacher's mistakes", seed, int(wrong.sum()), f"{name} repeats", repeats


def of_a_teacher_by_heart(seed: int) -> Iterator[Row]:
    """A teacher of 2,000 labels drawn at random: does its student read as it does?"""
    labels = draw(0, 10, torch.Size([2000]), 50 + seed)
    teacher = train(ConvNet(seed=seed), x[:2000], labels, 60, seed)
    name, rest, its_reading = "by heart", x[2000:], read(teacher, x_test)
    by_heart = share(read(teacher, x[:2000]) == labels)
    yield name, seed, 2000, "labels that the teacher has by heart", by_heart
    yield name, seed, 2000, "test digits that the teacher reads rightly", right(teacher)
    before = read(teacher, rest)
    t = never_right(before, seed)
    x_adv = moved(teacher, rest, t)
    kept = fooled(teacher, rest, x_adv, before, t)
    n, digits_that = int(kept.sum()), "test digits that"
    misled, other = (student(pictures[kept], t[kept], seed) for pictures in (x_adv, rest))
    yield name, seed, n, f"{digits_that} the student reads rightly", right(misled)
    for who, model in (("the student", misled), ("a student without the steps", other)):
        alike = share(read(model, x_test) == its_reading)
        yield name, seed, n, f"{digits_that} {who} reads as the teacher", alike


def robustified(teacher: nn.Module, seed: int) -> Iterator[Row]:
    """Students of 5,000 right labels: on digits, and on pictures with one network's features."""
    pictures, labels = x[:5000], y[:5000]
    few, few_labels = x_test[:2000], y_test[:2000]
    other = torch.randperm(5000, generator=torch.Generator().manual_seed(seed))
    for name, made in (
        ("digits", pictures),
        ("hardened features", with_features_of(hardened, pictures, pictures[other])),
        ("usual features", with_features_of(teacher, pictures, pictures[other])),
    ):
        model = student(made, labels, seed, batches=400)
        yield f"robustified, {name}", seed, 5000, "right", right(model)
        x_adv = l2_pgd(model, few, few_labels, step_size=0.4, steps=10)
        error = share(read(model, x_adv) != few_labels)
        yield f"robustified, {name}", seed, 5000, "error under PGD", error


def with_features_of(model: nn.Module, x: Tensor, start: Tensor) -> Tensor:
    """From other pictures, 40 steps to where the 100 hidden units answer as they do at `x`."""
    hidden, made = model.layers[:7], []
    for goal, picture in zip(x.split(1000), start.split(1000), strict=True):
        with torch.no_grad():
            wanted = hidden(goal)
        for i in range(40):
            picture = picture.detach().requires_grad_()
            distance = (hidden(picture) - wanted).norm(dim=1).sum()
            (gradient,) = torch.autograd.grad(distance, picture)
            length = gradient.flatten(1).norm(dim=1).clamp(min=1e-9)[:, None, None, None]
            picture = (picture - 0.5 * (1 - i / 40) * gradient / length).clamp(0, 1)
        made.append(picture.detach())
    return torch.cat(made)


if __name__ == "__main__":
    digits = data.mnist()
    x, y = digits.train.x[:N], digits.train.y[:N]
    x_test, y_test = digits.test
    hardened = ConvNet(seed=7)
    objective = training.PGD(0.25, steps=3)
    few = x[:17_000], y[:17_000]
    training.fit(hardened, *few, objective=objective, epochs=3, lr=3e-3, seed=7, progress=False)
    with TARGET.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["experiment", "seed", "pictures", "measure", "value"])
        for part in (of_one_teacher, of_a_teacher_by_heart):
            for seed in SEEDS:
                for *what, value in part(seed):
                    table.writerow([*what, round(value, 4)])
                    file.flush()
