"""Answers to `worst_case_loss`."""

import torch
import torch.nn.functional as F


def right_by_making_the_step(w, b, x, y, eps):
    eta = -eps * y[:, None] * w.sign()
    return F.softplus(-y * ((x + eta) @ w + b))


def right_by_logarithm(w, b, x, y, eps):
    z = eps * torch.linalg.vector_norm(w, ord=1) - y * (x @ w + b)
    return torch.log1p(torch.exp(z))


def right_row_by_row(w, b, x, y, eps):
    gain = eps * sum(abs(weight) for weight in w)
    scores = [label * (w @ row + b) for row, label in zip(x, y, strict=True)]
    return torch.stack([-F.logsigmoid(score - gain) for score in scores])


def stub(w, b, x, y, eps):
    """The loss."""
    ...


def wrong_clean(w, b, x, y, eps):
    return F.softplus(-y * (x @ w + b))


def wrong_as_printed(w, b, x, y, eps):
    return F.softplus(y * (eps * w.abs().sum() - x @ w - b))


def wrong_helps_the_model(w, b, x, y, eps):
    return F.softplus(-eps * w.abs().sum() - y * (x @ w + b))


def wrong_no_label(w, b, x, y, eps):
    return F.softplus(eps * w.abs().sum() - (x @ w + b))


def wrong_right_side_up(w, b, x, y, eps):
    return F.softplus(eps * w.abs().sum() + y * (x @ w + b))


def wrong_l2_norm(w, b, x, y, eps):
    return F.softplus(eps * w.norm() - y * (x @ w + b))


def wrong_largest_weight(w, b, x, y, eps):
    return F.softplus(eps * w.abs().max() - y * (x @ w + b))


def wrong_plain_sum(w, b, x, y, eps):
    return F.softplus(eps * w.sum() - y * (x @ w + b))


def wrong_mean_weight(w, b, x, y, eps):
    return F.softplus(eps * w.abs().mean() - y * (x @ w + b))


def wrong_no_offset(w, b, x, y, eps):
    return F.softplus(eps * w.abs().sum() - y * (x @ w))


def wrong_no_eps(w, b, x, y, eps):
    return F.softplus(w.abs().sum() - y * (x @ w + b))


def wrong_no_softplus(w, b, x, y, eps):
    return eps * w.abs().sum() - y * (x @ w + b)


def wrong_sigmoid(w, b, x, y, eps):
    return torch.sigmoid(eps * w.abs().sum() - y * (x @ w + b))


def wrong_as_printed__no_offset(w, b, x, y, eps):
    return F.softplus(y * (eps * w.abs().sum() - x @ w))


def wrong_shape__mean(w, b, x, y, eps):
    return F.softplus(eps * w.abs().sum() - y * (x @ w + b)).mean()


def wrong_offset_outside(w, b, x, y, eps):
    return F.softplus(eps * w.abs().sum() - y * (x @ w) + b)


def wrong_offset_outside__bracketed(w, b, x, y, eps):
    margin = y * (x @ w) + b
    return F.softplus(eps * w.abs().sum() - margin)


def wrong_fixed_number(w, b, x, y, eps):
    return F.softplus(0.25 * w.abs().sum() - y * (x @ w + b))


def wrong_outside(w, b, x, y, eps):
    return F.softplus(-y * (x @ w + b)) + eps * w.abs().sum()


def wrong_gain_without_gradient(w, b, x, y, eps):
    gain = eps * sum(abs(weight) for weight in w.tolist())
    scores = [label * (w @ row + b) for row, label in zip(x, y, strict=True)]
    return torch.stack([-F.logsigmoid(score - gain) for score in scores])


def wrong_gradient__of_the_score(w, b, x, y, eps):
    return F.softplus(eps * w.abs().sum() - y * (x @ w.detach() + b))


def wrong_detached(w, b, x, y, eps):
    with torch.no_grad():
        return F.softplus(eps * w.abs().sum() - y * (x @ w + b))


def wrong_relu(w, b, x, y, eps):
    return F.relu(eps * w.abs().sum() - y * (x @ w + b))


def wrong_squared(w, b, x, y, eps):
    return F.softplus(eps * (w @ w) - y * (x @ w + b))


def wrong_clipped(w, b, x, y, eps):
    x_adv = (x - eps * torch.outer(y, w.sign())).clamp(0, 1)
    return F.softplus(-y * (x_adv @ w + b))
