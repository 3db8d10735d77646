"""The audit: what it measures, the page it writes, what it leaves alone, and files from outside."""

import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
import zoo
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from typer.testing import CliRunner

from advtutor import attacks
from advtutor.audit import AuditError, AuditReport, audit, files, gradients, supplied
from advtutor.audit.inspection import Case
from advtutor.audit.measure import l2_squares, wilson
from advtutor.audit.subject import Subject
from advtutor.course.cli import app
from advtutor.evaluation import evaluate

SETTINGS = {"eps": zoo.DIGITS_EPS, "budget": 0.01}


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor]:
    return zoo.pictures("digits", 60, 3)


@pytest.fixture(scope="module")
def usual() -> nn.Module:
    return zoo.base("digits", "usual")


@pytest.fixture(scope="module")
def masked(digits: tuple[Tensor, Tensor]) -> AuditReport:
    """The report on a network that reverses its gradient."""
    return audit(zoo.faulty()["digits, reversed gradient"].model(), *digits, **SETTINGS)


# ------------------------------------------------------------------------------------ measuring


def test_each_error_is_that_of_the_course_s_own_measurement(usual, digits) -> None:
    """Catches an error that is not the share of the pictures which the network misreads."""
    report = audit(usual, *digits, **SETTINGS)
    assert report["clean"].error == evaluate(usual, *digits).error
    fgsm = evaluate(usual, *digits, lambda m, x, y: attacks.fgsm(m, x, y, zoo.DIGITS_EPS))
    assert report["FGSM"].error == fgsm.error
    names = {each.name for each in report.measured}
    assert names == {
        *("clean", "sign noise", "uniform noise", "FGSM", "transfer", "blind queries"),
        *("PGD, cross-entropy", "PGD, margin", "PGD, harder", "worst case"),
    }
    assert report.curve_eps[-1] == 1 and report.curve_eps == sorted(report.curve_eps)
    assert {len(errors) for errors in report.curve.values()} == {len(report.curve_eps)}
    with pytest.raises(KeyError, match="worst case"):
        report["PGD"]


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [(0, 10, 0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1)],
)
def test_the_interval_is_wilsons(count: int, n: int, low: float, high: float) -> None:
    """Catches another interval; the numbers are those of statsmodels' proportion_confint."""
    assert wilson(count, n) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_broken_pictures_lie_in_the_ball_and_are_misread(usual, digits, norm: str) -> None:
    """Catches examples that leave the ball or the range, or that the network reads rightly."""
    eps = zoo.DIGITS_EPS if norm == "linf" else 1.5
    report = audit(usual, *digits, eps, norm=norm, budget=0.01)
    assert report.examples
    for picture, attacked, label, answer in report.examples:
        step = (attacked - picture).flatten()
        size = step.abs().max() if norm == "linf" else step.norm()
        assert 0 < size <= eps + 1e-5 and attacked.min() >= 0 and attacked.max() <= 1
        assert int(usual(attacked[None]).argmax()) == answer != label


def test_blind_queries_in_the_l2_ball_beat_noise(usual, digits) -> None:
    """Catches a search that keeps what does not help, or that leaves the ball."""
    x, y = digits
    torch.manual_seed(0)
    found = l2_squares(usual, x, y, 2.0, queries=150)
    assert (found - x).flatten(1).norm(dim=1).max() <= 2.0 + 1e-5
    first = l2_squares(usual, x, y, 2.0, queries=1)
    errors = [float((usual(each).argmax(dim=1) != y).float().mean()) for each in (first, found)]
    assert errors[1] > errors[0] + 0.2


def test_a_longer_attack_that_breaks_more_is_said(digits) -> None:
    """Catches a usual attack that is far from its end, unsaid: the cross-entropy of flat logits."""
    cold = zoo.Wrapped(zoo.base("digits", "usual"), lambda m, x: m(x) / 400)
    report = audit(cold, *zoo.pictures("digits", 200, 0), eps=0.07, budget=0.1)
    assert report.names == ["weak-attack"], report


