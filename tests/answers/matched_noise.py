"""Answers to `matched_noise`."""

import torch


def right_by_unit_vectors(x, x_adv, noise):
    change = torch.clip(x + noise, 0, 1) - x
    unit = change / change.square().sum((1, 2, 3), keepdim=True).sqrt()
    return x + unit * (x_adv - x).square().sum((1, 2, 3), keepdim=True).sqrt()


def right_by_lerp(x, x_adv, noise):
    shaken = (x + noise).clamp(0, 1)
    share = (x_adv - x).flatten(1).norm(dim=1) / (shaken - x).flatten(1).norm(dim=1)
    return torch.lerp(x, shaken, share.reshape(-1, 1, 1, 1))


def right_one_by_one(x, x_adv, noise):
    made = []
    for image, attacked, coins in zip(x, x_adv, noise, strict=True):
        change = (image + coins).clamp(0, 1) - image
        made.append(image + change * ((attacked - image).norm() / change.norm()))
    return torch.stack(made)


def stub(x, x_adv, noise):
    """Noise of the step's length."""
    ...


def length(change, p=2):
    return change.flatten(1).norm(p=p, dim=1).reshape(-1, 1, 1, 1)


def clipped(x, noise):
    return (x + noise).clamp(0, 1) - x


def wrong_no_clip(x, x_adv, noise):
    return x + noise * length(x_adv - x) / length(noise)


def wrong_clip_last(x, x_adv, noise):
    return (x + noise * length(x_adv - x) / length(noise)).clamp(0, 1)


def wrong_not_shortened(x, x_adv, noise):
    return (x + noise).clamp(0, 1)


def wrong_step_itself(x, x_adv, noise):
    return x + (x_adv - x) * length(x_adv - x) / length(clipped(x, noise))


def wrong_on_top(x, x_adv, noise):
    change = clipped(x, noise)
    return x_adv + change * length(x_adv - x) / length(change)


def wrong_change_alone(x, x_adv, noise):
    change = clipped(x, noise)
    return change * length(x_adv - x) / length(change)


def wrong_mean_length(x, x_adv, noise):
    change = clipped(x, noise)
    return x + change / length(change) * length(x_adv - x).mean()


def wrong_one_length(x, x_adv, noise):
    change = clipped(x, noise)
    return x + change * (x_adv - x).norm() / change.norm()


def wrong_inverted(x, x_adv, noise):
    change = clipped(x, noise)
    return x + change * length(change) / length(x_adv - x)


def wrong_squared_lengths(x, x_adv, noise):
    change = clipped(x, noise)
    return x + change * (length(x_adv - x) / length(change)) ** 2


def wrong_l1_length(x, x_adv, noise):
    change = clipped(x, noise)
    return x + change * length(x_adv - x, p=1) / length(change, p=1)


def wrong_largest_pixels(x, x_adv, noise):
    change = clipped(x, noise)
    return x + change * length(x_adv - x, p=torch.inf) / length(change, p=torch.inf)


def wrong_length_before_the_clip(x, x_adv, noise):
    return x + clipped(x, noise) * length(x_adv - x) / length(noise)


def wrong_unit_length(x, x_adv, noise):
    change = clipped(x, noise)
    return x + change / length(change)


def wrong_the_example(x, x_adv, noise):
    return x_adv.clone()


def wrong_length_of_the_picture(x, x_adv, noise):
    change = clipped(x, noise)
    return x + change * length(x_adv) / length(change)


def wrong_minus(x, x_adv, noise):
    change = clipped(x, noise)
    return x - change * length(x_adv - x) / length(change)


def wrong_length_of_rows(x, x_adv, noise):
    step, change = x_adv - x, clipped(x, noise)
    return x + change * step.norm(dim=(2, 3), keepdim=True) / change.norm(dim=(2, 3), keepdim=True)


def wrong_on_x_adv(x, x_adv, noise):
    change = (x_adv + noise).clamp(0, 1) - x
    ratio = (x_adv - x).flatten(1).norm(dim=1) / change.flatten(1).norm(dim=1)
    return x + change * ratio[:, None, None, None]


def wrong_picture_for_change(x, x_adv, noise):
    noisy = (x + noise).clamp(0, 1)
    ratio = (x_adv - x).flatten(1).norm(dim=1) / noisy.flatten(1).norm(dim=1)
    return x + noisy * ratio[:, None, None, None]


def wrong_change_from_x_adv(x, x_adv, noise):
    step, change = x_adv - x, (x + noise).clamp(0, 1) - x_adv
    ratio = step.flatten(1).norm(dim=1) / change.flatten(1).norm(dim=1)
    return x + change * ratio.reshape(-1, 1, 1, 1)
