"""The network as the audit asks it: in eval mode, its answers counted, repaired and watched."""

import contextlib
import tomllib
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import torch
from torch import Tensor, nn

from advtutor.attacks.inputs import check_output

ASSETS = files("advtutor").joinpath("assets")
WORDS: dict[str, Any] = tomllib.loads(ASSETS.joinpath("audit.toml").read_text(encoding="utf-8"))


class AuditError(ValueError):
    """What cannot be audited; the message says why and what to do."""


def refusal(key: str, **values: object) -> AuditError:
    """The error that `key` names, in audit.toml's words with `values`."""
    return AuditError(WORDS["refused"][key].format(**values))


class Subject(nn.Module):
    """`model`, asked for finite logits `[N, K]` in float32.

    draws: how many answers are averaged, for a network that answers at random.
    undo: what turns its answers into logits, where they are probabilities.
    company: pictures that go along with each batch, for a network whose answers depend on it.
    detached: why no gradient can be computed; "" where one can.
    not_numbers: how often it has answered with NaN or infinity; such answers become zeros.
    """

    def __init__(self, model: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.model, self.draws, self.detached, self.not_numbers = model, 1, "", 0
        self.company: Tensor | None = None
        self.undo: Callable[[Tensor], Tensor] = lambda logits: logits
        self.tick: Callable[[int], object] = lambda pictures: None

    def forward(self, x: Tensor) -> Tensor:
        """Logits `[N, K]` of pictures `x`."""
        logits = torch.stack([self.once(x) for _ in range(self.draws)]).mean(dim=0)
        logits = self.undo(logits).clamp(min=-1e30)  # minus infinity: a class that it rules out
        numbers = logits.isfinite().all(dim=1)
        self.not_numbers += int((~numbers).sum())
        self.tick(len(x) * (3 if logits.requires_grad else 1))
        return torch.where(numbers[:, None], logits, 0.0)

    def once(self, x: Tensor) -> Tensor:
        """One answer as the network gives it, or AuditError where that is no `[N, K]`."""
        seen = x.detach().clone() if self.detached else x.clone()  # for models that work in place
        if self.company is not None:
            seen = torch.cat([seen, self.company])
        with refusing(f"the network cannot read pictures {list(x.shape[1:])}"):
            logits = self.model(seen)
            is_tensor = isinstance(logits, Tensor)  # NaN and whole numbers get their findings
            check_output(logits.detach().float().nan_to_num() if is_tensor else logits, seen)
        return logits[: len(x)].float()


def one_line(error: BaseException) -> str:
    """What went wrong, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300].rstrip(": ")


@contextlib.contextmanager
def refusing(text: str, kind: type[ValueError] = AuditError) -> Iterator[None]:
    """A `kind` with `text` and the cause, for whatever goes wrong in the block."""
    try:
        yield
    except kind:
        raise
    except Exception as error:
        raise kind(f"{text}: {one_line(error)}") from error


def batch_size(x: Tensor) -> int:
    """How many pictures go through a network at once."""
    return int(min(256, max(1, 4_000_000 // max(1, x[0].numel()))))


@torch.no_grad()
def answers(ask: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """`ask(x)`, batch by batch: `[N, K]`."""
    return torch.cat([ask(part) for part in x.split(batch_size(x))])
