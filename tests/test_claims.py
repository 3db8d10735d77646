"""Claim cells: what they print, when they raise, and that the first line is equal everywhere."""

import math
from pathlib import Path

import pytest
import torch

from advtutor.claims import ClaimError, claim, paper_claims


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_paper_claim_brings_its_statement_unit_and_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Catches a claim line without the paper's number, or with a share that is not in per cent."""
    claim("S6-at-fgsm", 0.117, low=0.05, high=0.255)
    first, second = printed(capsys)
    assert first == (
        "✓ claim S6-at-fgsm: FGSM error before -> after adversarial training "
        "(MNIST test, eps=0.25). Here between 5 % and 25.5 %. The paper: 89.4 -> 17.9 %."
    )
    assert second == "measured 11.7 %"


def test_the_first_line_does_not_depend_on_the_measurement(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Catches a measured number in the line that nbval compares."""
    claim("S5-logistic-fgsm", 0.97, low=0.95)
    claim("S5-logistic-fgsm", 0.999, low=0.95)
    first, measured, again, measured_again = printed(capsys)
    assert first == again
    assert measured.startswith("measured ") and measured != measured_again


def test_a_claim_without_a_unit_is_a_plain_number(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a ratio printed as a percentage, and a paper's value made up where there is none."""
    claim("S3-linear-growth", torch.tensor(15.97), low=15.5, high=16.5)
    first, second = printed(capsys)
    assert first.endswith("Here between 15.5 and 16.5.")
    assert second == "measured 16"


def test_a_claim_of_our_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a claim of the course that cannot be made because the paper does not make it."""
    claim("aligned-against-coin", 28.1, low=26, high=30, statement="the step moves the unit more")
    claim("ours", 0.5, high=0.6, statement="half", unit="%")
    claim("ours", 12, high=60, statement="it is quick", unit="s")
    lines = printed(capsys)
    assert lines[0] == (
        "✓ claim aligned-against-coin: the step moves the unit more. Here between 26 and 30."
    )
    assert lines[2:4] == ["✓ claim ours: half. Here at most 60 %.", "measured 50 %"]
    assert lines[5] == "measured 12 s"


def test_a_statement_replaces_that_of_the_paper(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a claim that says maxout where another network was measured."""
    claim("S4-maxout-error", 0.993, low=0.9, statement="FGSM error of the small network")
    first = printed(capsys)[0]
    assert "small network" in first and "maxout network" not in first
    assert first.endswith("The paper: 89.4 %.")


@pytest.mark.parametrize("value", [0.049, 0.26, math.inf, -math.inf])
def test_outside_the_band_raises_and_prints_no_mark(
    value: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a claim that passes whatever is measured."""
    with pytest.raises(ClaimError, match=r"does not hold here.*between 5 % and 25 %"):
        claim("S6-at-fgsm", value, low=0.05, high=0.25)
    assert printed(capsys) == []


@pytest.mark.parametrize("band", [{"low": 0.0}, {"high": 1.0}, {"low": 0.0, "high": 1.0}])
def test_nan_raises(band: dict[str, float]) -> None:
    """Catches a mean over no examples that slips through a one-sided band."""
    with pytest.raises(ClaimError, match="not a number"):
        claim("ours", float("nan"), **band, statement="s")


@pytest.mark.parametrize("value", [0.05, 0.25])
def test_the_ends_belong_to_the_band(value: float) -> None:
    """Catches a band that excludes its own ends."""
    claim("S6-at-fgsm", value, low=0.05, high=0.25)


def test_one_sided_bands_hold_on_their_side_only() -> None:
    """Catches low and high taken for one another."""
    claim("ours", 5, low=4, statement="s")
    claim("ours", 3, high=4, statement="s")
    with pytest.raises(ClaimError, match="at least 4"):
        claim("ours", 3, low=4, statement="s")
    with pytest.raises(ClaimError, match="at most 4"):
        claim("ours", 5, high=4, statement="s")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"id": "S6-at-fgms", "low": 0}, "nearest there: S6-at-fgsm"),
        ({"id": "zzz", "low": 0}, "not in the paper's table; for a claim of our own"),
        ({"id": "ours", "statement": "a thing"}, "has no band"),
        ({"id": "S6-at-fgsm", "low": 0.3, "high": 0.2}, "has to be below"),
        ({"id": "S6-at-fgsm", "low": 0.2, "high": 0.2}, "has to be below"),
        ({"id": "S6-at-fgsm", "low": 5, "high": 25}, "a share is a fraction in code"),
        ({"id": "S6-at-fgsm", "low": math.nan}, "is no number"),
    ],
)
def test_a_claim_badly_put_is_refused(arguments: dict, message: str) -> None:
    """Catches a claim that would hold, or fail, for the wrong reason."""
    with pytest.raises(ValueError, match=message):
        claim(measured=0.1, **arguments)


@pytest.mark.parametrize(
    ("measured", "what"),
    [(torch.zeros(3), r"shape \(3,\)"), (None, "None"), ("many", "'many'")],
)
def test_only_one_number_can_be_claimed(measured: object, what: str) -> None:
    """Catches a claim about a whole tensor, which has no truth value."""
    with pytest.raises(TypeError, match=what):
        claim("S6-at-fgsm", measured, low=0.1)


def test_the_table_is_the_papers() -> None:
    """Catches a damaged or re-sorted table: ids are unique, and known numbers stand in it."""
    table = paper_claims()
    rows = Path(__file__).parent.parent.joinpath("advtutor/assets/claims.csv")
    assert len(table) == len(rows.read_text(encoding="utf-8").splitlines()) - 1
    assert table["S4-softmax-error"].paper_value == "99.9"
    assert all(row.section and row.claim and row.status for row in table.values())


def test_a_paper_claim_without_a_band_takes_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a ledger's claim whose band stands in two places."""
    row = paper_claims()["S7-rbf-error"]
    claim(row.id, 0.55)
    assert f"between {row.low:.0%}".replace("%", " %") in printed(capsys)[0]
    with pytest.raises(ClaimError):
        claim(row.id, row.high + 0.01)
