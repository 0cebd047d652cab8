"""Unseen controls: right as they were made, though weights are constant, structured, huge, small or alike."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.control import classes, control, frozen, noise, squares, tokens


class Circulant(nn.Module):
    """A square weight kept in full, each row the one above turned by one."""

    def __init__(self, width: int) -> None:
        super().__init__()
        row = torch.randn(width) * width**-0.5
        self.weight = nn.Parameter(torch.stack([row.roll(i) for i in range(width)]))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T


class Hippo(nn.Module):
    """A linear state space with the HiPPO matrix as its trained transition."""

    def __init__(self, states: int = 16) -> None:
        super().__init__()
        n = torch.arange(states).float()
        lower = torch.tril(torch.sqrt((2 * n[:, None] + 1) * (2 * n + 1)), -1)
        self.A = nn.Parameter(-(lower + torch.diag(n + 1)))
        self.B = nn.Parameter((2 * n + 1).sqrt()[:, None])
        self.C = nn.Parameter(torch.randn(1, states) * states**-0.5)

    def forward(self, x: Tensor) -> Tensor:  # (batch, time)
        step = torch.linalg.solve(torch.eye(len(self.A)) - self.A / 100, torch.eye(len(self.A)))
        state, ys = x.new_zeros(len(x), len(self.A)), []
        for value in x.unbind(1):
            state = (state + value[:, None] * self.B.T / 50) @ step.T
            ys.append(state @ self.C.T)
        return torch.cat(ys, 1)


class Noisy(nn.Module):
    """A layer with noise of a trained scale on each weight, constant at the start."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.weight_mu = nn.Parameter(torch.empty(outer, inner).uniform_(-(inner**-0.5), inner**-0.5))
        self.weight_sigma = nn.Parameter(torch.full((outer, inner), 0.5 * inner**-0.5))
        self.bias_mu = nn.Parameter(torch.empty(outer).uniform_(-(inner**-0.5), inner**-0.5))

    def forward(self, x: Tensor) -> Tensor:
        left, right = (torch.randn(n).sign() * torch.randn(n).abs().sqrt() for n in self.weight_mu.shape)
        return functional.linear(x, self.weight_mu + self.weight_sigma * left[:, None] * right, self.bias_mu)


