"""Section 4: a photo (Figure 1), and CIFAR-10."""

from functools import partial

import torch

from advtutor import attacks, data, models
from advtutor.claims.experiments.base import Run, measure
from advtutor.claims.experiments.table import RECIPES, settings
from advtutor.evaluation import evaluate, predict

SOFTMAX = RECIPES["softmax"]
CIFAR_EPS = settings("cifar")["eps"]  # in the units of the paper's preprocessed pictures


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
