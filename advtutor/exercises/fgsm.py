"""The exercise on the gradient-sign step (FGSM)."""

import torch
from torch import Tensor

from advtutor.checks.code import calls
from advtutor.checks.engine import Exercise, Mistake, Run
from advtutor.checks.inputs import attack_cases


def fgsm(model, x, y, eps):
    x = x.detach().clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    (gradient,) = torch.autograd.grad(loss, x)
    return (x + eps * gradient.sign()).clamp(0, 1).detach()


def step_mistakes(x: str, step: str) -> list[Mistake]:
    """What can be wrong with the step, here and in `bim`: they call the image and its way so."""
    return [
        Mistake(
            "probability",
            "the step climbs the probability of the right class, so the model grows surer of it: "
            "climb the loss, F.cross_entropy(model(x), y), instead",
            {
                f"torch.nn.functional.cross_entropy(model({x}), y)": (
                    f"model({x}).softmax(1)[torch.arange(len(y)), y].sum()"
                )
            },
            when=calls("softmax"),
        ),
        Mistake(
            "minus",
            "the step goes down the loss, towards the right class: did you write minus for plus?",
            {step: step.replace("+", "-")},
        ),
        Mistake(
            "softmax-output",
            "this is the gradient of the largest softmax output, which knows nothing of the label: "
            "differentiate the loss",
            {
                f"torch.nn.functional.cross_entropy(model({x}), y)": (
                    f"model({x}).softmax(1).amax(1).sum()"
                )
            },
        ),
        Mistake(
            "largest-logit",
            "the gradient is that of the logits themselves, which know nothing of the label y: "
            "differentiate the loss",
            {
                f"torch.nn.functional.cross_entropy(model({x}), y)": f"model({x}).amax(1).sum()",
            },
            {f"torch.nn.functional.cross_entropy(model({x}), y)": f"model({x}).max()"},
            {f"torch.nn.functional.cross_entropy(model({x}), y)": f"model({x}).sum()"},
        ),
        Mistake(
            "softmax-twice",
            "the softmax is applied twice: F.cross_entropy takes the model's logits as they are",
            {f"model({x})": f"model({x}).softmax(1)"},
        ),
        Mistake(
            "logit",
            "this climbs away from the logit of the right class alone; F.cross_entropy also looks "
            "at the other classes",
            {"cross_entropy": "nll_loss"},
        ),
        Mistake(
            "wrong-label",
            "the loss is that of the predicted class, not of the label y: they differ where the "
            "model already errs",
            {f"model({x}), y": f"model({x}), model({x}).argmax(1)"},
            {f"model({x}), y": f"model({x}), model(x).argmax(1)"},
        ),
        Mistake(
            "first-only",
            "only the first image of the batch gets a gradient: take the loss over all of them",
            {f"model({x}), y": f"model({x})[:1], y[:1]"},
        ),
        Mistake(
            "image-sign",
            "the sign is taken of the image; it is the gradient whose sign tells where the loss "
            "grows",
            {"gradient.sign()": f"{x}.detach().sign()"},
        ),
        Mistake(
            "no-sign",
            "the gradient goes in as it is, and is far too small: take its sign, grad.sign()",
            {".sign()": ""},
        ),
        Mistake(
            "gradient-clipped",
            "the gradient is clamped to [-eps, eps]; its sign, times eps, uses all of the budget "
            "in every pixel",
            {"gradient.sign()": "gradient.clamp(-eps, eps) / eps"},
        ),
        Mistake(
            "divided-by-max",
            "the gradient is divided by its largest entry, so only one pixel moves by eps: take "
            "the sign, and each of them does",
            {"gradient.sign()": "gradient / gradient.abs().amax((1, 2, 3), keepdim=True)"},
            {"gradient.sign()": "gradient / gradient.abs().max()"},
        ),
        Mistake(
            "divided-by-norm",
            "the gradient is divided by its length, the step for an L2 ball; for the max-norm it "
            "is the sign",
            {"gradient.sign()": "gradient / gradient.square().sum((1, 2, 3), keepdim=True).sqrt()"},
            {"gradient.sign()": "gradient / gradient.norm()"},
        ),
        Mistake(
            "mean-step",
            "one mean gradient moves all pixels of an image alike; each pixel has its own sign",
            {"gradient.sign()": "gradient.mean((1, 2, 3), keepdim=True).sign()"},
        ),
    ]


RANDOM_STEP = (
    "two calls with the same input give different results: the step must follow the gradient, "
    "and random signs of the same size do next to nothing"
)


