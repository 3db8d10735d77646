"""The exercise on one gradient-sign step towards a class."""

import torch

from advtutor.checks.engine import Exercise
from advtutor.checks.inputs import attack_cases
from advtutor.exercises.fgsm import SIZE_AND_CLIP, off_the_gradient, sign_mistakes


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
    mistakes={
        "uphill": {"x - eps": "x + eps"},
        "unmoved": {" - eps * gradient.sign()": ""},
        "step-alone": {"x - eps": "-eps"},
        "from-prediction": [
            {"model(x), target": "-model(x), model(x).argmax(1)"},
            {"model(x), target": "model(x), model(x).argmax(1)", "x - eps": "x + eps"},
        ],
        "also-uphill": {
            "cross_entropy(model(x), target)": (
                "cross_entropy(model(x), target) - F.cross_entropy(model(x), model(x).argmax(1))"
            )
        },
        "target-unused": {"model(x), target": "model(x), model(x).argmax(1)"},
        "softmax-twice": {"model(x)": "model(x).softmax(1)"},
        "logit": {"cross_entropy": "nll_loss"},
        **sign_mistakes("x"),
        "first-only": {"model(x), target": "model(x)[:1], target[:1]"},
        **SIZE_AND_CLIP,
    },
    says={
        "uphill": "the step goes up the loss of the target, away from it: go down, with a minus",
        "unmoved": "the image comes back as it went in: take the step off it",
        "step-alone": "this is the step alone; the example is x with the step taken off",
        "target-unused": "the step makes the model surer of the class that it sees now, and target "
        "plays no part: go down the loss of target",
        "also-uphill": "the loss of the class that the model sees now is climbed as well: go down "
        "that of target, and no more",
        "logit": "this climbs the logit of the target alone; F.cross_entropy also pushes the "
        "other classes down",
    },
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
