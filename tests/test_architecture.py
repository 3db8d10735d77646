"""The package as a house: imports lead downstairs only, and public names stay where they are."""

from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

from tools.pictures import architecture

FLOOR = {room: floor for floor, rooms in enumerate(architecture.FLOORS) for room in rooms}
# What a notebook, a lesson or a program of somebody else may import. A name that has to change
# changes here too, and stands in CHANGELOG's table of old and new names.
PUBLIC = {
    "attack_report": "AttackReport Finding attack_report",
    "attacks": """AttackWarning bim cross_entropy eval_mode fgsm fooling_image gaussian_rubbish
        margin_loss minimal_epsilon pgd sign_noise square uniform_noise worst_case""",
    "certify": """Interval IntervalBound certified certified_error interval interval_linear
        linear_epsilon margin_bounds""",
    "audit": "AuditError AuditReport audit supplied",
    "contest": "Contest ContestError Result board judge new",
    "checks": """adversarial_loss adversarial_step agreement bim bim_until_fooled break_hardened
        break_staircase break_sure ensemble_fgsm estimated_gradient fgsm interval_linear
        interval_relu l1_decay_loss levels_to_eps linear_radius margin_bound margin_loss
        matched_noise mean_cosine project_l2 project_linf targeted_fgsm targeted_step
        worst_case_linear worst_case_loss""",
    "claims": "ClaimError PaperClaim claim known_claim paper_claims",
    "data": """CIFAR10 DataError MNIST PHOTOS Split cache_dir cifar10 cifar10_jpeg
        imagenet_classes mnist photo""",
    "evaluation": """Report Transfer attack_report evaluate predict transfer_matrix""",
    "linearity": """Gain Growth Straightness activation_growth aligned_change first_order_gain
        logits_along_line straightness""",
    "live": "UnknownLayer engine networks pack",
    "models": """Affine ConvMaxout ConvMaxoutLayer ConvNet Gaussians LogisticRegression MLP Maxout
        MaxoutLayer Network RBF Sigmoids SoftmaxRegression TwoLogits binary_cross_entropy
        imagenet_classifier seeded""",
    "plots": """BLUE GREEN GREY ORANGE PURPLE Figure curves described histogram images ledger
        matrix step surface weights""",
    "predictions": "Prediction predict",
    "progress": "EXERCISES done progress_file record show",
    "training": "Adversarial History Noise PGD RandomStart TrainingWarning clean fit",
    "widgets": """DrawDigit Explorer TrainingObserver attack_stepper defence_explorer
        dimension_explorer direction_explorer eps_explorer overfitting_explorer photo_explorer""",
}


def faults(imports: dict[str, set[str]]) -> list[str]:
    """Each arrow upstairs, each room without a floor, and the first circle."""
    graph = architecture.rooms(imports)
    found = [f"{room} has no floor in FLOORS" for room in graph if room not in FLOOR]
    found += [
        f"{room} imports {other}, which lies above it"
        for room, others in graph.items()
        for other in others
        if FLOOR.get(other, 0) > FLOOR.get(room, 0)
    ]
    for connected in (imports, graph):  # modules, and rooms, whose modules may have none
        try:
            TopologicalSorter(connected).prepare()
        except CycleError as error:
            found.append("a circle: " + " -> ".join(reversed(error.args[1])))
            break
    return found


def test_imports_lead_downstairs() -> None:
    """Catches a module that needs what is built on it, also where it imports it late."""
    imports = architecture.module_imports()
    assert {"advtutor.attacks", "advtutor.course.cli"} <= set(imports)
    assert not faults(imports)


@pytest.mark.parametrize(
    ("module", "line", "fault"),
    [
        ("data.py", "def f():\n    from advtutor.attacks import fgsm", "data imports attacks"),
        ("data.py", "import advtutor.plots", "data imports plots"),
        ("attacks/ball.py", "from .. import training", "attacks imports training"),
        ("cellar.py", "", "cellar has no floor"),
        ("plots.py", "from advtutor import certify\nfrom .linearity import x", None),
        (
            "certify.py",
            "from .linearity import x",
            "advtutor.certify -> advtutor.linearity",
        ),
        ("widgets/explorer.py", "from advtutor.claims import cell", "claims -> widgets -> claims"),
    ],
)
def test_an_arrow_upstairs_is_found(tmp_path: Path, module: str, line: str, fault: str) -> None:
    """Catches a reader of imports that misses one of the ways to write them."""
    package = tmp_path / "advtutor"
    lines = {
        "__init__.py": "",
        "data.py": "",
        "attacks/__init__.py": "from advtutor.attacks.ball import Ball",
        "attacks/ball.py": "",
        "training.py": "",
        "plots.py": "",
        "certify.py": "",
        "linearity.py": "from . import certify",
        "claims/__init__.py": "",
        "claims/cell.py": "from advtutor.widgets import observer",
        "widgets/__init__.py": "",
        "widgets/observer.py": "",
    }
    for name, text in (lines | {module: line}).items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    found = faults(architecture.module_imports(package))
    assert len(found) == (fault is not None), found
    assert fault is None or fault in found[0]


def test_the_picture_shows_the_rooms_and_arrows_that_there_are() -> None:
    """Catches a picture of the package as it was."""
    graph = architecture.public(architecture.rooms(architecture.module_imports()))
    shown = architecture.drawn(architecture.PICTURE.read_text(encoding="utf-8"))
    assert shown == (set(graph), architecture.arrows(graph)), (
        "run python -m tools.pictures.architecture (it needs graphviz)"
    )


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_can_be_imported(module: str) -> None:
    """Catches a public name that moved or went without a word."""
    found = import_module(f"advtutor.{module}")
    assert [name for name in PUBLIC[module].split() if not hasattr(found, name)] == []