@pytest.mark.parametrize(
    ("small", "large", "transfer", "found"),
    [
        (0.6, 0.3, 0.8, True),  # as at a network trained against one step, whose step it bends
        (0.2, 0.3, 0.8, False),  # one step is weak at any curved network, also a hardened one
        (0.6, 0.3, 0.3, False),
        (1.0, 0.8, 1.0, False),  # a long step runs past the boundary of a network without defence
    ],
)
def test_one_step_that_falls_behind(small: float, large: float, transfer: float, found) -> None:
    """Catches a network that bends its single step, unsaid, and the alarm at those that do not."""
    x, y = torch.rand(100, 1, 2, 2), torch.zeros(100, dtype=torch.long)
    case = Case(Subject(nn.Flatten()), x, y, 0.3, "linf", (0, 1))

    def first(share: float) -> Tensor:
        return torch.arange(100) < round(100 * share)

    all_, one = {"transfer": first(transfer), "PGD, cross-entropy": first(1.0)}, "FGSM"
    case.curve = {0.15: {one: first(small), **all_}, 0.3: {one: first(large), **all_}}
    case.broken = case.curve[0.3]
    gradients.judge(case, {"logits": 0.0, "elsewhere": 0.0, "loss": 0.0, "n": 100, "nan": 0})
    assert ("masked-gradients" in case.found) == found


