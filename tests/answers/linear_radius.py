"""Answers to `linear_radius`."""

import torch


def right_by_where(w, b, x, y):
    score = torch.einsum("ni,i->n", x, w) + b
    radius = score.abs() / torch.linalg.vector_norm(w, ord=1)
    return torch.where(score.sign() == y, radius, 0.0)


def right_one_by_one(w, b, x, y):
    radii = []
    for image, label in zip(x, y, strict=True):
        margin = label * (torch.dot(w, image) + b)
        radii.append(max(margin.item(), 0.0) / w.abs().sum().item())
    return torch.tensor(radii)


def right_by_relu(w, b, x, y):
    return torch.relu((x * w).sum(1).add(b).mul(y).div((w.sign() * w).sum()))


def stub(w, b, x, y):
    """The radius."""
    ...


def margin(w, b, x, y):
    return y * (x @ w + b)


def wrong_no_bias(w, b, x, y):
    return (y * (x @ w)).relu() / w.abs().sum()


def wrong_not_divided(w, b, x, y):
    return margin(w, b, x, y).clamp(min=0)


def wrong_no_label(w, b, x, y):
    return (x @ w + b).clamp(min=0) / w.abs().sum()


def wrong_label_in_the_condition(w, b, x, y):
    score = x @ w + b
    return torch.where(y * score > 0, score / w.abs().sum(), torch.zeros(()))


def wrong_labels_0_1(w, b, x, y):
    return margin(w, b, x, 2 * y - 1).clamp(min=0) / w.abs().sum()


def wrong_absolute(w, b, x, y):
    return (x @ w + b).abs() / w.abs().sum()


def wrong_negative(w, b, x, y):
    return margin(w, b, x, y) / w.abs().sum()


def wrong_l2_norm(w, b, x, y):
    return margin(w, b, x, y).relu() / torch.linalg.norm(w)


def wrong_largest_weight(w, b, x, y):
    return margin(w, b, x, y).relu() / w.abs().max()


def wrong_mean_weight(w, b, x, y):
    return margin(w, b, x, y).relu() / w.abs().mean()


def wrong_norm_at_least_one(w, b, x, y):
    return margin(w, b, x, y).relu() / w.abs().sum().clamp(min=1)


def wrong_signed_sum(w, b, x, y):
    return margin(w, b, x, y).relu() / sum(w)


def wrong_no_bias__l2_norm(w, b, x, y):
    return (y * (x @ w)).relu() / w.norm()


def wrong_shape(w, b, x, y):
    return margin(w, b, x, y)[:, None].relu() / w.abs().sum()


def wrong_type(w, b, x, y):
    return margin(w, b, x, y).relu().div(w.abs().sum()).tolist()


def wrong_offset_outside(w, b, x, y):
    return (y * (x @ w) + b).relu() / w.abs().sum()


def wrong_cut_at_one(w, b, x, y):
    return (margin(w, b, x, y) / w.abs().sum()).clamp(0, 1)


def wrong_turned_round(w, b, x, y):
    return (-margin(w, b, x, y)).clamp(min=0) / w.abs().sum()


def wrong_offset_among_weights(w, b, x, y):
    return margin(w, b, x, y).clamp(min=0) / (w.abs().sum() + b.abs())


def wrong_multiplied(w, b, x, y):
    return margin(w, b, x, y).clamp(min=0) * w.abs().sum()


def wrong_nan__infinite(w, b, x, y):
    radius = margin(w, b, x, y) / w.abs().sum()
    return torch.where(radius > 0, radius, torch.inf)


def wrong_values__twice(w, b, x, y):
    return 2 * margin(w, b, x, y).clamp(min=0) / w.abs().sum()


def wrong_raises__pythons_max(w, b, x, y):
    return max(0, margin(w, b, x, y)) / w.abs().sum()


def wrong_squared(w, b, x, y):
    return (y * (x @ w + b)).relu() / (w @ w)
