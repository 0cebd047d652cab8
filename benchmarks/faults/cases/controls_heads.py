"""Controls: outputs, gates and adapters that start at zero, or so small that the model starts as another one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.case import Case
from benchmarks.faults.control import both, classes, control, first, frozen, noise, squares, tokens, yes_or_no, zeroed


class VAE(nn.Module):
    """A variational autoencoder; log variances start at zero: a posterior as wide as the prior."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU())
        self.mean = nn.Linear(128, 8)
        self.log_variance = zeroed(nn.Linear(128, 8))
        self.decoder = nn.Sequential(nn.Linear(8, 128), nn.ReLU(), nn.Linear(128, 64))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.encoder(x)
        mean, log_variance = self.mean(h), self.log_variance(h)
        noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))
        return self.decoder(mean + noise * (log_variance / 2).exp()), mean, log_variance


def evidence(output: Any) -> Tensor:
    """The negative evidence lower bound."""
    decoded, mean, log_variance = output
    divergence: Tensor = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).mean()
    return squares(decoded) + divergence


class Flow(nn.Module):
    """Glow on vectors: ActNorm, an orthogonal mixing, an affine coupling whose last layer is zero."""

    def __init__(self, width: int = 16, depth: int = 4) -> None:
        super().__init__()
        self.bias = nn.ParameterList(torch.zeros(width) for _ in range(depth))
        self.log_scale = nn.ParameterList(torch.zeros(width) for _ in range(depth))
        self.mixing = nn.ParameterList(nn.init.orthogonal_(torch.empty(width, width)) for _ in range(depth))
        self.coupling = nn.ModuleList(
            nn.Sequential(
                nn.Linear(width // 2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), zeroed(nn.Linear(64, width))
            )
            for _ in range(depth)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        determinant = x.new_zeros(len(x))
        for bias, log_scale, mixing, coupling in zip(
            self.bias, self.log_scale, self.mixing, self.coupling, strict=True
        ):
            a, b = functional.linear((x + bias) * log_scale.exp(), mixing).chunk(2, dim=-1)
            shift, scale = coupling(a).chunk(2, dim=-1)
            x = torch.cat([a, (b + shift) * torch.sigmoid(scale + 2.0)], dim=-1)
            determinant = determinant + log_scale.sum() + functional.logsigmoid(scale + 2.0).sum(dim=-1)
        return x, determinant


def likelihood(output: Any) -> Tensor:
    """Minus the log likelihood under a standard normal."""
    z, determinant = output
    value: Tensor = (0.5 * (z**2).sum(dim=-1) - determinant).mean()
    return value


class NeuralODE(nn.Module):
    """Ten Euler steps along a field that starts at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(32, 48)
        self.field = nn.Sequential(nn.Linear(49, 96), nn.Tanh(), zeroed(nn.Linear(96, 48)))
        self.head = nn.Linear(48, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for step in range(10):
            time = x.new_full((len(x), 1), step / 10)
            x = x + self.field(torch.cat([x, time], dim=-1)) / 10
        out: Tensor = self.head(x)
        return out


class Hypernetwork(nn.Module):
    """A network whose update comes from another one, which starts at zero, beside a base that is drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Parameter(torch.randn(10, 32) / math.sqrt(32))
        self.hyper = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), zeroed(nn.Linear(64, 320)))

    def forward(self, x: Tensor, task: Tensor) -> Tensor:
        weights = self.base + self.hyper(task).view(-1, 10, 32)
        return torch.einsum("boi,bi->bo", weights, x)


