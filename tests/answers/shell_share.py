"""Answers to `shell_share`."""

import math


def right_by_logarithm(n, thickness):
    return -math.expm1(n * math.log1p(-thickness))


def right_by_product(n, thickness):
    core = 1.0
    for _ in range(n):
        core *= 1 - thickness
    return 1 - core


def right_two_volumes(n, thickness):
    whole, inside = 1.0**n, (1.0 - thickness) ** n
    return (whole - inside) / whole


def stub(n, thickness):
    """The share."""
    ...


def wrong_core(n, thickness):
    return (1 - thickness) ** n


def wrong_no_power(n, thickness):
    return thickness


def wrong_thickness_to_the_n(n, thickness):
    return thickness**n


def wrong_rest_of_thickness_to_the_n(n, thickness):
    return 1 - thickness**n


def wrong_surface(n, thickness):
    return 1 - (1 - thickness) ** (n - 1)


def wrong_always_three(n, thickness):
    return 1 - (1 - thickness) ** 3


def wrong_first_order(n, thickness):
    return n * thickness


def wrong_per_cent(n, thickness):
    return 100 * (1 - (1 - thickness) ** n)


def wrong_values__half_the_thickness(n, thickness):
    return 1 - (1 - thickness / 2) ** n


def wrong_fixed_number(n, thickness):
    return 1 - (1 - 0.01) ** n
