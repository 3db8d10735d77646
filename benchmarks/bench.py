"""How fast the engine is, against its own floor and against other libraries, in one process.

`python benchmarks/bench.py` prints a table and writes benchmarks/RESULTS.md. Contestants of one
row take turns, in an order that rotates; a time is the median of the turns, and a ratio the median
of the ratios within a turn, so that a machine that slows down for a while slows down all of them.
Other programs should rest meanwhile. Peers that are not installed are left out.
"""

import argparse
import importlib.metadata
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from tqdm.auto import tqdm

from advtutor import attacks, data, training, widgets
from advtutor.evaluation import evaluate
from advtutor.models import ConvNet
from advtutor.widgets.base import css, mount, place, script, state_script

RESULTS = Path(__file__).with_name("RESULTS.md")
EPS, STEPS, THREADS = 0.25, 40, 2

Craft = Callable[[nn.Module, Tensor, Tensor], Tensor]


@dataclass
class Row:
    """One line of the table."""

    section: str
    name: str
    seconds: float
    ratio: float | None = None
    against: str = ""
    error: float | None = None
    target: str = ""
    holds: bool | None = None

    def cells(self) -> list[str]:
        unit = f"{self.seconds * 1e3:.1f} ms" if self.seconds < 1 else f"{self.seconds:.2f} s"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f} × {self.against}"
        error = "" if self.error is None else f"{self.error:.2%}"
        verdict = "" if self.holds is None else ("yes" if self.holds else "NO")
        return [self.section, self.name, unit, ratio, error, self.target, verdict]


HEADINGS = ["what", "who", "median", "ratio", "error", "target", "reached"]


@dataclass
class Race:
    """Contestants that take turns; `times[name]` has one number for each turn."""

    section: str
    rounds: int
    times: dict[str, list[float]] = field(default_factory=dict)
    results: dict[str, object] = field(default_factory=dict)

    def run(self, contestants: dict[str, Callable[[], object]], warm_up: bool = True) -> None:
        names = list(contestants)
        self.times = {name: [] for name in names}
        for turn in tqdm(range(-warm_up, self.rounds), desc=self.section, leave=False):
            shift = turn % len(names)
            for name in names[shift:] + names[:shift]:
                start = time.perf_counter()
                self.results[name] = contestants[name]()
                if turn >= 0:
                    self.times[name].append(time.perf_counter() - start)

    def seconds(self, name: str) -> float:
        return statistics.median(self.times[name])

    def ratio(self, name: str, other: str, factor: float = 1.0) -> float:
        pairs = zip(self.times[name], self.times[other], strict=True)
        return statistics.median(a / (factor * b) for a, b in pairs)

    def fastest(self, names: list[str]) -> str | None:
        return min(names, key=self.seconds, default=None)


