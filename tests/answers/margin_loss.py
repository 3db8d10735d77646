"""Answers to `margin_loss`."""

import torch
import torch.nn.functional as F


def right_by_sorting(logits, y):
    best, second = logits.topk(2, dim=1).values.T
    rows = torch.arange(len(y))
    rival = torch.where(logits.argmax(dim=1) == y, second, best)
    return rival - logits[rows, y]


def right_with_one_hot(logits, y):
    mask = F.one_hot(y, logits.shape[1]).bool()
    return logits.masked_fill(mask, float("-inf")).max(dim=1).values - logits[mask]


def right_row_by_row(logits, y):
    margins = []
    for z, label in zip(logits, y, strict=True):
        others = torch.cat([z[:label], z[label + 1 :]])
        margins.append(others.max() - z[label])
    return torch.stack(margins)


def stub(logits, y):
    """The margin."""
    ...


def others_of(logits, y):
    return logits.scatter(1, y[:, None], -torch.inf)


def own(logits, y):
    return logits[torch.arange(len(y)), y]


def wrong_downhill(logits, y):
    return own(logits, y) - others_of(logits, y).amax(1)


def wrong_label_among_rivals(logits, y):
    return logits.amax(1) - own(logits, y)


def wrong_rivals_alone(logits, y):
    return others_of(logits, y).amax(1)


def wrong_label_alone(logits, y):
    return -own(logits, y)


def wrong_mean_rival(logits, y):
    total = logits.sum(1) - own(logits, y)
    return total / (logits.shape[1] - 1) - own(logits, y)


def wrong_largest_against_second(logits, y):
    best, second = logits.topk(2, dim=1).values.T
    return best - second


def wrong_probabilities(logits, y):
    p = logits.softmax(1)
    return others_of(p, y).amax(1) - own(p, y)


def wrong_cut_at_zero(logits, y):
    return F.relu(others_of(logits, y).amax(1) - own(logits, y))


def wrong_downhill__probabilities(logits, y):
    p = logits.softmax(1)
    return own(p, y) - others_of(p, y).amax(1)


def wrong_shape__mean(logits, y):
    return (others_of(logits, y).amax(1) - own(logits, y)).mean()


def wrong_detached(logits, y):
    return (others_of(logits, y).amax(1) - own(logits, y)).detach()


def wrong_masked_with_0(logits, y):
    return logits.scatter(1, y[:, None], 0.0).amax(1) - own(logits, y)


def wrong_rival_without_gradient(logits, y):
    return others_of(logits.detach(), y).amax(1) - own(logits, y)


def wrong_label_without_gradient(logits, y):
    return others_of(logits, y).amax(1) - own(logits, y).detach()


def wrong_downhill__rival_without_gradient(logits, y):
    return own(logits, y) - others_of(logits, y).amax(1).detach()


def wrong_masked_with_a_number(logits, y):
    others = logits.clone()
    others[torch.arange(len(y)), y] = -10
    return others.amax(1) - own(logits, y)


def wrong_masked_with_a_number__a_low_one(logits, y):
    others = logits.scatter(1, y[:, None], -1e4)
    return others.amax(1) - own(logits, y)


def wrong_second_largest(logits, y):
    return logits.sort(dim=1).values[:, -2] - own(logits, y)


def wrong_absolute(logits, y):
    return (others_of(logits, y).amax(1) - own(logits, y)).abs()


def wrong_cross_entropy(logits, y):
    return F.cross_entropy(logits, y, reduction="none")


def wrong_values__and_one(logits, y):
    return others_of(logits, y).amax(1) - own(logits, y) + 1


def wrong_cut_off(logits, y):
    own = logits[torch.arange(len(y)), y]
    rivals = logits.masked_fill(F.one_hot(y, logits.shape[1]).bool(), -torch.inf).amax(dim=1)
    return (rivals - own).clamp(min=-50)


def wrong_mean_rival__of_all(logits, y):
    return logits.mean(dim=1) - logits[torch.arange(len(y)), y]


def wrong_values__cut_above(logits, y):
    others = logits.scatter(1, y[:, None], -torch.inf).amax(dim=1)
    return torch.clamp(others - logits.gather(1, y[:, None])[:, 0], max=50)


def wrong_cut_off__far_below(logits, y):
    others = logits.scatter(1, y[:, None], -torch.inf).amax(dim=1)
    return torch.clamp(others - logits.gather(1, y[:, None])[:, 0], min=-900)


def wrong_largest_against_second__below(logits, y):
    ordered = logits.sort(dim=1).values
    return ordered[:, -2] - ordered[:, -1]
