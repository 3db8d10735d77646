"""The attacks that the audit runs, each on every picture, and how sure their errors are."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advtutor import attacks
from advtutor.audit.inspection import Case
from advtutor.audit.subject import answers, batch_size

Attack = Callable[[nn.Module, Tensor, Tensor, float], Tensor]
CLIMBS = ("PGD, cross-entropy", "PGD, margin", "PGD, harder")


@dataclass(frozen=True)
class Measured:
    """The share of `n` pictures that are misread, and its 95 % interval after Wilson (1927)."""

    name: str
    n: int
    wrong: int

    @property
    def error(self) -> float:
        """The share that is misread, from 0 to 1."""
        return self.wrong / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """The lower and the upper end of that share's 95 % interval (Wilson)."""
        return wilson(self.wrong, self.n)

    @property
    def words(self) -> tuple[str, str]:
        """The error and its interval, as the page has them."""
        low, high = self.interval
        return f"{self.error:.1%}", f"{low:.1%} to {high:.1%}"

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.error:.1%} ({low:.1%} to {high:.1%})"


def wilson(count: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of a share `count / n` at `z` standard errors (E. B. Wilson, 1927)."""
    share, square = count / n, z * z / n
    centre = (share + square / 2) / (1 + square)
    reach = z * math.sqrt(share * (1 - share) / n + square / (4 * n)) / (1 + square)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def at_least(count: int, n: int) -> float:
    """The lower end of that interval; 0 for fewer than five pictures, which prove nothing."""
    return wilson(count, n)[0] if count >= 5 else 0.0


@dataclass(frozen=True)
class Plan:
    """How much is done; everything grows with the budget."""

    steps: int
    restarts: int
    queries: int
    lessons: int
    curve: int

    @classmethod
    def of(cls, budget: float) -> "Plan":
        """The plan for a budget: 1 is the usual one, 0.25 about a quarter of its work."""
        usual = {"steps": 20, "restarts": 2, "queries": 500, "lessons": 300, "curve": 100}
        least = {"steps": 20, "restarts": 1, "queries": 80, "lessons": 80, "curve": 40}
        return cls(**{name: max(least[name], round(usual[name] * budget)) for name in usual})

    def stages(self, case: Case) -> dict[str, int]:
        """What is done one after the other, and how many pictures it looks at, at most."""
        n, m = len(case.x), min(len(case.x), self.curve)
        looks = dict.fromkeys(("clean", "sign noise", "uniform noise", "FGSM"), 1)
        looks |= {"transfer": 1, CLIMBS[0]: self.steps, CLIMBS[1]: self.steps}
        looks |= {"PGD, harder": 4 * self.steps * self.restarts, "blind queries": self.queries}
        stages = {name: n * each for name, each in looks.items()}
        stages["transfer"] += 64 * self.lessons
        return stages | {"curve": m * len(sizes(case)) * (23 + self.queries // 4)}

    def __str__(self) -> str:
        return (
            f"PGD {self.steps} steps; harder {2 * self.steps} steps, both losses, starts of each: "
            f"{self.restarts}; blind queries {self.queries}; substitute {self.lessons} batches"
        )


def attack_list(case: Case, plan: Plan) -> dict[str, Attack]:
    """The attacks by name; each takes `(model, x, y, eps)`."""
    student = cache(partial(substitute_for, case, plan))  # it learns when it is first needed
    linf, clip = case.norm == "linf", case.clip
    pgd = partial(attacks.pgd, norm=case.norm, clip=clip, early_stop=True)

    def harder(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
        again = partial(pgd, steps=2 * plan.steps, restarts=plan.restarts)
        x_adv = again(model, x, y, eps)
        left = model(x_adv).argmax(dim=1) == y
        if left.any():
            x_adv[left] = again(model, x[left], y[left], eps, loss=attacks.margin_loss)
        return x_adv

    def through_substitute(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
        return pgd(student(), x, y, eps, steps=plan.steps, early_stop=False)

    return {
        "clean": lambda model, x, y, eps: x.clone(),
        "sign noise": partial(attacks.sign_noise, clip=clip) if linf else partial(_noise, case),
        "uniform noise": partial(attacks.uniform_noise, clip=clip)
        if linf
        else partial(_noise, case, inside=True),
        "FGSM": partial(pgd, steps=1, random_start=False, early_stop=False),
        "transfer": through_substitute,
        "PGD, cross-entropy": partial(pgd, steps=plan.steps),
        "PGD, margin": partial(pgd, steps=plan.steps, loss=attacks.margin_loss),
        "PGD, harder": harder,
        "blind queries": partial(
            attacks.square if linf else l2_squares, queries=plan.queries, clip=clip
        ),
    }


def seconds(case: Case, plan: Plan) -> float:
    """About how long the attacks will take: from the time of a look at the pictures, with and
    without its gradient, and from how many of them a short climb leaves as they were."""
    n, m = len(case.x), min(len(case.x), plan.curve)
    x, y = case.x[: batch_size(case.x)], case.y[: batch_size(case.x)]
    climb = partial(attacks.pgd, norm=case.norm, clip=case.clip)
    costs = []
    for work in (
        partial(climb, case.subject, x, y, case.eps, steps=4),
        partial(answers, case.subject, x.repeat(4, *[1] * (x.dim() - 1))),
    ):
        start = time.perf_counter()
        work()
        costs.append((time.perf_counter() - start) / (4 * len(x)))
    slope, look = costs
    right = 1 - share_of(run(case, lambda model, x, y, eps: x, 0.0, x[:64], y[:64])[1])
    short = partial(climb, steps=10, early_stop=True)
    ratio = (1 - share_of(run(case, short, case.eps, x[:64], y[:64])[1])) / max(right, 1e-9)
    ratio = min(1.0, max(ratio, 0.02))

    def left(eps: float) -> float:  # the share that resists a climb; nothing does at half the range
        reach = case.span / 2 * (1 if case.norm == "linf" else math.sqrt(x[0].numel()) / 2)
        return right * ratio ** (eps / case.eps) if case.eps > 0 and eps < reach else 0.0

    total = n * slope * plan.steps * (2 + 4 * plan.restarts) * left(case.eps)
    total += n * look * plan.queries * (right + left(case.eps)) / 2
    total += plan.lessons * (64 * look + 0.003)
    for eps in sizes(case):
        total += m * (20 * slope + plan.queries / 4 * look) * left(eps)
    return total


def share_of(wrong: Tensor) -> float:
    """The share of pictures that are misread, `wrong` `[N]`."""
    return float(wrong.float().mean())


def run(case: Case, attack: Attack, eps: float, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The attacked pictures `[N, ...]`, and which of them are misread `[N]`."""
    made, wrong = [], []
    for part, label in zip(x.split(batch_size(x)), y.split(batch_size(x)), strict=True):
        made.append(attack(case.subject, part, label, eps).detach())
        logits = answers(case.subject, made[-1])
        undecided = logits.amax(dim=1) == logits.amin(dim=1)  # also where the answer was NaN
        wrong.append((logits.argmax(dim=1) != label) | undecided)
    return torch.cat(made), torch.cat(wrong)


def sizes(case: Case) -> list[float]:
    """The eps of the curve: doubling from a quarter of eps up to where everything is reachable."""
    top = case.span * (1 if case.norm == "linf" else math.sqrt(case.x[0].numel()) / 2)
    first = case.eps / 4 if case.comparable else top / 128
    return [first * 2**i for i in range(math.ceil(math.log2(top / first)))] + [top]


def quick(every: dict[str, Attack], plan: Plan, case: Case) -> dict[str, Attack]:
    """The attacks of the curve, with fewer steps and queries."""
    pgd = partial(attacks.pgd, norm=case.norm, clip=case.clip, early_stop=True, steps=10)
    blind: Any = every["blind queries"]
    return {
        **{name: every[name] for name in ("sign noise", "FGSM", "transfer")},
        "PGD, cross-entropy": pgd,
        "PGD, margin": partial(pgd, loss=attacks.margin_loss),
        "blind queries": partial(blind, queries=plan.queries // 4),
    }


def substitute_for(case: Case, plan: Plan) -> nn.Module:
    """A small dense network that has learnt the subject's answers by asking for them.

    It learns from the pictures, from mixtures of two, and from both with noise on them (after
    Papernot and others, arXiv 1602.02697).
    """
    x, (low, high) = case.x.float(), case.clip
    logits = answers(case.subject, case.x)
    spread = (logits - logits.mean(dim=1, keepdim=True)).std().clamp(min=1e-12)
    shrink = [nn.AdaptiveAvgPool2d(32)] if x.dim() == 4 and min(x.shape[-2:]) > 32 else []
    inputs = nn.Sequential(*shrink, nn.Flatten())
    width = inputs(x[:1]).shape[1]
    layers = [nn.Linear(width, 100), nn.ReLU(), nn.Linear(100, logits.shape[1])]
    student = nn.Sequential(inputs, *layers).to(x.device)
    adam = torch.optim.Adam(student.parameters(), lr=3e-3)
    for lesson in range(plan.lessons):
        rows = torch.randint(len(x), (2, min(64, len(x))), device=x.device)
        share = torch.rand(rows.shape[1], *[1] * (x.dim() - 1), device=x.device)
        share = 1 - share / 2 * (lesson % 2)  # every second lesson: mixtures
        seen = share * x[rows[0]] + (1 - share) * x[rows[1]]
        seen = seen + (high - low) * torch.rand(1, device=x.device) / 4 * torch.randn_like(seen)
        seen = seen.clamp(low, high)
        with torch.no_grad():
            told = (3 * case.subject(seen.to(case.x.dtype)) / spread).softmax(dim=1)
        with torch.enable_grad():
            loss = F.cross_entropy(student(seen), told)
            adam.zero_grad()
            loss.backward()
            adam.step()
    return student.to(case.x.dtype).eval().requires_grad_(False)


def _noise(
    case: Case, model: nn.Module, x: Tensor, y: Tensor, eps: float, inside: bool = False
) -> Tensor:
    """In the L2 norm: signs of a coin scaled to the length eps, or a point of the ball."""
    step = torch.randn_like(x) if inside else torch.randn_like(x).sign()
    share = torch.rand(len(x), device=x.device) ** (1 / x[0].numel()) if inside else 1.0
    return _within(x, step, eps * share, case.clip)


def _within(x: Tensor, step: Tensor, eps: float | Tensor, clip: tuple[float, float]) -> Tensor:
    length = step.flatten(1).norm(dim=1).clamp(min=1e-12)
    scale = (eps / length * (1 - 1e-6)).reshape(-1, *[1] * (x.dim() - 1))
    return (x + step * scale).clamp(*clip)


@torch.no_grad()
def l2_squares(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    eps: float,
    *,
    queries: int,
    clip: tuple[float, float] = (0.0, 1.0),
) -> Tensor:
    """Blind queries in the L2 ball: random squares are added to the step and kept where they help.

    The L2 form of the Square attack (Andriushchenko and others, arXiv 1912.00049), simplified: the
    step is brought back to the length eps after each square.
    """
    step = torch.randn_like(x[..., :1, :]).sign().expand_as(x).clone()
    best = _within(x, step, eps, clip)
    margin = attacks.margin_loss(model(best), y)
    height, width = x.shape[-2:]
    for query in range(queries - 1):
        open_ = margin <= 0
        if not open_.any():
            break
        side = max(1, round(min(height, width) * 0.8 * 0.25 ** (query / queries)))
        top, left = (int(torch.randint(n - side + 1, ())) for n in (height, width))
        tried = step[open_].clone()
        coins = torch.randn_like(tried[..., :1, :1]).sign() * torch.rand(()) * 4
        tried[..., top : top + side, left : left + side] += coins
        point = _within(x[open_], tried, eps, clip)
        new = attacks.margin_loss(model(point), y[open_])
        better = torch.zeros_like(open_)
        better[open_] = new > margin[open_]
        kept = better[open_]
        step[better], best[better], margin[better] = tried[kept], point[kept], new[kept]
    return best