def floor(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """What one step costs at least: forward, and the gradient with respect to the images."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(x), y, reduction="sum"), x)[0]


def peers(eps: float, steps: int, model: nn.Module) -> dict[str, Craft]:
    """FGSM (steps = 1) or PGD without a random start, of each library that is installed."""
    size = eps if steps == 1 else 2.5 * eps / steps
    found: dict[str, Craft] = {}
    try:
        import torchattacks

        if steps == 1:
            attack = torchattacks.FGSM(model, eps=eps)
        else:
            attack = torchattacks.PGD(model, eps=eps, alpha=size, steps=steps, random_start=False)
        found["torchattacks"] = lambda _, x, y: attack(x, y)
    except ImportError:
        pass
    try:
        import foolbox

        fmodel = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
        if steps == 1:
            run = foolbox.attacks.LinfFastGradientAttack()
        else:
            run = foolbox.attacks.LinfPGD(abs_stepsize=size, steps=steps, random_start=False)
        found["foolbox"] = lambda _, x, y: run(fmodel, x, y, epsilons=eps)[1]
    except ImportError:
        pass
    try:
        from cleverhans.torch.attacks import fast_gradient_method as one
        from cleverhans.torch.attacks import projected_gradient_descent as many

        if steps == 1:
            found["cleverhans"] = lambda model, x, y: one.fast_gradient_method(
                model, x, eps, np.inf, clip_min=0, clip_max=1, y=y
            ).detach()
        else:
            found["cleverhans"] = lambda model, x, y: many.projected_gradient_descent(
                *(model, x, eps, size, steps, np.inf),
                clip_min=0,
                clip_max=1,
                y=y,
                rand_init=False,
                sanity_checks=False,
            ).detach()
    except ImportError:
        pass
    return found


def error(model: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return float((model(x).argmax(dim=1) != y).float().mean())


def steps_against_the_floor(
    model: nn.Module, x: Tensor, y: Tensor, steps: int, rounds: int
) -> list[Row]:
    """FGSM, or PGD, against `steps` floors and against the peers."""
    section = "FGSM" if steps == 1 else f"PGD, {steps} steps"
    ours = attacks.fgsm if steps == 1 else partial(attacks.pgd, steps=steps)
    rivals = peers(EPS, steps, model)

    def floors() -> None:
        for _ in range(steps):
            floor(model, x, y)

    race = Race(section, rounds)
    race.run(
        {"floor": floors, "advtutor": lambda: ours(model, x, y, EPS)}
        | {name: partial(rival, model, x, y) for name, rival in rivals.items()}
    )
    rows = [Row(section, "floor", race.seconds("floor"))]
    for name in ["advtutor", *rivals]:
        ratio, found = race.ratio(name, "floor"), error(model, race.results[name], y)
        rows.append(Row(section, name, race.seconds(name), ratio, "floor", found))
    fastest = race.fastest(list(rivals))
    behind = race.ratio("advtutor", fastest) if fastest else 0.0
    rows[1].target = "≤ 1.05 × floor, ≤ 1.05 × fastest peer"
    rows[1].holds = rows[1].ratio <= 1.05 and behind <= 1.05
    return rows


def judging_a_model(model: nn.Module, x: Tensor, y: Tensor, rounds: int) -> list[Row]:
    """`evaluate` with early stopping against the peers' bare attacks of as many steps."""
    section = f"undefended: errors under {STEPS} steps"
    attack = partial(attacks.pgd, eps=EPS, steps=STEPS, early_stop=True)
    rivals = peers(EPS, STEPS, model)
    race = Race(section, rounds)
    race.run(
        {"advtutor": lambda: evaluate(model, x, y, attack)}
        | {name: partial(rival, model, x, y) for name, rival in rivals.items()}
    )
    ours = Row(section, "advtutor", race.seconds("advtutor"), error=race.results["advtutor"].error)
    rows = [ours]
    for name in rivals:
        found, ratio = error(model, race.results[name], y), race.ratio(name, "advtutor")
        rows.append(Row(section, name, race.seconds(name), ratio, "advtutor", found))
    if rivals:
        best = min(rows[1:], key=lambda row: row.seconds)
        ours.target = "fastest peer ≥ 8 ×, error ≥ theirs"
        ours.holds = best.ratio >= 8 and ours.error >= max(row.error for row in rows[1:])
    return rows


def worst_case(
    name: str, model: nn.Module, x: Tensor, y: Tensor, eps: float, rounds: int
) -> list[Row]:
    """`worst_case` against torchattacks' AutoAttack."""
    try:
        import torchattacks
    except ImportError:
        return []
    section = f"worst case, {name}, eps {eps}"
    generator = torch.Generator().manual_seed(0)
    auto = torchattacks.AutoAttack(model, eps=eps, seed=0)
    race = Race(section, rounds)
    race.run(
        {
            "advtutor": lambda: attacks.worst_case(model, x, y, eps, generator=generator),
            "torchattacks": lambda: auto(x, y),
        },
        warm_up=False,
    )
    ours, theirs = (error(model, race.results[who], y) for who in ("advtutor", "torchattacks"))
    ratio = race.ratio("torchattacks", "advtutor")
    holds = ratio >= 5 and ours >= theirs - 0.005
    return [
        Row(
            *(section, "advtutor worst_case", race.seconds("advtutor"), None, "", ours),
            target="AutoAttack ≥ 5 ×, error ≥ its own - 0.5 %",
            holds=holds,
        ),
        Row(
            *(section, "torchattacks AutoAttack", race.seconds("torchattacks")),
            *(ratio, "advtutor", theirs),
        ),
    ]


def smallest_radii(model: nn.Module, x: Tensor, y: Tensor, rounds: int) -> list[Row]:
    section = f"smallest eps of {len(x):,} digits"
    race = Race(section, rounds)
    race.run({"advtutor": lambda: attacks.minimal_epsilon(model, x, y)}, warm_up=False)
    seconds = race.seconds("advtutor")
    target, holds = ("≤ 15 s", seconds <= 15) if len(x) >= 1000 else ("", None)
    return [Row(section, "advtutor", seconds, target=target, holds=holds)]


def epochs(x: Tensor, y: Tensor, rounds: int) -> list[Row]:
    """One epoch of each objective against a clean one."""
    section = f"an epoch of {len(x):,} digits"
    objectives = {
        "clean": training.clean,
        "the paper's": training.Adversarial(EPS),
        "fast": training.RandomStart(EPS),
        "the passes of fast alone": passes_of_fast,
    }

    def train(objective: training.Objective) -> None:
        training.fit(ConvNet(), x, y, objective=objective, epochs=1, lr=3e-3, progress=False)

    race = Race(section, rounds)
    race.run({name: partial(train, objective) for name, objective in objectives.items()})
    rows = [Row(section, "clean", race.seconds("clean"))]
    for name in list(objectives)[1:]:
        row = Row(section, name, race.seconds(name), race.ratio(name, "clean"), "clean")
        if limit := {"the paper's": 2.6, "fast": 2.1}.get(name):
            row.target, row.holds = f"≤ {limit} × clean", row.ratio <= limit
        rows.append(row)
    return rows


def passes_of_fast(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """What fast training cannot do without: two passes forward and two back, and no noise."""
    floor(model, x, y)
    return F.cross_entropy(model(x), y)


# One redraw of a widget: a slider moves, and the page does all that it does before it paints.
FRAMES = """async (rounds) => {
    const root = document.querySelector('.advtutor-widget'), times = [];
    const slider = [...root.querySelectorAll('input')].at(-1);
    for (let i = 0; i < rounds; i++) {
        slider.value = i % 2 ? slider.min : slider.max;
        slider.dispatchEvent(new Event('input', {bubbles: true}));
        times.push(await new Promise((done) =>
            requestAnimationFrame((frame) => done(performance.now() - frame))));
        while (root.dataset.state !== 'ready') await new Promise((done) => setTimeout(done));
    }
    return times; }"""


def frames(model: nn.Module, rounds: int) -> list[Row]:
    """A redraw in the browser; no rows where playwright or Chromium is missing."""
    x, y = data.mnist().test.x[:20], data.mnist().test.y[:20]
    explorers = {
        "eps explorer": widgets.eps_explorer(model, x, y),
        "steps of PGD": widgets.attack_stepper(model, x, y),
        "dimension explorer": widgets.dimension_explorer(),
    }
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return []
    if chromium is None:
        return []
    rows = []
    with sync_playwright() as playwright:
        switches = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium, args=switches)
        for name, explorer in explorers.items():
            page = browser.new_page()
            page.set_content(f"<style>{css()}</style>{place(explorer.kind)}")
            page.add_script_tag(
                content=f"{state_script(explorer)}(() => {{{script()}\n{mount()}}})()"
            )
            seconds = statistics.median(page.evaluate(FRAMES, 4 * rounds)) / 1000
            row = Row("a redraw in the browser", name, seconds, target="≤ 16 ms")
            row.holds = seconds <= 0.016
            rows.append(row)
        browser.close()
    return rows


def importing(rounds: int) -> list[Row]:
    """What `import advtutor` adds to importing torch, each in a process of its own."""
    section = "import advtutor, after torch"
    code = (
        "import time, torch; start = time.perf_counter(); import advtutor, advtutor.attacks; "
        "print(time.perf_counter() - start)"
    )
    took = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(rounds)
    ]
    seconds = statistics.median(took)
    return [Row(section, "advtutor", seconds, target="≤ 0.1 s", holds=seconds <= 0.1)]


