"""The contest: three teams from end to end, what the judge refuses, and the board."""

import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from advtutor import attacks, contest, data, models, training
from advtutor.audit import supplied
from advtutor.course.cli import app
from advtutor.evaluation import evaluate

EPS = 0.1


def command(*words: object, status: int = 0) -> str:
    """What `advtutor contest WORDS` says; its exit status is compared."""
    ran = CliRunner().invoke(app, ["contest", *map(str, words)])
    assert ran.exit_code == status, (ran.output, ran.exception)
    return ran.output


@pytest.fixture(scope="module", autouse=True)
def few_digits() -> Iterator[None]:
    """Enough digits for a hidden network that is trained in a second."""
    train, test = data.mnist()
    few = data.MNIST(
        data.Split(train.x[:2000], train.y[:2000]), data.Split(test.x[:800], test.y[:800])
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "mnist", lambda: few)
        yield


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A contest as the command writes it, with no team."""
    folder = tmp_path_factory.mktemp("contest")
    command("new", folder, "--eps", EPS, "--seed", 5)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """The same contest, for one test's teams."""
    for part in ("handout", "hidden"):
        (tmp_path / part).symlink_to(written / part)
    (tmp_path / "teams").mkdir()
    return tmp_path


def team(folder: Path, name: str, x: object = None, weights: object = None) -> Path:
    """A team's folder, with pictures, or with a network's weights."""
    place = folder / "teams" / name
    place.mkdir(exist_ok=True)
    if x is not None:
        np.savez(place / "attack.npz", x=np.asarray(x))
    if weights is not None:
        save_file(weights, place / "defence.safetensors")
    return place


def digits(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    with np.load(folder / "handout" / "digits.npz") as arrays:
        return torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["y"])


def by_team(results: list[contest.Result]) -> dict[str, contest.Result]:
    return {each.team: each for each in results}


def test_three_teams_from_end_to_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches rules whose code does not run, a bad file that costs others, a step that fails."""
    place = team(folder, "good")
    monkeypatch.chdir(place)
    for name in ("digits.npz", "open.safetensors"):
        (place / name).symlink_to(folder / "handout" / name)
    rules = (folder / "handout" / "README.md").read_text(encoding="utf-8")
    for code in re.findall(r"```python\n(.*?)```", rules, flags=re.DOTALL):
        exec(code, {})
    x, y = digits(folder)
    team(folder, "cheat", attacks.fgsm(supplied("cedar"), x, y, 3 * EPS))
    team(folder, "empty")
    said = command("judge", folder)
    assert len(re.findall(r"1  good: \d+\.[05]%, 0\.\d{4}", said)) == 2, said
    assert "-  cheat: a pixel is moved by 0.3; bring x back to within eps = 0.1" in said
    assert "-  empty: attack.npz is missing; put it into the team's folder" in said
    assert "-  cheat: defence.safetensors is missing" in said
    page = (folder / "board.html").name
    assert page in command("board", folder)
    shown = (folder / page).read_text(encoding="utf-8")
    assert all(words in shown for words in ("good", "a pixel is moved by 0.3", "is missing"))


def test_the_scores_are_what_the_rules_say(folder: Path) -> None:
    """Catches a score on the open network, another distance, and an error of another attack."""
    x, y = digits(folder)
    opened = supplied("cedar")
    x_adv = x.clone()
    x_adv[:50] = attacks.fgsm(opened, x[:50], y[:50], EPS)  # the others keep a distance of 0
    team(folder, "a", x_adv, load_file(folder / "handout" / "open.safetensors"))
    results = contest.judge(folder)
    (attack,), (defence,) = results["attack"], results["defence"]
    hidden = contest.Contest.at(folder).hidden
    assert attack.score == evaluate(hidden, x_adv, y).error > 0
    assert attack.score != evaluate(opened, x_adv, y).error
    assert attack.tie == pytest.approx(EPS * 50 / len(x), abs=1e-4)
    test = data.mnist().test
    rows = torch.randperm(len(test.x), generator=torch.Generator().manual_seed(5))[:200]
    fgsm = evaluate(opened, *(t[rows] for t in test), lambda m, x, y: attacks.fgsm(m, x, y, EPS))
    assert defence.score > fgsm.error > defence.tie == round(evaluate(opened, *test).error, 4)


def test_what_is_handed_out_does_not_betray_the_hidden_network(written: Path) -> None:
    """Catches its weights or its seed among the teams' files, and digits that it misreads."""
    hidden = load_file(written / "hidden" / "network.safetensors")
    first = next(iter(hidden.values())).numpy().tobytes()
    for path in (written / "handout").rglob("*.*"):
        assert first not in path.read_bytes() and "seed" not in path.name
    assert "seed" not in (written / "handout" / "README.md").read_text(encoding="utf-8")
    if os.name == "posix":
        assert stat.S_IMODE((written / "hidden").stat().st_mode) == 0o700
    x, y = digits(written)
    assert evaluate(contest.Contest.at(written).hidden, x, y).error == 0
    assert evaluate(supplied("cedar"), x, y).error == 0
    assert y.bincount().tolist() == [20] * 10