def off_the_gradient(runs: list[Run], wanted: list[Run]) -> tuple[str, str] | None:
    """What is wrong where no pixel moves by more than eps: the directions, or the sizes."""
    agree, whole, still = [], True, False
    for run, right in zip(runs, wanted, strict=True):
        x, eps = run.arguments["x"], run.arguments["eps"]
        moved, should = run.result.detach() - x, right.result - x
        if (moved.abs() > eps + 1e-6).any():
            return None
        still |= bool(((moved == 0) & (should != 0)).any())
        free = (moved != 0) & (should != 0)
        uncut = free & (right.result > 0) & (right.result < 1)
        whole &= torch.allclose(moved[uncut].abs(), should[uncut].abs(), atol=1e-6)
        agree.append((moved.sign() == should.sign())[free])
    together = torch.cat(agree).float()
    share = together.mean().item()
    if together.numel() < 50:
        return None
    if 0.3 < share < 0.7:
        return (
            "coin",
            "no pixel moves by more than eps, but the directions agree with those of the loss's "
            "gradient no more often than a coin's would",
        )
    if share == 1 and not whole:
        return "values", "each pixel moves the right way, but not as far as it should"
    if share == 1 and still:
        return "values", "what moves moves rightly, but some pixels that should move do not"
    if whole:
        return (
            "values",
            f"the steps have the right size, but {100 * (1 - share):.0f} % of the pixels go the "
            "wrong way: is it the gradient of F.cross_entropy, at the class that was given?",
        )
    return None


def stretched(x_adv: Tensor) -> Tensor:
    return (x_adv - x_adv.min()) / (x_adv.max() - x_adv.min())


EXERCISE = Exercise(
    fgsm,
    notebook="02_gradient_sign_crafting",
    number=1,
    cases=attack_cases(),
    mistakes=[
        Mistake(
            "unmoved",
            "the image comes back as it went in: add the step to it",
            {" + eps * gradient.sign()": ""},
        ),
        Mistake(
            "step-alone",
            "this is the step alone; the adversarial example is x plus the step",
            {"x + eps": "eps"},
        ),
        *step_mistakes("x", "x + eps"),
        Mistake(
            "eps-255",
            "eps is divided by 255, but it is in the units of the pixels already: they run from 0 "
            "to 1",
            {"eps *": "eps / 255 *"},
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
            "ball-only",
            "the clip keeps x_adv within eps of x, which the step does anyway; what it can leave "
            "is the range of an image: clamp to [0, 1]",
            {".clamp(0, 1)": ".clamp(x - eps, x + eps)"},
            when=calls("clamp", "clip", "min", "max", "minimum", "maximum", mentioning="eps"),
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
        Mistake(
            "clamped-step",
            "no pixel gets darker: the sign is -1 or +1, and it is the image that is clamped to "
            "[0, 1], x + eps * grad.sign(), not the step",
            {"(x + eps * gradient.sign()).clamp(0, 1)": "(x + (eps * gradient.sign()).relu())"},
            {"gradient.sign()": "gradient.sign().relu()"},
        ),
        Mistake(
            "ball-around-zero",
            "the pixels themselves are clamped to [-eps, eps]; what may be eps at most is their "
            "change, and the step is that already: clamp to [0, 1]",
            {".clamp(0, 1)": ".clamp(-eps, eps)"},
        ),
        Mistake(
            "only-right-ones",
            "pictures that the model misreads already stay as they are: the step is taken for "
            "every picture of the batch",
            {
                "* gradient.sign()": (
                    "* (model(x).argmax(1) == y)[:, None, None, None] * gradient.sign()"
                ),
            },
        ),
        Mistake(
            "stretched",
            "the result is rescaled to [0, 1], which moves every pixel: cut off what sticks out, "
            "with clamp(0, 1)",
            {"return (": "return stretched(", ".clamp(0, 1)": ""},
        ),
    ],
    otherwise=off_the_gradient,
    says={"random": RANDOM_STEP},
    batched=("x", "y"),
    hints=(
        "Which change of x raises the loss? Make a copy of x that requires a gradient, compute "
        "F.cross_entropy(model(copy), y), and ask for the gradient in the copy.",
        "torch.autograd.grad(loss, copy) returns a tuple with one entry, shaped like x. Of this "
        "gradient only the sign counts: every pixel moves by exactly eps, up or down.",
        "x_adv = (x + eps * grad.sign()).clamp(0, 1), with grad from torch.autograd.grad(loss, "
        "copy)[0]; then return x_adv.detach().",
    ),
)
