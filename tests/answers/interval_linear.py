"""Answers to `interval_linear`."""

import torch


def right_by_signs(weight, bias, lower, upper):
    up, down = weight.clamp(min=0), weight.clamp(max=0)
    return lower @ up.T + upper @ down.T + bias, upper @ up.T + lower @ down.T + bias


def right_by_corners(weight, bias, lower, upper):
    best = torch.where(weight > 0, upper[:, None], lower[:, None])
    worst = torch.where(weight > 0, lower[:, None], upper[:, None])
    return [(weight * corner).sum(-1) + bias for corner in (worst, best)]


def right_by_torch_linear(weight, bias, lower, upper):
    layer = torch.nn.functional.linear
    at_lower = layer(lower, weight, bias)
    rise = upper - lower
    return at_lower + layer(rise, -(-weight).relu()), at_lower + layer(rise, weight.relu())


def stub(weight, bias, lower, upper):
    """The bounds."""
    ...


def parts(lower, upper):
    return (lower + upper) / 2, (upper - lower) / 2


def wrong_no_width(weight, bias, lower, upper):
    middle = parts(lower, upper)[0] @ weight.T + bias
    return middle, middle


def wrong_signs_ignored(weight, bias, lower, upper):
    return lower @ weight.T + bias, upper @ weight.T + bias


def wrong_swapped(weight, bias, lower, upper):
    return right_by_signs(weight, bias, lower, upper)[::-1]


def wrong_positive_only(weight, bias, lower, upper):
    weight = weight.clamp(min=0)
    return lower @ weight.T + bias, upper @ weight.T + bias


def wrong_abs_everywhere(weight, bias, lower, upper):
    return lower @ weight.abs().T + bias, upper @ weight.abs().T + bias


def wrong_no_bias(weight, bias, lower, upper):
    return right_by_signs(weight, 0, lower, upper)


def wrong_bias_in_the_width(weight, bias, lower, upper):
    low, high = right_by_signs(weight, bias, lower, upper)
    return low - bias, high + bias


def wrong_whole_width(weight, bias, lower, upper):
    middle = parts(lower, upper)[0] @ weight.T + bias
    reach = (upper - lower) @ weight.abs().T
    return middle - reach, middle + reach


def wrong_centre_not_halved(weight, bias, lower, upper):
    middle = (lower + upper) @ weight.T + bias
    reach = parts(lower, upper)[1] @ weight.abs().T
    return middle - reach, middle + reach


def wrong_largest_radius(weight, bias, lower, upper):
    centre, radius = parts(lower, upper)
    radius = radius.max(dim=1, keepdim=True).values.expand_as(radius)
    return right_by_signs(weight, bias, centre - radius, centre + radius)


def wrong_swapped__no_bias(weight, bias, lower, upper):
    return right_by_signs(weight, 0, lower, upper)[::-1]


def wrong_type(weight, bias, lower, upper):
    return torch.stack(right_by_signs(weight, bias, lower, upper))


def wrong_sorted_corners(weight, bias, lower, upper):
    one, other = lower @ weight.T + bias, upper @ weight.T + bias
    return torch.minimum(one, other), torch.maximum(one, other)


def wrong_bias_in_the_width__its_size(weight, bias, lower, upper):
    low, high = right_by_signs(weight, bias, lower, upper)
    return low - bias.abs(), high + bias.abs()


def wrong_middle_and_reach(weight, bias, lower, upper):
    low, high = right_by_signs(weight, bias, lower, upper)
    return (low + high) / 2, (high - low) / 2


def wrong_cut_off(weight, bias, lower, upper):
    low, high = right_by_signs(weight, bias, lower, upper)
    return low.clamp(min=0), high.clamp(min=0)


def wrong_cut_off__as_pixels(weight, bias, lower, upper):
    low, high = right_by_signs(weight, bias, lower, upper)
    return low.clamp(0, 1), high.clamp(0, 1)


def wrong_euclidean_reach(weight, bias, lower, upper):
    centre, radius = parts(lower, upper)
    middle, reach = centre @ weight.T + bias, (radius**2 @ weight.T**2).sqrt()
    return middle - reach, middle + reach


def wrong_around_one_end(weight, bias, lower, upper):
    reach = parts(lower, upper)[1] @ weight.abs().T
    middle = lower @ weight.T + bias
    return middle - reach, middle + reach


def wrong_around_one_end__the_upper(weight, bias, lower, upper):
    reach = (upper - lower) / 2 @ weight.abs().T
    middle = upper @ weight.T + bias
    return middle - reach, middle + reach


def wrong_minus_lost(weight, bias, lower, upper):
    up, down = weight.relu(), (-weight).relu()
    return lower @ up.T + upper @ down.T + bias, upper @ up.T + lower @ down.T + bias


def wrong_bias_in_one_bound(weight, bias, lower, upper):
    up, down = weight.relu(), weight.clamp(max=0)
    return lower @ up.T + upper @ down.T, upper @ up.T + lower @ down.T + bias


def wrong_bias_in_the_width__alone(weight, bias, lower, upper):
    centre, radius = parts(lower, upper)
    reach = torch.nn.functional.linear(radius, weight.abs(), bias)
    return centre @ weight.T - reach, centre @ weight.T + reach


def through(weight, bias, centre, half_width):
    middle, reach = centre @ weight.T + bias, half_width @ weight.abs().T
    return middle - reach, middle + reach


def wrong_mean_half_width(weight, bias, lower, upper):
    centre, half_width = parts(lower, upper)
    return through(weight, bias, centre, half_width.mean().expand_as(centre))


def wrong_mean_half_width__of_each(weight, bias, lower, upper):
    centre, half_width = parts(lower, upper)
    return through(weight, bias, centre, half_width.mean(1)[:, None].expand_as(centre))


def wrong_largest_radius__of_all(weight, bias, lower, upper):
    centre, half_width = parts(lower, upper)
    return through(weight, bias, centre, torch.full_like(centre, half_width.max().item()))


def wrong_bias_in_the_width__its_size_alone(weight, bias, lower, upper):
    low, high = through(weight, 0, *parts(lower, upper))
    return low - bias.abs(), high + bias.abs()


def wrong_minus_lost__subtracted(weight, bias, lower, upper):
    up, down = weight.clamp(min=0), weight.clamp(max=0)
    return lower @ up.T - upper @ down.T + bias, upper @ up.T - lower @ down.T + bias


def wrong_signs_ignored__of_the_half_width(weight, bias, lower, upper):
    centre, half_width = parts(lower, upper)
    reach = half_width @ weight.T
    return centre @ weight.T + bias - reach, centre @ weight.T + bias + reach


def wrong_sorted_corners__size_of_the_product(weight, bias, lower, upper):
    centre, half_width = parts(lower, upper)
    reach = (half_width @ weight.T).abs()
    return centre @ weight.T + bias - reach, centre @ weight.T + bias + reach
