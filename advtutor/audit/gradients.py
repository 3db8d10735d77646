"""What the gradients say, and whether the attacks that climb them can be believed."""

from collections.abc import Callable, Iterator
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

from advtutor.audit.inspection import Case
from advtutor.audit.measure import CLIMBS, Measured, at_least, share_of
from advtutor.audit.subject import one_line

WEAKER = ("sign noise", "uniform noise", "FGSM", "transfer", "blind queries")


def probe(case: Case) -> dict[str, float]:
    """At which share of the pictures a gradient is exactly zero, and at how many it is no number.

    logits: that of a random mixture of the logits; elsewhere: the same between two pictures and
    on noise; loss: the cross-entropy's, of `n` rightly read pictures; nan: how many are NaN.
    Where no gradient can be computed, the subject knows it from now on.
    """
    x, y, (low, high) = case.x[:200], case.y[:200], case.clip
    weights = torch.randn(int(case.subject(x[:1]).shape[1]), device=x.device)
    noise = low + (high - low) * torch.rand_like(x)
    between = torch.cat([(x + x.flip(0)) / 2, noise, (x + 3 * x.roll(1, 0)) / 4])

    def mixture(logits: Tensor, rows: Tensor) -> Tensor:
        return logits @ weights

    at_pictures, off_pictures = (largest_entries(case, each, mixture) for each in (x, between))
    right = case.subject(x).argmax(dim=1) == y

    def loss(logits: Tensor, rows: Tensor) -> Tensor:
        return F.cross_entropy(logits, y[rows], reduction="none")

    of_loss = largest_entries(case, x, loss)
    return {
        "logits": share_of(at_pictures == 0),
        "elsewhere": share_of(off_pictures == 0),
        "loss": share_of(of_loss[right] == 0) if right.any() else 0.0,
        "n": int(right.sum()),
        "nan": int((at_pictures.isnan() | of_loss.isnan()).sum()),
    }


def largest_entries(case: Case, x: Tensor, value: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The largest entry of each picture's gradient, without a sign: `[N]`, NaN where one is."""
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
            case.subject.detached = one_line(error)
        gradient = torch.zeros_like(at) if gradient is None else gradient
        largest.append(gradient.abs().flatten(1).amax(dim=1))
    return torch.cat(largest)


def judge(case: Case, zero: dict[str, float]) -> None:
    """Note what the gradients, by their shares `zero`, and the attacks say against each other."""
    if zero["nan"]:
        case.add("nan.gradient", count=zero["nan"])
    if "chance" in case.found or zero["nan"] > 0.05 * len(case.x):
        return
    if zero["logits"] > 0.99 and zero["elsewhere"] > 0.99:
        why = f" ({case.subject.detached})" if case.subject.detached else ""
        case.add("no-gradient", **zero, why=why + _against(case, "blind queries"))
    elif (zero["loss"] > 0.05 and zero["loss"] * zero["n"] >= 3) or zero["logits"] > 0.5:
        case.add("vanishing-gradients", **zero, against=_against(case, "PGD, margin"))
    elif case.subject.company is None:  # else the batch decides with the picture
        seen = sorted((each for each in _masking(case) if each[1] > 0), reverse=True)
        if seen:
            case.add("masked-gradients", where="; ".join(text for *_, text in seen[:3]))
        elif "eps-units" not in case.found and case.subject.draws == 1 and CLIMBS[2] in case.broken:
            n, usual, harder = len(case.x), case.broken[CLIMBS[0]], case.broken[CLIMBS[2]]
            first = Measured(CLIMBS[0], n, int(usual.sum()))
            hard = Measured(CLIMBS[2], n, int((usual | harder).sum()))
            if at_least(hard.wrong - first.wrong, n) > 0.05:
                case.add("weak-attack", first=first, hard=hard)


def _against(case: Case, name: str) -> str:
    """What PGD breaks, and what `name` does."""
    if not {CLIMBS[0], name} <= case.broken.keys():
        return ""
    first, second = (share_of(case.broken[each]) for each in (CLIMBS[0], name))
    return f"; error {first:.0%} under {CLIMBS[0]}, {second:.0%} under {name}"


def _masking(case: Case) -> Iterator[tuple[bool, float, str]]:
    """Where a weaker attack may do what a stronger one does not: whether at the eps at hand, how
    clearly (above 0 it does), and in words."""
    random = case.subject.draws > 1  # then chance breaks some pictures that a climb does not
    every = {} if "eps-units" in case.found else {case.eps: case.broken}  # not only the curve's
    for eps, table in sorted((case.curve | every).items()):
        climbed = [table[name] for name in CLIMBS if name in table]
        if not climbed:
            continue
        stronger, usual = (torch.stack(each).any(dim=0) for each in (climbed, climbed[:2]))
        for name in (each for each in WEAKER if each in table):
            missed, share = int((table[name] & ~stronger).sum()), share_of(table[name])
            worth = at_least(missed, len(stronger)) - (0.15 if random else 0.03)
            text = (
                f"{missed} of {len(stronger)} pictures that no PGD breaks are broken by {name} "
                f"(error {share:.0%} against {share_of(stronger):.0%})"
            )
            if worth <= 0 and not random:
                text = f"{share:.0%} are broken by {name}, {share_of(usual):.0%} by PGD"
                worth = _ahead(table[name], usual)
            yield eps == case.eps, worth, f"at eps = {eps:.3g}: {text}"
    # FGSM below transfer, and below itself with a smaller eps: it was trained against. Either alone
    # is no fault: one long step is weak at a curved network, and may run past what it looks for.
    steps = {eps: t for eps, t in case.curve.items() if {"FGSM", "transfer"} <= t.keys()}
    for small, large in combinations(sorted(steps), 2):
        less, more, transfer = steps[small]["FGSM"], *map(steps[large].get, ("FGSM", "transfer"))
        if not random and large <= case.eps and share_of(more) < 0.5:
            text = (
                f"FGSM breaks {share_of(less):.0%} with eps = {small:.3g} and {share_of(more):.0%} "
                f"with {large:.3g}, where transfer breaks {share_of(transfer):.0%}"
            )
            yield False, min(_ahead(less, more), _ahead(transfer, more)), text


def _ahead(a: Tensor, b: Tensor) -> float:
    """How far `a` breaks more than `b`, beyond a twentieth and two standard errors."""
    gain = float((a & ~b).sum() - (b & ~a).sum())
    noise = 2 * float((a ^ b).sum()) ** 0.5
    return (gain - max(noise, 0.05 * len(a))) / len(a)
