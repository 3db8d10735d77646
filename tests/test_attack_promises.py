"""What every attack promises (DESIGN: "An attack promises"), as properties over random cases."""

import contextlib
import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from advtutor import attacks

Attack = Callable[..., Tensor]

GRADIENT: dict[str, Attack] = {
    "fgsm": attacks.fgsm,
    "fgsm targeted": partial(attacks.fgsm, targeted=True),
    "bim": partial(attacks.bim, steps=3),
    "bim early stop": partial(attacks.bim, steps=3, early_stop=True),
    "pgd without random start": partial(attacks.pgd, steps=3, random_start=False),
    "pgd l2 without random start": partial(attacks.pgd, steps=3, norm="l2", random_start=False),
    "fooling image": attacks.fooling_image,
}
RANDOM: dict[str, Attack] = {
    "pgd": partial(attacks.pgd, steps=2),
    "pgd restarts": partial(attacks.pgd, steps=2, restarts=3, early_stop=True),
    "pgd l2": partial(attacks.pgd, steps=2, norm="l2", restarts=2),
    "pgd margin": partial(attacks.pgd, steps=2, loss=attacks.margin_loss),
    "square": partial(attacks.square, queries=6),
    "worst_case": partial(attacks.worst_case, steps=2, queries=4),
    "sign noise": attacks.sign_noise,
    "uniform noise": attacks.uniform_noise,
}
ALL = GRADIENT | RANDOM
# These take the model's answer as it is; the noise does not look at it at all.
QUERYING = {name: attack for name, attack in ALL.items() if "noise" not in name}

every_attack = pytest.mark.parametrize("name", sorted(ALL))
properties = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
pytestmark = pytest.mark.filterwarnings("ignore::advtutor.attacks.AttackWarning")


