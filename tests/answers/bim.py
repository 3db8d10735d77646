"""Answers to `bim`."""

import torch
import torch.nn.functional as F

from advtutor.attacks import bim as bim_of_the_package


def right_by_the_package(model, x, y, eps, step_size, steps):
    return bim_of_the_package(model, x, y, eps, step_size=step_size, steps=steps)


def right_by_delta(model, x, y, eps, step_size, steps):
    delta = torch.zeros_like(x)
    for _ in range(steps):
        delta.requires_grad_()
        loss = F.cross_entropy(model(x + delta), y, reduction="sum")
        (grad,) = torch.autograd.grad(loss, delta)
        with torch.no_grad():
            delta = (delta + step_size * grad.sign()).clamp(-eps, eps)
            delta = (x + delta).clamp(0, 1) - x
    return x + delta


def right_by_recursion(model, x, y, eps, step_size, steps, start=None):
    start = x if start is None else start
    if steps == 0:
        return start
    copy = start.detach().clone().requires_grad_()
    loss = -model(copy).log_softmax(1).gather(1, y[:, None]).mean()
    moved = start + step_size * torch.autograd.grad(loss, copy)[0].sign()
    boxed = torch.max(torch.min(moved, (x + eps).clamp(max=1)), (x - eps).clamp(min=0))
    return right_by_recursion(model, x, y, eps, step_size, steps - 1, boxed)


def stub(model, x, y, eps, step_size, steps):
    x_adv = x.clone()
    for _ in range(steps):
        ...
    return x_adv


def gradient(model, x, y):
    x_in = x.clone().detach().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(x_in), y), x_in)[0]


def box(x_adv, x, eps):
    return x_adv.clamp(x - eps, x + eps).clamp(0, 1)


def walk(model, x, y, eps, steps, step):
    x_adv = x
    for _ in range(steps):
        x_adv = box(x_adv + step(gradient(model, x_adv, y), x_adv), x, eps)
    return x_adv


def wrong_no_step(model, x, y, eps, step_size, steps):
    x_adv = x.clone()
    for _ in range(steps):
        (x_adv + step_size * gradient(model, x_adv, y).sign()).clamp(0, 1)
    return x_adv


def wrong_one_step(model, x, y, eps, step_size, steps):
    for _ in range(steps):
        return box(x + step_size * gradient(model, x, y).sign(), x, eps)


def wrong_old_gradient(model, x, y, eps, step_size, steps):
    sign = gradient(model, x, y).sign()
    return walk(model, x, y, eps, steps, lambda grad, x_adv: step_size * sign)


def wrong_probability(model, x, y, eps, step_size, steps):
    x_adv = x.clone()
    for _ in range(steps):
        x_adv = x_adv.detach().requires_grad_()
        right = model(x_adv).softmax(1).gather(1, y[:, None]).log().sum()
        x_adv = box(x_adv + step_size * torch.autograd.grad(right, x_adv)[0].sign(), x, eps)
    return x_adv.detach()


def wrong_minus(model, x, y, eps, step_size, steps):
    return walk(model, x, y, eps, steps, lambda grad, x_adv: -step_size * grad.sign())


def with_loss(loss):
    def answer(model, x, y, eps, step_size, steps):
        x_adv = x.clone()
        for _ in range(steps):
            x_adv = x_adv.detach().requires_grad_()
            value = loss(model(x_adv), y)
            x_adv = box(x_adv + step_size * torch.autograd.grad(value, x_adv)[0].sign(), x, eps)
        return x_adv.detach()

    return answer


wrong_softmax_output = with_loss(lambda logits, y: logits.softmax(1).max(1).values.sum())
wrong_softmax_twice = with_loss(lambda logits, y: F.cross_entropy(logits.softmax(1), y))
wrong_logit = with_loss(F.nll_loss)
wrong_wrong_label = with_loss(lambda logits, y: F.cross_entropy(logits, logits.argmax(1)))
wrong_first_only = with_loss(lambda logits, y: F.cross_entropy(logits[0], y[0]))


def wrong_image_sign(model, x, y, eps, step_size, steps):
    return walk(model, x, y, eps, steps, lambda grad, x_adv: step_size * x_adv.sign())


def wrong_no_sign(model, x, y, eps, step_size, steps):
    return walk(model, x, y, eps, steps, lambda grad, x_adv: step_size * grad)


def wrong_gradient_clipped(model, x, y, eps, step_size, steps):
    # Scaled by step_size / eps, so that one step is at most step_size long.
    return walk(
        model, x, y, eps, steps, lambda grad, x_adv: step_size / eps * grad.clamp(-eps, eps)
    )


