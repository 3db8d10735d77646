"""Answers to `project_linf`."""

import torch


def right_by_delta(x_adv, x, eps):
    return torch.clamp(x + torch.clamp(x_adv - x, -eps, eps), 0, 1)


def right_range_first(x_adv, x, eps):
    return torch.clip(torch.clip(x_adv, 0, 1), x - eps, x + eps)


def right_one_box(x_adv, x, eps):
    low, high = (x - eps).relu(), 1 - (1 - x - eps).relu()
    return torch.where(x_adv < low, low, torch.where(x_adv > high, high, x_adv))


def stub(x_adv, x, eps):
    """Into the ball."""
    ...


def wrong_no_ball(x_adv, x, eps):
    return x_adv.clamp(0, 1)


def wrong_swapped(x_adv, x, eps):
    return x.clamp(x_adv - eps, x_adv + eps).clamp(0, 1)


def wrong_ball_around_zero(x_adv, x, eps):
    return x_adv.clamp(-eps, eps).clamp(0, 1)


def wrong_delta_alone(x_adv, x, eps):
    return (x_adv - x).clamp(-eps, eps).clamp(0, 1)


def wrong_to_the_surface(x_adv, x, eps):
    return (x + eps * torch.sign(x_adv - x)).clamp(0, 1)


def wrong_scaled(x_adv, x, eps):
    delta = x_adv - x
    largest = delta.abs().amax((1, 2, 3), keepdim=True)
    return (x + delta * torch.minimum(torch.ones(()), eps / largest)).clamp(0, 1)


def wrong_l2_ball(x_adv, x, eps):
    delta = (x_adv - x).flatten(1)
    return (x + delta.renorm(2, 0, eps).reshape(x.shape)).clamp(0, 1)


def wrong_half_the_ball(x_adv, x, eps):
    return x_adv.clamp(x - eps / 2, x + eps / 2).clamp(0, 1)


def wrong_one_side_only(x_adv, x, eps):
    return torch.minimum(x_adv, x + eps).clamp(0, 1)


def wrong_no_range(x_adv, x, eps):
    return x + (x_adv - x).clamp(-eps, eps)


def wrong_no_ball__no_range(x_adv, x, eps):
    return x_adv.clone()


def wrong_in_place(x_adv, x, eps):
    return x_adv.clamp_(x - eps, x + eps).clamp_(0, 1)


def wrong_scaled__over_the_batch(x_adv, x, eps):
    delta = x_adv - x
    return (x + delta * min(1.0, eps / delta.abs().max().item())).clamp(0, 1)


def wrong_fixed_number(x_adv, x, eps):
    return x_adv.clamp(x - 0.1, x + 0.1).clamp(0, 1)


def wrong_fixed_number__a_quotient(x_adv, x, eps):
    return x_adv.clamp(x - 25.5 / 255, x + 25.5 / 255).clamp(0, 1)


TENTH = 0.1


def wrong_fixed_number__of_the_notebook(x_adv, x, eps):
    return x_adv.clamp(x - TENTH, x + TENTH).clamp(0, 1)


def wrong_one_side_only__the_lower(x_adv, x, eps):
    return torch.maximum(x_adv, x - eps).clamp(0, 1)


def wrong_no_range__above(x_adv, x, eps):
    return x_adv.clamp(x - eps, x + eps).clamp(min=0)


def wrong_put_back(x_adv, x, eps):
    return torch.where((x_adv - x).abs() > eps, x, x_adv).clamp(0, 1)


def wrong_turned_round(x_adv, x, eps):
    return (x + (x - x_adv).clamp(-eps, eps)).clamp(0, 1)


def wrong_upwards_only(x_adv, x, eps):
    return (x + (x_adv - x).clamp(0, eps)).clamp(0, 1)


def wrong_upwards_only__always_above(x_adv, x, eps):
    return torch.where((x_adv - x).abs() > eps, x + eps, x_adv).clamp(0, 1)


def wrong_times_eps(x_adv, x, eps):
    return (x + eps * (x_adv - x)).clamp(0, 1)
