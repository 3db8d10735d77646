"""Lets torch's threads share the cores with other programs."""

from collections.abc import MutableMapping


def share_cores(environment: MutableMapping[str, str]) -> None:
    """Have waiting threads of processes started with `environment` give way soon.

    GNU OpenMP, which torch uses on Linux, lets them spin on their core instead. With one other
    busy program on two cores, training then takes up to ten times as long; alone, giving way
    costs about a tenth. A choice that is already made stays.
    """
    if "OMP_WAIT_POLICY" not in environment:
        environment.setdefault("GOMP_SPINCOUNT", "10000")
