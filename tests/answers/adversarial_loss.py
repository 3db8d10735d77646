"""Answers to `adversarial_loss`."""

import torch
import torch.nn.functional as F

from advtutor.attacks import fgsm


def right_by_the_package(model, x, y, eps, alpha=0.5):
    x_adv = fgsm(model, x, y, eps)
    clean, attacked = F.cross_entropy(model(x), y), F.cross_entropy(model(x_adv), y)
    return alpha * clean + (1 - alpha) * attacked


def right_in_one_pass(model, x, y, eps, alpha=0.5):
    logits = model(torch.cat([x, fgsm(model, x, y, eps)]))
    losses = F.cross_entropy(logits, torch.cat([y, y]), reduction="none")
    weights = torch.tensor([alpha, 1 - alpha]).repeat_interleave(len(y))
    return (weights * losses).sum() / len(y)


def right_with_one_graph(model, x, y, eps, alpha=0.5):
    copy = x.detach().clone().requires_grad_()
    clean = -model(copy).log_softmax(1)[torch.arange(len(y)), y].mean()
    grad = torch.autograd.grad(clean, copy, retain_graph=True)[0]
    x_adv = torch.clip(copy + eps * grad.sign(), 0, 1)  # not detached: the sign has no gradient
    return torch.lerp(F.cross_entropy(model(x_adv), y), clean, alpha)


def stub(model, x, y, eps, alpha=0.5):
    """The paper's objective."""
    ...


def loss(model, x, y):
    return F.cross_entropy(model(x), y)


def wrong_clean_only(model, x, y, eps, alpha=0.5):
    return loss(model, x, y)


def wrong_adversarial_only(model, x, y, eps, alpha=0.5):
    return loss(model, fgsm(model, x, y, eps), y)


def wrong_mixed_images(model, x, y, eps, alpha=0.5):
    return loss(model, alpha * x + (1 - alpha) * fgsm(model, x, y, eps), y)


def wrong_predicted_label(model, x, y, eps, alpha=0.5):
    x_adv, predicted = fgsm(model, x, y, eps), model(x).argmax(1)
    return alpha * loss(model, x, y) + (1 - alpha) * loss(model, x_adv, predicted)


def wrong_plain_sum(model, x, y, eps, alpha=0.5):
    return loss(model, x, y) + loss(model, fgsm(model, x, y, eps), y)


def wrong_alpha_swapped(model, x, y, eps, alpha=0.5):
    return (1 - alpha) * loss(model, x, y) + alpha * loss(model, fgsm(model, x, y, eps), y)


def wrong_alpha_ignored(model, x, y, eps, alpha=0.5):
    return (loss(model, x, y) + loss(model, fgsm(model, x, y, eps), y)) / 2


def wrong_alpha_unbalanced(model, x, y, eps, alpha=0.5):
    return alpha * loss(model, x, y) + loss(model, fgsm(model, x, y, eps), y)


def wrong_summed(model, x, y, eps, alpha=0.5):
    x_adv = fgsm(model, x, y, eps)
    sums = [F.cross_entropy(model(images), y, reduction="sum") for images in (x, x_adv)]
    return alpha * sums[0] + (1 - alpha) * sums[1]


def mixed(model, x, x_adv, y, alpha):
    return alpha * loss(model, x, y) + (1 - alpha) * loss(model, x_adv, y)


def gradient(model, x, y):
    copy = x.clone().requires_grad_()
    return torch.autograd.grad(loss(model, copy, y), copy)[0]


def wrong_minus(model, x, y, eps, alpha=0.5):
    x_adv = (x - eps * gradient(model, x, y).sign()).clamp(0, 1)
    return mixed(model, x, x_adv, y, alpha)


def wrong_no_sign(model, x, y, eps, alpha=0.5):
    x_adv = (x + eps * gradient(model, x, y)).clamp(0, 1)
    return mixed(model, x, x_adv, y, alpha)


def wrong_no_clip(model, x, y, eps, alpha=0.5):
    return mixed(model, x, x + eps * gradient(model, x, y).sign(), y, alpha)


def wrong_alpha_swapped__no_clip(model, x, y, eps, alpha=0.5):
    return mixed(model, x, x + eps * gradient(model, x, y).sign(), y, 1 - alpha)


