"""Threads that give way to other programs."""

from advtutor._threads import share_cores
from advtutor.course import lab


def test_a_choice_already_made_stays():
    """Catches a setting of the user's that is overwritten or contradicted."""
    for chosen in ({"GOMP_SPINCOUNT": "5"}, {"OMP_WAIT_POLICY": "active"}):
        environment = dict(chosen)
        share_cores(environment)
        assert environment == chosen


def test_the_kernels_of_lab_inherit_it(monkeypatch):
    """Catches notebooks that starve each other on two cores."""
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    environment = {}
    lab.prepare(environment)
    assert environment["GOMP_SPINCOUNT"] == "10000"
