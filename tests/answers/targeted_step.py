"""Answers to `targeted_step`."""

import torch
import torch.nn.functional as F


def right_by_unit_vectors(model, x, t, size):
    image = x.clone().requires_grad_()
    grad = torch.autograd.grad(F.cross_entropy(model(image), t), image)[0]
    return x - size * F.normalize(grad.flatten(1), dim=1, eps=1e-30).reshape(x.shape)


def right_by_delta(model, x, t, size):
    delta = torch.zeros_like(x, requires_grad=True)
    log_p = model(x + delta).log_softmax(dim=1)[torch.arange(len(t)), t].sum()
    up = torch.autograd.grad(log_p, delta)[0]
    return x + size * up / up.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()


def right_by_probability(model, x, t, size):
    image = x.clone().requires_grad_()
    p = model(image).softmax(dim=1).gather(1, t[:, None]).sum()
    up = torch.autograd.grad(p, image)[0]  # as long as you like, and in the same direction
    return x + size * up / up.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)


def right_one_by_one(model, x, t, size):
    made = []
    for image, target in zip(x, t, strict=True):
        one = image[None].clone().requires_grad_()
        grad = torch.autograd.grad(F.cross_entropy(model(one), target[None]), one)[0][0]
        made.append(image - size * grad / grad.norm())
    return torch.stack(made)


def stub(model, x, t, size):
    """A step towards t."""
    ...


def gradient(model, x, t):
    image = x.clone().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(image), t, reduction="sum"), image)[0]


def per_image(values):
    return values.reshape(-1, 1, 1, 1)


def unit(g):
    return g / per_image(g.flatten(1).norm(dim=1))


def wrong_away(model, x, t, size):
    return x + size * unit(gradient(model, x, t))


def wrong_prediction(model, x, t, size):
    return x - size * unit(gradient(model, x, model(x).argmax(dim=1)))


def wrong_softmax_twice(model, x, t, size):
    return x - size * unit(gradient(lambda z: torch.softmax(model(z), dim=1), x, t))


def wrong_logit(model, x, t, size):
    image = x.clone().requires_grad_()
    up = torch.autograd.grad(model(image).gather(1, t[:, None]).sum(), image)[0]
    return x + size * unit(up)


def wrong_nan__first_only(model, x, t, size):
    image = x.clone().requires_grad_()
    g = torch.autograd.grad(F.cross_entropy(model(image)[0], t[0]), image)[0]
    return x - size * g / per_image(g.flatten(1).norm(dim=1))


def wrong_sign(model, x, t, size):
    return x - size * gradient(model, x, t).sign()


def wrong_sign_shortened(model, x, t, size):
    return x - size * unit(gradient(model, x, t).sign())


def wrong_no_length(model, x, t, size):
    return x - size * gradient(model, x, t)


def wrong_no_length__mean(model, x, t, size):
    return x - size * gradient(model, x, t) / len(x)


def wrong_one_length(model, x, t, size):
    g = gradient(model, x, t)
    return x - size * g / g.norm()


def wrong_squared_length(model, x, t, size):
    g = gradient(model, x, t)
    return x - size * g / (g**2).sum((1, 2, 3), keepdim=True)


def wrong_l1_length(model, x, t, size):
    g = gradient(model, x, t)
    return x - size * g / per_image(g.flatten(1).norm(p=1, dim=1))


def wrong_largest_pixel(model, x, t, size):
    g = gradient(model, x, t)
    return x - size * g / g.abs().amax((1, 2, 3), keepdim=True)


def wrong_step_alone(model, x, t, size):
    return -size * unit(gradient(model, x, t))


def wrong_clipped(model, x, t, size):
    return (x - size * unit(gradient(model, x, t))).clamp(0, 1)


def wrong_away__sign(model, x, t, size):
    return x + size * gradient(model, x, t).sign()


def wrong_param_grads(model, x, t, size):
    image = x.clone().requires_grad_()
    F.cross_entropy(model(image), t).backward()
    return x - size * unit(image.grad)


def wrong_length_of_rows(model, x, t, size):
    g = gradient(model, x, t)
    return x - size * g / g.norm(dim=-1, keepdim=True)


def wrong_length_of_rows__channels(model, x, t, size):
    return x - size * F.normalize(gradient(model, x, t))


def wrong_one_only__mean_length(model, x, t, size):
    g = gradient(model, x, t)
    return x - size * g / g.flatten(1).norm(dim=1).mean()


def wrong_argument_ignored(model, x, t, size):
    return x - unit(gradient(model, x, t))


def wrong_mean_square(model, x, t, size):
    g = gradient(model, x, t)
    return x - size * g / g.square().mean((1, 2, 3), keepdim=True).sqrt()


def wrong_from_prediction(model, x, t, size):
    return x + size * unit(gradient(model, x, model(x).argmax(dim=1)))


def wrong_from_prediction__minus_twice(model, x, t, size):
    image = x.clone().requires_grad_()
    logits = model(image).log_softmax(dim=1)
    gain = F.nll_loss(-logits, logits.argmax(dim=1), reduction="sum")
    return x - size * unit(torch.autograd.grad(gain, image)[0])
