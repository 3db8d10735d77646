"""Section 4: networks under one step; a photo (Figure 1); CIFAR-10. Their rubbish (appendix A)."""

from dataclasses import replace
from functools import partial

import torch

from advtutor import attacks, data, models
from advtutor.claims.experiments.base import Experiment, Run, each, measure
from advtutor.claims.experiments.digits import UNCLIPPED, errors, rubbish
from advtutor.claims.trained import Recipe
from advtutor.evaluation import evaluate, predict

SOFTMAX = Recipe("SoftmaxRegression", epochs=5, lr=0.1)
SOFTMAX_LENGTHS = {
    "softmax": SOFTMAX,
    "softmax, 1 epoch": replace(SOFTMAX, epochs=1),
    "softmax, 20 epochs": replace(SOFTMAX, epochs=20),
}
# 240 units with five pieces, dropout, SGD. The paper says neither for how long it was trained nor
# at which rate; `RECIPE` says what we took.
SHORT_MAXOUT = Recipe("Maxout", epochs=12, lr=0.3, options={"units": 240, "pieces": 5})
MAXOUT = replace(SHORT_MAXOUT, model="BrighterMaxout", epochs=48)
RECIPE = """
The maxout networks of 240 units follow the example that the library pylearn2 published for maxout
on MNIST, as near as our time permits: five pieces, dropout of 0.2 and 0.5, first weights within
±0.005, weights shortened to 1.9365, batches of 100, a momentum that rises from 0.5 to 0.7, and
pixels that dropout keeps but does not rescale. What differs: the rate starts at 0.3 and falls to
zero in a straight line (there at 0.1, by a little after each batch), and a training ends after 48
epochs, an adversarial one after 60 (there when a hundred epochs have brought nothing on held-out
digits, before the last training on all of them).
""".strip()
# CIFAR-10's network, with as many units as pylearn2's, in a training that a GPU does in minutes.
CIFAR = Recipe(
    "ConvMaxout",
    epochs=30,
    lr=1e-3,
    options={"channels": (96, 192, 192), "units": 500},
    optimizer="one_cycle_adam",
    batch_size=128,
    data="cifar10",
)
CIFAR_JPEG = replace(CIFAR, data="cifar10_jpeg")
CIFAR_EPS = 0.1  # in the units of the paper's preprocessed pictures


@measure("confidence_before", "confidence_in_the_wrong_class", "right_under_noise")
def photo(run: Run) -> tuple[float, ...]:
    """The network's reading of a photo before and after one step of 0.007, and noise (Figure 1)."""
    model, image = models.imagenet_classifier().to(run.device), data.photo("camera").to(run.device)
    before = predict(model, image)
    right = before.classes
    after = predict(model, attacks.fgsm(model, image, right, 0.007)).probabilities
    noisy = attacks.sign_noise(None, image, None, 0.007, generator=run.generator())
    after[0, right] = 0
    kept = predict(model, noisy).classes == right
    return before.confidence.item(), after.amax().item(), kept.float().mean().item()


@measure("clean_error", "fgsm_error", "fgsm_confidence", "rubbish_error", "fooling_success")
def colour(run: Run, name: str) -> tuple[float, ...]:
    """On CIFAR-10's 10,000 test images, on 1,000 pictures of Gaussian noise, and on fooling images.

    The last is the share of pairs of a noise and a class that one step makes that class. Nothing
    is clipped. The paper's eps and its Gaussian noise are in the units of its preprocessed
    pictures, whose scale `models.ConvMaxout` documents.
    """
    model, test = run.network(name), run.here(run.read(run.networks[name].data).test)
    affine = model.layers[0]
    eps = CIFAR_EPS / affine.scale
    report = evaluate(model, *test, partial(attacks.fgsm, eps=eps, clip=None))
    noise = torch.randn(1000, 3, 32, 32, generator=run.generator(), device=run.device)
    rubbish = affine.mean + noise / affine.scale
    sure = predict(model, rubbish).confidence
    fooled = []
    for target in range(10):
        y = torch.full((len(rubbish),), target, device=run.device)
        made = attacks.fooling_image(model, rubbish, y, eps)
        fooled.append(predict(model, made).classes == y)
    return (
        evaluate(model, *test).error,
        report.error,
        report.confidence_on_errors,
        (sure > 0.5).float().mean().item(),
        torch.cat(fooled).float().mean().item(),
    )


EXPERIMENTS = [
    Experiment(
        "imagenet",
        {},
        {"photo": [(photo,)]},
        {"eps": 0.007, "clip": [0, 1]},
        seeds=1,
        quick=True,
    ),
    Experiment(
        "softmax",
        SOFTMAX_LENGTHS,
        each(SOFTMAX_LENGTHS, errors, rubbish),
        UNCLIPPED,
        minutes=0.5,
        quick=True,
    ),
    Experiment(
        "maxout", {"maxout": MAXOUT}, each(["maxout"], errors, rubbish), UNCLIPPED, minutes=9
    ),
    *(
        Experiment(
            name,
            {"conv": recipe},
            each(["conv"], colour),
            {"eps": CIFAR_EPS, "clip": None},
            minutes=600,
        )
        for name, recipe in [("cifar", CIFAR), ("cifar-jpeg", CIFAR_JPEG)]
    ),
]
