"""The verdict on a row of the ledger, by one rule for all rows."""

import itertools
import math
import statistics
from collections.abc import Sequence

from scipy.special import stdtrit

RULE = """
A row has n runs, which differ in their seed. It shows their mean and, behind ±, half of its 95 %
interval (Student's t with n - 1 degrees of freedom).

- The **statement** holds if the whole interval lies in the claim's band. It fails if all of the
  interval lies outside.
- The **number** is met if the whole interval is near the paper's number: within a factor of 1.5 in
  the odds, p / (1 - p), or within a tenth of a point. Where the paper does not say to which of its
  two sizes of network a number belongs, and it was measured on both, both must meet it.

| verdict | when |
| --- | --- |
| reproduced | the statement holds, and the number is met if the paper gives one |
| number missed | the statement holds, the number is not met |
| undecided | an end of the band lies inside the interval |
| not reproduced | the statement fails |
| one run, near | n = 1, and the run lies in the band and near the number |
| one run, off | n = 1, and it does not |
| not comparable | no test of the claim; or it needs what we lack; or a control might do as well |

The tolerance is the same for all rows. Shares are compared by their odds because 1 % beside 2 % is
twice as many mistakes, while 50 % beside 51 % is nothing. A factor of 1.5 is ten points at 50 % and
half a point at 1 %. Both are choices. A **control** is a model without what the row claims. It is
asked where a row would be reproduced; it might do as well if its interval reaches into what is
near.

Sometimes the runs fall into two kinds. Then the row shows each kind by itself; the statement holds
if every single run lies in the band, else it fails, and the number is not met. Two kinds are there
if, of at least five runs, the widest gap is over three times the spread of the runs on either side
of it, and over a factor of 1.2 in the odds.
""".strip()

VERDICTS = (
    "reproduced",
    "number missed",
    "undecided",
    "not reproduced",
    "one run, near",
    "one run, off",
    "not comparable",
    "not run",
    "out of scope",
)
FACTOR = 1.5  # in the odds
ALWAYS_NEAR = 0.001  # a tenth of a point
KINDS_FROM = 5  # runs
KINDS_FACTOR = 1.2  # in the odds
_ROUNDING = 1e-9


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Where the mean of at least two `values` lies at 95 %."""
    n, mean = len(values), statistics.fmean(values)
    half = float(stdtrit(n - 1, 0.975)) * statistics.stdev(values) / math.sqrt(n)
    return mean - half, mean + half


def near(share: float, target: float) -> bool:
    """Whether a share is near the paper's, both as fractions."""
    odds = _odds(target)
    low, high = odds / FACTOR, odds * FACTOR
    return low <= _odds(share) <= high or abs(share - target) <= ALWAYS_NEAR + _ROUNDING


def might_be_near(values: Sequence[float], target: float) -> bool:
    """Whether the interval of some runs, or the one run, reaches into what is near the target."""
    low, high = interval(values) if len(values) > 1 else (values[0], values[0])
    return near(low, target) or near(high, target) or low < target < high


def _odds(share: float) -> float:
    return math.inf if share >= 1 else share / (1 - share)


def kinds(values: Sequence[float]) -> list[list[float]]:
    """`values` in order, in two groups if the runs fall into two kinds, else in one."""
    ordered = sorted(values)
    if len(ordered) < KINDS_FROM or ordered[0] <= 0:
        return [ordered]
    gaps = [b - a for a, b in itertools.pairwise(ordered)]
    cut = 1 + gaps.index(max(gaps))
    parts = ordered[:cut], ordered[cut:]
    (below, above), gap = (parts[0][-1], parts[1][0]), max(gaps)
    wide = gap > 3 * max(part[-1] - part[0] for part in parts)
    material = _odds(above) > KINDS_FACTOR * _odds(below)
    return [*parts] if wide and material else [ordered]


def verdict(
    values: Sequence[float],
    *,
    low: float | None = None,
    high: float | None = None,
    target: float | None = None,
    comparable: bool = True,
    other_size: Sequence[float] = (),
    controls: Sequence[Sequence[float]] = (),
) -> str:
    """The verdict on at least one run: the band `[low, high]`, None where it is open, the target.

    `target` is a share as a fraction; None where the paper gives no number. `other_size` are the
    runs of the paper's other size of network, if it may mean that; `controls` those of networks
    without what is claimed.
    """
    if not comparable:
        return "not comparable"
    told = _without_controls(values, low, high, target, other_size)
    rivals = target is not None and any(might_be_near(each, target) for each in controls if each)
    return "not comparable" if rivals and told == "reproduced" else told


def _without_controls(
    values: Sequence[float],
    low: float | None,
    high: float | None,
    target: float | None,
    other_size: Sequence[float],
) -> str:
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    if len(values) == 1:
        (value,) = values
        met = low <= value <= high and (target is None or near(value, target))
        return "one run, near" if met else "one run, off"
    two_kinds = len(kinds(values)) > 1
    ends = values if two_kinds else interval(values)
    if all(low <= end <= high for end in ends):
        ends = [*ends, *(interval(other_size) if len(other_size) > 1 else other_size)]
        met = target is None or (not two_kinds and all(near(end, target) for end in ends))
        return "reproduced" if met else "number missed"
    if two_kinds or min(ends) > high or max(ends) < low:
        return "not reproduced"
    return "undecided"
