"""Claim cells: a statement, the band it has to fall in, and what this machine measures."""

import math
from typing import Any

from advtutor._say import tell
from advtutor.claims.paper import nearest_ids, paper_claims

NO_NUMBER = "It is not a number: a mean over nothing, or a division of 0 by 0, comes before it."
OUTSIDE = (
    "Perhaps a cell above was changed, or run twice or out of order: restart the kernel and run "
    "all cells. If it stays so, the statement is not true on this machine, and that is worth a "
    "report."
)


class ClaimError(AssertionError):
    """A measurement lies outside its claim's band, or is no number at all."""


def claim(
    id: str,
    measured: Any,
    low: float | None = None,
    high: float | None = None,
    *,
    statement: str | None = None,
    unit: str | None = None,
) -> None:
    """Print a claim, the same on every machine, and below it what this machine measures.

    `measured` is a number or a tensor with one element; the claim holds if it lies in
    `[low, high]`. One of the two may be left out; without both, the paper's table gives the band.
    A share is a fraction in code, 0.117, and is
    printed as a percentage, 11.7 %: so it is for the paper's claims that are in per cent, and with
    `unit="%"`. Any other `unit` is printed behind the number as it is.

    An `id` of the paper's table brings its statement, unit and value; `statement` says what is
    measured instead, where that is not quite the same (another network, say). An id of our own
    needs a `statement`.

    Raises ClaimError outside the band and for NaN, ValueError or TypeError for a claim that is
    not well put.
    """
    row = paper_claims().get(id)
    if statement is None and row is None:
        raise ValueError(
            f"id {id!r} is not in the paper's table{nearest_ids(id)}; "
            'for a claim of our own say what it states: statement="…"'
        )
    if statement is None and row:
        statement = f"{row.claim} ({row.setting})"
    if unit is None:
        unit = "%" if row and row.in_percent else ""
    if low is None and high is None and row:
        low, high = row.low, row.high
    _check_band(id, low, high, unit)
    value = _number(id, measured)

    of_band = band(low, high, unit)
    paper = with_unit(row.paper_value, unit) if row and row.paper_value else None
    shown = _format(value, unit, digits=3)
    # NaN compares false with everything, so it is outside every band.
    if not (-math.inf if low is None else low) <= value <= (math.inf if high is None else high):
        cause = NO_NUMBER if math.isnan(value) else OUTSIDE
        raise ClaimError(
            f"claim {id} does not hold here: {statement}. Measured {shown}; "
            f"the claim says {of_band}. {cause}"
        )
    beside = f" The paper: {paper}." if paper else ""
    tell(
        f"✓ claim {id}: {statement}. Here {of_band}.{beside}\nmeasured {shown}",
        {"claim": id, "statement": statement, "band": of_band, "paper": paper},
        {"measured": shown, "value": value},
    )


def _check_band(id: str, low: float | None, high: float | None, unit: str) -> None:
    if low is None and high is None:
        raise ValueError(f"claim {id!r} has no band: give low, high, or both")
    ends = {name: end for name, end in [("low", low), ("high", high)] if end is not None}
    for name, end in ends.items():
        if not math.isfinite(end):
            raise ValueError(f"claim {id!r}: {name}={end} is no number; leave that end out")
        if unit == "%" and abs(end) > 1:
            raise ValueError(
                f"claim {id!r}: {name}={end} is meant in per cent; a share is a fraction in code, "
                "0.12 for 12 %"
            )
    if len(ends) == 2 and low >= high:  # type: ignore[operator]
        raise ValueError(f"claim {id!r}: low={low} has to be below high={high}")


def _number(id: str, measured: Any) -> float:
    try:
        return float(measured)
    except (TypeError, ValueError, RuntimeError):
        shape = getattr(measured, "shape", None)
        what = f"a tensor of shape {tuple(shape)}" if shape is not None else repr(measured)
        raise TypeError(
            f"claim {id!r}: measured is {what}; a claim is about one number, "
            "so reduce it first, with .mean() or an index"
        ) from None


def band(low: float | None, high: float | None, unit: str) -> str:
    """A band in words; one end at least is not None."""
    ends = [_format(end, unit) for end in (low, high) if end is not None]
    if len(ends) == 2:
        return "between " + " and ".join(ends)
    return f"{'at most' if low is None else 'at least'} {ends[0]}"


def _format(value: float, unit: str, digits: int = 6) -> str:
    """A number to so many significant digits, in per cent where that is the unit."""
    return with_unit(f"{100 * value if unit == '%' else value:.{digits}g}", unit)


def with_unit(number: str, unit: str) -> str:
    """A number with its unit behind it, if it has one."""
    return f"{number} {unit}" if unit else number
