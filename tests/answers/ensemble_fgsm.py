"""Answers to `ensemble_fgsm`."""

import torch
import torch.nn.functional as F

from advtutor import attacks


class Mean(torch.nn.Module):
    def __init__(self, models):
        super().__init__()
        self.models = torch.nn.ModuleList(models)

    def forward(self, x):
        return sum(model(x) for model in self.models) / len(self.models)


def right_by_the_package(models, x, y, eps):
    return attacks.fgsm(Mean(models), x, y, eps)


def right_with_a_loop(models, x, y, eps):
    delta = torch.zeros_like(x, requires_grad=True)
    logits = 0
    for model in models:
        logits = logits + model(x + delta)
    loss = -(logits / len(models)).log_softmax(1)[torch.arange(len(y)), y].sum()
    return torch.clip(x + eps * torch.autograd.grad(loss, delta)[0].sign(), 0, 1)


def right_image_by_image(models, x, y, eps):
    rows = []
    for i in range(len(x)):
        copy = x[i : i + 1].clone().requires_grad_()
        outputs = torch.cat([model(copy) for model in models])
        loss = F.cross_entropy(outputs.mean(dim=0, keepdim=True), y[i : i + 1])
        rows.append(copy.detach() + eps * torch.autograd.grad(loss, copy)[0].sign())
    return torch.cat(rows).clamp(0, 1)


def stub(models, x, y, eps):
    """One step against all of them."""
    ...


def step(models, x, y, loss):
    copy = x.clone().requires_grad_()
    return torch.autograd.grad(loss([model(copy) for model in models], y), copy)[0]


def attack(loss):
    def answer(models, x, y, eps):
        return (x + eps * step(models, x, y, loss).sign()).clamp(0, 1)

    return answer


def joint(outputs, y):
    return F.cross_entropy(torch.stack(outputs).mean(0), y)


def wrong_first_model(models, x, y, eps):
    return attacks.fgsm(models[0], x, y, eps)


def wrong_last_model(models, x, y, eps):
    for model in models:
        x_adv = attacks.fgsm(model, x, y, eps)
    return x_adv


wrong_mean_loss = attack(lambda outputs, y: sum(F.cross_entropy(o, y) for o in outputs))
wrong_summed_logits = attack(lambda outputs, y: F.cross_entropy(sum(outputs), y))
wrong_mean_probabilities = attack(
    lambda outputs, y: F.cross_entropy(sum(o.softmax(1) for o in outputs) / len(outputs), y)
)
wrong_largest_logits = attack(
    lambda outputs, y: F.cross_entropy(torch.stack(outputs).max(0).values, y)
)


def wrong_mean_of_steps(models, x, y, eps):
    signs = [step([model], x, y, joint).sign() for model in models]
    return (x + eps * sum(signs) / len(signs)).clamp(0, 1)


def wrong_vote(models, x, y, eps):
    votes = sum(step([model], x, y, joint).sign() for model in models)
    return (x + eps * votes.sign()).clamp(0, 1)


def wrong_minus(models, x, y, eps):
    return (x - eps * step(models, x, y, joint).sign()).clamp(0, 1)


def wrong_no_sign(models, x, y, eps):
    return (x + eps * step(models, x, y, joint)).clamp(0, 1)


def wrong_no_eps(models, x, y, eps):
    return (x + step(models, x, y, joint).sign()).clamp(0, 1)


def wrong_no_clip(models, x, y, eps):
    return x + eps * step(models, x, y, joint).sign()


def wrong_minus__no_clip(models, x, y, eps):
    return x - eps * step(models, x, y, joint).sign()


def wrong_raises(models, x, y, eps):
    return attacks.fgsm(models, x, y, eps)


def wrong_param_grads(models, x, y, eps):
    copy = x.clone().requires_grad_()
    joint([model(copy) for model in models], y).backward()
    return (x + eps * copy.grad.sign()).clamp(0, 1)


def wrong_shape(models, x, y, eps):
    return torch.stack([attacks.fgsm(model, x, y, eps) for model in models])


wrong_mean_probabilities__then_their_logarithm = attack(
    lambda outputs, y: F.nll_loss(
        (sum(o.softmax(1) for o in outputs) / len(outputs)).log(), y, reduction="sum"
    )
)


wrong_fixed_count = attack(lambda outputs, y: F.cross_entropy(sum(outputs) / 2, y))
wrong_fixed_count__of_three = attack(lambda outputs, y: F.cross_entropy(sum(outputs) / 3, y))
wrong_wrong_label = attack(lambda outputs, y: joint(outputs, sum(outputs).argmax(1)))


def wrong_one_after_another(models, x, y, eps):
    for model in models:
        x = attacks.fgsm(model, x, y, eps)
    return x


def wrong_step_alone(models, x, y, eps):
    return eps * step(models, x, y, joint).sign()


def wrong_shared_eps(models, x, y, eps):
    return (x + eps / len(models) * step(models, x, y, joint).sign()).clamp(0, 1)


def wrong_mean_of_steps__clipped_each(models, x, y, eps):
    total = torch.zeros_like(x)
    for model in models:
        copy = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(F.cross_entropy(model(copy), y), copy)
        total += (x + eps * gradient.sign()).clamp(0, 1)
    return total / len(models)


def wrong_softmax_twice(models, x, y, eps):
    x = x.clone().requires_grad_()
    mean = torch.stack([model(x) for model in models]).mean(dim=0)
    (gradient,) = torch.autograd.grad(F.cross_entropy(F.softmax(mean, dim=1), y), x)
    return (x + eps * gradient.sign()).clamp(0, 1).detach()


def wrong_logit(models, x, y, eps):
    x = x.clone().requires_grad_()
    mean = torch.stack([model(x) for model in models]).mean(dim=0)
    (gradient,) = torch.autograd.grad(-mean[torch.arange(len(y)), y].sum(), x)
    return (x + eps * gradient.sign()).clamp(0, 1).detach()


def wrong_divided_by_max(models, x, y, eps):
    gradient = step(models, x, y, joint)
    return (x + eps * gradient / gradient.abs().flatten(1).amax(1)[:, None, None, None]).clamp(0, 1)


def wrong_divided_by_max__of_the_batch(models, x, y, eps):
    gradient = step(models, x, y, joint)
    return (x + eps * gradient / gradient.abs().max()).clamp(0, 1)


def wrong_one_after_another__shared_eps(models, x, y, eps):
    for model in models:
        x = attacks.fgsm(model, x, y, eps / len(models))
    return x
