"""Answers to `bim_until_fooled`."""

import torch
import torch.nn.functional as F

from advtutor.attacks import bim as bim_of_the_package


def right_by_the_package(model, x, y, eps, step_size, steps):
    settings = {"step_size": step_size, "steps": steps, "early_stop": True}
    return bim_of_the_package(model, x, y, eps, **settings)


def right_by_index(model, x, y, eps, step_size, steps):
    x_adv = x.clone()
    for _ in range(steps):
        open_ = (model(x_adv).argmax(1) == y).nonzero()[:, 0]
        if len(open_) == 0:
            break
        slope = gradient(model, x_adv, y)[open_]
        x_adv[open_] = box(x_adv[open_] + step_size * slope.sign(), x[open_], eps)
    return x_adv


def right_one_by_one(model, x, y, eps, step_size, steps):
    done = []
    for image, label in zip(x.split(1), y.split(1), strict=True):
        x_adv = image
        for _ in range(steps):
            if model(x_adv).argmax(1).item() != label.item():
                break
            x_adv = box(x_adv + step_size * gradient(model, x_adv, label).sign(), image, eps)
        done.append(x_adv)
    return torch.cat(done)


def stub(model, x, y, eps, step_size, steps): ...


def gradient(model, x, y):
    x_in = x.clone().detach().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(x_in), y, reduction="sum"), x_in)[0]


def box(x_adv, x, eps):
    return x_adv.clamp(x - eps, x + eps).clamp(0, 1)


def walk(model, x, y, steps, step, open_):
    x_adv = x
    for _ in range(steps):
        go = open_(x_adv).reshape(-1, 1, 1, 1)
        x_adv = torch.where(go, step(x_adv, gradient(model, x_adv, y)), x_adv)
    return x_adv


def still_right(model, y):
    return lambda x_adv: model(x_adv).argmax(1) == y


def wrong_never_stops(model, x, y, eps, step_size, steps):
    return bim_of_the_package(model, x, y, eps, step_size=step_size, steps=steps)


def wrong_waits_for_all(model, x, y, eps, step_size, steps):
    x_adv = x
    for _ in range(steps):
        if (model(x_adv).argmax(1) != y).all():
            break
        x_adv = box(x_adv + step_size * gradient(model, x_adv, y).sign(), x, eps)
    return x_adv


def wrong_stops_with_the_first(model, x, y, eps, step_size, steps):
    x_adv = x
    for _ in range(steps):
        if (model(x_adv).argmax(1) != y).any():
            break
        x_adv = box(x_adv + step_size * gradient(model, x_adv, y).sign(), x, eps)
    return x_adv


def wrong_wrong_ones_walk(model, x, y, eps, step_size, steps):
    def step(x_adv, slope):
        return box(x_adv + step_size * slope.sign(), x, eps)

    return walk(model, x, y, steps, step, lambda x_adv: model(x_adv).argmax(1) != y)


def wrong_keeps_its_reading(model, x, y, eps, step_size, steps):
    def step(x_adv, slope):
        return box(x_adv + step_size * slope.sign(), x, eps)

    read = model(x).argmax(1)
    return walk(model, x, y, steps, step, lambda x_adv: model(x_adv).argmax(1) == read)


def wrong_asks_at_the_start(model, x, y, eps, step_size, steps):
    def step(x_adv, slope):
        return box(x_adv + step_size * slope.sign(), x, eps)

    right = model(x).argmax(1) == y
    return walk(model, x, y, steps, step, lambda x_adv: right)


def wrong_back_to_the_start(model, x, y, eps, step_size, steps):
    x_adv = x
    for _ in range(steps):
        go = still_right(model, y)(x_adv).reshape(-1, 1, 1, 1)
        stepped = box(x_adv + step_size * gradient(model, x_adv, y).sign(), x, eps)
        x_adv = torch.where(go, stepped, x)
    return x_adv


def wrong_minus(model, x, y, eps, step_size, steps):
    def step(x_adv, slope):
        return box(x_adv - step_size * slope.sign(), x, eps)

    return walk(model, x, y, steps, step, still_right(model, y))


def wrong_no_sign(model, x, y, eps, step_size, steps):
    x_adv = x
    for _ in range(steps):
        go = still_right(model, y)(x_adv).reshape(-1, 1, 1, 1)
        stepped = box(x_adv + step_size * gradient(model, x_adv, y) / len(x), x, eps)
        x_adv = torch.where(go, stepped, x_adv)
    return x_adv


