"""Answers to `fgsm`: right ones, stubs, and wrong ones named after the fault they are told."""

import numpy as np
import torch
import torch.nn.functional as F


def right_by_autograd(model, x, y, eps):
    x_in = x.detach().clone()
    x_in.requires_grad = True
    loss = torch.nn.CrossEntropyLoss(reduction="sum")(model(x_in), y)
    return torch.clip(x + eps * torch.sign(torch.autograd.grad(loss, x_in)[0]), min=0, max=1)


def right_by_delta(model, x, y, eps):
    delta = torch.zeros_like(x, requires_grad=True)
    log_p = model(x + delta).log_softmax(dim=1)
    loss = -sum(log_p[i, label] for i, label in enumerate(y))
    step = eps * torch.autograd.grad(loss, delta)[0].sign()
    return torch.minimum(torch.maximum(x + step, torch.zeros(())), torch.ones(())).detach()


def right_one_image_at_a_time(model, x, y, eps):
    made = []
    for image, label in zip(x, y, strict=True):
        one = image[None].clone().requires_grad_()
        probability = torch.softmax(model(one), 1)[0, label]
        grad = torch.autograd.grad(torch.log(probability), one)[0]
        made.append((image - eps * torch.sign(grad[0])).clamp(0.0, 1.0))
    return torch.stack(made)


def right_with_backward_and_care(model, x, y, eps):
    flags = [p.requires_grad for p in model.parameters()]
    for p in model.parameters():
        p.requires_grad_(False)
    try:
        image = x.clone().requires_grad_()
        F.cross_entropy(model(image), y).backward()
    finally:
        for p, flag in zip(model.parameters(), flags, strict=True):
            p.requires_grad_(flag)
    with torch.no_grad():
        return (x + eps * image.grad.sign()).clamp_(0, 1)


def stub(model, x, y, eps):
    """The example at distance eps."""
    ...


def stub_half_begun(model, x, y, eps):
    x_in = x.clone().requires_grad_()
    grad = ...
    return x_in + grad


def stub_pass(model, x, y, eps):
    """The example at distance eps."""
    pass


def gradient(model, x, y):
    x_in = x.clone().detach().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(x_in), y), x_in)[0]


def wrong_unmoved(model, x, y, eps):
    gradient(model, x, y)
    return x.clone()


def wrong_step_alone(model, x, y, eps):
    return (eps * gradient(model, x, y).sign()).clamp(0, 1)


def wrong_probability(model, x, y, eps):
    x_in = x.clone().requires_grad_()
    p = F.softmax(model(x_in), dim=1).gather(1, y[:, None]).sum()
    return (x + eps * torch.autograd.grad(p, x_in)[0].sign()).clamp(0, 1)


def wrong_minus(model, x, y, eps):
    return (x - eps * gradient(model, x, y).sign()).clamp(0, 1)


def wrong_softmax_output(model, x, y, eps):
    x_in = x.clone().requires_grad_()
    confidence = model(x_in).softmax(1).max(dim=1).values
    return (x + eps * torch.autograd.grad(confidence.sum(), x_in)[0].sign()).clamp(0, 1)


def wrong_softmax_twice(model, x, y, eps):
    x_in = x.clone().requires_grad_()
    loss = F.cross_entropy(F.softmax(model(x_in), dim=1), y)
    return (x + eps * torch.autograd.grad(loss, x_in)[0].sign()).clamp(0, 1)


def wrong_logit(model, x, y, eps):
    x_in = x.clone().requires_grad_()
    loss = F.nll_loss(model(x_in), y)
    return (x + eps * torch.autograd.grad(loss, x_in)[0].sign()).clamp(0, 1)


def wrong_wrong_label(model, x, y, eps):
    return (x + eps * gradient(model, x, model(x).argmax(dim=1)).sign()).clamp(0, 1)


def wrong_first_only(model, x, y, eps):
    x_in = x.clone().requires_grad_()
    loss = -model(x_in).log_softmax(1)[0, y[0]]
    return (x + eps * torch.autograd.grad(loss, x_in)[0].sign()).clamp(0, 1)


def wrong_image_sign(model, x, y, eps):
    gradient(model, x, y)
    return (x + eps * x.sign()).clamp(0, 1)


def wrong_no_sign(model, x, y, eps):
    return (x + eps * gradient(model, x, y)).clamp(0, 1)


def wrong_gradient_clipped(model, x, y, eps):
    return (x + gradient(model, x, y).clamp(-eps, eps)).clamp(0, 1)


def wrong_divided_by_max(model, x, y, eps):
    grad = gradient(model, x, y)
    return (x + eps * grad / grad.abs().amax(dim=(1, 2, 3), keepdim=True)).clamp(0, 1)


def wrong_divided_by_norm(model, x, y, eps):
    grad = gradient(model, x, y)
    return (x + eps * grad / grad.pow(2).sum((1, 2, 3), keepdim=True).sqrt()).clamp(0, 1)


def wrong_mean_step(model, x, y, eps):
    step = gradient(model, x, y).flatten(1).mean(1).sign()
    return (x + eps * step[:, None, None, None]).clamp(0, 1)