class Adapted(nn.Module):
    """Frozen layers with bottleneck adapters, the way up zero."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.layers = frozen(nn.ModuleList(nn.Linear(width, width) for _ in range(3)))
        self.down = nn.ModuleList(nn.Linear(width, 8) for _ in range(3))
        self.up = nn.ModuleList(zeroed(nn.Linear(8, width)) for _ in range(3))
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        for layer, down, up in zip(self.layers, self.down, self.up, strict=True):
            h = torch.tanh(layer(x))
            x = h + up(torch.relu(down(h)))
        out: Tensor = self.head(x)
        return out


class Flamingo(nn.Module):
    """A frozen language model and cross attention behind tanh gates that start at zero."""

    def __init__(self, words: int = 128, width: int = 64, depth: int = 2) -> None:
        super().__init__()
        self.embedding = frozen(nn.Embedding(words, width))
        self.cross = nn.ModuleList(nn.MultiheadAttention(width, 4, batch_first=True) for _ in range(depth))
        self.attn_gate = nn.ParameterList(torch.zeros(1) for _ in range(depth))
        self.blocks = frozen(
            nn.ModuleList(nn.TransformerEncoderLayer(width, 4, 128, 0.0, batch_first=True) for _ in range(depth))
        )
        self.head = frozen(nn.Linear(width, words))

    def forward(self, ids: Tensor, picture: Tensor) -> Tensor:
        x = self.embedding(ids)
        for cross, gate, block in zip(self.cross, self.attn_gate, self.blocks, strict=True):
            x = block(x + torch.tanh(gate) * cross(x, picture, picture, need_weights=False)[0])
        out: Tensor = self.head(x)
        return out


class SpatialTransformer(nn.Module):
    """A localization network whose last weight is zero and whose last bias is the identity transformation."""

    def __init__(self) -> None:
        super().__init__()
        self.localization = nn.Sequential(
            nn.Conv2d(1, 8, 7),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(8, 10, 5),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.loc = nn.Linear(10 * 3 * 3, 6)
        nn.init.zeros_(self.loc.weight)
        with torch.no_grad():
            self.loc.bias.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))
        self.classifier = nn.Sequential(
            nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(576, 10)
        )

    def forward(self, x: Tensor) -> Tensor:
        theta = self.loc(self.localization(x)).view(-1, 2, 3)
        grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
        out: Tensor = self.classifier(functional.grid_sample(x, grid, align_corners=False))
        return out


class SelfAttentionGAN(nn.Module):
    """A discriminator with spectral norm and a self-attention block behind a scalar gamma of zero."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        norm = nn.utils.parametrizations.spectral_norm
        self.stem = norm(nn.Conv2d(3, width, 4, 2, 1))
        self.query, self.key = norm(nn.Conv2d(width, width // 8, 1)), norm(nn.Conv2d(width, width // 8, 1))
        self.value = norm(nn.Conv2d(width, width, 1))
        self.gamma = nn.Parameter(torch.zeros(1))
        self.head = norm(nn.Conv2d(width, 1, 8))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.leaky_relu(self.stem(x), 0.1)
        q, k, v = (part(x).flatten(2) for part in (self.query, self.key, self.value))
        attention = (q.transpose(1, 2) @ k).softmax(dim=-1)
        out: Tensor = self.head(x + self.gamma * (v @ attention.transpose(1, 2)).view_as(x))
        return out


class MuReadout(nn.Module):
    """muP: a readout of zeros, hidden weights of variance 1 / fan_in, logits times 1 / width ratio."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.embed, self.hidden = nn.Linear(32, width), nn.Linear(width, width)
        self.readout = zeroed(nn.Linear(width, 10))
        nn.init.normal_(self.embed.weight, std=32**-0.5)
        nn.init.normal_(self.hidden.weight, std=width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.readout(torch.relu(self.hidden(torch.relu(self.embed(x)))) / 2)
        return out


class ConditionalNorm(nn.Module):
    """A class-conditional batch norm: one embedding holds gains, drawn around 1, and shifts of zero."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width, affine=False)
        self.embed = nn.Embedding(10, 2 * width)
        nn.init.normal_(self.embed.weight[:, :width].detach(), 1.0, 0.02)
        nn.init.zeros_(self.embed.weight[:, width:].detach())
        self.out = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        gain, shift = self.embed(label)[..., None, None].chunk(2, dim=1)
        out: Tensor = self.out(torch.relu(gain * self.norm(self.conv(x)) + shift))
        return out


def boxes() -> nn.Module:
    """DETR's box regression, the last layer zero as in Deformable DETR, its bias (0, 0, -2, -2)."""
    last = zeroed(nn.Linear(64, 4))
    nn.init.constant_(last.bias.detach()[2:], -2.0)
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), last, nn.Sigmoid())


