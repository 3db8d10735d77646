"""The exercises on transfer: `agreement`, `mean_cosine`, `ensemble_fgsm`."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advtutor.checks.cases import frozen_network, pictures, tanh_network
from advtutor.checks.engine import Case, Exercise, Mistake

# --- agreement ---


def agreement(read_a: Tensor, read_b: Tensor, y: Tensor) -> float:
    """Of the examples that both misread, the share on which both see the same class."""
    both = (read_a != y) & (read_b != y)
    return (read_a == read_b)[both].float().mean().item()  # the mean of nothing is NaN


def agreement_recipe(
    among: Callable[..., Tensor] = lambda a, b, y: (a != y) & (b != y),
    counts: Callable[..., Tensor] = lambda a, b, y: a == b,
    out_of: Callable[..., float] = lambda among, y: int(among.sum()),
    empty: float = math.nan,
    scale: float = 1,
) -> Callable[..., float]:
    """`agreement` with its parts in the open."""

    def made(read_a: Tensor, read_b: Tensor, y: Tensor) -> float:
        chosen = among(read_a, read_b, y)
        number = out_of(chosen, y)
        counted = int((chosen & counts(read_a, read_b, y)).sum())
        return scale * counted / number if number else empty

    return made


def everybody(a: Tensor, b: Tensor, y: Tensor) -> Tensor:
    return torch.ones_like(y, dtype=torch.bool)


AGREEMENT_MISTAKES = [
    Mistake(
        "everything",
        "the examples that both read rightly count too, and there both always agree: look only at "
        "those that both misread",
        {"among": everybody},
    ),
    Mistake(
        "either",
        "an example counts here as soon as one of the two misreads it: join the two conditions "
        "with &, not with |",
        {"among": lambda a, b, y: (a != y) | (b != y)},
    ),
    Mistake(
        "only-a",
        "this is the share among all that read_a misreads: leave out those that read_b reads "
        "rightly",
        {"among": lambda a, b, y: a != y},
    ),
    Mistake(
        "only-b",
        "this is the share among all that read_b misreads: leave out those that read_a reads "
        "rightly",
        {"among": lambda a, b, y: b != y},
    ),
    Mistake(
        "different",
        "this is the share on which the two see different classes: count read_a == read_b",
        {"counts": lambda a, b, y: a != b},
    ),
    Mistake(
        "both-wrong",
        "this is how often both err, whatever they see: ask whether they see the same class",
        {"counts": everybody, "out_of": lambda among, y: len(y)},
    ),
    Mistake(
        "out-of-all",
        "the number of agreements is divided by all examples: divide it by those that both misread",
        {"out_of": lambda among, y: len(y)},
    ),
    Mistake(
        "count",
        "this is how many there are: divide it by the number that both misread",
        {"out_of": lambda among, y: 1},
    ),
    Mistake(
        "percent",
        "this is in per cent: return the share itself, a number from 0 to 1",
        {"scale": 100},
    ),
    Mistake(
        "zero-where-none",
        'where both misread nothing there is no share, and 0 would say "never": return '
        'float("nan")',
        {"empty": 0.0},
    ),
    Mistake(
        "one-where-none",
        'where both misread nothing there is no share, and 1 would say "always": return '
        'float("nan")',
        {"empty": 1.0},
    ),
]


def readings(seed: int, batch: int, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.random.default_generator.manual_seed(seed)
    y = torch.randint(classes, (batch,))
    read_a, read_b = (torch.randint(classes, (batch,)) for _ in range(2))
    read_a[:2], read_b[1:3] = y[:2], y[1:3]  # right: by a, by both, by b
    read_a[3:6] = read_b[3:6] = (y[3:6] + 1) % classes  # wrong, and in the same way
    return read_a, read_b, y


def one_reading() -> tuple[Tensor, Tensor, Tensor]:
    return torch.tensor([4]), torch.tensor([4]), torch.tensor([9])


def never_both() -> tuple[Tensor, Tensor, Tensor]:
    """Each misreads one, but not the same one."""
    return torch.tensor([0, 1, 5, 3]), torch.tensor([0, 7, 2, 3]), torch.tensor([0, 1, 2, 3])


AGREEMENT = Exercise(
    reference=agreement,
    recipe=agreement_recipe,
    cases=[
        Case(lambda: readings(61, 60, 4), batch=60),
        Case(one_reading, batch=1),
        Case(lambda: readings(62, 25, 10), batch=25),
        Case(never_both, batch=4),
    ],
    mistakes=AGREEMENT_MISTAKES,
    says={
        "nan": "it returns NaN where both misread something: do you pick the examples that both "
        "misread, != y and not == y?",
    },
    hints=(
        "Two questions for each example: do both misread it, and do they see the same class? "
        "Each is a tensor of truth values, [N].",
        "both = (read_a != y) & (read_b != y) picks the examples. Among them, take the share with "
        "read_a == read_b.",
        "(read_a == read_b)[both].float().mean().item(): the mean of an empty tensor is NaN, as "
        "it should be.",
    ),
)

# --- mean_cosine ---


def mean_cosine(g: Tensor, h: Tensor) -> float:
    """The mean over the batch of the cosine between each g[i] and h[i]."""
    g, h = g.flatten(1), h.flatten(1)
    cosine = (g * h).sum(dim=1) / (g.norm(dim=1) * h.norm(dim=1))
    return cosine.mean().item()


def cosine_recipe(
    rows: Callable[[Tensor], Tensor] = lambda g: g.flatten(1),
    inside: Callable[[Tensor], Tensor] = lambda g: g,
    length: Callable[[Tensor], Tensor] = lambda g: g.norm(dim=1),
    lengths: Callable[..., Tensor] = lambda g, h: g * h,
    outside: Callable[[Tensor], Tensor] = lambda cosine: cosine,
    reduce: Callable[[Tensor], Tensor] = torch.mean,
) -> Callable[..., float]:
    """`mean_cosine` with its parts in the open."""

    def made(g: Tensor, h: Tensor) -> float:
        g, h = inside(rows(g)), inside(rows(h))
        cosine = (g * h).sum(dim=1) / lengths(length(g), length(h))
        return reduce(outside(cosine)).item()

    return made


COSINE_MISTAKES = [
    Mistake(
        "one-vector",
        "the whole batch is taken for one long vector: each image has its own cosine, and the "
        "mean comes last",
        {"rows": lambda g: g.flatten()[None]},
    ),
    Mistake(
        "mean-first",
        "the gradients are averaged over the batch first: take the cosine of each image, and the "
        "mean of those",
        {"rows": lambda g: g.flatten(1).mean(dim=0, keepdim=True)},
    ),
    Mistake(
        "along-channels",
        "the cosine is taken along the channels, at each pixel by itself (dim=1 of [N, C, H, W]): "
        "flatten each image into one vector first",
        {"rows": lambda g: g.flatten(2).transpose(1, 2).flatten(0, 1)},
    ),
    Mistake(
        "along-rows",
        "the cosine is taken along the last dimension, one row of pixels by itself: flatten each "
        "image into one vector first",
        {"rows": lambda g: g.flatten(0, 2)},
    ),
    Mistake(
        "no-lengths",
        "this is the inner product: divide it by the lengths of both, or a long gradient counts "
        "for more",
        {"lengths": lambda g, h: torch.ones_like(g)},
    ),
    Mistake(
        "one-length",
        "the inner product is divided by the length of g alone: divide it by that of h too",
        {"lengths": lambda g, h: g},
    ),
    Mistake(
        "squared-lengths",
        "the inner product is divided by the squares of the lengths: take their roots",
        {"length": lambda g: g.square().sum(dim=1)},
    ),
    Mistake(
        "l1-lengths",
        "the lengths are sums of absolute values; the cosine takes the Euclidean ones",
        {"length": lambda g: g.abs().sum(dim=1)},
    ),
    Mistake(
        "signs",
        "this is the cosine of the signs: take the gradients as they are",
        {"inside": torch.sign},
    ),
    Mistake(
        "centred",
        "the mean is taken out of each gradient, which makes this a correlation: leave them as "
        "they are",
        {"inside": lambda g: g - g.mean(dim=1, keepdim=True)},
    ),
    Mistake(
        "absolute",
        "the sign of the cosine is lost: opposite gradients have -1, not 1",
        {"outside": torch.abs},
    ),
    Mistake(
        "summed",
        "the cosines are summed over the batch: take their mean",
        {"reduce": torch.sum},
    ),
    Mistake(
        "angle",
        "this is the angle: return its cosine",
        {"outside": torch.acos},
    ),
]


def gradients(seed: int, batch: int, shape: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    torch.random.default_generator.manual_seed(seed)
    g, noise = torch.randn(batch, *shape) + 0.2, torch.randn(batch, *shape)
    share = torch.linspace(-0.6, 1.5, batch).reshape(-1, 1, 1, 1)  # one at least points away
    long = torch.linspace(0.5, 3, batch).reshape(-1, 1, 1, 1)
    return long * g, share * g + noise


COSINE = Exercise(
    reference=mean_cosine,
    recipe=cosine_recipe,
    cases=[
        Case(lambda: gradients(71, 5, (1, 6, 6)), batch=5),
        Case(lambda: gradients(72, 1, (1, 8, 8)), batch=1),
        Case(lambda: gradients(73, 4, (3, 5, 4)), batch=4),
    ],
    mistakes=COSINE_MISTAKES,
    hints=(
        "The cosine of two vectors is their inner product over the product of their lengths. Here "
        "each image is one vector, C*H*W numbers long.",
        "g.flatten(1) has the shape [N, C*H*W]. (g * h).sum(dim=1) is one inner product for each "
        "image, g.norm(dim=1) one length.",
        "((g * h).sum(dim=1) / (g.norm(dim=1) * h.norm(dim=1))).mean().item(), after g, h = "
        "g.flatten(1), h.flatten(1).",
    ),
)

# --- ensemble_fgsm ---


def ensemble_fgsm(models: list[nn.Module], x: Tensor, y: Tensor, eps: float) -> Tensor:
    """One gradient-sign step on the loss of the models' mean logits, clipped to [0, 1]."""
    x_in = x.clone().detach().requires_grad_()
    logits = torch.stack([model(x_in) for model in models]).mean(dim=0)
    (grad,) = torch.autograd.grad(F.cross_entropy(logits, y), x_in)
    return (x + eps * grad.sign()).clamp(0, 1).detach()


