"""Whether two results are the same, and in what they differ, in words."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RTOL, ATOL = 1e-4, 1e-6  # above the rounding of float32, far below any step of the exercises

# Of one input: what is compared, what it should be, and the arguments by their names.
Compared = tuple[Any, Any, dict[str, Any]]


def same(one: Any, other: Any) -> bool:
    """Equal up to rounding; tensors, numbers, and tuples, lists and dicts of them.

    NaN is the same as NaN, as where a share of nothing is due.
    """
    for kind in (dict, tuple | list, Tensor, float | int):
        if isinstance(one, kind) != isinstance(other, kind):
            return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Tensor):
        return one.shape == other.shape and torch.allclose(
            one.detach().double(), other.detach().double(), RTOL, ATOL, equal_nan=True
        )
    if isinstance(one, float | int):
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return math.isclose(one, other, rel_tol=RTOL, abs_tol=ATOL)
    return one is other


def compared_in(found: list[Compared]) -> tuple[list[Compared], str]:
    """Of dicts, the first part that is not the same on all inputs, and its name.

    '' is the result itself; the other names are those of arguments, and hold the gradient in them.
    """
    if not isinstance(found[0][0], dict):
        return found, ""
    name = next(k for k in found[0][0] if not all(same(one[k], due[k]) for one, due, _ in found))
    return [(one[name], due[name], more) for one, due, more in found], name


def difference(found: list[Compared]) -> str:
    """How results differ that no simple rule explains: the most telling of it, in words."""
    seen, right, _ = next(one for one in found if not same(one[0], one[1]))
    if isinstance(right, tuple) and all(isinstance(one, Tensor) for one in right):
        wrong = [k for k in range(len(right)) if not all(same(a[k], b[k]) for a, b, _ in found)]
        if len(wrong) < len(right):
            which = ("first", "second", "third")[wrong[0]]
            of_it = [(a[wrong[0]], b[wrong[0]], arguments) for a, b, arguments in found]
            return f"only the {which} tensor is wrong: {simple_rule(of_it) or difference(of_it)}"
    ours, theirs = flat(found)
    if ours.shape == theirs.shape and (ours + theirs).isfinite().all():
        for rule in (_step, _cut_off, _count, _signs, _alike, _order, _lengths, _only_where):
            if text := rule(ours, theirs, found):
                return text
    return _first(seen, right)


def cut_at(pairs: list[tuple[Tensor, Tensor]]) -> float | None:
    """The number that the first of each pair never falls below, where that alone is the difference.

    None where they differ in anything else.
    """
    ours, theirs = (torch.cat([pair[k].detach().flatten() for pair in pairs]) for k in (0, 1))
    least = ours.min().item()
    cut = math.isfinite(least) and same(ours, theirs.clamp(min=least))
    return least if cut and not same(ours, theirs) else None


def flat(found: list[Compared]) -> tuple[Tensor, Tensor]:
    """All numbers of all inputs: those given, and those due."""
    ours, theirs = (
        [one.detach().double().flatten() for each in found for one in tensors(each[k])]
        for k in (0, 1)
    )
    return torch.cat(ours), torch.cat(theirs)


def simple_rule(found: list[Compared]) -> str | None:
    """What all results have in common: a factor, a shift, an argument too many or too few."""
    ours, theirs = flat(found)
    if len(ours) < 3 or ours.shape != theirs.shape or not (ours + theirs).isfinite().all():
        return None
    if not ours.any():
        return "every value is 0"
    if factor := _factor(ours, theirs):
        if same(factor, -1.0):
            return "every value has the wrong sign"
        return f"every value is {factor:.4g} times what it should be"
    if same(ours - theirs, (ours - theirs).mean().expand_as(ours)):
        shift = (ours - theirs).mean().item()
        return f"every value is too {'large' if shift > 0 else 'small'} by {abs(shift):.4g}"
    for name in found[0][2]:
        for way, words in ((1, "too large by {0}: leave it out"), (-1, "too small by {0}: add it")):
            if all(_is_off_by(one, name, way) for one in found):
                return "the result is " + words.format(name)
    return None


def _factor(ours: Tensor, theirs: Tensor) -> float | None:
    """The number that all right values are multiplied by, if there is one."""
    factor = ((ours @ theirs) / (theirs @ theirs)).item() if theirs.any() else 0.0
    return factor if factor and same(ours, factor * theirs) else None


STEPS: dict[str, Callable[[Tensor], Tensor]] = {
    "abs()": Tensor.abs,
    "relu()": Tensor.relu,
    "clamp(0, 1)": lambda z: z.clamp(0, 1),
    "clamp(-1, 1)": lambda z: z.clamp(-1, 1),
    "sign()": Tensor.sign,
    "square()": Tensor.square,
    "sqrt()": Tensor.sqrt,
    "exp()": Tensor.exp,
    "log()": Tensor.log,
    "sigmoid()": Tensor.sigmoid,
    "tanh()": Tensor.tanh,
    "softplus()": F.softplus,
    "round()": Tensor.round,
    "round(decimals=2)": lambda z: z.round(decimals=2),
}


def _step(ours: Tensor, theirs: Tensor, found: list[Compared]) -> str | None:
    """One step at the end too many, or one that is missing."""
    for code, step in STEPS.items():
        if same(ours, step(theirs)):
            return f"this is the right result with .{code} behind it: leave that out"
        if same(step(ours), theirs):
            return f"the right result is .{code} of this one"
    return "this is 1 minus what it should be" if same(ours, 1 - theirs) else None


def _cut_off(ours: Tensor, theirs: Tensor, found: list[Compared]) -> str | None:
    if (least := cut_at([(ours, theirs)])) is not None:
        return f"no value is below {least:.4g}, where less is due: what cuts it off?"
    if (most := cut_at([(-ours, -theirs)])) is not None:
        return f"no value is above {0 - most:.4g}, where more is due: what cuts it off?"
    return None


POWERS = {"{0}": 1.0, "/ {0}": -1.0, "{0} ** 0.5": 0.5, "/ {0} ** 0.5": -0.5, "{0} ** 2": 2.0}


def _count(ours: Tensor, theirs: Tensor, found: list[Compared]) -> str | None:
    """A factor that differs from input to input, as a number among the arguments does."""
    factors = [_factor(*flat([one])) or 0.0 for one in found]
    if not all(factors):
        return None
    for what, (words, power) in itertools.product(_counts(found[0][2]), POWERS.items()):
        counts = [_counts(arguments).get(what, 0.0) for _, _, arguments in found]
        if min(counts) <= 0:
            continue
        rest = [factor / count**power for factor, count in zip(factors, counts, strict=True)]
        if all(same(one, rest[0]) for one in rest):
            words = words.format(what)
            if power < 0 or not same(rest[0], 1.0):
                words = f"{rest[0]:.4g} {'' if power < 0 else '* '}{words}"
            return f"every value is {words} times what it should be"
    if len(ours) == len(found):
        return None
    return (
        f"every value is {_range(factors)} times what it should be, another number for each input"
    )


def _range(factors: list[float]) -> str:
    least, most = min(factors), max(factors)
    return f"{least:.4g}" + ("" if same(least, most) else f" to {most:.4g}")


def _counts(arguments: dict[str, Any]) -> dict[str, float]:
    """The numbers among the arguments, and how many entries the others have."""
    counts = {name: value for name, value in arguments.items() if type(value) in (int, float)}
    for name, value in arguments.items():
        shape = getattr(value, "shape", ())
        if shape or isinstance(value, nn.ModuleList):
            counts[f"len({name})"] = len(value)
        if len(shape) > 1:
            counts[f"{name}[0].numel()"] = value[0].numel()
    return counts


def _signs(ours: Tensor, theirs: Tensor, found: list[Compared]) -> str | None:
    if not same(ours.abs(), theirs.abs()):
        return None
    share = 100 * (ours.sign() != theirs.sign()).double().mean().item()
    return f"the sizes are right, but {share:.0f} % of the values have the wrong sign"


def _alike(ours: Tensor, theirs: Tensor, found: list[Compared]) -> str | None:
    """Whole numbers where there are none, or the same for all examples."""
    if same(ours, ours.round()) and not same(theirs, theirs.round()):
        return "these are whole numbers: places (argmax) or counts, where values are due"
    pairs = [(a, b) for a, b, _ in found if isinstance(a, Tensor) and a.dim() and len(a) > 1]
    one_for_all = all(same(a, a[:1].expand_as(a)) for a, _ in pairs)
    if pairs and one_for_all and not any(same(b, b[:1].expand_as(b)) for _, b in pairs):
        return "all examples get the same result: each has its own"
    return None


def _order(ours: Tensor, theirs: Tensor, found: list[Compared]) -> str | None:
    if len(ours) > 9 and same(ours.sort().values, theirs.sort().values):
        return "these are the right values in another order: is an axis, or the batch, turned?"
    return None


def _lengths(ours: Tensor, theirs: Tensor, found: list[Compared]) -> str | None:
    """For each example the right values, or the right step from an argument, times a number."""
    shape = getattr(found[0][1], "shape", ())
    if len(shape) < 2:
        return None
    for name in ("", *found[0][2]):
        if name and getattr(found[0][2][name], "shape", None) != shape:
            continue
        factors = []
        for one, due, arguments in found:
            start = arguments[name] if name else torch.zeros_like(due)
            steps = zip((one - start).detach(), (due - start).detach(), strict=True)
            factors += [
                _factor(a.double().flatten(), b.double().flatten()) or 0.0 for a, b in steps
            ]
        if min(factors) > 0:
            what = f"each example's step from {name} has" if name else "each example's values have"
            return f"{what} the right direction, but {_range(factors)} times the right length"
    return None


def _only_where(ours: Tensor, theirs: Tensor, found: list[Compared]) -> str | None:
    """Where alone the values are wrong, if that can be said."""
    wrong: list[Tensor] = []
    where: dict[str, list[Tensor]] = {}
    for one, due, arguments in found:
        if not isinstance(due, Tensor) or not due.dim():
            return None
        wrong.append(~torch.isclose(one.detach(), due.detach(), RTOL, ATOL).flatten())
        for words, mask in _places(due, arguments).items():
            where.setdefault(words, []).append(mask.expand_as(due).flatten())
    bad = torch.cat(wrong)
    masks = {words: torch.cat(some) for words, some in where.items() if len(some) == len(found)}
    telling = {w: m for w, m in masks.items() if theirs[~m].unique().numel() > 2}
    fitting = {w: m for w, m in telling.items() if not (bad & ~m).any()}
    if not fitting:
        return None
    words, mask = min(fitting.items(), key=lambda item: item[1].sum().item())
    share = bad[mask].double().mean().item()
    return f"right everywhere but where {words}" if share > 0.8 else None


def _places(due: Tensor, arguments: dict[str, Any]) -> dict[str, Tensor]:
    """Parts of a result, by the words for them."""
    due, column = due.detach(), (-1, *[1] * (due.dim() - 1))
    found = {
        "a value below 0 is due": due < 0,
        "a value above 0 is due": due > 0,
        "0 is due": due == 0,
        "1 is due": due == 1,
        "0 or 1 is due": (due == 0) | (due == 1),
        "an example is not the first": torch.arange(len(due)).reshape(column) > 0,
    }
    for name, value in arguments.items():
        if isinstance(value, Tensor) and value.shape in (due.shape, due.shape[:1]):
            value = value.detach().reshape(due.shape if value.shape == due.shape else column)
            found |= {f"{name} is negative": value < 0, f"{name} is positive": value > 0}
            found |= {f"{name} is 0": value == 0}
    return found


def _is_off_by(one: Compared, name: str, way: int) -> bool:
    seen, right, arguments = one
    value = arguments.get(name)
    if not (isinstance(value, Tensor) and isinstance(seen, Tensor) and value.shape == seen.shape):
        return False
    return same(seen, right + way * value)


def _first(seen: Any, right: Any) -> str:
    """Where a result first differs, in numbers."""
    for one, right_one in zip(tensors(seen), tensors(right), strict=True):
        wrong = ~torch.isclose(one.detach(), right_one.detach(), rtol=RTOL, atol=ATOL)
        if not wrong.any():
            continue
        place = wrong.nonzero()[0].tolist()
        is_now, should_be = (tensor[tuple(place)].item() for tensor in (one, right_one))
        digits = next(
            n for n in range(4, 13) if n == 12 or f"{is_now:.{n}f}" != f"{should_be:.{n}f}"
        )
        numbers = f"is {is_now:.{digits}f}, and should be {should_be:.{digits}f}"
        if not place:
            return f"a result {numbers}"
        share = f"{100 * wrong.float().mean().item():.0f}"
        share = "under 1" if share == "0" else share
        return f"{share} % of the values are off: the first at {place} {numbers}"
    return "the result differs from the course's own"


def tensors(value: Any) -> list[Tensor]:
    if isinstance(value, tuple | list):
        return [tensor for one in value for tensor in tensors(one)]
    if isinstance(value, float | int):
        value = torch.tensor(float(value))
    return [value] if isinstance(value, Tensor) else []