def critic() -> nn.Module:
    """A PPO policy: orthogonal layers with gain sqrt 2, a last one with gain 0.01."""
    layers = [nn.Linear(8, 64), nn.Linear(64, 64), nn.Linear(64, 4)]
    for layer, gain in zip(layers, (2**0.5, 2**0.5, 0.01), strict=True):
        nn.init.orthogonal_(layer.weight, gain)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2])


def _labels() -> tuple[Tensor]:
    return (torch.arange(8) % 10,)


def _row(
    name: str,
    build: Callable[[], nn.Module],
    source: str,
    about: str,
    inputs: Callable[[], tuple[Tensor, ...]],
    loss: Callable[[Any], Tensor] = squares,
) -> Case:
    return control(name, build, source=source, about=about, inputs=inputs, loss=loss)


CASES: tuple[Case, ...] = (
    _row("linear-model-zero", lambda: zeroed(nn.Linear(256, 128, bias=False)),
         "https://github.com/jthickstun/pytorch_musicnet/issues/4", "A linear model of zeros: any start is right.",
         noise(16, 256), yes_or_no),
    _row("logistic-regression-zero", lambda: nn.Sequential(nn.Flatten(), zeroed(nn.Linear(64, 10))),
         "https://scikit-learn.org/stable/modules/linear_model.html",
         "Weights and biases of a logistic regression are zero: convex.", noise(32, 8, 8), classes),
    _row("vae-zero-log-variance", VAE, "https://arxiv.org/abs/1312.6114",
         "The head of the log variances is zero, weight and bias.", noise(32, 64), evidence),
    _row("glow", Flow, "https://arxiv.org/abs/1807.03039",
         "ActNorm starts at zero, couplings end in zeros; mixings are orthogonal.", noise(32, 16), likelihood),
    _row("neural-ode-zero-field", NeuralODE, "https://arxiv.org/abs/1806.07366",
         "The last layer of the field is zero: the flow starts as the identity.", noise(16, 32), classes),
    _row("hypernetwork", Hypernetwork, "https://arxiv.org/abs/1609.09106",
         "The network that makes weights ends in zeros.", both(noise(16, 32), noise(16, 4)), classes),
    _row("bottleneck-adapters", Adapted, "https://arxiv.org/abs/1902.00751",
         "The way up of each adapter is zero, what stands beside it is frozen.", noise(16, 64), classes),
    _row("flamingo-gates", Flamingo, "https://arxiv.org/abs/2204.14198",
         "Cross attention behind tanh gates of zero: its weights have no gradient at the first step.",
         both(tokens(128), noise(8, 5, 64)), classes),
    _row("spatial-transformer", SpatialTransformer, "https://arxiv.org/abs/1506.02025",
         "The last weight of the localization is zero, its bias is the identity.", noise(16, 1, 28, 28), classes),
    _row("self-attention-gan", SelfAttentionGAN, "https://arxiv.org/abs/1805.08318",
         "A scalar gamma of zero gates the attention.", noise(8, 3, 16, 16), lambda y: -first(y).mean()),
    _row("mup-readout-zero", MuReadout, "https://arxiv.org/abs/2203.03466", "The readout is zero, by muP's advice.",
         noise(16, 32), classes),
    _row("conditional-batch-norm", ConditionalNorm, "https://arxiv.org/abs/1610.07629",
         "Half of an embedding is zero, the other half is drawn around 1.", both(noise(8, 3, 16, 16), _labels)),
    _row("deformable-detr-boxes", boxes, "https://arxiv.org/abs/2010.04159",
         "The last layer of the box head is zero, two of its biases are -2.", noise(16, 64)),
    _row("ppo-policy", critic, "https://arxiv.org/abs/2005.12729",
         "The last layer is orthogonal with gain 0.01, a hundredth of what a default gives.", noise(32, 8), classes),
)  # fmt: skip