def of_mean_logits(logits: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(logits.mean(dim=0), y)


def ensemble_gradient(
    models: list[nn.Module], x: Tensor, y: Tensor, loss: Callable[..., Tensor]
) -> Tensor:
    """The gradient in x of `loss(logits, y)` with the logits of all models, `[M, N, K]`."""
    x_in = x.clone().detach().requires_grad_()
    logits = torch.stack([model(x_in) for model in models])
    return torch.autograd.grad(loss(logits, y), x_in)[0]


def each_gradient(models: list[nn.Module], x: Tensor, y: Tensor) -> Tensor:
    """Every model's own gradient: `[M, N, C, H, W]`."""
    return torch.stack([ensemble_gradient([model], x, y, of_mean_logits) for model in models])


def signs_added(models: list[nn.Module], x: Tensor, y: Tensor, loss: object) -> Tensor:
    return each_gradient(models, x, y).sign().mean(dim=0)


def ensemble_recipe(
    loss: Callable[..., Tensor] = of_mean_logits,
    gradient: Callable[..., Tensor] = ensemble_gradient,
    way: int = 1,
    step: Callable[[Tensor], Tensor] = torch.sign,
    size: Callable[[float], float] = lambda eps: eps,
    clip: Callable[[Tensor], Tensor] = lambda x_adv: x_adv.clamp(0, 1),
) -> Callable[..., Tensor]:
    """`ensemble_fgsm` with its parts in the open."""

    def made(models: list[nn.Module], x: Tensor, y: Tensor, eps: float) -> Tensor:
        grad = gradient(models, x, y, loss)
        return clip(x + way * size(eps) * step(grad))

    return made


ENSEMBLE_MISTAKES = [
    Mistake(
        "first-model",
        "only the first model is attacked: all of them take part in the loss",
        {"loss": lambda logits, y: F.cross_entropy(logits[0], y)},
    ),
    Mistake(
        "last-model",
        "only the last model is attacked: does the loop keep what the ones before it gave?",
        {"loss": lambda logits, y: F.cross_entropy(logits[-1], y)},
    ),
    Mistake(
        "mean-loss",
        "this follows the mean of the models' losses: average the logits first, and take one loss "
        "of that",
        {"loss": lambda logits, y: torch.stack([F.cross_entropy(o, y) for o in logits]).mean()},
    ),
    Mistake(
        "summed-logits",
        "the logits are added up, not averaged, which makes the ensemble surer than it is: divide "
        "by the number of models",
        {"loss": lambda logits, y: F.cross_entropy(logits.sum(dim=0), y)},
    ),
    Mistake(
        "mean-probabilities",
        "the probabilities are averaged, and F.cross_entropy takes logits: average the logits as "
        "they are",
        {"loss": lambda logits, y: F.cross_entropy(logits.softmax(dim=2).mean(dim=0), y)},
    ),
    Mistake(
        "largest-logits",
        "of each logit only the largest among the models counts: take the mean over the models",
        {"loss": lambda logits, y: F.cross_entropy(logits.amax(dim=0), y)},
    ),
    Mistake(
        "mean-of-steps",
        "each model gets a step of its own, and the steps are averaged, so many pixels move by "
        "less than eps: one gradient of the joint loss, and one sign",
        {"gradient": signs_added, "step": lambda grad: grad},
    ),
    Mistake(
        "vote",
        "each model's gradient votes with its sign: take one gradient, of the loss of the mean "
        "logits",
        {"gradient": signs_added},
    ),
    Mistake(
        "minus",
        "the step goes down the loss, towards the right class: did you write minus for plus?",
        {"way": -1},
    ),
    Mistake(
        "no-sign",
        "the gradient goes in as it is, and is far too small: take its sign",
        {"step": lambda grad: grad},
    ),
    Mistake(
        "no-eps",
        "eps plays no part: the sign has to be multiplied by it",
        {"size": lambda eps: 1},
    ),
    Mistake(
        "no-clip",
        "the result leaves [0, 1]: did you clip?",
        {"clip": lambda x_adv: x_adv},
    ),
]


def ensemble_input(
    seed: int,
    networks: list[Callable[..., nn.Module]],
    batch: int,
    shape: tuple[int, int, int],
    classes: int,
    eps: float,
) -> tuple[nn.ModuleList, Tensor, Tensor, float]:
    """A list of models that the engine can watch, with weights large enough to disagree."""
    torch.random.default_generator.manual_seed(seed)
    models = nn.ModuleList([network(shape, classes) for network in networks]).eval()
    for k, model in enumerate(models):
        with torch.no_grad():
            model[-1].weight.mul_(2.0 + 2 * k)  # the later ones are surer
    return models, *pictures(batch, shape, classes), eps


ENSEMBLE = Exercise(
    reference=ensemble_fgsm,
    recipe=ensemble_recipe,
    cases=[
        Case(lambda: ensemble_input(81, [tanh_network] * 3, 4, (1, 6, 6), 3, 0.1), batch=4),
        Case(lambda: ensemble_input(82, [tanh_network] * 2, 1, (1, 8, 8), 10, 0.25), batch=1),
        Case(
            lambda: ensemble_input(83, [frozen_network, tanh_network], 5, (3, 5, 4), 4, 0.05),
            batch=5,
        ),
    ],
    mistakes=ENSEMBLE_MISTAKES,
    hints=(
        "It is fgsm with another model: one that returns the mean of the others' logits. What "
        "does it return for a copy of x that requires a gradient?",
        "torch.stack([model(copy) for model in models]) has the shape [M, N, K]; its mean over "
        "dim=0 are the ensemble's logits. Take their cross-entropy, and its gradient in the copy.",
        "x_adv = (x + eps * grad.sign()).clamp(0, 1), with grad = "
        "torch.autograd.grad(F.cross_entropy(logits, y), copy)[0]; then return x_adv.detach().",
    ),
)
