"""Whether two results are the same, and in what they differ, in words."""

import math
from typing import Any

import torch
from torch import Tensor

RTOL, ATOL = 1e-4, 1e-6  # above the rounding of float32, far below any step of the exercises

# Of one input: what is compared, what it should be, and the arguments by their names.
Compared = tuple[Any, Any, dict[str, Any]]


def same(one: Any, other: Any) -> bool:
    """Equal up to rounding; tensors, numbers, and tuples, lists and dicts of them.

    NaN is the same as NaN, as where a share of nothing is due.
    """
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


def difference(found: list[Compared]) -> tuple[str, str]:
    """In what results differ over all inputs: the name of the fault, and the words."""
    seen, right, _ = next(one for one in found if not same(one[0], one[1]))
    if isinstance(seen, dict):
        where = next(name for name in seen if not same(seen[name], right[name]))
        if where:
            name = "the model's weights" if where == "model" else where
            return (
                "gradient",
                f"the result is right, but its gradient in {name} is not: no .item(), .detach() or "
                "no_grad() on the way from one to the other",
            )
        return difference([(ours[where], theirs[where], more) for ours, theirs, more in found])
    return "values", _rule(found) or _first(seen, right)


def cut_at(pairs: list[tuple[Tensor, Tensor]]) -> float | None:
    """The number that the first of each pair never falls below, where that alone is the difference.

    None where they differ in anything else.
    """
    ours, theirs = (torch.cat([pair[k].detach().flatten() for pair in pairs]) for k in (0, 1))
    least = ours.min().item()
    cut = math.isfinite(least) and same(ours, theirs.clamp(min=least))
    return least if cut and not same(ours, theirs) else None


def _rule(found: list[Compared]) -> str | None:
    """What all results have in common: a factor, a shift, an argument too many or too few."""
    ours, theirs = (
        torch.cat([one.detach().double().flatten() for each in found for one in tensors(each[k])])
        for k in (0, 1)
    )
    if len(ours) < 3 or ours.shape != theirs.shape or not (ours + theirs).isfinite().all():
        return None
    if not ours.any():
        return "every value is 0"
    if theirs.any() and same(ours, (factor := (ours @ theirs / (theirs @ theirs)).item()) * theirs):
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
