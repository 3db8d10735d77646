"""A contest for a class, offline: attack a network that nobody has seen, and defend your own.

`new` writes a contest's folder, `judge` scores and ranks what the teams hand in, `board` writes the
page for the projector.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, load_model, save
from torch import Tensor, nn

from advtutor import attacks, data, models, training
from advtutor.audit import AuditError, files, supplied
from advtutor.audit.report import page
from advtutor.audit.subject import refusing
from advtutor.evaluation import evaluate, predict

ATTACK, DEFENCE = "attack.npz", "defence.safetensors"
HANDOUT, HIDDEN, TEAMS = "handout", "hidden", "teams"
EACH = 20  # digits of each class in the attack round
LARGEST = 20_000_000  # bytes of a file; what is asked for has less than a million
ROUNDING = 1e-6  # how far a pixel may leave the ball or the range: float32 rounds
JUDGED = 200  # digits of the defence round, drawn by the seed


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
        none = f"{folder} holds no whole contest; write one with `advtutor contest new`"
        with refusing(none, ContestError):
            settings = json.loads((folder / HIDDEN / "contest.json").read_text(encoding="utf-8"))
            hidden = models.ConvNet()
            load_model(hidden, folder / HIDDEN / "network.safetensors")
            digits = files.arrays(folder / HANDOUT / "digits.npz", "x", "y", limit=LARGEST)
            x, y = map(torch.from_numpy, digits)
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
    (x, y), read = digits.test, [predict(each, digits.test.x).classes for each in (opened, hidden)]
    right = (read[0] == y) & (read[1] == y)
    rows = torch.cat([(right & (y == k)).nonzero()[:EACH, 0] for k in range(10)])
    x, y = x[rows], y[rows]
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


@dataclass(frozen=True)
class Result:
    """A team's place in a round.

    score: the share fooled in the attack round, the worst case in the defence round. tie: the mean
    distance, or the clean error. refused: why there is no score; then rank is 0.
    """

    team: str
    score: float = 0.0
    tie: float = 0.0
    rank: int = 0
    refused: str = ""


def judge(folder: Path) -> dict[str, list[Result]]:
    """Score what lies in `folder`/teams/TEAM/, and keep it in `folder`/results.json.

    The rounds are "attack" and "defence"; one for which no team has handed in anything is left
    out. Each is sorted by rank, teams of equal rank by name, and those refused come last. A team's
    score depends on its own file and the contest's seed only. Raises ContestError where there is
    no contest, or no team.
    """
    contest = Contest.at(folder)
    teams = sorted(team for team in (folder / TEAMS).glob("[!.]*") if team.is_dir())
    if not teams:
        raise ContestError(f"{folder / TEAMS} has no team; give each a folder of its name there")
    rounds = {"attack": (ATTACK, _attack, -1), "defence": (DEFENCE, _defence, 1)}
    results = {
        name: _ranked([_judged(team / file, partial(score, contest)) for team in teams], sign)
        for name, (file, score, sign) in rounds.items()
        if any((team / file).exists() for team in teams)
    }
    tables = {name: [asdict(each) for each in table] for name, table in results.items()}
    kept = json.dumps({"eps": contest.eps, "rounds": tables}, indent=1)
    (folder / "results.json").write_text(kept, encoding="utf-8")
    return results


def board(folder: Path) -> Path:
    """Write `folder`/board.html, one page for the projector, from what `judge` has kept."""
    none = f"{folder} has no results that can be read; run `advtutor contest judge` first"
    with refusing(none, ContestError):
        kept = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    path = folder / "board.html"
    path.write_text(page("board.html", **kept), encoding="utf-8")
    return path


def _judged(file: Path, score: Callable[[Path], tuple[float, float]]) -> Result:
    team = file.parent.name
    try:
        if not file.is_file():
            raise ContestError(f"{file.name} is missing; put it into the team's folder")
        if file.stat().st_size > LARGEST:
            raise ContestError(f"{file.name} is larger than {LARGEST:,} bytes; hand in less")
        return Result(team, *score(file))
    except (AuditError, ContestError, OSError) as fault:
        return Result(team, refused=str(fault).replace(str(file), file.name))


def _ranked(results: list[Result], sign: int) -> list[Result]:
    """The results with their ranks: the score first (`sign`: 1 if less is better), then the tie."""

    def key(each: Result) -> tuple[float, float]:
        return sign * each.score, each.tie

    keys = sorted(key(each) for each in results if not each.refused)
    ranked = [r if r.refused else replace(r, rank=1 + keys.index(key(r))) for r in results]
    return sorted(ranked, key=lambda each: (bool(each.refused), each.rank, each.team))


def _attack(contest: Contest, file: Path) -> tuple[float, float]:
    """The share of the pictures that the hidden network misreads, and the mean distance."""
    try:
        (given,) = files.arrays(file, "x", limit=LARGEST)
    except AuditError as fault:
        raise ContestError(f"{fault}; write it with numpy.savez({ATTACK!r}, x=x.numpy())") from None
    if given.dtype != np.float32 or given.shape != tuple(contest.x.shape):
        raise ContestError(
            f"x is {given.dtype} {list(given.shape)}; give float32 {list(contest.x.shape)}, "
            "the digits in their order"
        )
    x = torch.from_numpy(given)
    if not x.isfinite().all():
        raise ContestError("x holds NaN or infinity; look where your attack divides")
    if x.min() < -ROUNDING or x.max() > 1 + ROUNDING:
        ends = f"from {x.min():.4g} to {x.max():.4g}"
        raise ContestError(f"pixels run {ends}; clamp them to the range 0 to 1")
    moved = (x - contest.x).abs().flatten(1).amax(dim=1)
    if moved.max() > contest.eps + ROUNDING:
        raise ContestError(
            f"a pixel is moved by {moved.max():.4g}; bring x back to within eps = {contest.eps:g} "
            "of each digit"
        )
    fooled = predict(contest.hidden, x).classes != contest.y
    return int(fooled.sum()) / len(x), round(float(moved.mean()), 4)


def _defence(contest: Contest, file: Path) -> tuple[float, float]:
    """The worst case over the ensemble of attacks, and the error on all clean test digits."""
    model = models.ConvNet()
    wanted = {name: (value.dtype, value.shape) for name, value in model.state_dict().items()}
    unread = f"{DEFENCE} cannot be read; write it with safetensors.torch.save_file"
    with refusing(unread, ContestError):
        state = load_file(file)
    if {name: (value.dtype, value.shape) for name, value in state.items()} != wanted:
        raise ContestError(
            f"{DEFENCE} holds other weights than those of models.ConvNet() in float32; hand in "
            "the state_dict of that architecture"
        )
    model.load_state_dict(state)
    test, draws = data.mnist().test, torch.Generator().manual_seed(contest.seed)
    rows = torch.randperm(len(test.x), generator=draws)[:JUDGED]
    worst_case = partial(attacks.worst_case, eps=contest.eps, queries=1000, generator=draws)
    with refusing(f"{DEFENCE} cannot be judged; train it again", ContestError):
        if not all(value.isfinite().all() for value in state.values()):
            raise ValueError("the weights hold NaN or infinity")
        clean = evaluate(model, *test).error
        return evaluate(model, test.x[rows], test.y[rows], worst_case).error, round(clean, 4)
