"""What is wrong with the network, the pictures, eps or the labels, before anything is attacked.

Each fault is mended as far as it can be, so that it does not hide the next; a note says how.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advtutor.attacks.ball import per_example
from advtutor.audit.subject import WORDS, AuditError, Subject, answers, refusal


@dataclass
class Case:
    """The network, pictures `x` `[N, ...]`, labels `y` `[N]` and the ball, as they are measured.

    found: the evidence for each finding, by its name. notes: what was mended.
    broken: by attack, which pictures are misread `[N]`, and `curve` the same at other eps.
    made: the first attacked form of each picture that was misread, `[N, ...]`.
    """

    subject: Subject
    x: Tensor
    y: Tensor
    eps: float
    norm: str
    clip: tuple[float, float]
    found: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    broken: dict[str, Tensor] = field(default_factory=dict)
    curve: dict[float, dict[str, Tensor]] = field(default_factory=dict)
    made: Tensor = field(default_factory=lambda: torch.empty(0))

    @property
    def span(self) -> float:
        """The distance from the darkest to the brightest pixel that is possible."""
        return self.clip[1] - self.clip[0]

    def add(self, key: str, mended: str = "", /, **values: object) -> None:
        """Note the finding that `key` names up to its dot, in audit.toml's words with `values`.

        `mended` is the key of the note on what was mended; without it that of the finding.
        """
        name = key.partition(".")[0]
        self.found.setdefault(name, []).append(WORDS["evidence"][key].format(**values))
        note = WORDS["mended"].get(mended or key) or WORDS["mended"].get(name)
        self.notes += [note.format(**values)] if note else []


def as_tensors(model: Callable, x: object, y: object) -> tuple[Tensor, Tensor]:
    """Pictures and labels as the network's device and number format want them.

    Labels may be a column, one-hot rows, or whole numbers in any format. AuditError otherwise.
    """
    pictures, labels = torch.as_tensor(x), torch.as_tensor(y)
    if labels.dim() == 2:
        labels = labels[:, 0] if labels.shape[1] == 1 else labels.argmax(dim=1)
    if pictures.dim() < 2 or len(pictures) == 0 or labels.shape != pictures.shape[:1]:
        raise refusal("shapes", x=list(pictures.shape), y=list(labels.shape))
    if labels.is_floating_point() and not bool((labels == labels.round()).all()):
        raise refusal("classes")
    parameters = model.parameters() if isinstance(model, nn.Module) else iter(())
    like = next((p for p in parameters if p.is_floating_point()), torch.zeros(()))
    return pictures.detach().to(like), labels.detach().to(like.device).long()


def as_given(subject: Subject, x: Tensor) -> tuple[Tensor | None, list[str]]:
    """Answers in the mode that the network came in (None: it gives none), and what is on.

    Statistics that such a call updates are put back.
    """
    leaves = [m for m in subject.modules() if m.training and not next(m.children(), None)]
    kept = [(buffer, buffer.clone()) for buffer in subject.buffers()]
    try:
        given = answers(subject.once, x[:64])
    except AuditError:
        given = None
    with torch.no_grad():
        for buffer, value in kept:
            buffer.copy_(value)
    return given, sorted({type(leaf).__name__ for leaf in leaves})


def inspect(case: Case, given: Tensor | None, on: list[str]) -> bool:
    """Look at everything but the attacks; False if there is nothing to attack.

    The network is in eval mode; `given` and `on` are those of `as_given`.
    """
    _randomness(case)
    _mode(case, given, on)
    numbers = answers(case.subject.once, case.x).isfinite().all(dim=1)
    if not numbers.all():
        case.add("nan.answers", count=int((~numbers).sum()), n=len(case.x))
        case.x, case.y = case.x[numbers], case.y[numbers]
        if len(case.x) < 2:
            return False
    span = case.span
    _range(case)
    _eps_units(case, span)
    _probabilities(case)
    _labels(case)
    return True


def _randomness(case: Case) -> None:
    some = case.x[:256]
    first, *again = (answers(case.subject.once, some) for _ in range(5))
    other = sum(_differ(first, each, 1e-4) for each in again)
    if other.any():
        classes = sum(each.argmax(dim=1) != first.argmax(dim=1) for each in again)
        case.subject.draws = 4
        counts = {"other": int((other > 0).sum()), "classes": int((classes > 0).sum())}
        case.add("random", n=len(some), **counts)


def _mode(case: Case, given: Tensor | None, on: list[str]) -> None:
    random, some = case.subject.draws > 1, case.x[:64]
    if on and (not random or any("Drop" in name or "Norm" in name for name in on)):
        now = answers(case.subject.once, some)
        if changed := len(some) if given is None else int(_differ(given, now, 1e-3).sum()):
            case.add("train-mode.on", count=changed, n=len(some), on=", ".join(on))
    k = min(16, len(case.x) // 3)
    if k and not random:
        one, two = (answers(case.subject.once, case.x[i : i + 2 * k]) for i in (0, k))
        other = int(_differ(one[k:], two[:k], 1e-3).sum())
        if other > k / 2:
            case.subject.company = case.x[:32]
            case.add("train-mode.batch", count=other, n=k)


def _differ(a: Tensor, b: Tensor, tolerance: float) -> Tensor:
    """Which rows differ by more than `tolerance` of what the logits vary: `[N]`."""
    known = a[a.isfinite()]
    scale = float(known.std()) if len(known) > 1 else 1.0
    return (a - b).nan_to_num().abs().amax(dim=1) > tolerance * scale + 1e-12


def _range(case: Case) -> None:
    x, (low, high) = case.x, case.clip
    near = x.clamp(low, high)  # what rounding did to pixels of the range is no fault
    case.x = x = torch.where((near - x).abs() <= 1e-6 * max(1.0, case.span), near, x)
    darkest, brightest = torch.aminmax(x.flatten(1), dim=1)
    least, most = float(darkest.min()), float(brightest.max())
    outside = (darkest < low) | (brightest > high)
    faint = (brightest > darkest) & (brightest - darkest < case.span / 200)
    odd, each = outside | faint, tuple(range(1, x.dim()))
    if not odd.any():
        return

    def stretched(over: tuple[int, ...]) -> Tensor:
        darkest, brightest = x.amin(over, keepdim=True), x.amax(over, keepdim=True)
        return low + case.span * (x - darkest) / (brightest - darkest).clamp(min=1e-12)

    if odd.float().mean() < 0.5:
        ways = [torch.where(per_example(odd, x), stretched(each), x)]
    else:  # all alike, or channel by channel
        ways = [stretched((0, *each)), stretched((0, *each[1:]))]
    read = [answers(case.subject, way).argmax(dim=1) for way in (x, *ways)]
    before, *right = (float((classes == case.y).float().mean()) for classes in read)
    best = max(range(len(ways)), key=right.__getitem__)
    kind, which = ("outside", outside) if outside.any() else ("faint", faint)
    clipped = before > right[best] + 0.05
    shares = {"count": int(which.sum()), "n": len(x), "right": right[best], "before": before}
    ends = {"low": low, "high": high, "least": least, "most": most}
    case.add(f"range.{kind}", "range.clip" if clipped else "range.stretched", **ends, **shares)
    if clipped:
        case.clip = (least, most)
    else:
        case.x = ways[best]
        if case.eps > case.span / 2:  # it is in the units of the pictures
            case.eps *= case.span / (most - least)


def _eps_units(case: Case, span: float) -> None:
    """Whether eps reaches another class, or is finer than a file's pixels in a range of `span`."""
    order, apart = math.inf if case.norm == "linf" else 2, []
    for k in range(1, 4):
        steps = (case.x - case.x.roll(k, 0)).flatten(1).norm(order, dim=1)
        apart.append(steps[case.y != case.y.roll(k, 0)])
    pairs = torch.cat(apart)
    half = float(pairs.median()) / 2 if len(pairs) else span / 2
    least = span * (0.5 / 255 if case.norm == "linf" else 0.01)
    pixels = {"eps": case.eps, "low": case.clip[0], "high": case.clip[1]}
    if case.eps >= half * (1 - 1e-6):
        case.add("eps-units.large", **pixels, half=half)
    elif case.eps < least * (1 - 1e-6):
        case.add("eps-units.small", **pixels, least=least)


