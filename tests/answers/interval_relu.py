"""Answers to `interval_relu`."""

import torch


def right_by_relu(lower, upper):
    return torch.relu(lower), torch.nn.functional.relu(upper)


def right_by_kinds(lower, upper):
    off, on = upper <= 0, lower >= 0
    low = torch.where(on, lower, torch.zeros_like(lower))
    return low, torch.where(off, torch.zeros_like(upper), upper)


def right_one_by_one(lower, upper):
    pairs = zip(lower.flatten().tolist(), upper.flatten().tolist(), strict=True)
    both = torch.tensor([(max(a, 0.0), max(b, 0.0)) for a, b in pairs])
    return [both[:, 0].reshape(lower.shape), both[:, 1].reshape(upper.shape)]


def stub(lower, upper):
    """The bounds."""
    ...


def wrong_untouched(lower, upper):
    return lower.clone(), upper.clone()


def wrong_lower_untouched(lower, upper):
    return lower, upper.relu()


def wrong_upper_untouched(lower, upper):
    return lower.relu(), upper


def wrong_crossing_zeroed(lower, upper):
    alive = (lower > 0).float()
    return lower * alive, upper * alive


def wrong_crossing_kept(lower, upper):
    alive = (upper > 0).float()
    return lower * alive, upper * alive


def wrong_by_centre(lower, upper):
    alive = (lower + upper > 0).float()
    return lower * alive, upper * alive


def wrong_centre_and_radius(lower, upper):
    centre, radius = (lower + upper) / 2, (upper - lower) / 2
    return centre.relu() - radius, centre.relu() + radius


def wrong_absolute(lower, upper):
    return lower.abs(), upper.abs()


def wrong_cut_off__at_one(lower, upper):
    return lower.clamp(0, 1), upper.clamp(0, 1)


def wrong_swapped(lower, upper):
    return upper.relu(), lower.relu()


def wrong_in_place(lower, upper):
    return lower.clamp_(min=0), upper.clamp_(min=0)


def wrong_type(lower, upper):
    return torch.stack([lower.relu(), upper.relu()])


def wrong_lower_zero(lower, upper):
    return 0 * lower, upper.relu()


def wrong_cut_off__at_six(lower, upper):
    return torch.nn.functional.relu6(lower), torch.nn.functional.relu6(upper)


def wrong_another_activation(lower, upper):
    return torch.nn.functional.leaky_relu(lower), torch.nn.functional.leaky_relu(upper)


def wrong_another_activation__smooth(lower, upper):
    return torch.nn.functional.softplus(lower), torch.nn.functional.softplus(upper)


def wrong_negative_part(lower, upper):
    return lower.clamp(max=0), upper.clamp(max=0)


def wrong_middle_alone(lower, upper):
    middle = ((lower + upper) / 2).relu()
    return middle, middle


def wrong_cut_off(lower, upper):
    return lower.clamp(0, 10), upper.clamp(0, 10)


def wrong_by_centre__the_upper_alone(lower, upper):
    on = (upper + lower) / 2 >= 0
    return lower.relu(), torch.where(on, upper, torch.zeros_like(upper))