def test_the_same_seed_gives_the_same_contest(written: Path, tmp_path: Path) -> None:
    """Catches a network, digits or a judgement that does not follow from the seed."""
    command("new", tmp_path / "again", "--eps", EPS, "--seed", 5)
    command("new", tmp_path / "other", "--eps", EPS, "--seed", 6)
    files = ("hidden/network.safetensors", "handout/digits.npz", "handout/example/attack.npz")
    for name in files:
        assert (tmp_path / "again" / name).read_bytes() == (written / name).read_bytes()
    other, first = ((each / files[0]).read_bytes() for each in (tmp_path / "other", written))
    assert other != first
    team(tmp_path / "again", "a", weights=supplied("cedar").state_dict())
    results = []
    for seed in (1, 2):
        before = torch.manual_seed(seed).get_state()
        contest.judge(tmp_path / "again")
        assert torch.equal(torch.get_rng_state(), before)  # it draws from its own seed only
        results.append((tmp_path / "again" / "results.json").read_bytes())
    assert results[0] == results[1]


def test_the_order_of_the_files_does_not_count(folder: Path) -> None:
    """Catches a score that depends on who else is there, or on who came first."""
    x, y = digits(folder)
    x_adv, usual = attacks.fgsm(supplied("cedar"), x, y, EPS), supplied("cedar").state_dict()
    team(folder, "b", x, models.ConvNet().state_dict())
    team(folder, "a", x_adv, usual)
    together = contest.judge(folder)
    (folder / "teams" / "a").rename(folder / "teams" / "c")
    now = contest.judge(folder)
    for name in ("attack", "defence"):
        before, after = by_team(together[name]), by_team(now[name])
        assert before["b"] == after["b"]
        assert replace(before["a"], team="c") == after["c"]
        assert before["a"].score > 0 and before["a"].rank == 1


def test_ties_stay_ties(folder: Path) -> None:
    """Catches a rank by name or by time, and a tie-break the wrong way round."""
    x, y = digits(folder)
    x_adv = attacks.fgsm(supplied("cedar"), x, y, EPS)
    wasteful = x.clone()
    wasteful[0] = x_adv[0]
    fooled = evaluate(contest.Contest.at(folder).hidden, wasteful, y).error
    for name, pictures in (("b", x), ("a", x), ("c", wasteful), ("d", x_adv)):
        team(folder, name, pictures)
    results = contest.judge(folder)
    assert "defence" not in results  # nobody handed in for it
    ranks = [(each.rank, each.team) for each in results["attack"]]
    assert fooled == 0 and ranks == [(1, "d"), (2, "a"), (2, "b"), (4, "c")]


class Trap:
    def __reduce__(self):
        return (os.mkdir, ("trap",))


ATTACKS: dict[str, tuple[Callable, str]] = {
    "ball": (lambda x: (x + 0.11).clamp(0, 1), "moved by 0.11; bring x back to within eps = 0.1"),
    "range": (lambda x: x - 0.05, "pixels run from -0.05 to 0.95; clamp them"),
    "NaN": (lambda x: x.masked_fill(x > 0.9, torch.nan), "NaN or infinity; look where"),
    "dtype": (lambda x: x.double(), "x is float64 [200, 1, 28, 28]; give float32"),
    "bytes": (lambda x: (255 * x).byte(), "x is uint8 [200, 1, 28, 28]; give float32"),
    "shape": (lambda x: x[:10], "x is float32 [10, 1, 28, 28]; give float32 [200, 1, 28, 28]"),
    "pickled": (lambda x: np.array([Trap()], dtype=object), "allow_pickle=False; write it with"),
}


@pytest.mark.parametrize("fault", ATTACKS)
def test_pictures_that_are_refused(folder: Path, monkeypatch, fault: str) -> None:
    """Catches a fault in the pictures that scores, ends the judge, or gets no sentence."""
    monkeypatch.chdir(folder)
    change, words = ATTACKS[fault]
    x, _ = digits(folder)
    team(folder, "bad", change(x))
    team(folder, "fair", x)
    fair, bad = contest.judge(folder)["attack"]
    assert fair == contest.Result("fair", 0.0, 0.0, 1)
    assert (bad.team, bad.rank) == ("bad", 0) and words in bad.refused, bad.refused
    assert not (folder / "trap").exists()