@pytest.mark.parametrize(
    ("classes", "n", "right", "found"),
    [(100, 200, 0.1, False), (10, 20, 0.2, True), (10, 400, 0.2, False), (10, 400, 0.1, True)],
)
def test_no_better_than_guessing_is_a_matter_of_n(classes, n, right, found: bool) -> None:
    """Catches luck that counts as knowledge, and knowledge of many classes that counts as luck."""
    torch.manual_seed(0)
    x = torch.rand(n, 1, 2, classes // 2)
    y = x.flatten(1).argmax(dim=1)
    wrong = torch.arange(n) >= right * n
    y[wrong] = (y[wrong] + torch.randint(1, classes, (int(wrong.sum()),))) % classes
    report = audit(lambda x: 2 * x.flatten(1) - 1, x, y, 0.01, budget=0.01)
    assert ("chance" in report.names) == found


def test_a_smaller_budget_asks_less_of_a_large_network(digits) -> None:
    """Catches what does not come down with the budget, such as the substitute's lessons."""
    looks = {}
    for budget in (1.0, 0.1, 0.01):
        looks[budget] = 0

        def forward(model: nn.Module, x: Tensor, budget: float = budget) -> Tensor:
            looks[budget] += len(x)
            return model(x)

        audit(zoo.Wrapped(zoo.base("digits", "pgd"), forward), *digits, eps=0.02, budget=budget)
    assert looks[1.0] > 3 * looks[0.1] > 9 * looks[0.01], looks


def test_a_hardened_network_beyond_the_size_it_was_hardened_for() -> None:
    """Catches the alarm where one step is weaker than transfer and PGD breaks everything."""
    report = audit(supplied("ash"), *zoo.pictures("digits", 100, 0), 0.3, budget=0.1)
    assert report["FGSM"].error + 0.1 < report["transfer"].error < report["worst case"].error
    assert report.sound, report


def test_the_same_seed_gives_the_same_report(usual, digits) -> None:
    """Catches a draw that does not follow from the seed, or disturbs the caller's."""
    torch.manual_seed(7)
    one = audit(usual, *digits, **SETTINGS)
    after = torch.rand(1)
    two = audit(usual, *digits, **SETTINGS)
    torch.manual_seed(7)
    assert torch.equal(after, torch.rand(1))
    assert one.measured == two.measured and one.curve == two.curve


def test_model_and_data_are_left_as_they_were(digits) -> None:
    """Catches statistics, modes, gradients or pictures that an audit changes."""
    animal = zoo.faulty()["digits, norm left on"]
    model, (x, y) = animal.model(), digits
    state = {key: value.clone() for key, value in model.state_dict().items()}
    kept = x.clone()
    in_place = zoo.Wrapped(model, lambda m, x: m(x.sub_(0.1).add_(0.1)))
    in_place.train()
    audit(in_place, x, y, **SETTINGS)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert torch.equal(x, kept) and all(m.training for m in model.modules())
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_number_formats(usual, digits, dtype: torch.dtype) -> None:
    """Catches a network that is not in float32, and labels in another form."""
    import copy

    model = copy.deepcopy(usual).to(dtype)
    column = digits[1][:, None].to(torch.int32)
    report = audit(model, digits[0], column, **SETTINGS)
    assert abs(report["clean"].error - evaluate(usual, *digits).error) < 0.05


def test_interrupted_it_keeps_what_is_done(usual, digits) -> None:
    """Catches a Ctrl-C that loses everything, or a report that does not say that it is cut."""
    calls = 0

    def forward(model: nn.Module, x: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 60:
            raise KeyboardInterrupt
        return model(x)

    report = audit(zoo.Wrapped(usual, forward), *digits, **SETTINGS)
    assert report.interrupted and "clean" in {each.name for each in report.measured}
    assert "interrupted" in report.to_markdown() and "interrupted" in repr(report)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"eps": -1.0}, "eps is -1"),
        ({"eps": float("nan")}, "eps is nan"),
        ({"norm": "l1"}, 'choose "linf" or "l2"'),
        ({"clip": (1, 0)}, "lowest, highest"),
        ({"budget": 0}, "budget above 0"),
        ({"y": torch.zeros(3)}, "one class number for each"),
        ({"y": torch.full((60,), 0.5)}, "whole numbers"),
        ({"x": torch.zeros(60, 3, 28, 28)}, r"cannot read pictures \[3, 28, 28\]"),
        ({"x": torch.full((60, 1, 28, 28), torch.nan)}, "no picture has only finite"),
        ({"model": lambda x: (x, x)}, "returned a tuple"),
        ({"model": lambda x: x}, r"logits \[60, K\]"),
    ],
)
def test_what_cannot_be_audited_is_refused_in_a_sentence(usual, digits, change, words) -> None:
    """Catches a raw error out of torch."""
    task = {"model": usual, "x": digits[0], "y": digits[1], **SETTINGS, **change}
    with pytest.raises(AuditError, match=words):
        audit(**task)


# ---------------------------------------------------------------------------------------- the page


class Requests(HTMLParser):
    """Everything on a page that a browser would fetch, and the tags that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted, self.open, self.alts = [], [], []

    def handle_starttag(self, tag, attrs) -> None:
        given = dict(attrs)
        self.wanted += [given[k] for k in ("src", "href", "action", "data") if given.get(k)]
        if tag == "img":
            self.alts.append(given["alt"])
        if tag not in ("img", "meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_loads_nothing(masked: AuditReport) -> None:
    """Catches a request, a figure without alt text, a tag left open, and a part that is missing."""
    page, reader = masked.to_html(), Requests()
    reader.feed(page)
    assert reader.open == [] and len(reader.alts) == 3 and all(reader.alts)
    assert all(each.startswith("data:image/png;base64,") for each in reader.wanted)
    assert not re.search(r"@import|url\(|<script", page)
    for part in ("What was found", "What was measured", "Settings", "What this does not show"):
        assert f"<h2>{part}</h2>" in page
    for word in ("masked-gradients", masked["worst case"].error, torch.__version__, "Wilson"):
        assert (f"{word:.1%}" if isinstance(word, float) else word) in page


def test_markdown_says_the_same(masked: AuditReport) -> None:
    """Catches a number or a finding that only one of the two forms has."""
    text = masked.to_markdown()
    for each in masked.measured:
        assert f"| {each.name} |" in text and f"| {each.error:.1%} |" in text
    for finding in masked.findings:
        assert finding.evidence in text and finding.remedy in text
    assert "## What this does not show" in text


def test_what_the_user_names_is_no_markup(masked: AuditReport) -> None:
    """Catches a file's name that becomes part of the page."""
    from dataclasses import replace

    named = replace(masked, settings={**masked.settings, "network": "<b>$x</b>"})
    assert "<b>" not in named.to_html() and "&lt;b&gt;$x&lt;/b&gt;" in named.to_html()