class Net(nn.Module):
    """A convolution, a BatchNorm that is frozen inside a training model, dropout, a linear top."""

    def __init__(self, shape: tuple[int, ...], classes: int, dtype: torch.dtype) -> None:
        super().__init__()
        channels, height, width = shape
        self.conv = nn.Conv2d(channels, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.top = nn.Linear(4 * height * width, classes)
        self.to(dtype).train()
        self.norm.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.top(self.drop(self.norm(self.conv(x)).relu()).flatten(1))


@dataclass
class Case:
    model: Net
    x: Tensor
    y: Tensor
    eps: float
    clip: attacks.Clip

    def run(self, name: str, x: Tensor | None = None, seed: int = 0, **more: object) -> Tensor:
        """The attack's result; as many random numbers from the same seed each time."""
        arguments = {"eps": self.eps, "clip": self.clip} | more
        if name in RANDOM:
            arguments["generator"] = torch.Generator().manual_seed(seed)
        return ALL[name](self.model, self.x if x is None else x, self.y, **arguments)


@st.composite
def cases(
    draw: st.DrawFn,
    dtypes: tuple[torch.dtype, ...] = (torch.float32, torch.float64, torch.bfloat16, torch.float16),
    smallest: int = 1,
) -> Case:
    # Few sizes: for each new one, torch compiles its convolution anew.
    shape = draw(st.sampled_from([(1, 1, 1), (1, 6, 6), (2, 1, 7), (3, 5, 4)]))
    n, classes = draw(st.sampled_from([1, 2, 5])), draw(st.sampled_from([2, 5]))
    n = max(n, smallest)
    dtype = draw(st.sampled_from(dtypes))
    clip = draw(st.sampled_from([(0.0, 1.0), (-1.0, 2.0), (0.0, 255.0), None]))
    eps = draw(st.sampled_from([0.0, 0.007, 0.1, 0.3, 2.0]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(draw(st.integers(0, 10**6)))
        low, high = clip or (-3.0, 3.0)
        x = (low + (high - low) * torch.rand(n, *shape, dtype=torch.float64)).to(dtype)
        if draw(st.booleans()):  # images at the edge of the range, where clipping bites
            x = x.round().clamp(low, high)
        model = Net(shape, classes, dtype)
        y = torch.randint(0, classes, (n,))
        with torch.no_grad(), attacks.eval_mode(model):
            if n and (model(x).argmax(1) == y).all():  # a targeted attack needs one to move
                y[0] = (y[0] + 1) % classes
    return Case(model, x, y, eps, clip)


def state_of(model: nn.Module) -> dict[str, object]:
    """Everything an attack must leave alone."""
    return {
        "modes": [module.training for module in model.modules()],
        "numbers": copy.deepcopy(model.state_dict()),
        "gradients": [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        "frozen": [p.requires_grad for p in model.parameters()],
    }


def assert_same_state(before: dict[str, object], after: dict[str, object]) -> None:
    assert after["modes"] == before["modes"]
    assert after["frozen"] == before["frozen"]
    for name, number in before["numbers"].items():
        assert torch.equal(after["numbers"][name], number), name
    for old, new in zip(before["gradients"], after["gradients"], strict=True):
        assert (old is None and new is None) or torch.equal(old, new)


def assert_inside(case: Case, name: str, x_adv: Tensor) -> None:
    """In the ball, compared in the tensor's own dtype with a tolerance of 1e-6, and in range."""
    step = x_adv - case.x
    eps = torch.tensor(case.eps, dtype=torch.float64).to(step.dtype)
    size = step.flatten(1).norm(dim=1) if "l2" in name else step.abs()
    # A norm is summed up: half precision rounds the sum, too.
    slack = 1 + 8 * torch.finfo(step.dtype).eps if "l2" in name else 1
    assert size.max() <= eps * slack + 1e-6
    if case.clip is not None:
        assert x_adv.min() >= case.clip[0]
        assert x_adv.max() <= case.clip[1]


@every_attack
@properties
@given(case=cases())
def test_result_is_a_plain_image_inside_the_ball_and_the_range(case: Case, name: str) -> None:
    """Catches a missing clip or projection, an attached result, another dtype or shape, NaN."""
    x_adv = case.run(name)
    assert not x_adv.requires_grad and x_adv.grad_fn is None
    assert (x_adv.dtype, x_adv.device, x_adv.shape) == (case.x.dtype, case.x.device, case.x.shape)
    assert x_adv.isfinite().all()
    assert_inside(case, name, x_adv)


@every_attack
@properties
@given(case=cases(), with_gradients=st.booleans())
def test_nothing_else_changes(case: Case, name: str, with_gradients: bool) -> None:
    """Catches a result written into the input, gradients left in or wiped from the weights, moved
    running statistics, and a frozen BatchNorm that wakes up in train mode."""
    if with_gradients:
        for parameter in case.model.parameters():
            parameter.grad = torch.full_like(parameter, 7)
    x, y, before = case.x.clone(), case.y.clone(), state_of(case.model)
    x_adv = case.run(name)
    assert torch.equal(case.x, x) and torch.equal(case.y, y)
    assert x_adv.data_ptr() != case.x.data_ptr()
    assert_same_state(before, state_of(case.model))


@every_attack
@properties
@given(case=cases())
def test_eps_0_is_the_identity(case: Case, name: str) -> None:
    """Catches a random start or a clip that moves images although nothing may move."""
    assert torch.equal(case.run(name, eps=0.0), case.x)


@pytest.mark.parametrize("name", sorted(RANDOM))
@properties
@given(case=cases())
def test_same_generator_same_result(case: Case, name: str) -> None:
    """Catches random numbers drawn past the generator, from the global state."""
    state = torch.get_rng_state()
    first = case.run(name)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    assert torch.equal(case.run(name), first)


@pytest.mark.parametrize("name", sorted(RANDOM))
def test_other_generator_other_result(name: str) -> None:
    """Catches a generator that is taken and never used."""
    torch.manual_seed(0)
    model, x = Net((1, 6, 6), 3, torch.float32), torch.rand(6, 1, 6, 6)
    with torch.no_grad(), attacks.eval_mode(model):
        y = model(x).argmax(1)
    with torch.no_grad():
        model.top.bias[y.mode().values] += 100  # nothing can be broken: the search goes on
    case = Case(model, x, torch.full_like(y, int(y.mode().values)), 0.1, (0.0, 1.0))
    assert not torch.equal(case.run(name, seed=0), case.run(name, seed=1))


@every_attack
@properties
@given(case=cases(), off=st.sampled_from([torch.no_grad, torch.inference_mode]))
def test_works_where_gradients_are_off(case: Case, name: str, off: Callable[[], object]) -> None:
    """Catches `element 0 of tensors does not require grad`, and switches left in another state."""
    expected = case.run(name)
    with off():
        inside = case.run(name)
        assert not torch.is_grad_enabled()
        assert torch.is_inference_mode_enabled() == (off is torch.inference_mode)
        # Images that were made in here cannot be saved for a backward pass.
        again = case.run(name, x=case.x.clone())
    assert torch.is_grad_enabled()
    assert torch.equal(inside, expected) and torch.equal(again, expected)


@every_attack
@properties
@given(case=cases())
def test_inference_tensors_outside_inference_mode(case: Case, name: str) -> None:
    """Catches `Inference tensors cannot be saved for backward`, for images and labels."""
    expected = case.run(name)
    with torch.inference_mode():
        x, case.y = case.x.clone(), case.y.clone()
    assert torch.equal(case.run(name, x=x), expected)


@every_attack
@properties
@given(case=cases())
def test_images_that_require_gradients(case: Case, name: str) -> None:
    """Catches an attack that ties its steps to the caller's graph, or fills the images' grad."""
    expected = case.run(name)
    leaf = case.x.clone().requires_grad_()
    inner = leaf * 1
    for x in (leaf, inner):
        assert torch.equal(case.run(name, x=x), expected)
    assert leaf.grad is None and leaf.requires_grad


@every_attack
@properties
@given(case=cases(dtypes=(torch.float64,)), layout=st.sampled_from(["last", "strided", "expand"]))
def test_memory_layout_makes_no_difference(case: Case, name: str, layout: str) -> None:
    """Catches `view` on what is not contiguous, and writing into expanded memory."""
    if layout == "last":
        x = case.x.contiguous(memory_format=torch.channels_last)
    elif layout == "strided":
        x = torch.stack([case.x, case.x], dim=-1)[..., 0]
    else:
        case.x = x = case.x[:1].expand_as(case.x)
    expected = case.run(name, x=x.clone(memory_format=torch.contiguous_format))
    torch.testing.assert_close(case.run(name, x=x), expected, rtol=0, atol=1e-12)


@every_attack
@properties
@given(case=cases(dtypes=(torch.float32,)))
def test_autocast(case: Case, name: str) -> None:
    """Catches half-precision logits or gradients that leak into the result."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        x_adv = case.run(name)
    assert x_adv.dtype == torch.float32
    assert_inside(case, name, x_adv)


@every_attack
@pytest.mark.parametrize("off", [contextlib.nullcontext, torch.no_grad, torch.inference_mode])
def test_empty_batch(name: str, off: Callable[[], object]) -> None:
    """Catches a maximum over nothing."""
    x, y = torch.zeros(0, 1, 4, 4), torch.zeros(0, dtype=torch.int64)
    with off():
        x_adv = Case(Net((1, 4, 4), 3, torch.float32), x, y, 0.1, (0.0, 1.0)).run(name)
    assert x_adv.shape == x.shape and x_adv.dtype == x.dtype and not x_adv.requires_grad


@pytest.mark.parametrize("name", sorted(GRADIENT))
@properties
@given(case=cases(dtypes=(torch.float64,), smallest=2))
def test_batch_by_batch_alike(case: Case, name: str) -> None:
    """Catches a result that depends on the other images of the batch: a loss divided by the
    batch's size, statistics of the batch, a ball shared by all."""
    whole = case.run(name)
    for i in range(len(case.x)):
        with contextlib.suppress(ValueError):  # a target that is predicted already, on its own
            part = Case(case.model, case.x[[i]], case.y[[i]], case.eps, case.clip).run(name)
            torch.testing.assert_close(part, whole[[i]], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", sorted(QUERYING))
@pytest.mark.parametrize("calls", [0, 1])
def test_modes_come_back_after_an_exception(name: str, calls: int) -> None:
    """Catches a model left in eval mode because its forward pass raised."""

    class Breaking(Net):
        left = calls

        def forward(self, x: Tensor) -> Tensor:
            if self.left == 0:
                raise RuntimeError("out of memory, say")
            self.left -= 1
            return super().forward(x)

    torch.manual_seed(0)
    model = Breaking((1, 4, 4), 3, torch.float32)
    case = Case(model, torch.rand(3, 1, 4, 4), torch.tensor([0, 1, 2]), 0.1, (0.0, 1.0))
    before = state_of(model)
    with contextlib.suppress(RuntimeError):  # a single step needs one call only
        case.run(name)
    assert_same_state(before, state_of(model))
    assert torch.is_grad_enabled()


@settings(properties, max_examples=15)
@given(
    case=cases(),
    off=st.sampled_from([contextlib.nullcontext, torch.no_grad, torch.inference_mode]),
)
def test_minimal_epsilon_keeps_the_promises(case: Case, off: Callable[[], object]) -> None:
    """Catches the same defects in the attack that returns radii."""
    x, y, before = case.x.clone(), case.y.clone(), state_of(case.model)
    with off():
        eps = attacks.minimal_epsilon(case.model, case.x, case.y, clip=case.clip, eps_max=0.5)
    assert eps.shape == y.shape and eps.dtype == x.dtype
    assert not eps.requires_grad and not eps.isnan().any()
    limit = torch.tensor(0.5, dtype=x.dtype)
    assert ((eps >= 0) & ((eps <= limit + 1e-6) | eps.isinf())).all()
    with torch.no_grad(), attacks.eval_mode(case.model):
        assert torch.equal(eps == 0, case.model(x).argmax(1) != y)
    with torch.inference_mode():
        x_inference, y_inference = x.clone(), y.clone()
    more = {"clip": case.clip, "eps_max": 0.5}
    again = attacks.minimal_epsilon(case.model, x_inference, y_inference, **more)
    assert torch.equal(again, eps)
    assert torch.equal(case.x, x) and torch.equal(case.y, y)
    assert_same_state(before, state_of(case.model))
