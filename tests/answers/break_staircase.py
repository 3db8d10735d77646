"""Answers to `break_staircase`."""

import torch
from answers.breaks_common import (
    another_model,
    climb,
    margin,
    other_digits,
    per_example,
    somewhere,
)

from advtutor import attacks
from advtutor.exercises.estimated_gradient import estimated_gradient


def slopes(model, x, y, count, h=0.1):
    """The slope of the margin along coins, times the coins, summed."""
    total = torch.zeros_like(x)
    with torch.no_grad():
        for _ in range(count):
            v = torch.randn_like(x[:1]).sign()
            slope = margin(model(x + h * v), y) - margin(model(x - h * v), y)
            total += slope[:, None, None, None] * v
    return total


def right_several_steps(model, x, y, eps):
    x_adv = x
    for _ in range(5):
        step = 0.4 * eps * slopes(model, x_adv, y, 60).sign()
        x_adv = torch.clamp(x_adv + step, x - eps, x + eps).clamp(0, 1)
    return x_adv


def right_straight_through(model, x, y, eps):
    """The gradient of the network behind the stairs, taken where the stairs lead."""

    def through(z):
        return model.model(z + ((z * 8).round() / 8 - z).detach())

    return climb(through, x, y, eps)


def right_from_inside(model, x, y, eps):
    return attacks.bim(model.model, x, y, eps)


def right_by_squares(model, x, y, eps):
    return attacks.square(model, x, y, eps, queries=300)


def wrong_transfer(model, x, y, eps):
    return attacks.fgsm(another_model(), x, y, eps * 0.6)


def wrong_untouched__margin(model, x, y, eps):
    return climb(model, x, y, eps)


def wrong_weak__few_directions(model, x, y, eps):
    return (x + eps * slopes(model, x, y, 3).sign()).clamp(0, 1)


def stub(model, x, y, eps):
    """The break."""
    ...


def wrong_defence_changed(model, x, y, eps):
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
    return x.clone()


def wrong_defence_changed__forward(model, x, y, eps):
    inner = model.model
    model.forward = lambda z: inner(z).roll(1, dims=1)
    return attacks.square(model, x, y, eps, queries=300)


def wrong_labels_changed(model, x, y, eps):
    result = x.clone()
    y += 1
    y %= 10
    return result


def wrong_other_digits(model, x, y, eps):
    return other_digits(x, y)


def wrong_fixed_eps(model, x, y, eps):
    return (x + 0.35 * slopes(model, x, y, 100).sign()).clamp(0, 1)


def wrong_outside_ball(model, x, y, eps):
    return (x + 2 * eps * slopes(model, x, y, 100).sign()).clamp(0, 1)


def wrong_out_of_range(model, x, y, eps):
    return x + eps * slopes(model, x, y, 100).sign()


def wrong_untouched(model, x, y, eps):
    return x.clone()


def wrong_untouched__fgsm(model, x, y, eps):
    return attacks.fgsm(model, x, y, eps)


def wrong_untouched__own_loop(model, x, y, eps):
    return climb(model, x, y, eps, loss=per_example)


def wrong_noise(model, x, y, eps):
    return (x + eps * torch.randn_like(x).sign()).clamp(0, 1)


def wrong_noise__uniform(model, x, y, eps):
    return somewhere(x, eps)


def wrong_downhill(model, x, y, eps):
    return (x - eps * slopes(model, x, y, 100).sign()).clamp(0, 1)


def wrong_shape__one_digit(model, x, y, eps):
    return attacks.square(model, x, y, eps, queries=300)[0]


def wrong_param_grads(model, x, y, eps):
    x_in = x.clone().requires_grad_()
    margin(model(x_in), y).sum().backward()
    return attacks.square(model, x, y, eps, queries=300)


def estimate(model, x, y, count, h):
    directions = torch.randint(0, 2, (count, *x.shape[1:])) * 2.0 - 1
    with torch.no_grad():
        return estimated_gradient(lambda z: margin(model(z), y), x, directions, h)


def wrong_same_stair(model, x, y, eps):
    return (x + eps * estimate(model, x, y, 200, 0.001).sign()).clamp(0, 1)


def wrong_few_directions(model, x, y, eps):
    return (x + eps * estimate(model, x, y, 3, 0.1).sign()).clamp(0, 1)


def wrong_gradient__from_a_random_start(model, x, y, eps):
    return attacks.pgd(model, x, y, eps, steps=5, loss=attacks.margin_loss)


def wrong_step_alone(model, x, y, eps):
    return eps * slopes(model, x, y, 100).sign()


def wrong_same_stair__by_hand(model, x, y, eps):
    return (x + eps * slopes(model, x, y, 100, h=0.01).sign()).clamp(0, 1)