class Masked(nn.Conv2d):
    """PixelCNN's convolution: what comes later is zeroed in the weight itself."""

    def forward(self, x: Tensor) -> Tensor:
        mask = torch.ones_like(self.weight)
        mask[..., self.kernel_size[0] // 2, self.kernel_size[1] // 2 + 1 :] = 0
        mask[..., self.kernel_size[0] // 2 + 1 :, :] = 0
        self.weight.data.mul_(mask)
        return super().forward(x)


def masked() -> nn.Module:
    layers = [Masked(1, 16, 5, padding=2), nn.ReLU(), Masked(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 8, 1)]
    model = nn.Sequential(*layers)
    model(torch.zeros(1, 1, 8, 8))
    return model


class Radial(nn.Module):
    """Bumps at points of the data, of one width."""

    def __init__(self) -> None:
        super().__init__()
        data = torch.rand(200, 6).mul(4).round() / 4
        self.centers = nn.Parameter(data[:40].clone())
        self.log_width = nn.Parameter(torch.full((40,), -0.3))
        self.out = nn.Linear(40, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.out(torch.exp(-torch.cdist(x, self.centers).square() * self.log_width.exp()))
        return y


class Convex(nn.Module):
    """Input-convex: weights along the path pass a softplus, and are negative before it."""

    def __init__(self) -> None:
        super().__init__()
        self.raw = nn.ParameterList(nn.Parameter(torch.randn(32, 32) * 0.1 - 4.0) for _ in range(2))
        self.skip = nn.ModuleList(nn.Linear(10, 32) for _ in range(3))
        self.out = nn.Parameter(torch.full((32,), -3.5))

    def forward(self, x: Tensor) -> Tensor:
        y = functional.softplus(self.skip[0](x))
        for raw, skip in zip(self.raw, list(self.skip)[1:], strict=True):
            y = functional.softplus(y @ functional.softplus(raw) + skip(x))
        return y @ functional.softplus(self.out)


class Globally(nn.Module):
    """ConvNeXt-V2's block: global response norm with gain and bias of zero, depthwise convolution, residual."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.inside, self.outside = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.gamma, self.beta = nn.Parameter(torch.zeros(4 * width)), nn.Parameter(torch.zeros(4 * width))

    def forward(self, x: Tensor) -> Tensor:
        y = functional.gelu(self.inside(self.norm(self.conv(x).movedim(1, -1))))
        size = y.norm(dim=(1, 2), keepdim=True)
        y = self.gamma * (y * size / (size.mean(-1, keepdim=True) + 1e-6)) + self.beta + y
        z: Tensor = x + self.outside(y).movedim(-1, 1)
        return z


class Mixture(nn.Module):
    """A mixture density network: the means' biases are spread over the targets' range."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Sequential(nn.Linear(4, 50), nn.Tanh()), nn.Linear(50, 24)
        nn.init.normal_(self.head.weight, std=0.01)
        spread = torch.cat([torch.zeros(8), torch.linspace(-40, 40, 8), torch.full((8,), math.log(5.0))])
        self.head.bias = nn.Parameter(spread)

    def forward(self, x: Tensor) -> Tensor:
        weight, mean, log_std = self.head(self.body(x)).chunk(3, 1)
        target = torch.linspace(-30, 30, len(x))[:, None]
        each = weight.log_softmax(1) - ((target - mean) / log_std.exp()).square() / 2 - log_std
        result: Tensor = -each.logsumexp(1)
        return result


class Reservoir(nn.Module):
    """An echo state network: a sparse frozen recurrence, a readout of zeros."""

    def __init__(self) -> None:
        super().__init__()
        recurrent = torch.randn(60, 60) * (torch.rand(60, 60) < 0.1)
        self.recurrent = nn.Parameter(
            recurrent / torch.linalg.eigvals(recurrent).abs().max() * 0.9, requires_grad=False
        )
        self.inside = nn.Parameter(torch.empty(60, 3).uniform_(-0.5, 0.5), requires_grad=False)
        self.out = nn.Linear(60, 2)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), 60)
        for step in x.unbind(1):
            state = torch.tanh(state @ self.recurrent.T + step @ self.inside.T)
        y: Tensor = self.out(state)
        return y


class Frequent(nn.Module):
    """A language model whose output bias is the logarithm of each word's frequency (Zipf)."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.rnn, self.out = nn.Embedding(500, 24), nn.GRU(24, 32, batch_first=True), nn.Linear(32, 500)
        nn.init.normal_(self.out.weight, std=0.02)
        self.out.bias = nn.Parameter((1 / torch.arange(1.0, 501)).div(6.79).log())

    def forward(self, words: Tensor) -> Tensor:
        logits: Tensor = self.out(self.rnn(self.words(words))[0])
        return logits


def frequent(output: Tensor) -> Tensor:
    words = torch.arange(output.shape[0] * output.shape[1]) ** 2 % 40
    return functional.cross_entropy(output.flatten(0, 1), words)


def policy() -> nn.Module:
    """DDPG's rule: fan-in uniform, the last layer U(-0.003, 0.003) before a tanh."""
    model = nn.Sequential(nn.Linear(9, 100), nn.ReLU(), nn.Linear(100, 80), nn.ReLU(), nn.Linear(80, 2), nn.Tanh())
    for parameter in model[4].parameters():
        nn.init.uniform_(parameter, -3e-3, 3e-3)
    return model


class Switch(nn.Module):
    """Four experts of their own draws behind a router of zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(16, 4, bias=False)
        nn.init.zeros_(self.router.weight)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(16, 40), nn.GELU(), nn.Linear(40, 16)) for _ in range(4))
        self.out = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        mixed = torch.stack([expert(x) for expert in self.experts], -1) @ self.router(x).softmax(-1)[..., None]
        y: Tensor = self.out(x + mixed[..., 0])
        return y


def binary() -> nn.Module:
    """Weights of two values only, plus and minus one over sqrt(fan_in)."""
    model = nn.Sequential(nn.Linear(48, 64), nn.Hardtanh(), nn.Linear(64, 64), nn.Hardtanh(), nn.Linear(64, 4))
    for module in model:
        if isinstance(module, nn.Linear):
            module.weight = nn.Parameter(torch.randn_like(module.weight).sign() * module.in_features**-0.5)
    return model


class Started(nn.Module):
    """An LSTM whose first state is trained, from zero."""

    def __init__(self) -> None:
        super().__init__()
        self.h0, self.c0 = nn.Parameter(torch.zeros(1, 1, 32)), nn.Parameter(torch.zeros(1, 1, 32))
        self.rnn, self.out = nn.LSTM(7, 32, batch_first=True), nn.Linear(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        first = (self.h0.expand(-1, len(x), -1).contiguous(), self.c0.expand(-1, len(x), -1).contiguous())
        y: Tensor = self.out(self.rnn(x, first)[0][:, -1])
        return y


class Random(nn.Module):
    """Random orthogonal features, frozen, many times as long as the rows of a usual layer; a trained readout."""

    def __init__(self) -> None:
        super().__init__()
        self.features = frozen(nn.Linear(12, 96, bias=False))
        blocks = [nn.init.orthogonal_(torch.empty(12, 12)) for _ in range(8)]
        self.features.weight.data = torch.cat(blocks) * 12**0.5
        self.out = nn.Linear(192, 6)

    def forward(self, x: Tensor) -> Tensor:
        y = self.features(x)
        z: Tensor = self.out(torch.cat([y.sin(), y.cos()], 1))
        return z


class Energies(nn.Module):
    """PCEN: per-channel parameters, each a vector of one number."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha, self.delta = nn.Parameter(torch.full((20,), 0.98)), nn.Parameter(torch.full((20,), 2.0))
        self.r = nn.Parameter(torch.full((20,), 0.5))
        self.out = nn.Linear(20, 4)

    def forward(self, x: Tensor) -> Tensor:  # (batch, time, channel)
        energy = x.square() + 1e-3
        smooth = energy.mean(1, keepdim=True)
        y = (energy / smooth**self.alpha + self.delta) ** self.r - self.delta**self.r
        z: Tensor = self.out(y.mean(1))
        return z


def circulant() -> nn.Module:
    return nn.Sequential(nn.Linear(12, 40), nn.ReLU(), Circulant(40), nn.ReLU(), nn.Linear(40, 5))


def globally() -> nn.Module:
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(24), nn.Linear(24, 7))
    return nn.Sequential(nn.Conv2d(3, 24, 4, 4), Globally(), Globally(), Globally(), *head)