def wrong_divided_by_max(model, x, y, eps, step_size, steps):
    def step(grad, x_adv):
        return step_size * grad / grad.abs().amax((1, 2, 3), keepdim=True)

    return walk(model, x, y, eps, steps, step)


def wrong_divided_by_norm(model, x, y, eps, step_size, steps):
    def step(grad, x_adv):
        return step_size * F.normalize(grad.flatten(1)).reshape(grad.shape)

    return walk(model, x, y, eps, steps, step)


def wrong_mean_step(model, x, y, eps, step_size, steps):
    def step(grad, x_adv):
        return step_size * grad.mean((1, 2, 3), keepdim=True).sign()

    return walk(model, x, y, eps, steps, step)


def wrong_eps_steps(model, x, y, eps, step_size, steps):
    return walk(model, x, y, eps, steps, lambda grad, x_adv: eps * grad.sign())


def wrong_divided_steps(model, x, y, eps, step_size, steps):
    return walk(model, x, y, eps, steps, lambda grad, x_adv: eps / steps * grad.sign())


def wrong_one_step_less(model, x, y, eps, step_size, steps):
    return walk(model, x, y, eps, steps - 1, lambda grad, x_adv: step_size * grad.sign())


def wrong_one_step_more(model, x, y, eps, step_size, steps):
    return walk(model, x, y, eps, steps + 1, lambda grad, x_adv: step_size * grad.sign())


def wrong_late_projection(model, x, y, eps, step_size, steps):
    x_adv = x
    for _ in range(steps):
        x_adv = x_adv + step_size * gradient(model, x_adv, y).sign()
    return box(x_adv, x, eps)


def wrong_no_ball(model, x, y, eps, step_size, steps):
    x_adv = x
    for _ in range(steps):
        x_adv = (x_adv + step_size * gradient(model, x_adv, y).sign()).clamp(0, 1)
    return x_adv


def wrong_no_ball__ball_moves_along(model, x, y, eps, step_size, steps):
    x_adv = x
    for _ in range(steps):
        x_adv = box(x_adv + step_size * gradient(model, x_adv, y).sign(), x_adv, eps)
    return x_adv


def wrong_no_range(model, x, y, eps, step_size, steps):
    x_adv = x
    for _ in range(steps):
        x_adv = x_adv + step_size * gradient(model, x_adv, y).sign()
        x_adv = x_adv.clamp(x - eps, x + eps)
    return x_adv


def wrong_random(model, x, y, eps, step_size, steps):
    start = box(x + eps * (2 * torch.rand_like(x) - 1), x, eps)
    for _ in range(steps):
        start = box(start + step_size * gradient(model, start, y).sign(), x, eps)
    return start


def wrong_endless(model, x, y, eps, step_size, steps):
    x_adv = x
    while steps > 0:
        x_adv = box(x_adv + step_size * gradient(model, x_adv, y).sign(), x, eps)
    return x_adv


def wrong_late_projection__of_the_ball(model, x, y, eps, step_size, steps):
    x_adv = x
    for _ in range(steps):
        x_adv = (x_adv + step_size * gradient(model, x_adv, y).sign()).clamp(0, 1)
    return x_adv.clamp(x - eps, x + eps)


def wrong_late_projection__of_the_range(model, x, y, eps, step_size, steps):
    eta = torch.zeros_like(x)
    for _ in range(steps):
        eta = (eta + step_size * gradient(model, x + eta, y).sign()).clamp(-eps, eps)
    return (x + eta).clamp(0, 1)


def wrong_early_stop(model, x, y, eps, step_size, steps):
    x_adv = x
    for _ in range(steps):
        if (model(x_adv).argmax(1) != y).all():
            return x_adv
        x_adv = box(x_adv + step_size * gradient(model, x_adv, y).sign(), x, eps)
    return x_adv


def wrong_early_stop__each_image(model, x, y, eps, step_size, steps):
    x_adv = x
    for _ in range(steps):
        right = (model(x_adv).argmax(1) == y).float().reshape(-1, 1, 1, 1)
        x_adv = box(x_adv + right * step_size * gradient(model, x_adv, y).sign(), x, eps)
    return x_adv


def wrong_no_ball__it_moves_in_place(model, x, y, eps, step_size, steps):
    x_adv = x
    for _ in range(steps):
        x_adv += step_size * gradient(model, x_adv, y).sign()
        x_adv.clamp_(x - eps, x + eps).clamp_(0, 1)
    return x_adv


def wrong_fixed_number(model, x, y, eps, step_size, steps):
    return walk(model, x, y, eps, steps, lambda grad, x_adv: 0.02 * grad.sign())


