"""Answers to `adversarial_step`."""

import torch
import torch.nn.functional as F

from advtutor.attacks import fgsm


def objective(model, x, y, eps, alpha=0.5):
    x_adv = fgsm(model, x, y, eps)
    return alpha * F.cross_entropy(model(x), y) + (1 - alpha) * F.cross_entropy(model(x_adv), y)


def right_cleared_first(model, optimizer, x, y, eps):
    model.train()
    optimizer.zero_grad(set_to_none=False)
    loss = objective(model, x, y, eps)
    loss.backward()
    optimizer.step()
    return float(loss)


def right_two_backwards(model, optimizer, x, y, eps):
    x_adv = fgsm(model, x, y, eps)
    model.train()
    model.zero_grad()
    total = 0.0
    for images in (x, x_adv):
        half = 0.5 * F.cross_entropy(model(images), y)
        half.backward()
        total += half.item()
    optimizer.step()
    return total


def right_by_closure(model, optimizer, x, y, eps):
    model.train()

    def closure():
        loss = objective(model, x, y, eps)
        weights = [p for group in optimizer.param_groups for p in group["params"]]
        for weight, grad in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.grad = grad
        return loss.item()

    return optimizer.step(closure)


def right_puts_the_mode_back(model, optimizer, x, y, eps):
    was = model.training
    model.train()
    loss = step(optimizer, objective(model, x, y, eps))
    model.train(was)
    return loss


def stub(model, optimizer, x, y, eps):
    """One step."""
    ...


def step(optimizer, loss, updates=1):
    optimizer.zero_grad()
    loss.backward()
    for _ in range(updates):
        optimizer.step()
    return loss.item()


def wrong_no_update(model, optimizer, x, y, eps):
    return step(optimizer, objective(model, x, y, eps), updates=0)


def wrong_ascent(model, optimizer, x, y, eps):
    return -step(optimizer, -objective(model, x, y, eps))


def wrong_clean_only(model, optimizer, x, y, eps):
    return step(optimizer, F.cross_entropy(model(x), y))


def wrong_adversarial_only(model, optimizer, x, y, eps):
    return step(optimizer, objective(model, x, y, eps, alpha=0))


def wrong_plain_sum(model, optimizer, x, y, eps):
    return step(optimizer, 2 * objective(model, x, y, eps))


def wrong_no_zero_grad(model, optimizer, x, y, eps):
    loss = objective(model, x, y, eps)
    loss.backward()
    optimizer.step()
    return loss.item()


def wrong_attack_gradients(model, optimizer, x, y, eps):
    optimizer.zero_grad()
    copy = x.clone().requires_grad_()
    F.cross_entropy(model(copy), y).backward()
    x_adv = (x + eps * copy.grad.sign()).clamp(0, 1)
    loss = 0.5 * F.cross_entropy(model(x), y) + 0.5 * F.cross_entropy(model(x_adv), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def wrong_two_updates(model, optimizer, x, y, eps):
    return step(optimizer, objective(model, x, y, eps), updates=2)


def wrong_no_clip(model, optimizer, x, y, eps):
    x_adv = fgsm(model, x, y, eps, clip=None)
    loss = 0.5 * F.cross_entropy(model(x), y) + 0.5 * F.cross_entropy(model(x_adv), y)
    return step(optimizer, loss)


def wrong_loss_afterwards(model, optimizer, x, y, eps):
    step(optimizer, objective(model, x, y, eps))
    return objective(model, x, y, eps).item()


def wrong_no_update__clean(model, optimizer, x, y, eps):
    return step(optimizer, F.cross_entropy(model(x), y), updates=0)


def wrong_type(model, optimizer, x, y, eps):
    loss = objective(model, x, y, eps)
    step(optimizer, loss)
    return loss


def wrong_nothing(model, optimizer, x, y, eps):
    step(optimizer, objective(model, x, y, eps))


def wrong_mode_left(model, optimizer, x, y, eps):
    model.train()
    loss = step(optimizer, objective(model, x, y, eps))
    model.eval()
    return loss


def wrong_cleared_too_late(model, optimizer, x, y, eps):
    loss = objective(model, x, y, eps)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def wrong_fixed_number(model, optimizer, x, y, eps):
    model.train()
    return step(optimizer, objective(model, x, y, 0.25))


def wrong_eval_mode(model, optimizer, x, y, eps):
    return step(optimizer, objective(model, x, y, eps))


def wrong_eval_mode__too_late(model, optimizer, x, y, eps):
    loss = objective(model, x, y, eps)
    model.train()
    return step(optimizer, loss)


def wrong_eval_mode__asked_for(model, optimizer, x, y, eps):
    model.eval()
    return step(optimizer, objective(model, x, y, eps))


def wrong_two_updates__one_for_each_half(model, optimizer, x, y, eps):
    model.train()
    pair = (x, fgsm(model, x, y, eps))
    return sum(step(optimizer, F.cross_entropy(model(images), y) / 2) for images in pair)


def wrong_cleared_between(model, optimizer, x, y, eps):
    model.train()
    total = 0.0
    for images in (x, fgsm(model, x, y, eps)):
        half = F.cross_entropy(model(images), y) / 2
        optimizer.zero_grad()
        half.backward()
        total += half.item()
    optimizer.step()
    return total


def wrong_other_step(model, optimizer, x, y, eps):
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return step(optimizer, objective(model, x, y, eps))


def wrong_other_step__by_hand(model, optimizer, x, y, eps):
    model.train()
    optimizer.zero_grad()
    loss = objective(model, x, y, eps)
    loss.backward()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.grad is not None:
                weight -= 0.1 * weight.grad
    return loss.item()


def wrong_predicted_label(model, optimizer, x, y, eps):
    model.train()
    with torch.no_grad():
        read = model(x).max(dim=1).indices
    return step(optimizer, objective(model, x, read, eps))


def wrong_eps_255(model, optimizer, x, y, eps):
    model.train()
    return step(optimizer, objective(model, x, y, eps / 255))


def wrong_eps_for_alpha(model, optimizer, x, y, eps):
    model.train()
    optimizer.zero_grad()
    loss = objective(model, x, y, eps, eps)
    loss.backward()
    optimizer.step()
    return loss.item()
