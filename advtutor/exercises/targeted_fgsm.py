"""The exercise on one gradient-sign step towards a class."""

import torch

from advtutor.checks.engine import Exercise, Mistake
from advtutor.checks.inputs import attack_cases
from advtutor.exercises.fgsm import off_the_gradient


def targeted_fgsm(model, x, target, eps):
    x = x.detach().clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(x), target)
    (gradient,) = torch.autograd.grad(loss, x)
    return (x - eps * gradient.sign()).clamp(0, 1).detach()


EXERCISE = Exercise(
    targeted_fgsm,
    notebook="02_gradient_sign_crafting",
    number=5,
    cases=attack_cases(),
    mistakes=[
        Mistake(
            "uphill",
            "the step goes up the loss of the target, away from it: go down, with a minus",
            {"x - eps": "x + eps"},
        ),
        Mistake(
            "unmoved",
            "the image comes back as it went in: take the step off it",
            {" - eps * gradient.sign()": ""},
        ),
        Mistake(
            "step-alone",
            "this is the step alone; the example is x with the step taken off",
            {"x - eps": "-eps"},
        ),
        Mistake(
            "from-prediction",
            "the step climbs the loss of the class that the model sees now, and leads to any other "
            "class: go down the loss of the target",
            {"model(x), target": "-model(x), model(x).argmax(1)"},
            {"model(x), target": "model(x), model(x).argmax(1)", "x - eps": "x + eps"},
        ),
        Mistake(
            "no-sign",
            "the gradient goes in as it is, and is far too small: take its sign, grad.sign()",
            {".sign()": ""},
        ),
        Mistake(
            "softmax-twice",
            "the softmax is applied twice: F.cross_entropy takes the model's logits as they are",
            {"model(x)": "model(x).softmax(1)"},
        ),
        Mistake(
            "logit",
            "this climbs the logit of the target alone; F.cross_entropy also pushes the other "
            "classes down",
            {"cross_entropy": "nll_loss"},
        ),
        Mistake(
            "first-only",
            "only the first image of the batch gets a gradient: take the loss over all of them",
            {"model(x), target": "model(x)[:1], target[:1]"},
        ),
        Mistake(
            "eps-twice",
            "each pixel moves by 2 * eps: eps is applied twice",
            {"eps *": "2 * eps *"},
        ),
        Mistake(
            "no-eps",
            "eps plays no part: the sign has to be multiplied by it",
            {"eps * ": ""},
        ),
        Mistake(
            "no-clip",
            "the result leaves [0, 1]: did you clip?",
            {".clamp(0, 1)": ""},
        ),
        Mistake(
            "upper-only",
            "nothing exceeds 1 any more, but some pixels are below 0: clamp at both ends",
            {".clamp(0, 1)": ".clamp(max=1)"},
        ),
        Mistake(
            "lower-only",
            "nothing is below 0 any more, but some pixels exceed 1: clamp at both ends",
            {".clamp(0, 1)": ".clamp(min=0)"},
        ),
    ],
    otherwise=off_the_gradient,
    batched=("x", "target"),
    hints=(
        "fgsm goes up the loss of the true class. Which loss do you want small, and which way is "
        "that?",
        "Compute the cross-entropy with the target in the place of the label, and its gradient in "
        "x. Then step against the gradient's sign.",
        "x_adv = (x - eps * grad.sign()).clamp(0, 1), with the gradient of "
        "F.cross_entropy(model(x), target).",
    ),
)