def peak_memory(n: int) -> int:
    """Bytes that attacking `n` digits with `evaluate` adds at its peak, the digits not counted."""
    torch.set_num_threads(THREADS)
    model, attack = ConvNet(), partial(attacks.pgd, eps=EPS, steps=2)
    x, y = torch.rand(n, 1, 28, 28), torch.zeros(n, dtype=torch.int64)
    evaluate(model, x[:512], y[:512], attack)  # what one batch needs is there from now on
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    evaluate(model, x, y, attack)
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def memory() -> list[str]:
    """Lines that say how the peak of `evaluate` grows with n, each n in a process of its own."""
    lines = []
    for n in (2_000, 10_000):
        command = [sys.executable, __file__, "--peak-memory", str(n)]
        added = int(subprocess.run(command, capture_output=True, check=True).stdout)
        lines.append(
            f"Attacking {n:,} digits with `evaluate` adds {added / 2**20:.1f} MiB to the peak of "
            f"one batch of 512; the digits themselves take {n * 784 * 4 / 2**20:.0f} MiB."
        )
    return lines


def remarks() -> list[str]:
    """Lines that say what keeps a row above its target."""
    return [
        "What `fgsm` does beyond its floor: it looks through the images for values out of range, "
        "copies them, looks through the gradient for examples that it leaves unmoved, and makes "
        "the step. Each is a pass over the pixels. The faster the network, the more it shows.",
        "Fast training cannot cost less than its passes alone, a row of the table; what it adds to "
        "them is the noise, the step and two clips.",
        "A redraw is what the page does in a frame, in JupyterLab as on the website. By matplotlib "
        "and a round trip to the kernel the eps explorer's took 137 ms in JupyterLab.",
    ]


