"""The exercise on the step of a given length towards a class."""

import torch

from advtutor.checks.engine import Exercise, cases
from advtutor.checks.inputs import (
    attack_input,
    dropout_network,
    frozen_network,
    tanh_network,
)


def targeted_step(model, x, t, size):
    x = x.detach().clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(x), t, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, x)
    length = gradient.flatten(1).norm(dim=1)
    return (x - size * gradient / length[:, None, None, None]).detach()


MEAN = {', reduction="sum"': ""}  # where the gradient's length counts, so does the way to add up

EXERCISE = Exercise(
    targeted_step,
    notebook="06_bug_or_feature",
    number=1,
    cases=cases(
        attack_input,
        (91, 4, tanh_network, (1, 6, 6), 3, 0.31),
        (92, 1, tanh_network, (1, 8, 8), 10, 0.61),
        (93, 5, frozen_network, (3, 5, 4), 4, 0.11),
        (94, 3, dropout_network, (1, 7, 7), 5, 1.03),
    ),
    mistakes={
        "away": {"x - size": "x + size"},
        "prediction": {"model(x), t": "model(x), model(x).argmax(1)"},
        "from-prediction": {"model(x), t": "model(x), model(x).argmax(1)", "x - size": "x + size"},
        "softmax-twice": {"model(x), t": "model(x).softmax(1), t"},
        "logit": {"cross_entropy": "nll_loss"},
        "sign": {"gradient / length[:, None, None, None]": "gradient.sign()"},
        "sign-shortened": {
            "gradient.flatten(1)": "gradient.sign().flatten(1)",
            "size * gradient": "size * gradient.sign()",
        },
        "no-length": [
            {" / length[:, None, None, None]": ""},
            {" / length[:, None, None, None]": "", **MEAN},
        ],
        "one-length": {"gradient.flatten(1).norm(dim=1)": "gradient.norm().expand(len(x))"},
        "squared-length": [
            {"norm(dim=1)": "square().sum(dim=1)"},
            {"norm(dim=1)": "square().sum(dim=1)", **MEAN},
        ],
        "l1-length": {"norm(dim=1)": "abs().sum(dim=1)"},
        "largest-pixel": {"norm(dim=1)": "abs().amax(dim=1)"},
        "mean-square": {"norm(dim=1)": "square().mean(dim=1).sqrt()"},
        "step-alone": {"(x - size": "(-size"},
        "clipped": {"None]).detach()": "None]).clamp(0, 1).detach()"},
        "length-of-rows": [
            {
                "gradient / length[:, None, None, None]": (
                    "gradient / gradient.norm(dim=-1, keepdim=True)"
                ),
            },
            {
                "gradient / length[:, None, None, None]": (
                    "gradient / gradient.norm(dim=1, keepdim=True)"
                ),
            },
            {
                "gradient / length[:, None, None, None]": (
                    "gradient / gradient.norm(dim=(2, 3), keepdim=True)"
                ),
            },
        ],
    },
    says={
        "away": "the step goes up the loss of t, away from the class t: did you write plus for "
        "minus?",
        "prediction": "the loss is that of the predicted class, which the model reads already: "
        "take the loss of t",
        "logit": "this climbs the logit of t alone; F.cross_entropy also pushes the other classes "
        "down",
        "sign": "every pixel moves by size: that is the step of FGSM; here the whole step is size "
        "long, so divide the gradient by its own length",
        "sign-shortened": "all pixels move alike: take the gradient itself, and not its sign",
        "no-length": "the gradient goes in as it is, whatever its length: divide it by its "
        "length, so that the step is size long",
        "one-length": "the gradient is divided by the length of the whole batch, so no step is "
        "size long: each image has a length of its own",
        "squared-length": "the gradient is divided by the square of its length: take the root",
        "largest-pixel": "the gradient is divided by its largest entry, so it is one pixel that "
        "moves by size: divide by the Euclidean length",
        "step-alone": "this is the step alone: add the image to it",
        "clipped": "the result is clipped to [0, 1] here already, which shortens the step: leave "
        "that to project_l2, which comes next",
        "nan": "the result holds NaN: an image has no gradient, and 0 is divided by 0; take the "
        "loss over all images of the batch",
    },
    batched=("x", "t"),
    hints=(
        "As in FGSM you need the gradient of the cross-entropy in x, but of class t, and you go "
        "down. Instead of its sign take the gradient itself, brought to the length size.",
        "gradient.flatten(1).norm(dim=1) has one length for each image, [N]; "
        "length[:, None, None, None] divides images by it.",
        "With gradient from torch.autograd.grad(F.cross_entropy(model(x), t), x): "
        "x - size * gradient / length[:, None, None, None], detached and not clipped.",
    ),
)
