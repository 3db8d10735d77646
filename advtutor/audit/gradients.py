"""What the gradients say, and whether the attacks that climb them can be believed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

from advtutor.audit.inspection import Case
from advtutor.audit.measure import CLIMBS, Measured, at_least, share_of
from advtutor.audit.subject import first_line

WEAKER = ("sign noise", "uniform noise", "FGSM", "transfer", "blind queries")
Broken = Mapping[str, Tensor]  # by attack: which pictures are misread, [N]


@dataclass(frozen=True)
class Slopes:
    """Shares of pictures at which a gradient is exactly zero or no number.

    logits: that of a random mixture of the logits; elsewhere: the same between two pictures and
    on noise; loss: the cross-entropy's, of `n` rightly read pictures; nan: how many are NaN.
    """

    logits: float
    elsewhere: float
    loss: float
    n: int
    nan: int


def probe(case: Case) -> Slopes:
    """Gradients at some pictures; where none can be computed, the subject knows it from now on."""
    x, y = case.x[:200], case.y[:200]
    weights = torch.randn(int(case.subject(x[:1]).shape[1]), device=x.device)

    def mixture(logits: Tensor, rows: Tensor) -> Tensor:
        return logits @ weights

    def loss(logits: Tensor, rows: Tensor) -> Tensor:
        return F.cross_entropy(logits, y[rows], reduction="none")

    low, high = case.clip
    noise = low + (high - low) * torch.rand_like(x)
    between = torch.cat([(x + x.flip(0)) / 2, noise, (x + 3 * x.roll(1, 0)) / 4])
    at_pictures = largest_entries(case, x, mixture)
    off_pictures = largest_entries(case, between, mixture)
    right = case.subject(x).argmax(dim=1) == y
    of_loss = largest_entries(case, x, loss)
    dead = of_loss[right] == 0
    return Slopes(
        float((at_pictures == 0).float().mean()),
        float((off_pictures == 0).float().mean()),
        float(dead.float().mean()) if right.any() else 0.0,
        int(right.sum()),
        int((at_pictures.isnan() | of_loss.isnan()).sum()),
    )


def largest_entries(case: Case, x: Tensor, value: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The largest entry of each picture's gradient, without a sign: `[N]`."""
    largest = []
    for rows in torch.arange(len(x), device=x.device).split(50):
        at = x[rows].clone().requires_grad_()
        gradient: Tensor | None = None
        try:
            with torch.enable_grad():
                total = value(case.subject(at), rows).sum()
                if total.requires_grad:
                    (gradient,) = torch.autograd.grad(total, at, allow_unused=True)
        except Exception as error:
            case.subject.detached = first_line(error)
        gradient = torch.zeros_like(at) if gradient is None else gradient
        nan = gradient.isnan().flatten(1).any(dim=1)
        size = gradient.abs().flatten(1).amax(dim=1)
        largest.append(torch.where(nan, torch.nan, size))
    return torch.cat(largest)


def judge(case: Case, slopes: Slopes, broken: Broken, curve: Mapping[float, Broken]) -> None:
    """Note what the gradients and the attacks say against each other."""
    if slopes.nan:
        case.add("nan", f"the gradient is NaN for {slopes.nan} pictures")
    if not case.informed or slopes.nan > 0.05 * len(case.x):
        return
    if slopes.logits > 0.99 and slopes.elsewhere > 0.99:
        why = f" ({case.subject.detached})" if case.subject.detached else ""
        case.add(
            "no-gradient",
            f"the gradient of the logits is exactly zero for {slopes.logits:.0%} of the pictures "
            f"and for {slopes.elsewhere:.0%} of mixtures and noise{why}"
            + _against(broken, "blind queries"),
        )
    elif (slopes.loss > 0.05 and slopes.loss * slopes.n >= 3) or slopes.logits > 0.5:
        case.add(
            "vanishing-gradients",
            f"the gradient of the cross-entropy is exactly zero for {slopes.loss:.0%} of "
            f"{slopes.n} rightly read pictures, that of the logits for {slopes.logits:.0%}"
            + _against(broken, "PGD, margin"),
        )
    elif case.alone and (evidence := _masking(case, broken, curve)):
        case.add("masked-gradients", "; ".join(evidence[:3]))
    elif case.alone and case.comparable and case.subject.draws == 1 and "PGD, harder" in broken:
        _weak_attack(case, broken)


