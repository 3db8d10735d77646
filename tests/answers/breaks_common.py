"""What the answers to the three exercises on breaking a defence share."""

from functools import cache

import torch
import torch.nn.functional as F

from advtutor import attacks, models, training
from advtutor.data import mnist

margin = attacks.margin_loss


def climb(model, x, y, eps, loss=margin, steps=10, size=None, way=1, start=None):
    """Gradient-sign steps inside the ball, written out."""
    x_adv = x.clone() if start is None else start
    for _ in range(steps):
        x_adv = x_adv.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(model(x_adv), y).sum(), x_adv)
        x_adv = x_adv + way * (size or eps / 4) * gradient.sign()
        x_adv = torch.clamp(x_adv, x - eps, x + eps).clamp(0, 1)
    return x_adv.detach()


def somewhere(x, eps):
    return (x + eps * (2 * torch.rand_like(x) - 1)).clamp(0, 1)


def per_example(logits, y):
    return F.cross_entropy(logits, y, reduction="none")


@cache
def another_model():
    """Somebody else's network: no defence, other weights."""
    digits = mnist().train
    model = models.SoftmaxRegression(seed=5)
    x, y = digits.x[:5000], digits.y[:5000]
    training.fit(model, x, y, objective=training.clean, epochs=2, lr=3e-3, progress=False)
    return model


def other_digits(x, y):
    """For each digit the picture of a digit of another class."""
    test = mnist().test
    return torch.stack([test.x[(test.y != label).nonzero()[i, 0]] for i, label in enumerate(y)])
