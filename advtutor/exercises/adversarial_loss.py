"""The exercise on the objective of adversarial training."""

from functools import partial

import torch

from advtutor.checks.engine import Exercise, cases
from advtutor.checks.inputs import attack_input, frozen_network, tanh_network


def adversarial_loss(model, x, y, eps, alpha=0.5):
    x = x.detach().clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    (gradient,) = torch.autograd.grad(loss, x, retain_graph=True)
    x_adv = (x + eps * gradient.sign()).clamp(0, 1).detach()
    loss_adv = torch.nn.functional.cross_entropy(model(x_adv), y)
    return alpha * loss + (1 - alpha) * loss_adv


EXERCISE = Exercise(
    adversarial_loss,
    notebook="03_adversarial_training",
    number=1,
    cases=cases(
        partial(attack_input, train=True),
        (31, 4, tanh_network, (1, 6, 6), 3, 0.11),  # alpha is left to its default
        (32, 1, tanh_network, (1, 8, 8), 10, 0.23, 0.35),
        (33, 5, frozen_network, (3, 5, 4), 4, 0.037, 0.83),
    ),
    mistakes={
        "clean-only": {"alpha * loss + (1 - alpha) * loss_adv": "loss"},
        "adversarial-only": {"alpha * loss + (1 - alpha) * loss_adv": "loss_adv"},
        "mixed-images": {
            "model(x_adv)": "model(alpha * x + (1 - alpha) * x_adv)",
            "alpha * loss + (1 - alpha) * loss_adv": "loss_adv",
        },
        "mixed-logits": {
            "alpha * loss + (1 - alpha) * loss_adv": (
                "F.cross_entropy(alpha * model(x) + (1 - alpha) * model(x_adv), y)"
            ),
        },
        "predicted-label": {"model(x_adv), y": "model(x_adv), model(x).argmax(1)"},
        "plain-sum": {"alpha * loss + (1 - alpha) * loss_adv": "loss + loss_adv"},
        "alpha-swapped": {"alpha * loss + (1 - alpha)": "(1 - alpha) * loss + alpha"},
        "alpha-ignored": {"alpha * loss + (1 - alpha)": "0.5 * loss + 0.5"},
        "alpha-on-both": {"(1 - alpha)": "alpha"},
        "alpha-unbalanced": {"(1 - alpha) * ": ""},
        "summed": [
            {
                "model(x), y": 'model(x), y, reduction="sum"',
                "model(x_adv), y": 'model(x_adv), y, reduction="sum"',
            },
            {"model(x_adv), y": 'model(x_adv), y, reduction="sum"'},
        ],
        "minus": {"x + eps": "x - eps"},
        "no-sign": {".sign()": ""},
        "step-alone": {"(x + eps": "(eps"},
        "no-clip": [
            {".clamp(0, 1)": ""},
            {".clamp(0, 1)": ".clamp(max=1)"},
            {".clamp(0, 1)": ".clamp(min=0)"},
        ],
        "attack-on-prediction": {
            "grad(loss, x, retain_graph=True)": (
                "grad(F.cross_entropy(model(x), model(x).argmax(1)), x)"
            ),
        },
        "subtracted": {"+ (1 - alpha)": "- (1 - alpha)"},
        "softmax-twice": [
            {"model(x), y": "model(x).softmax(1), y", "model(x_adv)": "model(x_adv).softmax(1)"},
            {
                "alpha * loss +": "alpha * F.cross_entropy(model(x).softmax(1), y) +",
                "model(x_adv)": "model(x_adv).softmax(1)",
            },
        ],
    },
    says={
        "clean-only": "this is the loss on the clean images alone: add that on x_adv",
        "adversarial-only": "this is the loss on the adversarial examples alone: the clean images "
        "belong in it, with weight alpha",
        "mixed-images": "the images are mixed, and then judged once; it is the two losses that "
        "are mixed",
        "mixed-logits": "the logits are mixed, and then judged once; it is the two losses that are "
        "mixed",
        "alpha-on-both": "both losses weigh alpha: the one on x_adv weighs 1 - alpha",
        "predicted-label": "the adversarial examples are judged by what the model predicts: they "
        "still show y, and the model has to learn that",
        "plain-sum": "the two losses are added up as they are: weigh them with alpha and 1 - alpha",
        "alpha-swapped": "the weights are exchanged: alpha belongs to the clean loss, 1 - alpha "
        "to the other",
        "alpha-ignored": "both losses always weigh a half: use the alpha that is given",
        "alpha-unbalanced": "the clean loss weighs alpha, but the other one weighs 1: it is 1 - "
        "alpha",
        "summed": "the losses are summed over the batch: take their mean, so that a larger batch "
        "is no larger step",
        "minus": "x_adv goes down the loss, so the training sees images that are easier than the "
        "clean ones",
        "no-sign": "x_adv takes the gradient as it is: take its sign, as fgsm does",
        "no-clip": "x_adv leaves [0, 1]: clip it before the model sees it",
        "attack-on-prediction": "x_adv climbs the loss of the class that the model predicts: "
        "climb that of the label y",
        "subtracted": "the loss on x_adv is taken away from the other, so that training makes it "
        "larger: add the two",
        "type": "return the loss as a tensor: the training step calls backward() on it",
        "shape": "the loss has to be one number: take the mean over the batch",
        "random": "two calls with the same input give different losses: x_adv comes from the "
        "gradient, not from noise",
        "detached": "the loss has no gradient any more, so nothing can be learned from it: no "
        ".item(), .detach() or no_grad() around it",
        "param-grads": "the loss is right, but the .grad of the model's parameters has changed: "
        "make x_adv with torch.autograd.grad, and leave backward() on the loss to the caller",
    },
    differentiable=("model",),
    hints=(
        "Three steps: make x_adv from x, compute the loss on each of the two, mix them.",
        "x_adv is fgsm's: the gradient of the loss in x, its sign, times eps, clipped to [0, 1]. "
        "Detach it: the training treats it as a picture like any other.",
        "return alpha * F.cross_entropy(model(x), y) + (1 - alpha) * "
        "F.cross_entropy(model(x_adv), y)",
    ),
)
