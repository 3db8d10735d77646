"""The three networks of notebook 09: one is a fraud, so do not read on before you have found it."""

from safetensors.torch import load
from torch import Tensor, nn

from advtutor import live, models


class Birch(nn.Module):
    """A network trained as usual that hands back the gradient of another one.

    `network` reads the digits; `decoy` was never trained. Both see the pictures, and the sum is
    `network`'s logits to the last digit, but only `decoy` is differentiated.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network, self.decoy = _stored("usual"), models.ConvNet(seed=7)

    def forward(self, x: Tensor) -> Tensor:
        """Logits `[N, 10]` of pictures `[N, 1, 28, 28]`."""
        logits, decoy = self.network(x), self.decoy(x)
        return logits.detach() + (decoy - decoy.detach())


def supplied(name: str) -> nn.Module:
    """One of three networks that read digits: "ash", "birch" or "cedar", in eval mode."""
    makers = {"ash": lambda: _stored("hardened"), "birch": Birch, "cedar": lambda: _stored("usual")}
    if name not in makers:
        raise ValueError(f"name is {name!r}; there are {', '.join(makers)}")
    return makers[name]().eval()


def _stored(name: str) -> nn.Module:
    network = models.ConvNet()
    weights = load(live.networks()[name])
    network.load_state_dict({key: value.float() for key, value in weights.items()})
    return network
