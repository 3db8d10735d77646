"""The judge: reads what the teams hand in, scores it, ranks it, and writes the board."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from advtutor import attacks, data, models
from advtutor.audit import AuditError, files
from advtutor.audit.report import page
from advtutor.contest.setting import ATTACK, DEFENCE, TEAMS, Contest, ContestError
from advtutor.evaluation import evaluate, predict

LARGEST = 20_000_000  # bytes of a file; what is asked for has less than a million
ROUNDING = 1e-6  # how far a pixel may leave the ball or the range: float32 rounds
JUDGED = 200  # digits of the defence round, drawn by the seed


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
    try:
        kept = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        text = f"{folder} has no results that can be read; run `advtutor contest judge` first"
        raise ContestError(text) from error
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
    keys = {each.team: (sign * each.score, each.tie) for each in results if not each.refused}
    ranked = [
        replace(each, rank=1 + sum(other < keys[each.team] for other in keys.values()))
        if each.team in keys
        else each
        for each in results
    ]
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
    try:
        state = load_file(file)
    except Exception as error:
        text = f"{DEFENCE} cannot be read ({files.first_line(error)}); write it with "
        raise ContestError(f"{text}safetensors.torch.save_file") from error
    if {name: (value.dtype, value.shape) for name, value in state.items()} != wanted:
        raise ContestError(
            f"{DEFENCE} holds other weights than those of models.ConvNet() in float32; hand in "
            "the state_dict of that architecture"
        )
    model.load_state_dict(state)
    test, draws = data.mnist().test, torch.Generator().manual_seed(contest.seed)
    rows = torch.randperm(len(test.x), generator=draws)[:JUDGED]
    worst_case = partial(attacks.worst_case, eps=contest.eps, queries=1000, generator=draws)
    try:
        if not all(value.isfinite().all() for value in state.values()):
            raise ValueError("the weights hold NaN or infinity")
        clean = evaluate(model, *test).error
        worst = evaluate(model, test.x[rows], test.y[rows], worst_case).error
    except ValueError as error:
        text = f"{DEFENCE} cannot be judged, {files.first_line(error)}; train it again"
        raise ContestError(text) from error
    return worst, round(clean, 4)