def test_the_fraud_is_seen_through_and_the_others_are_not_accused(digits) -> None:
    """Catches a fraud whose page looks like an honest network's."""
    reports = {
        name: audit(supplied(name), *digits, 0.15, budget=0.05)
        for name in ("ash", "birch", "cedar")
    }
    assert [each.names for each in reports.values()] == [[], ["masked-gradients"], []]
    fraud = reports["birch"]
    assert fraud["PGD, harder"].error < 0.1 < 0.3 < fraud["transfer"].error
    evidence = fraud.findings[0].evidence
    assert "transfer" in evidence and evidence.startswith("at eps = 0.15: ")  # the eps at hand
    marked = re.findall(r'<tr class="ahead"><td>([^<]+)', fraud.to_html())
    assert "transfer" in marked and set(marked) <= {"transfer", "blind queries"}
    assert 'class="ahead"' not in reports["cedar"].to_html()
    with pytest.raises(ValueError, match="ash, birch, cedar"):
        supplied("oak")


# ----------------------------------------------------------------------------- files from outside

NETWORK = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(784, 10)

    def forward(self, x):
        return self.layer(x.flatten(1))
"""


@pytest.fixture
def outside(tmp_path: Path, digits: tuple[Tensor, Tensor]) -> Path:
    """A folder with net.py, weights in both formats, and the pictures as a folder and an .npz."""
    (tmp_path / "net.py").write_text(NETWORK)
    linear = zoo.base("digits", "linear")
    state = {f"layer.{key}": value for key, value in linear.linear.state_dict().items()}
    save_file(state, tmp_path / "net.safetensors")
    torch.save(state, tmp_path / "net.pt")
    x, y = digits
    for i in range(40):
        folder = tmp_path / "pictures" / str(int(y[i]))
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((255 * x[i, 0]).byte().numpy()).save(folder / f"{i}.png")
    np.savez(tmp_path / "pictures.npz", x=(255 * x).byte().numpy(), y=y.numpy())
    return tmp_path


def run(folder: Path, *arguments: str, **more: str) -> tuple[int, str]:
    """The command's exit status, and all that it said."""
    options = {"--images": "pictures", "--eps": "8/255", "--budget": "0.01", **more}
    words = [word for pair in options.items() for word in pair]
    ran = subprocess.run(
        [sys.executable, "-m", "advtutor", "audit", *(arguments or ("net.py",)), *words],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_the_command_measures_and_writes_the_page(outside: Path) -> None:
    """Catches a command that does not find the network, its weights, the pictures or eps."""
    status, said = run(outside, "net.py:Net", **{"--weights": "net.safetensors", "--out": "here"})
    assert status == 0, said
    assert "estimate:" in said and "worst case" in said
    page = (outside / "here" / "report.html").read_text(encoding="utf-8")
    assert "Audit of net.py:Net" in page and "0.0313725" in page and "40 of [1, 28, 28]" in page
    assert (outside / "here" / "report.md").exists()
    status, said = run(outside, **{"--images": "pictures.npz"})  # no weights: it only guesses
    assert status == 1 and "chance" in said, said


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import torch\nmodel = (", "line 2, does not run: SyntaxError"),
        ("raise SystemExit(3)", "line 1, does not run: SystemExit"),
        ("import os\nos._exit(7)", "ended the process (status 7)"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "ended the process (SIGSEGV)"),
        (NETWORK.replace("784", "100"), "cannot read pictures [1, 28, 28]"),
        ("import time\ntime.sleep(60)", "stopped after"),
    ],
)
def test_a_broken_file_gets_one_sentence(outside: Path, code: str, words: str) -> None:
    """Catches a traceback, a command that dies with the file, and one that waits for ever."""
    (outside / "net.py").write_text(code)
    more = {"--minutes": "0.05"} if "sleep" in code else {}
    status, said = run(outside, **more)
    assert status == 2 and words in said and "Traceback" not in said, said
    (line,) = [line for line in said.splitlines() if line.startswith("advtutor audit:")]
    assert not (outside / "audit").exists(), line


