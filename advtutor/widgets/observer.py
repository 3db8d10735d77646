"""A training that can be watched and stopped: it runs in a thread, so that the kernel can hear."""

import json
import threading
import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import traitlets
from matplotlib.ticker import PercentFormatter
from torch import Tensor, nn

from advtutor import attacks, training
from advtutor.evaluation import evaluate
from advtutor.plots import BLUE, ORANGE, Figure, described
from advtutor.widgets.base import Explorer

_SECONDS = 0.5  # between two measurements
_EMPTY: dict[str, list[float]] = {"batches": [], "loss": [], "clean": [], "fgsm": []}


class TrainingObserver(Explorer):
    """Curves that grow while `training.fit` runs, with a button to start and one to stop.

    `make_model()` gives the network to train, a new one at each start; `x`, `y` and `settings` go
    to `fit`. Its clean and FGSM error are measured on `watched`, images `[N, 1, H, W]` and labels
    `[N]`, a few hundred of them, twice a second.

    `model` is the network that is trained or was trained last, `history` what `fit` returned;
    both are None before. Cells may run meanwhile; what they draw at random from torch's own
    generator is then not repeatable.
    """

    curves = traitlets.Dict(_EMPTY).tag(sync=True)
    status = traitlets.Unicode("Not started.").tag(sync=True)
    running = traitlets.Bool().tag(sync=True)
    starts = traitlets.Int().tag(sync=True)  # how often the page has asked for it
    stops = traitlets.Int().tag(sync=True)

    def __init__(
        self,
        make_model: Callable[[], nn.Module],
        x: Tensor,
        y: Tensor,
        watched: tuple[Tensor, Tensor],
        *,
        eps: float = 0.25,
        **settings: Any,
    ) -> None:
        self.model: nn.Module | None = None
        self.history: training.History | None = None
        self._make, self._x, self._y, self._watched = make_model, x, y, watched
        self._eps, self._settings = eps, settings
        self._ask_to_stop, self._thread = threading.Event(), threading.Thread()
        super().__init__("training", lambda: picture(_EMPTY))

    @traitlets.observe("starts")
    def start(self, _: object = None) -> None:
        """Train a new model from the beginning; nothing while one is training."""
        if self._thread.is_alive():
            return
        self._ask_to_stop.clear()
        self.running, self.status, self.curves = True, "Training.", _EMPTY
        self._losses: list[float] = []  # of the batches since the last measurement
        self._thread = threading.Thread(target=self._train, daemon=True)
        self._thread.start()

    @traitlets.observe("stops")
    def stop(self, _: object = None) -> None:
        """End the training after the batch that is being computed."""
        self._ask_to_stop.set()

    def wait(self, seconds: float | None = None) -> None:
        """Return when the training has ended, or after so many seconds."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _train(self) -> None:
        try:
            self._done, self._last = 0, time.monotonic()
            self.model = self._make()
            words = {"progress": False, **self._settings, "on_batch": self._on_batch}
            self.history = training.fit(self.model, self._x, self._y, **words)
            self._measure()
            ended = "Stopped" if self.history.interrupted else "Finished"
            self.status = f"{ended} after {self._done} batches. The model keeps what it has learnt."
        except Exception as error:  # in a thread nobody else would tell it
            self.status = f"Ended early. {type(error).__name__}: {error}"
        finally:
            self.running = False

    def _on_batch(self, done: int, loss: float) -> bool:
        self._losses.append(loss)
        self._done = done
        if time.monotonic() - self._last >= _SECONDS:
            self._measure()
            self._last = time.monotonic()
        return self._ask_to_stop.is_set()

    def _measure(self) -> None:
        x, y = self._watched
        attack = lambda m, x, y: attacks.fgsm(m, x, y, self._eps)  # noqa: E731
        now = {
            "batches": self._done,
            "loss": sum(self._losses) / max(1, len(self._losses)),
            "clean": evaluate(self.model, x, y).error,
            "fgsm": evaluate(self.model, x, y, attack).error,
        }
        self._losses.clear()
        self.curves = {name: [*values, now[name]] for name, values in self.curves.items()}

    def __repr__(self) -> str:
        return "<TrainingObserver: curves that grow while a network is trained>"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        self._figure = picture(self.curves)
        return super()._repr_mimebundle_(**kwargs)


def picture(curves: dict[str, list[float]]) -> Figure:
    """How a training went: the loss, and the clean and the FGSM error, after so many batches.

    Before a training has begun it is notebook 03's, as it went once.
    """
    title = "a training"
    if not curves["batches"]:
        title += " of notebook 03, measured elsewhere"
        curves = json.loads(files("advtutor").joinpath("assets", "training.json").read_text())
    batches, loss, clean, fgsm = (curves[name] for name in _EMPTY)
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(batches, loss, color=BLUE)
    right.plot(batches, clean, "o-", color=BLUE, label="clean error")
    right.plot(batches, fgsm, "s--", color=ORANGE, label="FGSM error")
    left.set(ylim=(0, 1.1 * max(loss)), title="loss of the batches")
    right.set(ylim=(-0.03, 1.03))
    right.yaxis.set_major_formatter(PercentFormatter(1.0))
    right.legend(frameon=False)
    for axis in (left, right):
        axis.set(xlim=(0, 1.03 * batches[-1]), xlabel="batches")
        axis.grid(color="#dddddd")
    alt = (
        f"After {batches[-1]} batches the loss went from {loss[0]:.3g} to {loss[-1]:.3g}, the "
        f"clean error from {clean[0]:.0%} to {clean[-1]:.0%}, the FGSM error from {fgsm[0]:.0%} to "
        f"{fgsm[-1]:.0%}."
    )
    return described(figure, title, alt)
