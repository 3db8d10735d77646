"""A training that can be watched and stopped: it runs in a thread, so that the kernel can hear."""

import html
import threading
import time
from collections.abc import Callable
from typing import Any

import ipywidgets as W
from torch import Tensor, nn

from advtutor import attacks, training
from advtutor.evaluation import evaluate
from advtutor.widgets.controls import Button
from advtutor.widgets.explorer import picture_html, sentence_html, still
from advtutor.widgets.pictures import training_picture

_SECONDS = 0.5  # between two pictures: drawing shall not take more than a part of the training


class TrainingObserver(W.VBox):
    """Curves that grow while `training.fit` runs, with a button to start and one to stop.

    `make_model()` gives the network to train, a new one at each start; `x`, `y` and `settings` go
    to `fit`. Its clean and FGSM error are measured on `watched`, images `[N, 1, H, W]` and labels
    `[N]`, a few hundred of them, twice a second.

    `model` is the network that is trained or was trained last, `history` what `fit` returned;
    both are None before. Cells may run meanwhile; what they draw at random from torch's own
    generator is then not repeatable.
    """

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
        self._last = 0.0  # when the errors were measured last
        self._ask_to_stop, self._thread = threading.Event(), threading.Thread()
        self._start = Button(description="Start training", primary=True)
        self._stop = Button(description="Stop", disabled=True)
        self._status = W.HTML()
        self._picture = W.HTML()
        self._start.on_click(self.start)
        self._stop.on_click(self.stop)
        self._say("Not started.")
        self._clear()
        layout = W.Layout(flex_flow="row wrap", grid_gap="0 12px", align_items="center")
        buttons = W.Box([self._start, self._stop, self._status], layout=layout)
        super().__init__([buttons, self._picture])

    def start(self) -> None:
        """Train a new model from the beginning; nothing while one is training."""
        if self._thread.is_alive():
            return
        self._ask_to_stop.clear()
        self._start.disabled, self._stop.disabled = True, False
        self._say("Training.")
        self._clear()
        self._thread = threading.Thread(target=self._train, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the training after the batch that is being computed."""
        self._ask_to_stop.set()

    def wait(self, seconds: float | None = None) -> None:
        """Return when the training has ended, or after so many seconds."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _train(self) -> None:
        try:
            self.model = self._make()
            words: dict[str, Any] = {
                "progress": False,
                **self._settings,
                "on_batch": self._on_batch,
            }
            self.history = training.fit(self.model, self._x, self._y, **words)
            self._measure(self._done)
            ended = "Stopped" if self.history.interrupted else "Finished"
            self._say(f"{ended} after {self._done} batches. The model keeps what it has learnt.")
        except Exception as error:  # in a thread nobody else would tell it
            self._picture.value = sentence_html(error)
            self._say("Ended early.")
        finally:
            self._start.disabled, self._stop.disabled = False, True

    def _on_batch(self, done: int, loss: float) -> bool:
        self._losses.append(loss)
        self._done = done
        if time.monotonic() - self._last >= _SECONDS:
            self._measure(done)
            self._last = time.monotonic()
        return self._ask_to_stop.is_set()

    def _measure(self, done: int) -> None:
        x, y = self._watched
        attack = lambda m, x, y: attacks.fgsm(m, x, y, self._eps)  # noqa: E731
        self._batches.append(done)
        self._loss.append(sum(self._losses) / max(1, len(self._losses)))
        self._losses.clear()
        self._clean.append(evaluate(self.model, x, y).error)
        self._fgsm.append(evaluate(self.model, x, y, attack).error)
        figure = training_picture(self._batches, self._loss, self._clean, self._fgsm)
        self._picture.value = picture_html(figure)

    def _clear(self) -> None:
        self._losses: list[float] = []  # of the batches since the last measurement
        self._batches: list[int] = []
        self._loss: list[float] = []
        self._clean: list[float] = []
        self._fgsm: list[float] = []
        self._done = 0
        self._last = time.monotonic()
        self._picture.value = picture_html(training_picture([], [], [], []))

    def _say(self, words: str) -> None:
        self._status.value = f'<span role="status">{html.escape(words)}</span>'

    def __repr__(self) -> str:
        return "<TrainingObserver: curves that grow while a network is trained>"

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict[str, object], dict[str, object]]:
        figure = training_picture(self._batches, self._loss, self._clean, self._fgsm)
        data = {**super()._repr_mimebundle_(**kwargs), "text/plain": repr(self)}
        saved, metadata = still(figure)
        return data | saved, metadata