def wrong_random(model, x, y, eps, alpha=0.5):
    x_adv = (x + eps * torch.randn_like(x).sign()).clamp(0, 1)
    return mixed(model, x, x_adv, y, alpha)


def wrong_arity(model, x, y, eps, alpha):
    return mixed(model, x, fgsm(model, x, y, eps), y, alpha)


def wrong_shape(model, x, y, eps, alpha=0.5):
    x_adv = fgsm(model, x, y, eps)
    losses = [F.cross_entropy(model(images), y, reduction="none") for images in (x, x_adv)]
    return alpha * losses[0] + (1 - alpha) * losses[1]


def wrong_type(model, x, y, eps, alpha=0.5):
    return mixed(model, x, fgsm(model, x, y, eps), y, alpha).item()


def wrong_detached(model, x, y, eps, alpha=0.5):
    x_adv = fgsm(model, x, y, eps)
    with torch.no_grad():
        return mixed(model, x, x_adv, y, alpha)


def wrong_param_grads(model, x, y, eps, alpha=0.5):
    copy = x.clone().requires_grad_()
    loss(model, copy, y).backward()
    return mixed(model, x, (x + eps * copy.grad.sign()).clamp(0, 1), y, alpha)


def wrong_raises__used_up(model, x, y, eps, alpha=0.5):
    value = mixed(model, x, fgsm(model, x, y, eps), y, alpha)
    value.backward()
    return value


def wrong_gradient__of_the_clean_half(model, x, y, eps, alpha=0.5):
    with torch.no_grad():
        clean = loss(model, x, y)
    return alpha * clean + (1 - alpha) * loss(model, fgsm(model, x, y, eps), y)


def wrong_fixed_number(model, x, y, eps, alpha=0.5):
    return mixed(model, x, fgsm(model, x, y, 0.25), y, alpha)


def wrong_summed__one_half(model, x, y, eps, alpha=0.5):
    attacked = F.cross_entropy(model(fgsm(model, x, y, eps)), y, reduction="sum")
    return alpha * loss(model, x, y) + (1 - alpha) * attacked


def wrong_attack_on_prediction(model, x, y, eps, alpha=0.5):
    return mixed(model, x, fgsm(model, x, model(x).argmax(1), eps), y, alpha)


def wrong_subtracted(model, x, y, eps, alpha=0.5):
    return alpha * loss(model, x, y) - (1 - alpha) * loss(model, fgsm(model, x, y, eps), y)


def wrong_softmax_twice(model, x, y, eps, alpha=0.5):
    x_adv = fgsm(model, x, y, eps)
    return mixed(lambda images: model(images).softmax(1), x, x_adv, y, alpha)


def wrong_frozen(model, x, y, eps, alpha=0.5):
    model.requires_grad_(False)
    x_adv = fgsm(model, x, y, eps)
    model.requires_grad_(True)
    return mixed(model, x, x_adv, y, alpha)


def wrong_values__half_of_it(model, x, y, eps, alpha=0.5):
    return mixed(model, x, fgsm(model, x, y, eps), y, alpha) / 2


def both(model, x, y, x_adv):
    return F.cross_entropy(model(x), y), F.cross_entropy(model(x_adv.detach()), y)


def way_up(model, x, y):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(x), y), x)[0].sign()


def wrong_step_alone(model, x, y, eps, alpha=0.5):
    clean, attacked = both(model, x, y, (eps * way_up(model, x, y)).clamp(0, 1))
    return alpha * clean + (1 - alpha) * attacked


def wrong_no_clip__above(model, x, y, eps, alpha=0.5):
    clean, attacked = both(model, x, y, (x + eps * way_up(model, x, y)).clamp(max=1))
    return alpha * clean + (1 - alpha) * attacked


def wrong_alpha_on_both(model, x, y, eps, alpha=0.5):
    return alpha * sum(both(model, x, y, (x + eps * way_up(model, x, y)).clamp(0, 1)))


def wrong_mixed_logits(model, x, y, eps, alpha=0.5):
    x_adv = (x + eps * way_up(model, x, y)).clamp(0, 1)
    return F.cross_entropy(alpha * model(x) + (1 - alpha) * model(x_adv), y)
