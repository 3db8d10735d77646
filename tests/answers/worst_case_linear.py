"""Answers to `worst_case_linear`."""

import torch


def right_outer_product(w, y, eps):
    return torch.outer(y, -eps * torch.sign(w))


def right_row_by_row(w, y, eps):
    return torch.stack([torch.where(label * w > 0, -eps, eps) for label in y])


def right_by_gradient(w, y, eps):
    eta = torch.zeros(len(y), len(w), requires_grad=True)
    margin = (y * (eta @ w)).sum()
    return -eps * torch.autograd.grad(margin, eta)[0].sign()


def stub(w, y, eps):
    """The worst step."""
    ...


def wrong_plus(w, y, eps):
    return eps * y[:, None] * w.sign()


def wrong_no_weights(w, y, eps):
    return -eps * y[:, None] * torch.ones_like(w)


def wrong_positive_only(w, y, eps):
    return -eps * w.sign() * (y > 0)[:, None]


def wrong_no_label(w, y, eps):
    return (-eps * w.sign()).repeat(len(y), 1)


def wrong_labels_0_1(w, y, eps):
    return -eps * (2 * y - 1)[:, None] * w.sign()


def wrong_no_sign(w, y, eps):
    return -eps * y[:, None] * w


def wrong_divided_by_max(w, y, eps):
    return -eps * y[:, None] * w / w.abs().max()


def wrong_divided_by_norm(w, y, eps):
    return -eps * y[:, None] * w / torch.linalg.norm(w)


def wrong_largest_only(w, y, eps):
    eta = torch.zeros(len(y), len(w))
    i = w.abs().argmax()
    eta[:, i] = -eps * y * w[i].sign()
    return eta


def wrong_shared_budget(w, y, eps):
    return -eps / len(w) * y[:, None] * w.sign()


def wrong_no_eps(w, y, eps):
    return -y[:, None] * w.sign()


def wrong_eps_twice(w, y, eps):
    eta = -eps * y[:, None] * w.sign()
    return 2 * eta


def wrong_plus__no_sign(w, y, eps):
    return eps * y[:, None] * w


def wrong_shape(w, y, eps):
    return -eps * w.sign()


def wrong_shape__turned(w, y, eps):
    return -eps * w.sign()[:, None] * y


def wrong_fixed_number(w, y, eps):
    return -0.25 * y[:, None] * w.sign()


def wrong_clipped(w, y, eps):
    return -y[:, None] * torch.clamp(w, -eps, eps)


def wrong_eps_255(w, y, eps):
    return -(eps / 255) * y[:, None] * w.sign()


def wrong_size_for_sign(w, y, eps):
    return -eps * torch.outer(y, w.abs())
