"""What a contest is played with: its folder, written once and read by the judge."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from advtutor import attacks, data, models, training
from advtutor.audit import supplied
from advtutor.audit.report import page
from advtutor.evaluation import predict

ATTACK, DEFENCE = "attack.npz", "defence.safetensors"
HANDOUT, HIDDEN, TEAMS = "handout", "hidden", "teams"
EACH = 20  # digits of each class in the attack round


class ContestError(ValueError):
    """What the judge refuses; the message says why and what to do."""


@dataclass(frozen=True)
class Contest:
    """A contest as it was set up.

    hidden: the network that reads the attacked pictures. eps: how far a pixel may be moved.
    seed: what the judge's draws follow from. x, y: the digits of the attack round, `[N, 1, 28, 28]`
    and `[N]`; both networks read all of them rightly.
    """

    hidden: nn.Module
    eps: float
    seed: int
    x: Tensor
    y: Tensor

    @classmethod
    def at(cls, folder: Path) -> "Contest":
        """The contest that `new` has written into `folder`; ContestError where there is none."""
        try:
            settings = json.loads((folder / HIDDEN / "contest.json").read_text(encoding="utf-8"))
            hidden = models.ConvNet()
            hidden.load_state_dict(load_file(folder / HIDDEN / "network.safetensors"))
            with np.load(folder / HANDOUT / "digits.npz") as digits:
                x, y = torch.from_numpy(digits["x"]), torch.from_numpy(digits["y"])
        except Exception as error:
            raise ContestError(
                f"{folder} holds no whole contest ({error}); write one with `advtutor contest new`"
            ) from error
        return cls(hidden.eval(), settings["eps"], settings["seed"], x, y)


def new(folder: Path, eps: float = 0.1, seed: int | None = None) -> None:
    """Write a contest into `folder`: what to hand out, the hidden network, room for the teams.

    Both networks are `models.ConvNet`: the open one ships with the course, the hidden one is
    trained here. It follows from `seed`, so a seed that is given has to stay secret; without one
    it is drawn. Raises ContestError where there is a contest already, or for an eps out of (0, 1).
    """
    if not 0 < eps < 1:
        raise ContestError(f"eps is {eps}; give a number between 0 and 1, such as 0.1")
    if any((folder / part).exists() for part in (HANDOUT, HIDDEN)):
        raise ContestError(f"{folder} holds a contest already; choose another folder")
    seed = secrets.randbits(32) if seed is None else seed
    digits, opened, hidden = data.mnist(), supplied("cedar"), models.ConvNet(seed=seed)
    rows = torch.randperm(len(digits.train.x), generator=torch.Generator().manual_seed(seed))
    x, y = (part[rows[:30_000]] for part in digits.train)
    history = training.fit(hidden, x, y, objective=training.clean, epochs=2, lr=3e-3, seed=seed)
    if history.interrupted:
        raise ContestError("interrupted before the hidden network was trained; nothing is written")
    x, y = _read_by_both(digits.test, opened, hidden)
    example = folder / HANDOUT / "example"
    for place, mode in ((example, 0o777), (folder / TEAMS, 0o777), (folder / HIDDEN, 0o700)):
        place.mkdir(mode, parents=True)
    (folder / HIDDEN / "network.safetensors").write_bytes(save(hidden.state_dict()))
    settings = json.dumps({"eps": eps, "seed": seed})
    (folder / HIDDEN / "contest.json").write_text(settings, encoding="utf-8")
    np.savez(folder / HANDOUT / "digits.npz", x=x.numpy(), y=y.numpy())
    rules = page("contest.md", eps=eps, n=len(x))
    (folder / HANDOUT / "README.md").write_text(rules, encoding="utf-8")
    for place in (folder / HANDOUT / "open.safetensors", example / DEFENCE):
        place.write_bytes(save(opened.state_dict()))
    np.savez(example / ATTACK, x=attacks.fgsm(opened, x, y, eps).numpy())


def _read_by_both(test: data.Split, *networks: nn.Module) -> tuple[Tensor, Tensor]:
    """The first digits of each class that all `networks` read rightly."""
    right = torch.stack([predict(each, test.x).classes == test.y for each in networks]).all(dim=0)
    rows = torch.cat([(right & (test.y == k)).nonzero()[:EACH, 0] for k in range(10)])
    return test.x[rows], test.y[rows]