def _probabilities(case: Case) -> None:
    raw = answers(case.subject.once, case.x)
    raw = raw[raw.isfinite().all(dim=1)]
    if len(raw) < 2 or float(raw.min()) < -1e-6 or float(raw.std(dim=0).max()) == 0:
        return
    sums, most = raw.sum(dim=1), float(raw.max())
    total, spread = float(sums.mean()), float(sums.std())
    shares = spread < 2e-3 * total
    if (raw == raw.round()).all():
        # Rounding makes the sum of per cents vary a little. That of one-hot answers, votes and
        # ranks does not: their fault is to have no gradient, found later.
        near = float((sums - total).abs().max()) <= raw.shape[1] / 2
        shares = near and total >= 50 and (spread > 0 or total == 100)
        most = math.inf
    if shares or 0.5 < most <= 1 + 1e-6:
        # A logarithm has the slope 1 / p, which half precision cannot hold for a small p.
        least = 1.3e-4 if bool((raw.half() == raw).all()) else 1e-38

        def log(shares: Tensor) -> Tensor:
            return shares.clamp(min=least).log()

        case.subject.undo = log if shares else lambda yes: log(yes) - log(1 - yes)
        low, high = float(raw.min()), float(raw.max())
        case.add("probabilities", low=low, high=high, total=total, spread=spread)


