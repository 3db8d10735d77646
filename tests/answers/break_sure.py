"""Answers to `break_sure`."""

import torch
import torch.nn.functional as F
from answers.breaks_common import (
    another_model,
    climb,
    margin,
    other_digits,
    per_example,
    somewhere,
)

from advtutor import attacks


def right_by_hand(model, x, y, eps):
    return climb(model, x, y, eps)


def right_one_step(model, x, y, eps):
    return attacks.fgsm(model, x, y, eps, loss=margin)


def right_scaled_back(model, x, y, eps):
    return climb(model, x, y, eps, loss=lambda logits, y: per_example(logits / 400, y))


def right_from_inside(model, x, y, eps):
    """The network behind the lock is the same network: this is no cheat."""
    return attacks.pgd(model.model, x, y, eps, steps=10)


def right_in_float64(model, x, y, eps):
    def loss(logits, y):
        return -(logits / 400).double().log_softmax(dim=1).gather(1, y[:, None]).squeeze(1)

    return climb(model, x, y, eps, loss=loss)


def wrong_transfer(model, x, y, eps):
    return attacks.fgsm(another_model(), x, y, eps)


def wrong_cross_entropy(model, x, y, eps):
    x_adv = somewhere(x, eps)
    for _ in range(20):
        x_adv = x_adv.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(F.cross_entropy(model(x_adv), y), x_adv)
        x_adv = torch.clamp(x_adv + eps / 8 * gradient.sign(), x - eps, x + eps).clamp(0, 1)
    return x_adv.detach()


def wrong_cross_entropy__pgd(model, x, y, eps):
    return attacks.pgd(model, x, y, eps, steps=20)


def wrong_weak(model, x, y, eps):
    return climb(model, x, y, eps / 3)


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
    return climb(model, x, y, eps)


def wrong_labels_changed(model, x, y, eps):
    result = x.clone()
    y += 1
    y %= 10
    return result


def wrong_other_digits(model, x, y, eps):
    return other_digits(x, y)


def wrong_fixed_eps(model, x, y, eps):
    return climb(model, x, y, 0.35)


def wrong_outside_ball(model, x, y, eps):
    return climb(model, x, y, 2 * eps)


def wrong_out_of_range(model, x, y, eps):
    return x + eps * (climb(model, x, y, eps) - x).sign()


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
    return climb(model, x, y, eps, way=-1)


def wrong_shape__one_digit(model, x, y, eps):
    return climb(model, x, y, eps)[0]


def wrong_param_grads(model, x, y, eps):
    x_in = x.clone().requires_grad_()
    margin(model(x_in), y).sum().backward()
    return climb(model, x, y, eps)


def wrong_weak__aimed(model, x, y, eps):
    return attacks.bim(model, x, (y + 1) % 10, eps / 4, steps=2, targeted=True)


def wrong_outside_ball__black(model, x, y, eps):
    return torch.zeros_like(x)


def wrong_step_alone(model, x, y, eps):
    return climb(model, x, y, eps) - x


def wrong_step_alone__in_range(model, x, y, eps):
    return (climb(model, x, y, eps) - x).clamp(0, 1)