def wrong_eps_255(model, x, y, eps):
    return (x + eps / 255 * gradient(model, x, y).sign()).clamp(0, 1)


def wrong_eps_twice(model, x, y, eps):
    step = eps * gradient(model, x, y).sign()
    return (x + step + step).clamp(0, 1)


def wrong_no_eps(model, x, y, eps):
    return (x + gradient(model, x, y).sign()).clamp(0, 1)


def wrong_ball_only(model, x, y, eps):
    x_adv = x + eps * gradient(model, x, y).sign()
    return torch.clamp(x_adv, x - eps, x + eps)


def wrong_no_clip(model, x, y, eps):
    return x + eps * gradient(model, x, y).sign()


def wrong_upper_only(model, x, y, eps):
    return (x + eps * gradient(model, x, y).sign()).clamp(-1, 1)


def wrong_lower_only(model, x, y, eps):
    return F.relu(x + eps * gradient(model, x, y).sign())


def wrong_stretched(model, x, y, eps):
    x_adv = x + eps * gradient(model, x, y).sign()
    return (x_adv - x_adv.min()) / (x_adv.max() - x_adv.min())


# Two mistakes at once: the more basic one is told.


def wrong_minus__unclipped(model, x, y, eps):
    return x - eps * gradient(model, x, y).sign()


def wrong_no_sign__unclipped(model, x, y, eps):
    return x + eps * gradient(model, x, y)


def wrong_softmax_twice__no_sign(model, x, y, eps):
    x_in = x.clone().requires_grad_()
    loss = F.cross_entropy(model(x_in).softmax(1), y)
    return (x + eps * torch.autograd.grad(loss, x_in)[0]).clamp(0, 1)


def wrong_no_clip__attached_and_in_place(model, x, y, eps):
    x += eps * gradient(model, x, y).sign()
    return x


# General faults.


def wrong_arity(model, image, label):
    return image


def wrong_nothing(model, x, y, eps):
    x_adv = (x + eps * gradient(model, x, y).sign()).clamp(0, 1)
    print(x_adv.shape)


def wrong_raises(model, x, y, eps):
    loss = F.cross_entropy(model(x), y)
    grad = torch.autograd.grad(loss, x)[0]
    return x + eps * grad.sign()


def wrong_raises__exit(model, x, y, eps):
    raise SystemExit(3)


def wrong_raises__recursion(model, x, y, eps):
    return wrong_raises__recursion(model, x, y, eps)


def wrong_type(model, x, y, eps):
    return np.clip(x.numpy() + eps * np.sign(gradient(model, x, y).numpy()), 0, 1)


def wrong_type__both(model, x, y, eps):
    step = eps * gradient(model, x, y).sign()
    return (x + step).clamp(0, 1), step


def wrong_type__generator(model, x, y, eps):
    yield (x + eps * gradient(model, x, y).sign()).clamp(0, 1)


def wrong_shape(model, x, y, eps):
    return (x + eps * gradient(model, x, y).sign()).clamp(0, 1).flatten(1)


def wrong_shape__first_image(model, x, y, eps):
    return (x + eps * gradient(model, x, y).sign()).clamp(0, 1)[0]


def wrong_dtype(model, x, y, eps):
    return (x + eps * gradient(model, x, y).sign()).clamp(0, 1).double()


def wrong_nan(model, x, y, eps):
    grad = gradient(model, x, y)
    return (x + eps * grad * 0 / (grad - grad)).clamp(0, 1)


def wrong_train_mode(model, x, y, eps):
    model.train()
    x_adv = (x + eps * gradient(model, x, y).sign()).clamp(0, 1)
    model.eval()
    return x_adv


def wrong_random(model, x, y, eps):
    return (x + eps * torch.randn_like(x).sign()).clamp(0, 1)


def wrong_random__numpy(model, x, y, eps):
    noise = torch.from_numpy(np.random.uniform(-eps, eps, x.shape)).float()
    return (x + noise).clamp(0, 1)


def wrong_coin(model, x, y, eps):
    torch.manual_seed(0)
    return (x + eps * torch.randn_like(x).sign()).clamp(0, 1)


def wrong_coin__uniform(model, x, y, eps):
    noise = torch.rand(x.shape, generator=torch.Generator().manual_seed(1))
    return (x + eps * (2 * noise - 1)).clamp(0, 1)


def wrong_values(model, x, y, eps):
    return (x + 0.7 * eps * gradient(model, x, y).sign()).clamp(0, 1)


def wrong_one_only(model, x, y, eps):
    return (x + eps / len(x) * gradient(model, x, y).sign()).clamp(0, 1)


def wrong_in_place(model, x, y, eps):
    x += eps * gradient(model, x, y).sign()
    return x.clamp_(0, 1)


def wrong_param_grads(model, x, y, eps):
    x_in = x.clone().requires_grad_()
    F.cross_entropy(model(x_in), y).backward()
    return (x + eps * x_in.grad.sign()).clamp(0, 1)


def wrong_param_grads__wiped(model, x, y, eps):
    x_in = x.clone().requires_grad_()
    model.zero_grad()
    F.cross_entropy(model(x_in), y).backward()
    model.zero_grad()
    return (x + eps * x_in.grad.sign()).clamp(0, 1)