def machine() -> str:
    names = ("torch", "torchattacks", "foolbox", "cleverhans")
    versions = []
    for name in names:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {name}")
    return (
        f"Python {platform.python_version()}, {', '.join(versions)}; {platform.system()} "
        f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads."
    )


def write(rows: list[Row], notes: list[str], path: Path) -> None:
    """The table as Markdown."""
    lines = ["# Benchmarks", "", f"Written by `make bench`. {machine()}", ""]
    lines += ["| " + " | ".join(HEADINGS) + " |", "|" + " --- |" * len(HEADINGS)]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    lines += ["", *notes, ""]
    path.write_text("\n".join(lines), encoding="utf-8")


def show(rows: list[Row], notes: list[str]) -> None:
    table = Table(*HEADINGS, title=machine())
    last = ""
    for row in rows:
        cells = row.cells()
        if last and row.section != last:
            table.add_section()
        style = "bold red" if row.holds is False else None
        table.add_row("" if row.section == last else cells[0], *cells[1:], style=style)
        last = row.section
    console = Console()
    console.print(table, *notes, sep="\n")


def trained(objective: training.Objective, digits: data.Split, epochs: int) -> nn.Module:
    model = ConvNet()
    x, y = digits.x, digits.y
    training.fit(model, x, y, objective=objective, epochs=epochs, lr=3e-3, progress=False)
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few digits, to see that it runs")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the Markdown file to write")
    parser.add_argument("--peak-memory", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak_memory:
        print(peak_memory(options.peak_memory))
        return

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    warnings.simplefilter("ignore", attacks.AttackWarning)
    quick, digits = options.quick, data.mnist()
    n, rounds, size = (64, 2, 2_000) if quick else (512, 15, len(digits.train.x))
    x, y = digits.test.x[:n], digits.test.y[:n]
    split = data.Split(digits.train.x[:size], digits.train.y[:size])
    undefended = trained(training.clean, split, 1)
    papers = trained(training.Adversarial(EPS), split, 1 if quick else 3)
    robust = trained(training.PGD(EPS), split, 1 if quick else 3)

    rows = [
        *steps_against_the_floor(undefended, x, y, 1, 3 * rounds),
        *steps_against_the_floor(undefended, x, y, STEPS, max(2, rounds // 2)),
        *judging_a_model(undefended, x, y, max(2, rounds // 2)),
        *worst_case("undefended", undefended, x, y, EPS, 3),
        *worst_case("undefended", undefended, x, y, 0.1, 2),
        *worst_case("the paper's objective", papers, x, y, 0.1, 1),
        *worst_case("trained by PGD", robust, x, y, EPS, 1),
        *smallest_radii(undefended, digits.test.x[: 2 * n], digits.test.y[: 2 * n], 2),
        *epochs(split.x[: 24 * n], split.y[: 24 * n], 7),
        *frames(undefended, rounds),
        *importing(rounds),
    ]
    notes = [*memory(), *remarks()]
    show(rows, notes)
    write(rows, notes, options.output)


if __name__ == "__main__":
    main()
