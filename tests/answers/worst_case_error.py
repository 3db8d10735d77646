"""Answers to `worst_case_error`."""

import torch


def right_by_maximum(errs):
    return errs.float().amax(dim=0).mean().item()


def right_by_survivors(errs):
    return 1 - float((~errs).all(dim=0).float().mean())


def right_example_by_example(errs):
    broken = [any(column) for column in errs.T.tolist()]
    return sum(broken) / len(broken)


def stub(errs):
    """The share."""
    ...


def wrong_best_attack(errs):
    return errs.float().mean(dim=1).max().item()


def wrong_mean_attack(errs):
    return errs.float().mean().item()


def wrong_every_attack(errs):
    return errs.all(dim=0).float().mean().item()


def wrong_weakest_attack(errs):
    return errs.float().mean(dim=1).min().item()


def wrong_added_up(errs):
    return errs.float().mean(dim=1).sum().item()


def wrong_survivors(errs):
    return (~errs.any(dim=0)).float().mean().item()


def wrong_number(errs):
    return float(errs.any(dim=0).sum())


def wrong_wrong_axis(errs):
    return errs.any(dim=1).float().mean().item()


def wrong_as_if_independent(errs):
    return 1 - torch.prod(1 - errs.float().mean(dim=1)).item()


def wrong_type__tensor(errs):
    return errs.any(dim=0).float().mean()