def wrong_frozen(model, x, y, eps):
    model.requires_grad_(False)
    x_in = x.clone().requires_grad_()
    F.cross_entropy(model(x_in), y).backward()
    model.requires_grad_(True)
    return (x + eps * x_in.grad.sign()).clamp(0, 1)


def wrong_grad_off(model, x, y, eps):
    grad = gradient(model, x, y)
    torch.set_grad_enabled(False)
    return (x + eps * grad.sign()).clamp(0, 1)


def wrong_weights(model, x, y, eps):
    x_adv = (x + eps * gradient(model, x, y).sign()).clamp(0, 1)
    with torch.no_grad():
        next(model.parameters()).mul_(0.99)
    return x_adv


def wrong_mode_left(model, x, y, eps):
    x_adv = (x + eps * gradient(model, x, y).sign()).clamp(0, 1)
    model.train()
    return x_adv


def wrong_requires_grad_left(model, x, y, eps):
    x.requires_grad = True
    grad = torch.autograd.grad(F.cross_entropy(model(x), y), x)[0]
    return (x + eps * grad.sign()).clamp(0, 1).detach()


def wrong_attached(model, x, y, eps):
    x_in = x.clone().requires_grad_()
    grad = torch.autograd.grad(F.cross_entropy(model(x_in), y), x_in)[0]
    return (x_in + eps * grad.sign()).clamp(0, 1)


def wrong_clamped_step(model, x, y, eps):
    step = (eps * gradient(model, x, y).sign()).clamp(0, 1)
    return x + step


def wrong_divided_by_max__of_the_batch(model, x, y, eps):
    grad = gradient(model, x, y)
    return (x + eps * grad / grad.abs().max()).clamp(0, 1)


def wrong_fixed_number(model, x, y, eps):
    return (x + 0.25 * gradient(model, x, y).sign()).clamp(0, 1)


def wrong_fixed_number__in_a_helper(model, x, y, eps):
    return (x + quarter(gradient(model, x, y))).clamp(0, 1)


def quarter(grad):
    return 0.25 * grad.sign()


def wrong_argument_ignored__a_quarter(model, x, y, eps):
    return (x + gradient(model, x, y).sign() / 4).clamp(0, 1)


def wrong_argument_ignored(model, x, y, eps):
    return (x + x.mean() * gradient(model, x, y).sign()).clamp(0, 1)


def wrong_minus__with_words(model, x, y, eps):
    """Take the softmax? No: the loss does it itself."""
    loss = "softmax( of the logits"  # softmax(model(x)) is not needed
    assert loss
    return (x - eps * gradient(model, x, y).sign()).clamp(0, 1)


def wrong_no_clip__with_words(model, x, y, eps):
    # do I need clamp(x - eps, x + eps)?
    return x + eps * gradient(model, x, y).sign()


def wrong_in_place__and_wrong(model, x, y, eps):
    x += eps * gradient(model, x, y).sign()
    return (x + 0.3 * eps * gradient(model, x, y).sign()).clamp(0, 1)


def wrong_raises__tuple(model, x, y, eps):
    x_in = x.clone().requires_grad_()
    grad = torch.autograd.grad(F.cross_entropy(model(x_in), y), x_in)
    return x + eps * grad.sign()


def wrong_several_only(model, x, y, eps):
    way = 1 if len(x) > 1 else 0.5
    return (x + way * eps * gradient(model, x, y).sign()).clamp(0, 1)


def wrong_largest_logit(model, x, y, eps):
    copy = x.clone().requires_grad_()
    return (x + eps * torch.autograd.grad(model(copy).max(), copy)[0].sign()).clamp(0, 1)


def wrong_largest_logit__all_of_them(model, x, y, eps):
    copy = x.clone().requires_grad_()
    return (x + eps * torch.autograd.grad(model(copy).sum(), copy)[0].sign()).clamp(0, 1)


def wrong_clamped_step__truth_values(model, x, y, eps):
    return (x + eps * (gradient(model, x, y) > 0).float()).clamp(0, 1)


def wrong_ball_around_zero(model, x, y, eps):
    return torch.clamp(x + eps * gradient(model, x, y).sign(), -eps, eps)


def wrong_only_right_ones(model, x, y, eps):
    x_adv = (x + eps * gradient(model, x, y).sign()).clamp(0, 1)
    return torch.where((model(x).argmax(1) == y)[:, None, None, None], x_adv, x).detach()


def wrong_values__too_short(model, x, y, eps):
    return (x + eps * torch.tanh(gradient(model, x, y))).clamp(0, 1)


def wrong_other_loss__squared_error(model, x, y, eps):
    copy = x.clone().requires_grad_()
    logits = model(copy)
    loss = F.mse_loss(logits, F.one_hot(y, logits.shape[1]).float())
    return (x + eps * torch.autograd.grad(loss, copy)[0].sign()).clamp(0, 1)


def wrong_no_eps__read_and_lost(model, x, y, eps):
    return (x + (eps * gradient(model, x, y)).sign()).clamp(0, 1)