def test_files_that_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a damaged file, one of another kind, and one that would fill the memory."""
    x, _ = digits(folder)
    team(folder, "fair", x)
    (team(folder, "text") / "attack.npz").write_text("no archive")
    (team(folder, "nothing") / "attack.npz").write_bytes(b"")
    np.savez(team(folder, "name") / "attack.npz", pictures=x.numpy())
    zeros = np.zeros(30_000_000, dtype=np.uint8)
    np.savez_compressed(team(folder, "bomb") / "attack.npz", x=zeros)
    whole = (team(folder, "cut", x) / "attack.npz").read_bytes()
    (folder / "teams" / "cut" / "attack.npz").write_bytes(whole[: len(whole) // 2])
    with (team(folder, "large") / "attack.npz").open("wb") as file:
        file.truncate(20_000_001)
    refused = {each.team: each.refused for each in contest.judge(folder)["attack"]}
    assert refused.pop("fair") == ""
    for name in ("text", "nothing", "cut"):
        assert refused[name].startswith("attack.npz is no .npz that can be read: "), refused[name]
        assert "write it with numpy.savez('attack.npz', x=x.numpy())" in refused[name]
    assert "attack.npz holds pictures; it must hold x" in refused["name"]
    assert "attack.npz unpacks to 30,000,128 bytes; at most 20,000,000" in refused["bomb"]
    assert "attack.npz is larger than 20,000,000 bytes; hand in less" in refused["large"]


def changed(state: dict, **more: torch.Tensor) -> dict:
    return {**state, **{name.replace("_", "."): value for name, value in more.items()}}


def test_weights_that_are_refused(folder: Path) -> None:
    """Catches another architecture, and weights that are no numbers, in place of a sentence."""
    state = models.ConvNet().state_dict()
    bias = torch.zeros(10)
    other = {
        "dense": models.MLP().state_dict(),
        "shape": changed(state, layers_7_bias=torch.zeros(11)),
        "half": {name: value.half() for name, value in state.items()},
        "more": changed(state, layers_9_bias=bias),
        "less": {name: value for name, value in state.items() if name != "layers.7.bias"},
    }
    for name, weights in other.items():
        team(folder, name, weights=weights)
    team(folder, "NaN", weights=changed(state, layers_7_bias=torch.full((10,), torch.nan)))
    team(folder, "overflow", weights={name: value * 1e30 for name, value in state.items()})
    (team(folder, "text") / "defence.safetensors").write_text("no weights")
    torch.save(state, team(folder, "pickled") / "defence.safetensors")
    refused = {each.team: each.refused for each in contest.judge(folder)["defence"]}
    for name in other:
        words = "other weights than those of models.ConvNet() in float32; hand in"
        assert words in refused[name], refused[name]
    for name in ("text", "pickled"):
        assert "cannot be read" in refused[name] and "save_file" in refused[name]
    for name in ("NaN", "overflow"):
        assert "cannot be judged" in refused[name] and "train it again" in refused[name]
    assert all("\n" not in sentence for sentence in refused.values())


def test_the_commands_refuse_in_a_sentence(written: Path, tmp_path: Path) -> None:
    """Catches a traceback, and a contest that is written over."""
    assert "choose another folder" in command("new", written, status=1)
    assert "between 0 and 1" in command("new", tmp_path / "a", "--eps", 8, status=1)
    assert "holds no whole contest" in command("judge", tmp_path, status=1)
    assert "has no team" in command("judge", written, status=1)
    assert "judge` first" in command("board", tmp_path, status=1)


@pytest.mark.filterwarnings("ignore:training was interrupted")
def test_ctrl_c_leaves_no_half_trained_network(tmp_path: Path, monkeypatch) -> None:
    """Catches a contest whose hidden network has learnt nothing."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "clean", interrupted)
    assert "nothing is written" in command("new", tmp_path / "a", status=1)
    assert not (tmp_path / "a").exists()


def test_the_board_loads_nothing_and_takes_names_as_they_are(folder: Path) -> None:
    """Catches a request, a script, and a team's name that becomes part of the page."""
    x, _ = digits(folder)
    team(folder, "<b>$x{{ 1 }}", x)
    team(folder, "<i>no", x[:3])
    contest.judge(folder)
    page = contest.board(folder).read_text(encoding="utf-8")
    assert "&lt;b&gt;$x{{ 1 }}" in page and "&lt;i&gt;no" in page and "<b>$x" not in page
    assert not re.search(r"(src|href)=|@import|url\(|<script|https?:", page)
    kept = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert list(kept["rounds"]) == ["attack"] and "<h1>Defence" not in page
