"""Answers to `mean_cosine`."""

import torch
import torch.nn.functional as F


def right_by_torch(g, h):
    return F.cosine_similarity(g.flatten(1), h.flatten(1), dim=1).mean().item()


def right_by_unit_vectors(g, h):
    unit_g, unit_h = (v / v.square().sum((1, 2, 3), keepdim=True).sqrt() for v in (g, h))
    return float((unit_g * unit_h).sum()) / len(g)


def right_one_by_one(g, h):
    total = 0.0
    for one, other in zip(g, h, strict=True):
        one, other = one.flatten(), other.flatten()
        total += float(one @ other / (one @ one).sqrt() / (other @ other).sqrt())
    return total / len(g)


def right_by_einsum(g, h):
    inner = torch.einsum("nchw,nchw->n", g, h)
    squares = torch.einsum("nchw->n", g**2) * torch.einsum("nchw->n", h**2)
    return (inner * squares.rsqrt()).mean().item()


def stub(g, h):
    cosine = ...
    return cosine.mean().item()


def flat(g, h):
    return g.flatten(1), h.flatten(1)


def wrong_one_vector(g, h):
    return F.cosine_similarity(g.flatten(), h.flatten(), dim=0).item()


def wrong_mean_first(g, h):
    return F.cosine_similarity(g.mean(0).flatten(), h.mean(0).flatten(), dim=0).item()


def wrong_along_channels(g, h):
    return F.cosine_similarity(g, h).mean().item()


def wrong_along_rows(g, h):
    return F.cosine_similarity(g, h, dim=-1).mean().item()


def wrong_no_lengths(g, h):
    g, h = flat(g, h)
    return (g * h).sum(1).mean().item()


def wrong_one_length(g, h):
    g, h = flat(g, h)
    return ((g * h).sum(1) / g.norm(dim=1) ** 2).mean().item()


def wrong_squared_lengths(g, h):
    g, h = flat(g, h)
    return ((g * h).sum(1) / ((g**2).sum(1) * (h**2).sum(1))).mean().item()


def wrong_l1_length(g, h):
    g, h = flat(g, h)
    return ((g * h).sum(1) / (g.abs().sum(1) * h.abs().sum(1))).mean().item()


def wrong_signs(g, h):
    return F.cosine_similarity(*flat(g.sign(), h.sign())).mean().item()


def wrong_centred(g, h):
    pairs = zip(*flat(g, h), strict=True)
    return torch.stack([torch.corrcoef(torch.stack(pair))[0, 1] for pair in pairs]).mean().item()


def wrong_absolute(g, h):
    return F.cosine_similarity(*flat(g, h)).abs().mean().item()


def wrong_summed(g, h):
    return F.cosine_similarity(*flat(g, h)).sum().item()


def wrong_angle(g, h):
    return torch.acos(F.cosine_similarity(*flat(g, h))).mean().item()


def wrong_type(g, h):
    return F.cosine_similarity(*flat(g, h)).mean()


def wrong_values__half(g, h):
    return right_by_torch(g, h) / 2


def wrong_absolute__a_tensor(g, h):
    return F.cosine_similarity(*flat(g, h)).abs().mean()


def wrong_type__each_image(g, h):
    return F.cosine_similarity(*flat(g, h))


def wrong_across_the_batch(g, h):
    g, h = flat(g, h)
    return F.cosine_similarity(g, h, dim=0).mean().item()


def wrong_all_pairs(g, h):
    g, h = flat(g, h)
    return (F.normalize(g) @ F.normalize(h).T).mean().item()


def wrong_brackets(g, h):
    g, h = flat(g, h)
    return ((g * h).sum(1) / g.norm(dim=1) * h.norm(dim=1)).mean().item()


def wrong_lengths_of_the_batch(g, h):
    return ((g * h).flatten(1).sum(1) / (g.norm() * h.norm())).mean().item()


def wrong_values__distance(g, h):
    g, h = flat(g, h)
    return 1 - F.cosine_similarity(g, h).mean().item()


def wrong_first_only(g, h):
    g, h = flat(g, h)
    return F.cosine_similarity(g, h)[0].item()


def wrong_angle__degrees(g, h):
    g, h = flat(g, h)
    return torch.rad2deg(F.cosine_similarity(g, h).acos()).mean().item()


def wrong_sign_agreement(g, h):
    return ((g * h) > 0).flatten(1).float().mean(dim=1).mean().item()


def wrong_each_channel(g, h):
    return F.cosine_similarity(g.flatten(2), h.flatten(2), dim=2).mean().item()


def wrong_lengths_of_the_batch__their_means(g, h):
    g, h = flat(g, h)
    return ((g * h).sum(1).mean() / (g.norm(dim=1).mean() * h.norm(dim=1).mean())).item()
