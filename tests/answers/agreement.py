"""Answers to `agreement`."""

import torch


def right_by_index(read_a, read_b, y):
    both = ((read_a != y) & (read_b != y)).nonzero()[:, 0]
    return torch.eq(read_a[both], read_b[both]).double().mean().item()


def right_by_counting(read_a, read_b, y):
    both = same = 0
    for a, b, label in zip(read_a.tolist(), read_b.tolist(), y.tolist(), strict=True):
        if a != label and b != label:
            both += 1
            same += a == b
    return same / both if both else float("nan")


def right_by_division(read_a, read_b, y):
    wrong = torch.stack([read_a, read_b]) != y
    both = wrong.all(dim=0)
    return ((read_a == read_b) * both).sum().div(both.sum()).item()  # 0 / 0 is NaN


def stub(read_a, read_b, y):
    """The share of agreement."""
    ...


def share(same, among):
    return (same & among).sum().div(among.sum()).item()


def wrong_everything(read_a, read_b, y):
    return (read_a == read_b).float().mean().item()


def wrong_nan__both_right(read_a, read_b, y):
    return share(read_a == read_b, (read_a == y) & (read_b == y))


def wrong_either(read_a, read_b, y):
    return share(read_a == read_b, (read_a != y) | (read_b != y))


def wrong_only_a(read_a, read_b, y):
    return (read_a == read_b)[read_a != y].float().mean().item()


def wrong_only_b(read_a, read_b, y):
    return (read_a == read_b)[read_b != y].float().mean().item()


def wrong_different(read_a, read_b, y):
    return share(read_a != read_b, (read_a != y) & (read_b != y))


def wrong_both_wrong(read_a, read_b, y):
    return ((read_a != y) & (read_b != y)).float().mean().item()


def wrong_out_of_all(read_a, read_b, y):
    return ((read_a != y) & (read_b != y) & (read_a == read_b)).float().mean().item()


def wrong_count(read_a, read_b, y):
    return int(((read_a != y) & (read_b != y) & (read_a == read_b)).sum())


def wrong_values__percent(read_a, read_b, y):
    return 100 * share(read_a == read_b, (read_a != y) & (read_b != y))


def wrong_number_where_none__zero(read_a, read_b, y):
    both = (read_a != y) & (read_b != y)
    return ((read_a == read_b) & both).sum().item() / max(1, both.sum().item())


def wrong_values__percent__zero_where_none(read_a, read_b, y):
    return 100 * wrong_number_where_none__zero(read_a, read_b, y)


def wrong_number_where_none__one(read_a, read_b, y):
    both = (read_a != y) & (read_b != y)
    return 1 - ((read_a != read_b) & both).sum().item() / max(1, both.sum().item())


def wrong_raises__divides_by_zero(read_a, read_b, y):
    both = (read_a != y) & (read_b != y)
    return ((read_a == read_b) & both).sum().item() / both.sum().item()


def wrong_type(read_a, read_b, y):
    return (read_a == read_b)[(read_a != y) & (read_b != y)].float().mean()


def wrong_nan(read_a, read_b, y):
    return float("nan")


def wrong_in_place(read_a, read_b, y):
    right = right_by_division(read_a, read_b, y)
    read_a[read_a == y] = -1
    return right


def wrong_everything__a_tensor(read_a, read_b, y):
    return (read_a == read_b).float().mean()


def wrong_type__each_example(read_a, read_b, y):
    return (read_a == read_b)[(read_a != y) & (read_b != y)].float()


def wrong_number_where_none(read_a, read_b, y):
    both = (read_a != y) & (read_b != y)
    return (read_a == read_b)[both].float().mean().item() if both.any() else -1.0


def wrong_nothing(read_a, read_b, y):
    both = (read_a != y) & (read_b != y)
    return (read_a == read_b)[both].float().mean().item() if both.any() else None


def wrong_values__the_fewer(read_a, read_b, y):
    both = (read_a != y) & (read_b != y)
    fewer = min((read_a != y).sum(), (read_b != y).sum())
    return (both & (read_a == read_b)).sum().item() / fewer.item()


def wrong_values__all_misread(read_a, read_b, y):
    misread = torch.stack([read_a, read_b]) != y
    return ((read_a == read_b) & misread.all(0)).sum().item() / misread.sum().item()
