"""The audit: what can be believed of a network's robustness."""

import platform
import time
import warnings
from collections.abc import Callable
from types import SimpleNamespace

import torch
from torch import Tensor
from tqdm.auto import tqdm

import advtutor
from advtutor import attacks
from advtutor.audit import gradients, measure
from advtutor.audit.inspection import Case, as_given, as_tensors, inspect
from advtutor.audit.measure import Measured
from advtutor.audit.report import AuditReport, Finding
from advtutor.audit.subject import WORDS, Subject, batch_size, refusal


def audit(
    model: Callable[[Tensor], Tensor],
    x: Tensor,
    y: Tensor,
    eps: float,
    *,
    norm: str = "linf",
    clip: tuple[float, float] = (0.0, 1.0),
    budget: float = 1.0,
    seed: int = 0,
    progress: bool = False,
) -> AuditReport:
    """Measure `model` under attacks and say what makes such numbers worthless.

    `x` are pictures `[N, C, H, W]` with pixels inside `clip`, `y` their class numbers `[N]`; `eps`
    is in the units of the pixels, in the `norm` "linf" or "l2". A `budget` of 1 takes less than two
    minutes for a small network and 500 pictures on two cores; other budgets scale it. The network
    and its statistics, the data and the random state are left as they were. Ctrl-C ends it with
    what has been measured. What is mended to go on is said in the report's `notes`.

    Raises AuditError for what cannot be audited: no numbers, or answers that are no `[N, K]`.
    """
    if not (0 <= eps < float("inf") and budget > 0 and clip[0] < clip[1]):
        raise refusal("settings", eps=eps, budget=budget, clip=clip)
    if norm not in ("linf", "l2"):
        raise refusal("norm", norm=norm)
    start, plan, report = time.perf_counter(), measure.plan_for(budget), AuditReport()
    x, y = as_tensors(model, x, y)
    finite = x.isfinite().flatten(1).all(dim=1)
    if not finite.any():
        raise refusal("pixels")
    ends = float(clip[0]), float(clip[1])
    case = Case(Subject(model), x[finite], y[finite], float(eps), norm, ends)
    if not finite.all():
        case.add("nan.pictures", count=int((~finite).sum()), n=len(x))
    with torch.random.fork_rng(), warnings.catch_warnings():
        torch.manual_seed(seed)
        warnings.simplefilter("ignore", attacks.AttackWarning)
        given, on = as_given(case.subject, case.x)
        with attacks.eval_mode(case.subject):
            try:
                if inspect(case, given, on):
                    zero = gradients.probe(case)
                    report.interrupted = not _attack(case, plan, progress)
                    gradients.judge(case, zero)
            except KeyboardInterrupt:
                report.interrupted = True
            if case.broken:
                _fill(report, case)
    if case.subject.not_numbers:
        case.add("nan.attacked", count=case.subject.not_numbers)
    report.findings = tuple(
        Finding(name, "; ".join(case.found[name]), **words)
        for name, words in WORDS["findings"].items()
        if name in case.found
    )
    report.notes, report.clip = tuple(case.notes), case.clip
    report.settings = {
        "pictures": f"{len(x)} of {list(x.shape[1:])}",
        "eps": f"{eps:.6g} in the {'max-norm' if norm == 'linf' else 'L2 norm'}",
        "pixels": f"{clip[0]:g} to {clip[1]:g}",
        "budget": WORDS["plan"]["words"].format(budget=budget, plan=plan, long=2 * plan.steps),
        "seed": str(seed),
        "time": f"{time.perf_counter() - start:.0f} s on {case.x.device}",
        "versions": f"advtutor {advtutor.__version__}, torch {torch.__version__}, "
        f"Python {platform.python_version()}",
    }
    return report


def _attack(case: Case, plan: SimpleNamespace, progress: bool) -> bool:
    """Attack stage by stage; False if Ctrl-C ended it after what is complete."""
    case.made, left, done = case.x.clone(), torch.ones_like(case.y, dtype=torch.bool), 0
    every, few = measure.attack_list(case, plan), (case.x[: plan.curve], case.y[: plan.curve])
    looks, sizes = {name: count for name, (_, count) in every.items()}, measure.sizes(case)
    looks["curve"] = len(few[0]) * len(sizes) * (70 + plan.queries // 4)
    if progress:
        with torch.random.fork_rng():
            print(f"estimate: {measure.seconds(case, looks):.0f} s")
    with tqdm(total=sum(looks.values()), disable=not progress, unit="picture") as bar:
        case.subject.tick = bar.update
        try:
            for stage in looks:
                bar.set_description(stage)
                if stage == "curve":
                    quick = measure.quick(every, plan)
                    for eps in sizes:
                        broken = {n: measure.run(case, a, eps, *few)[1] for n, a in quick.items()}
                        case.curve[eps] = broken
                else:
                    made, wrong = measure.run(case, every[stage][0], case.eps, case.x, case.y)
                    case.made[wrong & left], case.broken[stage] = made[wrong & left], wrong
                    left &= ~wrong
                done += looks[stage]
                bar.update(done - bar.n)
        except KeyboardInterrupt:
            return False
    return True


def _fill(report: AuditReport, case: Case) -> None:
    """Turn what was broken into the report's numbers, curves and pictures."""
    broken, clean = case.broken, case.broken["clean"]
    worst = torch.stack([*broken.values()]).any(dim=0)
    known = {**broken, "worst case": worst}
    names = [name for name in WORDS["attacks"] if name in known]  # by what they know
    report.measured = tuple(Measured(name, len(worst), int(known[name].sum())) for name in names)
    report.curve_eps = list(case.curve)
    tables = list(case.curve.values())
    report.curve_n = len(next(iter(tables[0].values()))) if tables else 0
    shares = {name: [measure.share_of(t[name]) for t in tables if name in t] for name in names}
    report.curve = {name: found for name, found in shares.items() if found}
    climbs = [wrong for name, wrong in broken.items() if name.startswith(("FGSM", "PGD"))]
    fresh, climbed = worst & ~clean, torch.stack([clean, *climbs]).any(dim=0)
    # First what no climb found, so that the page shows it.
    rows = sorted(fresh.nonzero()[:, 0].tolist(), key=climbed.tolist().__getitem__)
    with torch.no_grad():
        for i in rows[:6]:
            answer = int(case.subject(case.made[i : i + 1]).argmax())
            x, made = case.x[i].cpu(), case.made[i].cpu()
            report.examples.append((x, made, int(case.y[i]), answer))
        reach = max(case.eps, case.span / 255) * 1.25
        report.axis = [reach * (i / 10 - 1) for i in range(21)]
        report.surface = _surface(case, rows[0] if rows else 0, report.axis)


def _surface(case: Case, i: int, axis: list[float]) -> Tensor:
    """The margin around picture `i`: columns towards what broke it, rows along a coin's signs."""
    x, coin = case.x[i], torch.randn_like(case.x[i]).sign()
    way = case.made[i] - x if bool((case.made[i] != x).any()) else torch.randn_like(x)
    right, up = way.sign(), coin
    if case.norm == "l2":
        right, up = way / way.norm(), coin / coin.norm()
    plane = torch.stack([x + a * right + b * up for b in axis for a in axis]).clamp(*case.clip)
    margins = [
        attacks.margin_loss(case.subject(part), case.y[i].expand(len(part)))
        for part in plane.split(batch_size(plane))
    ]
    return torch.cat(margins).reshape(len(axis), len(axis)).cpu()