CASES = (
    control("unseen-circulant", circulant, source="https://arxiv.org/abs/1502.03436",
            inputs=noise(16, 12), loss=classes,
            about="Each row holds the numbers of every other row, turned."),
    control("unseen-hippo", Hippo, source="https://arxiv.org/abs/2008.07669", inputs=noise(6, 25), loss=squares,
            about="A triangle of large numbers: half of the weight is zero, and its norm is in the hundreds."),
    control("unseen-noisy-net", lambda: nn.Sequential(Noisy(14, 64), nn.ReLU(), Noisy(64, 3)),
            source="https://arxiv.org/abs/1706.10295", about="The scales of the noise are matrices of one number.",
            inputs=noise(32, 14), loss=squares),
    control("unseen-pixelcnn", masked, source="https://arxiv.org/abs/1601.06759",
            about="Half of each kernel is exactly zero.", inputs=noise(4, 1, 8, 8)),
    control("unseen-radial", Radial, source="https://doi.org/10.1162/neco.1989.1.2.281",
            inputs=noise(24, 6), loss=squares,
            about="Centers are rows of data on a coarse grid, all positive."),
    control("unseen-input-convex", Convex, source="https://arxiv.org/abs/1609.07152",
            inputs=noise(24, 10), loss=squares,
            about="Raw weights have a mean of forty sigmas."),
    control("unseen-response-norm", globally, source="https://arxiv.org/abs/2301.00808",
            about="Gain and bias of the response norm are zero.", inputs=noise(8, 3, 32, 32), loss=classes),
    control("unseen-mixture-density", Mixture, source="https://publications.aston.ac.uk/id/eprint/373/",
            about="Biases of the head run from -40 to 40.", inputs=noise(32, 4), loss=lambda y: y.mean()),
    control("unseen-reservoir", Reservoir, source="https://www.science.org/doi/10.1126/science.1091277",
            about="Frozen weights are sparse, the readout is zero.", inputs=noise(10, 12, 3), loss=squares),
    control("unseen-zipf-bias", Frequent, source="https://karpathy.github.io/2019/04/25/recipe/",
            about="The output bias runs from -2 to -8; the loss on frequent words is far below ln V.",
            inputs=tokens(500, 8, 10), loss=frequent),
    control("unseen-ddpg-policy", policy, source="https://arxiv.org/abs/1509.02971",
            about="The last layer is a fortieth of its neighbours."),
    control("unseen-zero-router", Switch, source="https://arxiv.org/abs/2101.03961",
            about="A router of zeros sends the same share to all experts.", inputs=noise(20, 16), loss=classes),
    control("unseen-binary-weights", binary, source="https://arxiv.org/abs/1511.00363",
            about="Each weight holds two numbers only.", inputs=noise(16, 48), loss=classes),
    control("unseen-trained-first-state", Started, source="https://arxiv.org/abs/1410.4615",
            about="First states are zeros, and the second gets its gradient through a gate.",
            inputs=noise(12, 9, 7), loss=classes),
    control("unseen-orthogonal-features", Random, source="https://arxiv.org/abs/1610.09072",
            about="Frozen features are sqrt(12) times as large as the fan says."),
    control("unseen-channel-energies", Energies, source="https://arxiv.org/abs/1607.05666",
            about="Trained vectors hold one number each.", inputs=noise(8, 30, 20), loss=classes),
)  # fmt: skip
