"""Answers to `estimated_gradient`."""

import torch


def right_all_at_once(loss, x, directions, h):
    slopes = [(loss(x + h * v) - loss(x - h * v)) / (2 * h) for v in directions]
    return torch.einsum("dn,dchw->nchw", torch.stack(slopes), directions) / len(directions)


def right_mean_of_stack(loss, x, directions, h):
    steps = []
    for v in directions:
        ahead, behind = loss(x + h * v), loss(x - h * v)
        steps.append(((ahead - behind) / 2 / h).reshape(-1, 1, 1, 1) * v)
    return torch.stack(steps).mean(dim=0)


def right_running_mean(loss, x, directions, h):
    estimate = torch.zeros_like(x)
    for k, v in enumerate(directions, start=1):
        slope = (loss(x + v * h) - loss(x - v * h)) * (0.5 / h)
        estimate = estimate + (slope.view(-1, 1, 1, 1) * v - estimate) / k
    return estimate


def stub(loss, x, directions, h):
    """The estimate."""
    ...


def averaged(x, slopes, directions):
    return sum(s[:, None, None, None] * v for s, v in zip(slopes, directions, strict=True)) / len(
        directions
    )


def wrong_downhill(loss, x, directions, h):
    return averaged(
        x, [(loss(x - h * v) - loss(x + h * v)) / (2 * h) for v in directions], directions
    )


def wrong_one_sided(loss, x, directions, h):
    return averaged(x, [(loss(x + h * v) - loss(x)) / h for v in directions], directions)


def wrong_half_the_width(loss, x, directions, h):
    return averaged(x, [(loss(x + h * v) - loss(x - h * v)) / h for v in directions], directions)


def wrong_no_width(loss, x, directions, h):
    return averaged(x, [loss(x + h * v) - loss(x - h * v) for v in directions], directions)


def wrong_no_sides(loss, x, directions, h):
    return averaged(
        x, [(loss(x + h * v) - loss(x + h * v)) / (2 * h) for v in directions], directions
    )


def slopes_of(loss, x, directions, h):
    return [(loss(x + h * v) - loss(x - h * v)) / (2 * h) for v in directions]


def wrong_sum(loss, x, directions, h):
    return len(directions) * averaged(x, slopes_of(loss, x, directions, h), directions)


def wrong_last_direction(loss, x, directions, h):
    for v in directions:
        total = ((loss(x + h * v) - loss(x - h * v)) / (2 * h))[:, None, None, None] * v
    return total


def wrong_first_direction(loss, x, directions, h):
    for v in directions:
        slope = (loss(x + h * v) - loss(x - h * v)) / (2 * h)
        return slope[:, None, None, None] * v


def wrong_signs_only(loss, x, directions, h):
    return averaged(x, [s.sign() for s in slopes_of(loss, x, directions, h)], directions)


def wrong_batch_mixed(loss, x, directions, h):
    total = torch.zeros_like(x)
    for v in directions:
        total += (loss(x + h * v).sum() - loss(x - h * v).sum()) / (2 * h) * v
    return total / len(directions)


def wrong_no_direction(loss, x, directions, h):
    return averaged(x, slopes_of(loss, x, directions, h), torch.ones_like(directions))


def wrong_downhill__sum(loss, x, directions, h):
    return -len(directions) * averaged(x, slopes_of(loss, x, directions, h), directions)


def wrong_shape__one_image(loss, x, directions, h):
    return averaged(x, slopes_of(loss, x, directions, h), directions)[0]


def wrong_times_h(loss, x, directions, h):
    return averaged(
        x, [(loss(x + h * v) - loss(x - h * v)) / 2 * h for v in directions], directions
    )


def wrong_fixed_number(loss, x, directions, h):
    return averaged(x, slopes_of(loss, x, directions, 0.1), directions)


def wrong_points_too_far(loss, x, directions, h):
    return averaged(x, [(loss(x + v) - loss(x - v)) / (2 * h) for v in directions], directions)


def wrong_slopes_without_sign(loss, x, directions, h):
    slopes = [slope.abs() for slope in slopes_of(loss, x, directions, h)]
    return averaged(x, slopes, directions)


def wrong_divided_by_batch(loss, x, directions, h):
    estimate = averaged(x, slopes_of(loss, x, directions, h), directions)
    return estimate * len(directions) / len(x)


def wrong_values__sign_of_it(loss, x, directions, h):
    return averaged(x, slopes_of(loss, x, directions, h), directions).sign()


def wrong_first_direction__divided(loss, x, directions, h):
    total = torch.zeros_like(x)
    for v in directions:
        slope = (loss(x + h * v) - loss(x - h * v)) / (2 * h)
        total += slope[:, None, None, None] * v
        return total / len(directions)


def wrong_one_sided__behind(loss, x, directions, h):
    return averaged(x, [(loss(x) - loss(x - h * v)) / h for v in directions], directions)


def wrong_values__with_the_picture(loss, x, directions, h):
    return x + averaged(x, slopes_of(loss, x, directions, h), directions)


def mean_over(directions, one):
    return torch.stack([one(v) for v in directions]).mean(dim=0)


def per_picture(slope):
    return slope.reshape(-1, 1, 1, 1)


def wrong_no_direction_in_the_points(loss, x, directions, h):
    slope = per_picture((loss(x + h) - loss(x - h)) / (2 * h))
    return mean_over(directions, lambda v: slope * v)


def wrong_clamped_points(loss, x, directions, h):
    def one(v):
        ahead, behind = (x + h * v).clip(0, 1), (x - h * v).clip(0, 1)
        return per_picture((loss(ahead) - loss(behind)) / (2 * h)) * v

    return mean_over(directions, one)


def wrong_added(loss, x, directions, h):
    def one(v):
        return per_picture(loss(x + h * v) + loss(x - h * v)) / (2 * h) * v

    return mean_over(directions, one)


def wrong_direction_divided(loss, x, directions, h):
    def one(v):
        return per_picture(loss(x + h * v) - loss(x - h * v)) / (2 * h * v)

    return mean_over(directions, one)
