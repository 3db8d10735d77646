"""What the gradients say, and whether the attacks that climb them can be believed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from advtutor.audit.inspection import Case
from advtutor.audit.measure import CLIMBS, Measured, wilson
from advtutor.audit.subject import first_line

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
    dead = ~(of_loss[right] > 0)  # NaN too
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
    if not case.informed:
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
    first, second = (float(broken[each].float().mean()) for each in (usual, name))
    return f"; error {first:.0%} under {usual}, {second:.0%} under {name}"


def _masking(case: Case, broken: Broken, curve: Mapping[float, Broken]) -> list[str]:
    """Where a weaker attack does what a stronger one does not, the clearest first."""
    seen: list[tuple[float, str]] = []
    random = case.subject.draws > 1  # then chance breaks some pictures that a climb does not
    # Near half-way to another class one long step runs past what it looks for, at any network.
    reach = min(case.eps, case.halfway / 2)
    tables = dict(curve)
    if case.comparable:
        tables[case.eps] = broken  # every picture instead of some
    for eps, table in tables.items():
        climbed = [table[name] for name in CLIMBS if name in table]
        if not climbed:
            continue
        stronger = torch.stack(climbed).any(dim=0)
        for name in ("sign noise", "uniform noise", "FGSM", "transfer", "blind queries"):
            if name in table:
                missed = int((table[name] & ~stronger).sum())
                worth = wilson(missed, len(stronger))[0] - (0.15 if random else 0.03)
                share, other = float(table[name].float().mean()), float(stronger.float().mean())
                text = (
                    f"at eps = {eps:.3g} {name} breaks {missed} of {len(stronger)} pictures that "
                    f"no PGD breaks (error {share:.0%} against {other:.0%})"
                )
                seen.append((worth, text))
        if eps <= reach and not random and {"FGSM", "transfer"} <= table.keys():
            seen.append(_ahead(table["transfer"], table["FGSM"], eps, "transfer", "FGSM"))
    for small, large in [(a, b) for a in curve for b in curve if a < b <= reach]:
        if "FGSM" in curve[small] and "FGSM" in curve[large]:
            less, more = curve[small]["FGSM"], curve[large]["FGSM"]
            seen.append(_ahead(less, more, large, f"FGSM with eps = {small:.3g}", "FGSM"))
    return [text for worth, text in sorted(seen, reverse=True) if worth > 0]


def _ahead(a: Tensor, b: Tensor, eps: float, name: str, other: str) -> tuple[float, str]:
    """How far `a` breaks more than `b`, beyond a twentieth and 2.5 standard errors."""
    gain = float((a & ~b).sum() - (b & ~a).sum())
    noise = 2.5 * float((a ^ b).sum()) ** 0.5
    share = [float(each.float().mean()) for each in (a, b)]
    text = f"at eps = {eps:.3g} {name} breaks {share[0]:.0%}, {other} {share[1]:.0%}"
    return (gain - max(noise, 0.05 * len(a))) / len(a), text


def _weak_attack(case: Case, broken: Broken) -> None:
    base, n = CLIMBS[0], len(case.x)
    usual = Measured(base, n, int(broken[base].sum()))
    hard = Measured("PGD, harder", n, int((broken[base] | broken["PGD, harder"]).sum()))
    if wilson(hard.wrong - usual.wrong, n)[0] > 0.05:
        longer = f"with twice the steps, restarts and the other loss {hard}"
        case.add("weak-attack", f"{base} breaks {usual}; {longer}")
