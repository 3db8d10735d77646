"""Answers to `targeted_fgsm`."""

import torch
import torch.nn.functional as F

from advtutor.attacks import fgsm as fgsm_of_the_package


def right_by_the_package(model, x, target, eps):
    def nearness(logits, y):
        return -F.cross_entropy(logits, y, reduction="none")

    return fgsm_of_the_package(model, x, target, eps, loss=nearness)


def right_up_the_likelihood(model, x, target, eps):
    copy = x.clone().requires_grad_()
    gain = model(copy).log_softmax(1)[torch.arange(len(x)), target].sum()
    return (x + eps * torch.autograd.grad(gain, copy)[0].sign()).clamp(0, 1)


def right_by_delta(model, x, target, eps):
    delta = torch.zeros_like(x, requires_grad=True)
    loss = F.cross_entropy(model(x + delta), target, reduction="sum")
    (slope,) = torch.autograd.grad(loss, delta)
    return torch.min(torch.max(x - eps * slope.sign(), torch.zeros(())), torch.ones(()))


def stub(model, x, target, eps): ...


def gradient(model, x, y):
    copy = x.clone().detach().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(copy), y), copy)[0]


def wrong_uphill(model, x, target, eps):
    return (x + eps * gradient(model, x, target).sign()).clamp(0, 1)


def wrong_step_alone(model, x, target, eps):
    return (-eps * gradient(model, x, target).sign()).clamp(0, 1)


def wrong_from_prediction(model, x, target, eps):
    seen = model(x).argmax(dim=1)
    return (x + eps * gradient(model, x, seen).sign()).clamp(0, 1)


def wrong_target_unused(model, x, target, eps):
    seen = model(x).argmax(dim=1)
    return (x - eps * gradient(model, x, seen).sign()).clamp(0, 1)


def wrong_no_sign(model, x, target, eps):
    return (x - eps * gradient(model, x, target)).clamp(0, 1)


def wrong_softmax_twice(model, x, target, eps):
    copy = x.clone().detach().requires_grad_()
    loss = F.cross_entropy(F.softmax(model(copy), dim=1), target)
    (slope,) = torch.autograd.grad(loss, copy)
    return (x - eps * slope.sign()).clamp(0, 1)


def wrong_first_only(model, x, target, eps):
    copy = x.clone().detach().requires_grad_()
    loss = F.cross_entropy(model(copy)[:1], target[:1])
    (slope,) = torch.autograd.grad(loss, copy)
    return (x - eps * slope.sign()).clamp(0, 1)


def wrong_eps_twice(model, x, target, eps):
    step = eps * gradient(model, x, target).sign()
    return (x - 2 * step).clamp(0, 1)


def wrong_no_eps(model, x, target, eps):
    return (x - gradient(model, x, target).sign()).clamp(0, 1)


def wrong_no_clip(model, x, target, eps):
    return x - eps * gradient(model, x, target).sign()


def wrong_unmoved(model, x, target, eps):
    return x.clone()


def wrong_upper_only(model, x, target, eps):
    return (x - eps * gradient(model, x, target).sign()).clamp(max=1)


def wrong_lower_only(model, x, target, eps):
    return (x - eps * gradient(model, x, target).sign()).clamp(min=0)


def wrong_values__those_not_there_yet(model, x, target, eps):
    x_adv = (x - eps * gradient(model, x, target).sign()).clamp(0, 1)
    return torch.where((model(x).argmax(1) != target)[:, None, None, None], x_adv, x).detach()


def wrong_logit(model, x, target, eps):
    x = x.detach().clone().requires_grad_()
    logits = model(x).gather(1, target[:, None]).sum()
    (gradient,) = torch.autograd.grad(logits, x)
    return (x + eps * gradient.sign()).clamp(0, 1).detach()


def wrong_image_sign(model, x, target, eps):
    return (x - eps * x.sign()).clamp(0, 1)


def wrong_divided_by_max(model, x, target, eps):
    slope = gradient(model, x, target)
    return (x - eps * slope / slope.flatten(1).abs().amax(1)[:, None, None, None]).clamp(0, 1)


def wrong_divided_by_norm(model, x, target, eps):
    slope = gradient(model, x, target)
    return (x - eps * slope / slope.flatten(1).norm(dim=1)[:, None, None, None]).clamp(0, 1)


def wrong_mean_step(model, x, target, eps):
    mean = gradient(model, x, target).flatten(1).mean(1)
    return (x - eps * mean.sign()[:, None, None, None]).clamp(0, 1)


def wrong_eps_255(model, x, target, eps):
    return (x - (eps / 255) * gradient(model, x, target).sign()).clamp(0, 1)


def wrong_gradient_clipped(model, x, target, eps):
    return (x - gradient(model, x, target).clip(-eps, eps)).clamp(0, 1)


def wrong_also_uphill(model, x, target, eps):
    down = gradient(model, x, target)
    up = gradient(model, x, model(x).argmax(dim=1))
    return (x + eps * (up - down).sign()).clamp(0, 1)
