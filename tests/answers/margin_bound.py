"""Answers to `margin_bound`."""

import torch


def right_row_by_row(weight, bias, lower, upper, y):
    worst = []
    for low, high, label in zip(lower, upper, y.tolist(), strict=True):
        leads = []
        for j in range(len(weight)):
            if j != label:
                w = weight[j] - weight[label]
                corner = torch.where(w > 0, high, low)
                leads.append(w @ corner + bias[j] - bias[label])
        worst.append(torch.stack(leads).max())
    return torch.stack(worst)


def right_by_signs(weight, bias, lower, upper, y):
    rows = weight[None] - weight[y].unsqueeze(1)
    lead = torch.einsum("nkh,nh->nk", rows.clamp(min=0), upper)
    lead = lead + torch.einsum("nkh,nh->nk", rows.clamp(max=0), lower)
    lead = lead + bias[None] - bias[y].unsqueeze(1)
    own = torch.nn.functional.one_hot(y, len(weight)).bool()
    return lead.masked_fill(own, -1e30).max(dim=1).values


def right_by_one_hot(weight, bias, lower, upper, y):
    count = len(weight)
    turned = torch.eye(count) - torch.nn.functional.one_hot(y, count)[:, None].float()
    rows, offset = turned @ weight, turned @ bias
    centre, radius = (lower + upper) / 2, (upper - lower) / 2
    lead = offset + (rows * centre[:, None]).sum(-1) + (rows.abs() * radius[:, None]).sum(-1)
    kept = torch.arange(count) != y[:, None]
    return lead[kept].reshape(len(y), count - 1).amax(1)


def stub(weight, bias, lower, upper, y):
    """The worst case."""
    ...


def parts(weight, bias, lower, upper, y):
    """The lead at the middle [N, K], the rows [N, K, n] and the radius [N, n]."""
    rows = weight - weight[y][:, None]
    middle = torch.einsum("nkh,nh->nk", rows, (lower + upper) / 2) + bias - bias[y][:, None]
    return middle, rows, (upper - lower) / 2


def through(rows, radius):
    return torch.einsum("nkh,nh->nk", rows, radius)


def worst_rival(lead, y):
    return lead.scatter(1, y[:, None], -torch.inf).amax(1)


def wrong_no_width(weight, bias, lower, upper, y):
    return worst_rival(parts(weight, bias, lower, upper, y)[0], y)


def wrong_own_class(weight, bias, lower, upper, y):
    middle, rows, radius = parts(weight, bias, lower, upper, y)
    return (middle + through(rows.abs(), radius)).amax(1)


def wrong_bounds_subtracted(weight, bias, lower, upper, y):
    middle, radius = (lower + upper) @ weight.T / 2 + bias, (upper - lower) / 2
    low, high = middle - radius @ weight.abs().T, middle + radius @ weight.abs().T
    return worst_rival(high - low.gather(1, y[:, None]), y)


def wrong_signs_ignored(weight, bias, lower, upper, y):
    logits = upper @ weight.T + bias
    return worst_rival(logits - logits.gather(1, y[:, None]), y)


def wrong_best_case(weight, bias, lower, upper, y):
    middle, rows, radius = parts(weight, bias, lower, upper, y)
    return worst_rival(middle - through(rows.abs(), radius), y)


def wrong_turned_round(weight, bias, lower, upper, y):
    middle, rows, radius = parts(weight, bias, lower, upper, y)
    lead_of_y = -middle - through(rows.abs(), radius)
    return lead_of_y.scatter(1, y[:, None], torch.inf).amin(1)


def wrong_least_rival(weight, bias, lower, upper, y):
    middle, rows, radius = parts(weight, bias, lower, upper, y)
    lead = middle + through(rows.abs(), radius)
    return lead.scatter(1, y[:, None], torch.inf).amin(1)


def wrong_no_bias(weight, bias, lower, upper, y):
    middle, rows, radius = parts(weight, 0 * bias, lower, upper, y)
    return worst_rival(middle + through(rows.abs(), radius), y)


def wrong_bias_of_y_missing(weight, bias, lower, upper, y):
    middle, rows, radius = parts(weight, 0 * bias, lower, upper, y)
    return worst_rival(middle + bias + through(rows.abs(), radius), y)


def wrong_whole_width(weight, bias, lower, upper, y):
    middle, rows, radius = parts(weight, bias, lower, upper, y)
    return worst_rival(middle + 2 * through(rows.abs(), radius), y)