def wrong_eps_steps(model, x, y, eps, step_size, steps):
    def step(x_adv, slope):
        return box(x_adv + eps * slope.sign(), x, eps)

    return walk(model, x, y, steps, step, still_right(model, y))


def wrong_one_step_less(model, x, y, eps, step_size, steps):
    def step(x_adv, slope):
        return box(x_adv + step_size * slope.sign(), x, eps)

    return walk(model, x, y, steps - 1, step, still_right(model, y))


def wrong_no_ball(model, x, y, eps, step_size, steps):
    def step(x_adv, slope):
        return (x_adv + step_size * slope.sign()).clamp(0, 1)

    return walk(model, x, y, steps, step, still_right(model, y))


def wrong_no_range(model, x, y, eps, step_size, steps):
    def step(x_adv, slope):
        return (x_adv + step_size * slope.sign()).clamp(x - eps, x + eps)

    return walk(model, x, y, steps, step, still_right(model, y))


def wrong_asks_after_the_step(model, x, y, eps, step_size, steps):
    x_adv = x
    for _ in range(steps):
        new = box(x_adv + step_size * gradient(model, x_adv, y).sign(), x, eps)
        x_adv = torch.where((model(new).argmax(1) == y).reshape(-1, 1, 1, 1), new, x_adv)
    return x_adv


def wrong_first_step_by_all(model, x, y, eps, step_size, steps):
    x_adv, go = x, torch.ones(len(x), dtype=torch.bool)
    for _ in range(steps):
        new = box(x_adv + step_size * gradient(model, x_adv, y).sign(), x, eps)
        x_adv = torch.where(go.reshape(-1, 1, 1, 1), new, x_adv)
        go = model(x_adv).argmax(1) == y
    return x_adv


def wrong_values__stops_at_the_first_success(model, x, y, eps, step_size, steps):
    x_adv = x
    for _ in range(steps):
        x_adv = box(x_adv + step_size * gradient(model, x_adv, y).sign(), x, eps)
        if (model(x_adv).argmax(1) != y).any():
            break
    return x_adv


def wrong_one_only__first_of_the_open_ones(model, x, y, eps, step_size, steps):
    x_adv = x.clone()
    for _ in range(steps):
        go = model(x_adv).argmax(1) == y
        new = box(x_adv + step_size * gradient(model, x_adv, y).sign(), x, eps)
        x_adv[go] = new[go][:1]
    return x_adv


def wrong_values__by_confidence(model, x, y, eps, step_size, steps):
    def sure(x_adv):
        return model(x_adv).softmax(1)[torch.arange(len(y)), y] > 0.5

    def step(x_adv, grad):
        return box(x_adv + step_size * grad.sign(), x, eps)

    return walk(model, x, y, steps, step, sure)


def wrong_keeps_the_best(model, x, y, eps, step_size, steps):
    x_adv, best, height = x, x, torch.full((len(x),), -torch.inf)
    for step in range(steps + 1):
        logits = model(x_adv)
        loss = F.cross_entropy(logits, y, reduction="none")
        best = torch.where((loss > height)[:, None, None, None], x_adv, best)
        height = torch.maximum(loss, height)
        if step == steps:
            return best.detach()
        walking = (logits.argmax(1) == y)[:, None, None, None]
        stepped = box(x_adv + step_size * gradient(model, x_adv, y).sign(), x, eps)
        x_adv = torch.where(walking, stepped, x_adv).detach()


def wrong_only_the_misread(model, x, y, eps, step_size, steps):
    result, x_adv = x.clone(), x
    for _ in range(steps):
        walking = model(x_adv).argmax(1) == y
        stepped = box(x_adv + step_size * gradient(model, x_adv, y).sign(), x, eps)
        x_adv = torch.where(walking[:, None, None, None], stepped, x_adv)
        wrong = model(x_adv).argmax(1) != y
        result[wrong] = x_adv[wrong].detach()
    return result


def wrong_from_x(model, x, y, eps, step_size, steps):
    x_adv = x.clone()
    for _ in range(steps):
        x_adv.requires_grad_()
        logits = model(x_adv)
        (gradient,) = torch.autograd.grad(F.cross_entropy(logits, y), x_adv)
        new = torch.clamp(x + step_size * gradient.sign(), x - eps, x + eps).clamp(0, 1)
        right = (logits.argmax(1) == y)[:, None, None, None]
        x_adv = torch.where(right, new, x_adv.detach())
    return x_adv
