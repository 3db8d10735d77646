"""The overfitting explorer: errors of hardened networks over the epochs of their training."""

from collections.abc import Mapping, Sequence
from functools import partial

from matplotlib.ticker import PercentFormatter

from advtutor.plots import BLUE, GREEN, GREY, ORANGE, Figure, described
from advtutor.widgets.base import Explorer

Run = Mapping[str, Sequence[float]]  # an error for each epoch, by its name
LOOKS = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."))


def overfitting_explorer(
    runs: Mapping[str, Sequence[Run]], errors: Sequence[str] = ("FGSM", "transfer", "PGD")
) -> Explorer:
    """What up to three attacks break after each epoch, while the seed and the epoch move.

    `runs` holds by the way of training one run for each seed, all equally long. ValueError for
    more than three `errors`, and for ways that differ in their seeds or epochs.
    """
    lengths = {tuple(len(run[error]) for run in way for error in errors) for way in runs.values()}
    if len(errors) > len(LOOKS) or len(lengths) != 1 or len(set(*lengths)) != 1:
        raise ValueError("give each way as many runs, equally long, and at most three errors")
    curves = [[[list(run[error]) for error in errors] for run in way] for way in runs.values()]
    start = {"seed": 0, "epoch": len(curves[0][0][0])}
    draw = partial(picture, runs, errors, **start)
    return Explorer(
        "overfitting", draw, ways=list(runs), errors=list(errors), curves=curves, start=start
    )


def picture(
    runs: Mapping[str, Sequence[Run]], errors: Sequence[str], seed: int, epoch: int
) -> Figure:
    """One seed's errors over the epochs, the other seeds' behind them: a panel for each way."""
    figure, words = Figure(figsize=(7, 3), layout="constrained"), []
    axes = list(figure.subplots(1, len(runs), sharey=True, squeeze=False)[0])
    for axis, (way, of_way) in zip(axes, runs.items(), strict=True):
        for error, (colour, dash) in zip(errors, LOOKS, strict=False):
            own = of_way[seed][error]
            epochs = range(1, len(own) + 1)
            axis.plot(epochs, own, dash, color=colour, lw=2.2, label=error)
            for other in (run[error] for run in of_way if run is not of_way[seed]):
                axis.plot(epochs, other, dash, color=colour, lw=1, alpha=0.35)
            axis.plot(epoch, own[epoch - 1], "o", color=colour, ms=7, mec="black")
        axis.axvline(epoch, color=GREY, linewidth=6, alpha=0.35)
        axis.set(title=way, xlabel="epoch", ylim=(-0.03, 1.03))
        axis.grid(color="#dddddd")
        now = ", ".join(f"{error} {of_way[seed][error][epoch - 1]:.0%}" for error in errors)
        words.append(f"{now} ({way})")
    axes[0].set_ylabel("error")
    axes[0].yaxis.set_major_formatter(PercentFormatter(1.0))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=3, loc="outside upper center", frameon=False)
    alt = f"Seed {seed} after epoch {epoch}: {'; '.join(words)}."
    return described(figure, "what each attack breaks, epoch by epoch", alt)