def wrong_fixed_number__of_steps(model, x, y, eps, step_size, steps):
    return walk(model, x, y, eps, 10, lambda grad, x_adv: step_size * grad.sign())


def wrong_wrong_label__of_the_start(model, x, y, eps, step_size, steps):
    return right_by_recursion(model, x, model(x).argmax(1), eps, step_size, steps)


def wrong_early_stop__with_the_first(model, x, y, eps, step_size, steps):
    x_adv = x.clone()
    for _ in range(steps):
        if (model(x_adv).argmax(1) != y).any():
            break
        x_adv = box(x_adv + step_size * gradient(model, x_adv, y).sign(), x, eps)
    return x_adv


def wrong_accumulated(model, x, y, eps, step_size, steps):
    x_adv = x.clone().requires_grad_()
    for _ in range(steps):
        F.cross_entropy(model(x_adv), y).backward()
        with torch.no_grad():
            x_adv.copy_(box(x_adv + step_size * x_adv.grad.sign(), x, eps))
    return x_adv.detach()


def wrong_projected_too_early(model, x, y, eps, step_size, steps):
    x_adv = x.clone()
    for _ in range(steps):
        x_adv = box(x_adv, x, eps)
        x_adv = x_adv + step_size * gradient(model, x_adv, y).sign()
    return x_adv


@with_loss
def wrong_largest_logit(logits, y):
    return logits.amax(1).sum()


def wrong_keeps_the_best(model, x, y, eps, step_size, steps):
    best, height, x_adv = x, torch.full((len(x),), -torch.inf), x
    for step in range(steps + 1):
        with torch.no_grad():
            loss = F.cross_entropy(model(x_adv), y, reduction="none")
        best = torch.where((loss > height)[:, None, None, None], x_adv, best)
        height = torch.maximum(height, loss)
        if step < steps:
            way = gradient(model, x_adv, y).sign()
            x_adv = torch.clamp(x_adv + step_size * way, x - eps, x + eps).clamp(0, 1)
    return best


def wrong_keeps_the_best__of_the_batch(model, x, y, eps, step_size, steps):
    best, height, x_adv = x, -1.0, x
    for _ in range(steps):
        way = gradient(model, x_adv, y).sign()
        x_adv = torch.clamp(x_adv + step_size * way, x - eps, x + eps).clamp(0, 1)
        loss = F.cross_entropy(model(x_adv), y).item()
        if loss > height:
            best, height = x_adv, loss
    return best


def wrong_other_loss(model, x, y, eps, step_size, steps):
    x_adv = x.clone()
    for _ in range(steps):
        x_adv.requires_grad_()
        logits = model(x_adv)
        own = logits.gather(1, y[:, None]).squeeze(1)
        lead = logits.scatter(1, y[:, None], -torch.inf).amax(dim=1) - own
        (gradient,) = torch.autograd.grad(lead.mean(), x_adv)
        x_adv = x_adv.detach() + step_size * gradient.sign()
        x_adv = x_adv.clamp(x - eps, x + eps).clamp(0, 1)
    return x_adv


def way(model, x, y, step_size, steps, project, start=lambda x, x_adv: x_adv):
    x_adv = x.clone()
    for _ in range(steps):
        x_adv.requires_grad_()
        loss = F.cross_entropy(model(x_adv), y)
        (gradient,) = torch.autograd.grad(loss, x_adv)
        x_adv = project(start(x, x_adv.detach()) + step_size * gradient.sign())
    return x_adv


def wrong_ball_around_zero(model, x, y, eps, step_size, steps):
    return way(model, x, y, step_size, steps, lambda z: z.clamp(-eps, eps).clamp(0, 1))


def wrong_no_ball__above(model, x, y, eps, step_size, steps):
    return way(model, x, y, step_size, steps, lambda z: z.clamp(max=x + eps).clamp(0, 1))


def wrong_no_range__above(model, x, y, eps, step_size, steps):
    return way(model, x, y, step_size, steps, lambda z: z.clamp(x - eps, x + eps).clamp(max=1))


def wrong_from_x(model, x, y, eps, step_size, steps):
    def project(z):
        return z.clamp(x - eps, x + eps).clamp(0, 1)

    return way(model, x, y, step_size, steps, project, start=lambda x, x_adv: x)


def wrong_step_sized_ball(model, x, y, eps, step_size, steps):
    x_adv = x.clone()
    for _ in range(steps):
        step = step_size * gradient(model, x_adv, y).sign()
        x_adv = box(x_adv + step, x, step_size)
    return x_adv