@pytest.mark.parametrize(
    ("code", "name", "words"),
    [
        ("import nothing_of_this_name", "", "line 1, does not run: ModuleNotFoundError"),
        ("x = 1", "", "has no 'model'; it has no network. Name one, as in net.py:NAME"),
        (NETWORK + "class Other(Net): pass", "", "it has Net, Other. Name one"),
        ("model = 3", "", "is a int; it must be a torch.nn.Module"),
        ("def model():\n    return 1 / 0", "", "does not build: ZeroDivisionError"),
        (NETWORK, "Nett", "has no 'Nett'; it has Net"),
    ],
)
def test_a_file_without_its_network_is_refused(
    tmp_path: Path, code: str, name: str, words: str
) -> None:
    """Catches an error of Python's own, such as AttributeError, and a wrong network taken."""
    (tmp_path / "net.py").write_text(code)
    with pytest.raises(AuditError, match=words):
        files.network(tmp_path / "net.py", name)


@pytest.mark.parametrize("name", ["net.safetensors", "net.pt"])
def test_weights_are_loaded(outside: Path, name: str) -> None:
    """Catches weights that are read and not used."""
    model = files.network(outside / "net.py", "Net", outside / name)
    assert torch.equal(model.layer.weight, zoo.base("digits", "linear").linear.weight)


class Trap:
    def __reduce__(self):
        return (os.mkdir, ("trap",))