def wrong_bounds_subtracted__no_bias(weight, bias, lower, upper, y):
    return wrong_bounds_subtracted(weight, 0 * bias, lower, upper, y)


def wrong_shape(weight, bias, lower, upper, y):
    middle, rows, radius = parts(weight, bias, lower, upper, y)
    return middle + through(rows.abs(), radius)


def wrong_strongest_rival(weight, bias, lower, upper, y):
    middle, rows, radius = parts(weight, bias, lower, upper, y)
    rival = middle.scatter(1, y[:, None], -torch.inf).argmax(1)
    return (middle + through(rows.abs(), radius)).gather(1, rival[:, None]).squeeze(1)


def wrong_same_ends(weight, bias, lower, upper, y):
    high = (lower + upper) @ weight.T / 2 + bias + (upper - lower) @ weight.abs().T / 2
    return worst_rival(high - high.gather(1, y[:, None]), y)


def wrong_same_ends__the_lower(weight, bias, lower, upper, y):
    low = (lower + upper) @ weight.T / 2 + bias - (upper - lower) @ weight.abs().T / 2
    return worst_rival(low - low.gather(1, y[:, None]), y)


def wrong_best_case__of_two_bounds(weight, bias, lower, upper, y):
    middle, reach = (lower + upper) @ weight.T / 2 + bias, (upper - lower) @ weight.abs().T / 2
    return worst_rival(middle - reach - (middle + reach).gather(1, y[:, None]), y)


def wrong_worst_for_y(weight, bias, lower, upper, y):
    logits = torch.where(weight[y] > 0, lower, upper) @ weight.T + bias
    return worst_rival(logits - logits.gather(1, y[:, None]), y)


def wrong_two_corners(weight, bias, lower, upper, y):
    logits = [corner @ weight.T + bias for corner in (lower, upper)]
    return torch.maximum(*(worst_rival(one - one.gather(1, y[:, None]), y) for one in logits))


def wrong_two_maxima(weight, bias, lower, upper, y):
    middle, rows, radius = parts(weight, bias, lower, upper, y)
    return worst_rival(middle, y) + worst_rival(through(rows.abs(), radius), y)


def wrong_turned_round__worst_of_them(weight, bias, lower, upper, y):
    middle, rows, radius = parts(weight, bias, lower, upper, y)
    return worst_rival(through(rows.abs(), radius) - middle, y)


def wrong_masked_with_a_number(weight, bias, lower, upper, y):
    middle, rows, radius = parts(weight, bias, lower, upper, y)
    return (middle + through(rows.abs(), radius)).scatter(1, y[:, None], -1e3).amax(1)


def greatest_lead(rows, offset, middle, half, y):
    lead = (rows @ middle[:, :, None] + rows.abs() @ half[:, :, None]).squeeze(2) + offset
    lead[torch.arange(len(y)), y] = -torch.inf
    return lead.max(dim=1).values


def wrong_around_one_end(weight, bias, lower, upper, y):
    rows, offset = weight - weight[y].unsqueeze(1), bias - bias[y].unsqueeze(1)
    return greatest_lead(rows, offset, lower, (upper - lower) / 2, y)


def wrong_centre_not_halved(weight, bias, lower, upper, y):
    rows, offset = weight - weight[y].unsqueeze(1), bias - bias[y].unsqueeze(1)
    return greatest_lead(rows, offset, lower + upper, (upper - lower) / 2, y)


def wrong_added(weight, bias, lower, upper, y):
    rows, offset = weight - weight[y].unsqueeze(1), bias + bias[y].unsqueeze(1)
    return greatest_lead(rows, offset, (lower + upper) / 2, (upper - lower) / 2, y)


def wrong_never_below_0(weight, bias, lower, upper, y):
    middle, rows, radius = parts(weight, bias, lower, upper, y)
    return worst_rival(middle + through(rows.abs(), radius), y).clamp(min=0)


def wrong_never_below_0__relu(weight, bias, lower, upper, y):
    middle, radius = (lower + upper) / 2, (upper - lower) / 2
    return greatest_lead(
        weight - weight[y][:, None], bias - bias[y][:, None], middle, radius, y
    ).relu()


def wrong_strongest_rival__by_its_upper_logit(weight, bias, lower, upper, y):
    up, down = weight.relu(), weight.clamp(max=0)
    logits = upper @ up.T + lower @ down.T + bias
    rival = logits.scatter(1, y[:, None], -torch.inf).argmax(1)
    row = weight[rival] - weight[y]
    corner = torch.where(row > 0, upper, lower)
    return (row * corner).sum(1) + bias[rival] - bias[y]