def _against(broken: Broken, name: str) -> str:
    """What PGD breaks, and what `name` does."""
    usual = CLIMBS[0]
    if not {usual, name} <= broken.keys():
        return ""
    first, second = (share_of(broken[each]) for each in (usual, name))
    return f"; error {first:.0%} under {usual}, {second:.0%} under {name}"


def _masking(case: Case, broken: Broken, curve: Mapping[float, Broken]) -> list[str]:
    """Where a weaker attack does what a stronger one does not, the clearest first."""
    seen: list[tuple[float, str]] = []
    random = case.subject.draws > 1  # then chance breaks some pictures that a climb does not
    tables = dict(curve)
    if case.comparable:
        tables[case.eps] = broken  # every picture instead of some
    for eps, table in sorted(tables.items()):
        climbed = [table[name] for name in CLIMBS if name in table]
        if not climbed:
            continue
        stronger, usual = (torch.stack(each).any(dim=0) for each in (climbed, climbed[:2]))
        for name in (each for each in WEAKER if each in table):
            missed = int((table[name] & ~stronger).sum())
            share, other = share_of(table[name]), share_of(stronger)
            text = (
                f"at eps = {eps:.3g} {name} breaks {missed} of {len(stronger)} pictures that "
                f"no PGD breaks (error {share:.0%} against {other:.0%})"
            )
            worth = at_least(missed, len(stronger)) - (0.15 if random else 0.03)
            if worth <= 0 and not random:
                text = f"at eps = {eps:.3g} {name} breaks {share:.0%}, PGD {share_of(usual):.0%}"
                worth = _ahead(table[name], usual)
            seen.append((worth, text))
    if not random:
        seen += _bent_towards_one_step(case, curve)
    return [text for worth, text in sorted(seen, reverse=True) if worth > 0]


def _bent_towards_one_step(
    case: Case, curve: Mapping[float, Broken]
) -> Iterator[tuple[float, str]]:
    """FGSM falls below transfer, and below itself with a smaller eps: it was trained against.

    Either alone is no fault: one long step is weak at a curved network, and may run past what it
    looks for.
    """
    tables = {eps: t for eps, t in curve.items() if {"FGSM", "transfer"} <= t.keys()}
    for small, large in combinations(sorted(tables), 2):
        less, more = tables[small]["FGSM"], tables[large]["FGSM"]
        transfer = tables[large]["transfer"]
        if large <= case.eps and share_of(more) < 0.5:
            text = (
                f"FGSM breaks {share_of(less):.0%} with eps = {small:.3g} and {share_of(more):.0%} "
                f"with {large:.3g}, where transfer breaks {share_of(transfer):.0%}"
            )
            yield min(_ahead(less, more), _ahead(transfer, more)), text


def _ahead(a: Tensor, b: Tensor) -> float:
    """How far `a` breaks more than `b`, beyond a twentieth and two standard errors."""
    gain = float((a & ~b).sum() - (b & ~a).sum())
    noise = 2 * float((a ^ b).sum()) ** 0.5
    return (gain - max(noise, 0.05 * len(a))) / len(a)


def _weak_attack(case: Case, broken: Broken) -> None:
    base, n = CLIMBS[0], len(case.x)
    usual = Measured(base, n, int(broken[base].sum()))
    hard = Measured("PGD, harder", n, int((broken[base] | broken["PGD, harder"]).sum()))
    if at_least(hard.wrong - usual.wrong, n) > 0.05:
        longer = f"with twice the steps, restarts and the other loss {hard}"
        case.add("weak-attack", f"{base} breaks {usual}; {longer}")
