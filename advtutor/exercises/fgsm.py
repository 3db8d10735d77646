"""The exercise on the gradient-sign step (FGSM)."""

import torch
from torch import Tensor

from advtutor.attacks import margin_loss as margin_loss
from advtutor.checks.code import calls
from advtutor.checks.engine import Edits, Exercise, Run
from advtutor.checks.inputs import attack_cases


def fgsm(model, x, y, eps):
    x = x.detach().clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    (gradient,) = torch.autograd.grad(loss, x)
    return (x + eps * gradient.sign()).clamp(0, 1).detach()


def sign_mistakes(x: str) -> dict[str, Edits | list[Edits]]:
    """What can stand in the place of the gradient's sign."""
    sign = "gradient.sign()"
    return {
        "image-sign": {sign: f"{x}.detach().sign()"},
        "no-sign": {".sign()": ""},
        "gradient-clipped": {sign: "gradient.clamp(-eps, eps) / eps"},
        "divided-by-max": [
            {sign: "gradient / gradient.abs().amax((1, 2, 3), keepdim=True)"},
            {sign: "gradient / gradient.abs().max()"},
        ],
        "divided-by-norm": [
            {sign: "gradient / gradient.square().sum((1, 2, 3), keepdim=True).sqrt()"},
            {sign: "gradient / gradient.norm()"},
        ],
        "mean-step": {sign: "gradient.mean((1, 2, 3), keepdim=True).sign()"},
    }


SIZE_AND_CLIP: dict[str, Edits] = {
    "eps-255": {"eps *": "eps / 255 *"},
    "eps-twice": {"eps *": "2 * eps *"},
    "no-eps": {"eps * ": ""},
    "no-clip": {".clamp(0, 1)": ""},
    "upper-only": {".clamp(0, 1)": ".clamp(max=1)"},
    "lower-only": {".clamp(0, 1)": ".clamp(min=0)"},
}


def step_mistakes(x: str, step: str) -> dict[str, Edits | list[Edits]]:
    """What can be wrong with the step, here and in `bim`: they call the image and its way so."""
    loss = f"torch.nn.functional.cross_entropy(model({x}), y)"
    return {
        "probability": {loss: f"model({x}).softmax(1)[torch.arange(len(y)), y].sum()"},
        "minus": {step: step.replace("+", "-")},
        "softmax-output": {loss: f"model({x}).softmax(1).amax(1).sum()"},
        "largest-logit": [
            {loss: f"model({x}).amax(1).sum()"},
            {loss: f"model({x}).max()"},
            {loss: f"model({x}).sum()"},
        ],
        "softmax-twice": {f"model({x})": f"model({x}).softmax(1)"},
        "logit": {"cross_entropy": "nll_loss"},
        "other-loss": [
            {loss: f"(model({x}) - F.one_hot(y, model({x}).shape[1])).square().sum()"},
            {loss: f"(model({x}).softmax(1) - F.one_hot(y, model({x}).shape[1])).square().sum()"},
            {loss: f"margin_loss(model({x}), y).sum()"},
        ],
        "wrong-label": [
            {f"model({x}), y": f"model({x}), model({x}).argmax(1)"},
            {f"model({x}), y": f"model({x}), model(x).argmax(1)"},
        ],
        "first-only": {f"model({x}), y": f"model({x})[:1], y[:1]"},
        **sign_mistakes(x),
    }


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
    mistakes={
        "unmoved": {" + eps * gradient.sign()": ""},
        "step-alone": {"x + eps": "eps"},
        **step_mistakes("x", "x + eps"),
        "ball-only": {".clamp(0, 1)": ".clamp(x - eps, x + eps)"},
        **SIZE_AND_CLIP,
        "clamped-step": [
            {"(x + eps * gradient.sign()).clamp(0, 1)": "(x + (eps * gradient.sign()).relu())"},
            {"gradient.sign()": "gradient.sign().relu()"},
        ],
        "ball-around-zero": {".clamp(0, 1)": ".clamp(-eps, eps)"},
        "only-right-ones": {
            "* gradient.sign()": (
                "* (model(x).argmax(1) == y)[:, None, None, None] * gradient.sign()"
            ),
        },
        "stretched": {"return (": "return stretched(", ".clamp(0, 1)": ""},
    },
    when={
        "probability": calls("softmax"),
        "ball-only": calls("clamp", "clip", "min", "max", "minimum", "maximum", mentioning="eps"),
    },
    says={
        "unmoved": "the image comes back as it went in: add the step to it",
        "ball-only": "the clip keeps x_adv within eps of x, which the step does anyway; what it "
        "can leave is the range of an image: clamp to [0, 1]",
        "clamped-step": "no pixel gets darker: the sign is -1 or +1, and it is the image that is "
        "clamped to [0, 1], x + eps * grad.sign(), not the step",
        "ball-around-zero": "the pixels themselves are clamped to [-eps, eps]; what may be eps at "
        "most is their change, and the step is that already: clamp to [0, 1]",
        "only-right-ones": "pictures that the model misreads already stay as they are: the step "
        "is taken for every picture of the batch",
        "stretched": "the result is rescaled to [0, 1], which moves every pixel: cut off what "
        "sticks out, with clamp(0, 1)",
        "random": "two calls with the same input give different results: the step must follow the "
        "gradient, and random signs of the same size do next to nothing",
    },
    otherwise=off_the_gradient,
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
