"""Answers to `l1_decay_loss`."""

import torch
import torch.nn.functional as F


def right_by_cross_entropy(w, b, x, y, strength):
    score = x @ w + b
    loss = F.binary_cross_entropy_with_logits(score, (y + 1) / 2)
    return loss + strength * torch.linalg.vector_norm(w, ord=1)


def right_by_logarithm(w, b, x, y, strength):
    margins = y * (x @ w + b)
    return torch.log1p(torch.exp(-margins)).sum() / len(y) + strength * (w * w.sign()).sum()


def right_row_by_row(w, b, x, y, strength):
    losses = [-F.logsigmoid(label * (w @ row + b)) for row, label in zip(x, y, strict=True)]
    return torch.stack(losses).mean() + sum(strength * abs(weight) for weight in w)


def stub(w, b, x, y, strength):
    """The loss."""
    ...


def wrong_adversarial(w, b, x, y, strength):
    return F.softplus(strength * w.abs().sum() - y * (x @ w + b)).mean()


def wrong_both(w, b, x, y, strength):
    penalty = strength * w.abs().sum()
    return F.softplus(penalty - y * (x @ w + b)).mean() + penalty


def wrong_no_penalty(w, b, x, y, strength):
    return F.softplus(-y * (x @ w + b)).mean()


def wrong_rewarded(w, b, x, y, strength):
    return F.softplus(-y * (x @ w + b)).mean() - strength * w.abs().sum()


def wrong_squared(w, b, x, y, strength):
    return F.softplus(-y * (x @ w + b)).mean() + strength * (w**2).sum()


def wrong_l2_norm(w, b, x, y, strength):
    return F.softplus(-y * (x @ w + b)).mean() + strength * w.norm()


def wrong_plain_sum(w, b, x, y, strength):
    return F.softplus(-y * (x @ w + b)).mean() + strength * w.sum()


def wrong_mean_weight(w, b, x, y, strength):
    return F.softplus(-y * (x @ w + b)).mean() + strength * w.abs().mean()


def wrong_sum_of_losses(w, b, x, y, strength):
    return F.softplus(-y * (x @ w + b)).sum() + strength * w.abs().sum()


def wrong_no_label(w, b, x, y, strength):
    return F.softplus(-(x @ w + b)).mean() + strength * w.abs().sum()


def wrong_right_side_up(w, b, x, y, strength):
    return F.softplus(y * (x @ w + b)).mean() + strength * w.abs().sum()


def wrong_no_offset(w, b, x, y, strength):
    return F.softplus(-y * (x @ w)).mean() + strength * w.abs().sum()


def wrong_squared__sum_of_losses(w, b, x, y, strength):
    return F.softplus(-y * (x @ w + b)).sum() + strength * (w**2).sum()


def wrong_shape__one_loss_each(w, b, x, y, strength):
    return F.softplus(-y * (x @ w + b)) + strength * w.abs().sum()


def wrong_detached(w, b, x, y, strength):
    return F.softplus(-y * (x @ w + b)).mean().detach() + (strength * w.abs().sum()).detach()


def wrong_offset_outside(w, b, x, y, strength):
    return F.softplus(-(y * (x @ w) + b)).mean() + strength * w.abs().sum()


def wrong_price_without_gradient(w, b, x, y, strength):
    return F.softplus(-y * (x @ w + b)).mean() + strength * w.abs().sum().item()


def wrong_price_without_gradient__numpy(w, b, x, y, strength):
    price = abs(w.detach().numpy()).sum()
    return F.softplus(-y * (x @ w + b)).mean() + strength * float(price)


def wrong_loss_without_gradient(w, b, x, y, strength):
    with torch.no_grad():
        loss = F.softplus(-y * (x @ w + b)).mean()
    return loss + strength * w.abs().sum()


def wrong_gradient__of_the_offset(w, b, x, y, strength):
    return F.softplus(-y * (x @ w + b.item())).mean() + strength * w.abs().sum()


def wrong_offset_in_the_price(w, b, x, y, strength):
    return F.softplus(-y * (x @ w + b)).mean() + strength * (w.abs().sum() + b.abs())


def wrong_largest_weight(w, b, x, y, strength):
    return F.softplus(-y * (x @ w + b)).mean() + strength * w.abs().max()


def wrong_price_shared(w, b, x, y, strength):
    return (F.softplus(-y * (x @ w + b)).sum() + strength * w.abs().sum()) / len(x)


def wrong_labels_0_1(w, b, x, y, strength):
    return F.binary_cross_entropy_with_logits(x @ w + b, y) + strength * w.abs().sum()


def wrong_squared__half(w, b, x, y, strength):
    return F.softplus(-y * (x @ w + b)).mean() + strength / 2 * (w**2).sum()


def wrong_relu(w, b, x, y, strength):
    return torch.relu(-y * (x @ w + b)).mean() + strength * w.abs().sum()


def wrong_sigmoid(w, b, x, y, strength):
    return torch.sigmoid(-y * (x @ w + b)).mean() + strength * w.abs().sum()


def wrong_no_softplus(w, b, x, y, strength):
    return strength * w.norm(p=1) - (y * (x @ w + b)).mean()
