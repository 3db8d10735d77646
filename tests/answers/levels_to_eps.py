"""Answers to `levels_to_eps`."""


def right_by_one_step(levels):
    one = 1 / 255
    return levels * one


def right_by_share_of_white(levels):
    white = 0xFF
    return float(levels) / white


def right_by_sum(levels):
    return sum(1 / 255 for _ in range(levels))


def stub(levels):
    """eps."""
    ...


def wrong_unchanged(levels):
    return float(levels)


def wrong_multiplied(levels):
    return levels * 255.0


def wrong_divided_by_256(levels):
    return levels / 2**8


def wrong_whole_numbers(levels):
    return levels // 255


def wrong_upside_down(levels):
    return 255 / levels


def wrong_both_ways(levels):
    return (levels - -levels) / 255


def wrong_this_networks_units(levels):
    return levels / 128


def wrong_per_cent(levels):
    return levels / 255 * 100


def wrong_values__rounded(levels):
    return round(levels / 255, 4)


def wrong_fixed_number(levels):
    return 8 / 255


def wrong_values__half_of_it(levels):
    return levels / 510


def wrong_values__one_less(levels):
    return (levels - 1) / 255


def stub_that_says_so(levels):
    """eps of so many levels."""
    raise NotImplementedError("write it")
