"""Answers to `project_l2`."""

import torch


def right_by_where(x_adv, x, eps):
    delta = x_adv - x
    length = delta.square().sum((1, 2, 3), keepdim=True).sqrt()
    return torch.where(length > eps, x + delta / length * eps, x_adv).clip(0, 1)


def right_by_renorm(x_adv, x, eps):
    delta = (x_adv - x).flatten(1).renorm(2, 0, eps)
    return torch.clamp(x + delta.reshape(x.shape), 0, 1)


def right_one_by_one(x_adv, x, eps):
    made = []
    for after, before in zip(x_adv, x, strict=True):
        length = (after - before).norm().item()
        if length > eps:
            after = before + (after - before) * eps / length
        made.append(after.clamp(0, 1))
    return torch.stack(made)


def stub(x_adv, x, eps):
    """Into the ball."""
    ...


def per_image(values):
    return values.reshape(-1, 1, 1, 1)


def lengths(step, p=2):
    return step.flatten(1).norm(p=p, dim=1)


def shortened(x, step, length, eps):
    return (x + step * per_image(torch.clamp(eps / length, max=1))).clamp(0, 1)


def wrong_no_ball(x_adv, x, eps):
    return x_adv.clamp(0, 1)


def wrong_each_pixel(x_adv, x, eps):
    return torch.clamp(x_adv, x - eps, x + eps).clamp(0, 1)


def wrong_to_the_surface(x_adv, x, eps):
    step = x_adv - x
    return (x + eps * step / per_image(lengths(step))).clamp(0, 1)


def wrong_lengthened(x_adv, x, eps):
    step = x_adv - x
    return (x + step * per_image((eps / lengths(step)).clamp(min=1))).clamp(0, 1)


def wrong_one_length(x_adv, x, eps):
    step = x_adv - x
    return (x + step * min(1, eps / step.norm().item())).clamp(0, 1)


def wrong_squared_length(x_adv, x, eps):
    step = x_adv - x
    return shortened(x, step, step.flatten(1).square().sum(dim=1), eps)


def wrong_l1_length(x_adv, x, eps):
    return shortened(x, x_adv - x, lengths(x_adv - x, p=1), eps)


def wrong_around_zero(x_adv, x, eps):
    return shortened(torch.zeros_like(x), x_adv, lengths(x_adv), eps)


def wrong_swapped(x_adv, x, eps):
    return shortened(x, x - x_adv, lengths(x - x_adv), eps)


def wrong_step_alone(x_adv, x, eps):
    return shortened(torch.zeros_like(x), x_adv - x, lengths(x_adv - x), eps)


def wrong_range_first(x_adv, x, eps):
    step = x_adv.clamp(0, 1) - x
    return x + step * per_image((eps / lengths(step)).clamp(max=1))


def wrong_no_range(x_adv, x, eps):
    return x + (x_adv - x).flatten(1).renorm(2, 0, eps).reshape(x.shape)


def wrong_no_ball__no_range(x_adv, x, eps):
    return x_adv.clone()


def wrong_inverted(x_adv, x, eps):
    step = x_adv - x
    return (x + step * per_image(torch.clamp(lengths(step) / eps, max=1))).clamp(0, 1)


def wrong_mean_square(x_adv, x, eps):
    step = x_adv - x
    return shortened(x, step, step.flatten(1).square().mean(dim=1).sqrt(), eps)


def wrong_largest_pixel(x_adv, x, eps):
    return shortened(x, x_adv - x, lengths(x_adv - x, p=torch.inf), eps)


def wrong_length_of_rows(x_adv, x, eps):
    step = x_adv - x
    return (x + step * (eps / step.norm(dim=(2, 3), keepdim=True)).clamp(max=1)).clamp(0, 1)


def wrong_put_back(x_adv, x, eps):
    return torch.where(per_image(lengths(x_adv - x)) > eps, x, x_adv).clamp(0, 1)


def wrong_all_or_none(x_adv, x, eps):
    step = x_adv - x
    if (lengths(step) > eps).any():
        step = eps * step / per_image(lengths(step))
    return (x + step).clamp(0, 1)


def wrong_nan(x_adv, x, eps):
    step = x_adv - x
    length = step.flatten(1).norm(dim=1)[:, None, None, None]
    return (x + step / length * length.clamp(max=eps)).clamp(0, 1)


def wrong_nan__where(x_adv, x, eps):
    step = x_adv - x
    length = step.flatten(1).norm(dim=1)[:, None, None, None]
    return (x + torch.minimum(length, torch.tensor(eps)) * step / length).clamp(0, 1)


def wrong_to_the_surface__everywhere(x_adv, x, eps):
    step = x_adv - x
    return (x + eps * step / step.flatten(1).norm(dim=1)[:, None, None, None]).clamp(0, 1)


def wrong_to_the_surface__safely(x_adv, x, eps):
    step = x_adv - x
    length = step.flatten(1).norm(dim=1) + 1e-9
    return (x + eps * step / length[:, None, None, None]).clamp(0, 1)


def wrong_all_or_none__safely(x_adv, x, eps):
    length = (x_adv - x).flatten(1).norm(dim=1) + 1e-9
    factor = eps / length if length.max() > eps else torch.ones(len(x))
    return (x + (x_adv - x) * factor[:, None, None, None]).clamp(0, 1)


def wrong_length_of_the_picture(x_adv, x, eps):
    return shortened(x, x_adv - x, lengths(x_adv), eps)


def wrong_ball_around_zero(x_adv, x, eps):
    step = x_adv - x
    short = x + step * per_image(torch.clamp(eps / lengths(step), max=1))
    return short.clamp(-eps, eps)
