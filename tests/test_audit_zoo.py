"""The audit names each planted fault, and finds nothing where there is none."""

import pytest
import torch
import zoo

from advtutor.audit import AuditReport, audit

SOUND, FAULTY = zoo.sound(), zoo.faulty()
KINDS: dict[str, list[str]] = {}  # each fault's animals: one of digits, one of colour pictures
for _name in FAULTY:
    KINDS.setdefault(_name.partition(", ")[2], []).append(_name)
# One fault in twelve on both kinds over three seeds, the others on one kind with one seed.
EACH = [
    (name, seed)
    for i, names in enumerate(KINDS.values())
    for name in (names if i % 12 == 0 else [names[i % len(names)]])
    for seed in ((0, 1, 2) if i % 12 == 0 else (i % 3,))
]


def audited(animal: zoo.Animal, seed: int, **settings: object) -> AuditReport:
    x, y = zoo.pictures(animal.kind, 100, seed)
    if animal.change:
        x, y = animal.change(x, y)
    usual = zoo.DIGITS_EPS if animal.kind == "digits" else zoo.COLOUR_EPS
    eps = usual if animal.eps is None else animal.eps
    return audit(animal.model(), x, y, eps, budget=0.1, seed=seed, **settings)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", SOUND)
def test_nothing_is_found_at_a_sound_network(name: str, seed: int) -> None:
    """Catches a false alarm."""
    report = audited(SOUND[name], seed)
    assert report.sound, report
    clean, worst = report["clean"], report["worst case"]
    assert clean.error <= worst.error and worst.n == (clean.n if SOUND[name].change else 100)
    assert worst.error >= max(each.error for each in report.measured)


@pytest.mark.parametrize(("name", "seed"), EACH)
def test_each_fault_is_found_by_its_name(name: str, seed: int) -> None:
    """Catches a fault that passes, one under another's name, and one that brings false ones."""
    report = audited(FAULTY[name], seed)
    assert set(report.names) == FAULTY[name].faults, report
    for finding in report.findings:
        assert any(letter.isdigit() for letter in finding.evidence)
        assert finding.sentence.endswith(".") and finding.remedy.endswith(".")


def test_every_finding_has_its_animals() -> None:
    """Catches a name of the twelve that no network of the zoo has, or only one of them."""
    names = [fault for animal in FAULTY.values() for fault in animal.faults]
    known = (
        "chance nan labels range eps-units probabilities train-mode random no-gradient "
        "vanishing-gradients masked-gradients"
    )
    assert all(names.count(name) >= 3 for name in known.split())
    assert set(names) == set(known.split())  # weak-attack is test_audit.py's


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("digits", ""),
        ("colour", ""),
        ("digits", "x 400"),
        ("colour", "quantised pixels"),
        ("digits", "reversed gradient"),
        ("colour", "softmax"),
    ],
)
def test_the_same_in_the_l2_norm(kind: str, fault: str) -> None:
    """Catches an L2 audit that misses what the max-norm's names, or a false alarm of its own."""
    animal = FAULTY[f"{kind}, {fault}"] if fault else SOUND[f"{kind}-usual"]
    x, y = zoo.pictures(kind, 100, 0)
    eps = 1.5 if kind == "digits" else 0.5
    report = audit(animal.model(), x, y, eps, norm="l2", budget=0.1)
    assert set(report.names) == animal.faults, report


def test_large_rgb_pictures_and_few_of_them() -> None:
    """Catches what works for small pictures or for a hundred of them only."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 7, stride=8), torch.nn.ReLU(), torch.nn.Flatten()
    )
    x = torch.rand(5, 3, 96, 96)
    network.append(torch.nn.Linear(network(x).shape[1], 20))
    with torch.no_grad():
        network[-1].weight *= 50
    y = network(x).argmax(dim=1)
    report = audit(network, x, y, 2 / 255, budget=0.01)
    assert report["clean"].error == 0 and report["clean"].n == 5