def test_weights_run_no_code(outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a pickle that is loaded, and weights of another network without a sentence."""
    monkeypatch.chdir(outside)
    torch.save({"layer.weight": Trap()}, outside / "trap.pt")
    with pytest.raises(AuditError, match="cannot be loaded"):
        files.network(outside / "net.py", "Net", outside / "trap.pt")
    assert not (outside / "trap").exists()
    save_file({"other": torch.zeros(1)}, outside / "other.safetensors")
    with pytest.raises(AuditError, match="state_dict of this network"):
        files.network(outside / "net.py", "Net", outside / "other.safetensors")


def test_pictures_of_a_folder_are_those_of_the_arrays(outside: Path, digits) -> None:
    """Catches labels that do not belong to their pictures, and bytes that are not divided."""
    x, y = files.pictures(outside / "pictures", 500, seed=0)
    assert x.shape == (40, 1, 28, 28) and x.max() <= 1
    for picture, label in zip(x, y, strict=True):
        near = (digits[0] - picture).abs().flatten(1).amax(dim=1)
        assert near.min() < 1 / 254 and digits[1][near.argmin()] == label
    x, y = files.pictures(outside / "pictures.npz", 7, seed=1)
    assert x.shape == (7, 1, 28, 28) and x.max() <= 1 and y.dtype == torch.int64


def folder_of(path: Path, **pictures: Image.Image) -> Path:
    for name, picture in pictures.items():
        folder, _, file = name.partition("_")
        (path / folder).mkdir(parents=True, exist_ok=True)
        picture.save(path / folder / f"{file}.png")
    return path


def test_modes_of_pictures(tmp_path: Path) -> None:
    """Catches palettes, transparency, 16 bits and a grey picture among coloured ones."""
    deep = Image.fromarray(np.full((4, 4), 65535, dtype=np.uint16))
    coloured = Image.new("RGB", (4, 4), (255, 0, 0))
    many = {"cat_p": coloured.convert("P"), "cat_a": coloured.convert("RGBA"), "dog_deep": deep}
    x, y = files.pictures(folder_of(tmp_path, **many), 9, seed=0)
    assert x.shape == (3, 3, 4, 4) and sorted(y.tolist()) == [0, 0, 1]
    assert torch.equal(x[y == 1], torch.ones(1, 3, 4, 4))
    assert torch.equal(x[y == 0][:, 0], torch.ones(2, 4, 4)) and x[y == 0][:, 1:].max() == 0


def test_broken_pictures_get_one_sentence(tmp_path: Path, monkeypatch) -> None:
    """Catches raw errors of Pillow and numpy, pickles in arrays, and what would fill the memory."""
    grey = Image.new("L", (4, 4))
    cases = {
        "does not exist": tmp_path / "nowhere",
        "no pictures in folders": folder_of(tmp_path / "flat"),
        "give pictures of one size": folder_of(
            tmp_path / "sizes", a_1=grey, a_2=Image.new("L", (5, 4))
        ),
    }
    (tmp_path / "flat").mkdir()
    broken = folder_of(tmp_path / "broken", a_1=grey)
    (broken / "a" / "1.png").write_bytes((broken / "a" / "1.png").read_bytes()[:40])
    cases["no picture that can be read"] = broken
    (tmp_path / "text.npz").write_text("no archive")
    cases["no .npz that can be read"] = tmp_path / "text.npz"
    np.savez(tmp_path / "names.npz", images=np.zeros(3))
    cases["holds images; it must hold x and y"] = tmp_path / "names.npz"
    np.savez(tmp_path / "trap.npz", x=np.array([Trap()], dtype=object), y=np.zeros(1))
    cases["read: ValueError: Object arrays cannot"] = tmp_path / "trap.npz"
    for words, path in cases.items():
        with pytest.raises(AuditError, match=words):
            files.pictures(path, 5, seed=0)
    monkeypatch.setattr(files, "PIXELS", 10)
    with pytest.raises(AuditError, match="4 x 4 pixels; at most 10"):
        files.pictures(folder_of(tmp_path / "large", a_1=grey), 5, seed=0)
    monkeypatch.setattr(files, "BYTES", 10)
    with pytest.raises(AuditError, match="at most 10 are read"):
        files.pictures(tmp_path / "names.npz", 5, seed=0)
    assert zipfile.is_zipfile(tmp_path / "names.npz")


@pytest.mark.parametrize("eps", ["8/0", "eight", "8//255"])
def test_an_eps_that_is_no_number(outside: Path, eps: str) -> None:
    """Catches a fraction that ends in a traceback."""
    refused = CliRunner().invoke(app, ["audit", "net.py", "--images", "x", "--eps", eps])
    assert refused.exit_code == 2 and "8/255" in refused.output


@pytest.mark.skipif(os.name != "posix", reason="stops it with a signal")
def test_ctrl_c_ends_the_command_with_a_report(outside: Path) -> None:
    """Catches a Ctrl-C that leaves the other process running, or no page."""
    slow = NETWORK.replace("return self", "import time; time.sleep(0.01); return self")
    (outside / "net.py").write_text(slow)
    options = "--images pictures --eps 0.1 --weights net.pt --budget 1"
    arguments = ["audit", "net.py", *options.split()]
    process = subprocess.Popen(
        [sys.executable, "-m", "advtutor", *arguments],
        cwd=outside,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell that runs the tests in the background has SIGINT ignored, and its children too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    seen = ""
    while "blind queries" not in seen and process.poll() is None:
        seen += process.stderr.read(50)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode in (0, 1) and "interrupted" in said, said
    page = (outside / "audit" / "report.html").read_text(encoding="utf-8")
    assert "what had been measured is kept" in page
    time.sleep(0.2)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