def _labels(case: Case) -> None:
    """Whether labels and answers agree, and if not, which of the two is at fault."""
    logits, y = answers(case.subject, case.x), case.y
    read, n, classes = logits.argmax(dim=1), len(y), logits.shape[1]
    right = read == y
    accuracy = float(right.float().mean())
    kinds = y.unique()
    guessed = sum(float((read == k).float().mean() * (y == k).float().mean()) for k in kinds)
    if len(kinds) == 1:
        guessed = 1 / classes  # where all pictures are of one class, the same answer is no guess
    kappa = (accuracy - guessed) / max(1e-9, 1 - guessed)  # Cohen's: 0 for guessing
    by_luck = 3 * (guessed / (n * max(1e-9, 1 - guessed))) ** 0.5  # how far guessing gets
    even, confidence = 1 / classes, float(logits.softmax(dim=1).amax(dim=1).mean())
    fault, first, last, renamed, sure = "", int(y.min()), int(y.max()), 0, 0
    exchanged: list[int] = []
    if first < 0 or last >= classes:
        fault = "classes"
    elif confidence > even + 0.3 * (1 - even):  # sure enough to have learnt something
        renamed, exchanged = _renamed(read, y, classes)
        one_class = read.bincount().max() >= 0.95 * n
        if renamed / n - accuracy > max(0.1, 2 / n**0.5) and renamed / n - guessed > 0.3:
            fault = "renamed"
        elif exchanged:
            fault = "exchanged"
        elif kappa < by_luck and not one_class and not _related(case.x, logits, y):
            fault = "shuffled"
        elif kappa >= 0.3 and accuracy <= 0.9:
            # Half of the wrong labels, but few of a network's own mistakes (0 to 14 %, of a poor
            # one more), are where it is surer than at half of what it reads rightly.
            mistakes, usual = int((~right).sum()), 0.1 + max(0.0, 0.5 - kappa)
            best = logits.topk(2, dim=1).values
            lead = best[:, 0] - best[:, 1]
            sure = int((lead[~right] > lead[right].median()).sum())
            luck = 3 * (usual * (1 - usual) * mistakes) ** 0.5
            fault = "sure" if sure >= max(5, usual * mistakes + luck) else ""
    values = {"right": int(right.sum()), "n": n, "first": first, "last": last, "top": classes - 1}
    if fault:
        names = ", ".join(map(str, exchanged))
        case.add(f"labels.{fault}", **values, renamed=renamed, names=names, sure=sure)
        case.y = read
    elif kappa < by_luck:
        most = guessed * n + 3 * (guessed * (1 - guessed) * n) ** 0.5
        case.add("chance", **values, guessed=guessed * n, most=most)


def _renamed(read: Tensor, y: Tensor, classes: int) -> tuple[int, list[int]]:
    """How many answers are right if each is the label that it mostly met in the other half; and
    the classes of which most pictures, five or more, have the label of one another."""
    met = [  # of the pictures read as one class (row), how many have which label (column)
        (read[half::2] * classes + y[half::2]).bincount(minlength=classes**2).reshape(classes, -1)
        for half in (0, 1)
    ]
    right = 0
    for learn, other in (met, met[::-1]):
        seen = learn.any(dim=1)
        right += int(other.gather(1, learn.argmax(dim=1, keepdim=True))[seen].sum())
    count = (met[0] + met[1]).sum(dim=1, keepdim=True)
    most = (2 * (met[0] + met[1]) > count) & (count >= 5)
    return right, (most & most.T).fill_diagonal_(False).any(dim=1).nonzero()[:, 0].tolist()


def _related(x: Tensor, logits: Tensor, y: Tensor) -> bool:
    """Whether the most similar picture has the same label more often than by chance."""
    n, counts = len(y), y.bincount().double()
    chance = float((counts * (counts - 1)).sum() / (n * max(1, n - 1)))
    small = F.adaptive_avg_pool2d(x, 32) if x.dim() == 4 and min(x.shape[-2:]) > 32 else x
    for features in (small.flatten(1).float(), logits):
        near = torch.cdist(features, features).fill_diagonal_(math.inf).argmin(dim=1)
        if float((y[near] == y).float().mean()) > chance + 3 * math.sqrt(chance / n):
            return True
    return False
