"""The attacks that the audit runs, each on every picture, and how sure their errors are."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advtutor import attacks
from advtutor.attacks import Clip
from advtutor.attacks.ball import BALLS, L2Ball
from advtutor.audit.inspection import Case
from advtutor.audit.subject import WORDS, answers, batch_size

Attack = Callable[..., Tensor]  # of (model, x, y, eps)
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
        return "{} ({})".format(*self.words)


def wilson(count: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of a share `count / n` at `z` standard errors (E. B. Wilson, 1927)."""
    share, square = count / n, z * z / n
    centre = (share + square / 2) / (1 + square)
    reach = z * math.sqrt(share * (1 - share) / n + square / (4 * n)) / (1 + square)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def at_least(count: int, n: int) -> float:
    """The lower end of that interval; 0 for fewer than five pictures, which prove nothing."""
    return wilson(count, n)[0] if count >= 5 else 0.0


def plan_for(budget: float) -> SimpleNamespace:
    """How much is done: everything grows with the budget, and below 0.1 comes down to the least."""
    usual, tenth, least = (WORDS["plan"][name] for name in ("usual", "tenth", "least"))
    small = min(1.0, 10 * budget)
    counts = {n: max(usual[n] * budget, tenth[n] * small, least[n]) for n in usual}
    return SimpleNamespace(**{name: round(count) for name, count in counts.items()})


def attack_list(case: Case, plan: SimpleNamespace) -> dict[str, tuple[Attack, int]]:
    """The attacks by name, in their order; and how often each looks at a picture, at most, where a
    gradient takes as long as three looks."""
    n, climb = len(case.x), len(case.x) * (3 * plan.steps + 1)
    ball, linf = BALLS[case.norm], case.norm == "linf"
    share = 1.0 if linf else math.sqrt(case.x[0].numel())  # in the L2 ball all pixels share eps
    student = cache(partial(substitute_for, case, plan))  # it learns when it is first needed
    pgd = partial(attacks.pgd, norm=case.norm, clip=case.clip, early_stop=True)

    def harder(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
        again = partial(pgd, steps=2 * plan.steps, restarts=plan.restarts)
        x_adv = again(model, x, y, eps)
        left = model(x_adv).argmax(dim=1) == y
        if left.any():
            x_adv[left] = again(model, x[left], y[left], eps, loss=attacks.margin_loss)
        return x_adv

    def coins(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
        return attacks.sign_noise(model, x, y, eps / share, clip=case.clip)

    def through_substitute(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
        return pgd(student(), x, y, eps, steps=plan.steps, early_stop=False)

    blind = partial(attacks.square if linf else l2_squares, queries=plan.queries, clip=case.clip)
    return {
        "clean": (lambda model, x, y, eps: x.clone(), n),
        "sign noise": (coins, n),
        "uniform noise": (lambda model, x, y, eps: ball(x, eps, case.clip).random_point(None), n),
        "FGSM": (partial(pgd, steps=1, random_start=False, early_stop=False), 4 * n),
        "transfer": (through_substitute, n + min(64, n) * plan.lessons),
        "PGD, cross-entropy": (partial(pgd, steps=plan.steps), climb),
        "PGD, margin": (partial(pgd, steps=plan.steps, loss=attacks.margin_loss), climb),
        "PGD, harder": (harder, 4 * plan.restarts * climb),
        "blind queries": (blind, n * plan.queries),
    }


def quick(every: dict[str, tuple[Attack, int]], plan: SimpleNamespace) -> dict[str, Attack]:
    """The attacks of the curve, with fewer steps and queries."""
    return {
        **{name: every[name][0] for name in ("sign noise", "FGSM", "transfer")},
        **{name: partial(every[name][0], steps=10) for name in CLIMBS[:2]},
        "blind queries": partial(every["blind queries"][0], queries=plan.queries // 4),
    }


def seconds(case: Case, looks: dict[str, int]) -> float:
    """About how long so many looks will take: a short climb is timed, and what resists it is what
    the longer attacks will work on."""
    start, climb = time.perf_counter(), partial(attacks.pgd, norm=case.norm, clip=case.clip)
    wrong = run(case, partial(climb, steps=10), case.eps, case.x[:64], case.y[:64])[1]
    left = 1 - share_of(wrong)
    each = (time.perf_counter() - start) / (31 * len(wrong))
    return each * sum(count * (left if name in CLIMBS else 1) for name, count in looks.items())


def share_of(wrong: Tensor) -> float:
    """The share of pictures that are misread, `wrong` `[N]`."""
    return float(wrong.float().mean())


def run(case: Case, attack: Attack, eps: float, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The attacked pictures `[N, ...]`, and which of them are misread `[N]`."""
    parts = zip(x.split(batch_size(x)), y.split(batch_size(x)), strict=True)
    made = torch.cat([attack(case.subject, *part, eps).detach() for part in parts])
    logits = answers(case.subject, made)
    undecided = logits.amax(dim=1) == logits.amin(dim=1)  # also where the answer was NaN
    return made, (logits.argmax(dim=1) != y) | undecided


def sizes(case: Case) -> list[float]:
    """The eps of the curve: doubling from a quarter of eps up to where everything is reachable."""
    top = case.span * (1 if case.norm == "linf" else math.sqrt(case.x[0].numel()) / 2)
    first = top / 128 if "eps-units" in case.found else case.eps / 4
    return [first * 2**i for i in range(math.ceil(math.log2(top / first)))] + [top]


def substitute_for(case: Case, plan: SimpleNamespace) -> nn.Module:
    """A small dense network that has learnt the subject's answers by asking for them.

    It learns from the pictures, from mixtures of two, and from both with noise on them (after
    Papernot and others, arXiv 1602.02697).
    """
    x, (low, high) = case.x.float(), case.clip
    logits = answers(case.subject, case.x)
    spread = (logits - logits.mean(dim=1, keepdim=True)).std().clamp(min=1e-12)
    shrink = [nn.AdaptiveAvgPool2d(32)] if x.dim() == 4 and min(x.shape[-2:]) > 32 else []
    inputs = nn.Sequential(*shrink, nn.Flatten())
    layers = [nn.Linear(inputs(x[:1]).shape[1], 100), nn.ReLU(), nn.Linear(100, logits.shape[1])]
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


@torch.no_grad()
def l2_squares(
    model: nn.Module, x: Tensor, y: Tensor, eps: float, *, queries: int, clip: Clip = (0.0, 1.0)
) -> Tensor:
    """Blind queries in the L2 ball: random squares are added to coins and kept where they help.

    The L2 form of the Square attack (Andriushchenko and others, arXiv 1912.00049), simplified: what
    leaves the ball is brought back to its surface after each square.
    """
    (height, width), coin = x.shape[-2:], eps / math.sqrt(x[0].numel())
    best = attacks.sign_noise(model, x, y, coin, clip=clip)
    margin = attacks.margin_loss(model(best), y)
    for query in range(queries - 1):
        rows = (margin <= 0).nonzero()[:, 0]
        if not len(rows):
            break
        side = max(1, round(min(height, width) * 0.8 * 0.25 ** (query / queries)))
        top, left = (int(torch.randint(n - side + 1, ())) for n in (height, width))
        tried = best[rows]
        step = 4 * coin * torch.rand(()) * torch.randn_like(tried[..., :1, :1]).sign()
        tried[..., top : top + side, left : left + side] += step
        tried = L2Ball(x[rows], eps, clip).project(tried)
        new = attacks.margin_loss(model(tried), y[rows])
        better = new > margin[rows]
        best[rows[better]], margin[rows[better]] = tried[better], new[better]
    return best
