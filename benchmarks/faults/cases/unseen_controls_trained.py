"""Unseen controls: small models after some hundred steps of training, and what was made of trained ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.nn.utils.parametrizations import spectral_norm

from benchmarks.faults.control import control, frozen


def fitted(
    model: nn.Module,
    batch: Callable[[], tuple[Any, ...]],
    loss: Callable[..., Tensor],
    steps: int = 250,
    decay: float = 0.0,
) -> nn.Module:
    """The model after these steps of AdamW; `loss` takes its output and what the batch held last."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, 3e-3, weight_decay=decay)
    for _ in range(steps):
        *inputs, wanted = batch()
        optimizer.zero_grad()
        loss(model(*inputs), wanted).backward()
        optimizer.step()
    model.zero_grad()
    return model


def blobs() -> tuple[Tensor, Tensor]:
    """Points around eight centers, and the number of the center."""
    labels = torch.randint(0, 8, (48,))
    centers = torch.randn(8, 20, generator=torch.Generator().manual_seed(2))
    return centers[labels] + 0.5 * torch.randn(48, 20), labels


def counted() -> tuple[Tensor, Tensor]:
    """Words, and for each place how many words so far were even, modulo four."""
    words = torch.randint(1, 60, (16, 14))
    return words, (words % 2 == 0).cumsum(1) % 4


def flat(output: Tensor, wanted: Tensor) -> Tensor:
    return functional.cross_entropy(output.flatten(0, -2), wanted.flatten())


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(80, 24, padding_idx=0)  # the last twenty words never occur
        self.rnn = nn.GRU(24, 40, batch_first=True)
        self.tags = nn.Linear(40, 4)

    def forward(self, words: Tensor) -> Tensor:
        tags: Tensor = self.tags(self.rnn(self.words(words))[0])
        return tags


class Mixing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(20), nn.LayerNorm(20)
        self.tokens, self.channels = nn.Linear(5, 5), nn.Sequential(nn.Linear(20, 40), nn.GELU(), nn.Linear(40, 20))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.tokens(self.norm1(x).mT).mT
        y: Tensor = x + self.channels(self.norm2(x))
        return y


def sets() -> tuple[Tensor, Tensor]:
    """Five noisy views of each point."""
    x, labels = blobs()
    return x[:, None] + torch.randn(48, 5, 20), labels


def mixer() -> nn.Module:
    model = nn.Sequential(Mixing(), Mixing(), Mixing(), nn.Flatten(), nn.Linear(100, 8))
    return fitted(model, sets, functional.cross_entropy)


def averaged() -> tuple[Tensor, Tensor]:
    """Waves, and their moving average."""
    x = torch.randn(16, 3, 32)
    return x, functional.avg_pool1d(x, 3, 1, 1).sum(1)


def temporal() -> nn.Module:
    sizes = (3, 16, 16, 16)
    layers = [
        layer
        for i, (a, b) in enumerate(itertools.pairwise(sizes))
        for layer in (nn.Conv1d(a, b, 3, padding=2**i, dilation=2**i), nn.ReLU())
    ]
    model = nn.Sequential(*layers, nn.Conv1d(16, 1, 1), nn.Flatten())
    return fitted(model, averaged, functional.mse_loss)


def twice() -> tuple[Tensor, Tensor]:
    """Points, and the same points."""
    x, _ = blobs()
    return x, x


def autoencoder() -> nn.Module:
    model = nn.Sequential(
        nn.Linear(20, 30), nn.Tanh(), nn.Linear(30, 4), nn.Linear(4, 30), nn.Tanh(), nn.Linear(30, 20)
    )
    return fitted(model, twice, functional.mse_loss)


def decayed() -> nn.Module:
    """Strong weight decay over half of 200 hidden units that the task does not need."""
    model = nn.Sequential(nn.Linear(20, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, 8))
    return fitted(model, blobs, functional.cross_entropy, 300, 3.0)


class SkipGram(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.center, self.context = nn.Embedding(90, 16), nn.Embedding(90, 16)

    def forward(self, center: Tensor) -> Tensor:
        result: Tensor = self.center(center) @ self.context.weight.T
        return result


def word_vectors() -> nn.Module:
    """Trained as by word2vec: contexts start at zero, centers are uniform; the last thirty words never occur."""
    model = SkipGram()
    nn.init.uniform_(model.center.weight, -0.5 / 16, 0.5 / 16)
    nn.init.zeros_(model.context.weight)

    def batch() -> tuple[Tensor, Tensor]:
        words = torch.randint(0, 60, (64,))
        return words, (words + torch.randint(1, 4, (64,))) % 60

    return fitted(model, batch, functional.cross_entropy)


def bright() -> tuple[Tensor, Tensor]:
    """Images of four brightnesses."""
    labels = torch.randint(0, 4, (24,))
    return torch.randn(24, 2, 8, 8) + labels[:, None, None, None] - 1.5, labels


def fused() -> nn.Module:
    """Batch norms are folded into the convolutions before them, as for deployment."""
    model = nn.Sequential(
        nn.Conv2d(2, 12, 3, bias=False), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 12, 3, bias=False),
        nn.BatchNorm2d(12), nn.ReLU(), nn.Flatten(), nn.Linear(192, 4),
    )  # fmt: skip
    fitted(model, bright, functional.cross_entropy, 150).eval()
    layers = list(model.children())
    folded: list[nn.Module] = []
    for first, second in itertools.pairwise(layers):
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            folded += [fuse_conv_bn_eval(first, second), nn.ReLU()]
    return nn.Sequential(*folded, nn.Flatten(), layers[-1])


def merged() -> nn.Module:
    """A product of rank two is added to a trained layer: its singular values have two outliers."""
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
    fitted(model, blobs, functional.cross_entropy, 150)
    with torch.no_grad():
        model[2].get_parameter("weight").add_(torch.randn(64, 2) @ torch.randn(2, 64) * 0.05)
    return model


def imprinted() -> nn.Module:
    """The head's rows are the mean features of eight classes, behind a trained body."""
    body = nn.Sequential(nn.Linear(20, 48), nn.ReLU(), nn.Linear(48, 32), nn.ReLU())
    model = nn.Sequential(*body, nn.Linear(32, 8))
    fitted(model, blobs, functional.cross_entropy, 150)
    with torch.no_grad():
        x, labels = blobs()
        features = body(x)
        head = nn.Linear(32, 8, bias=False)
        head.weight.copy_(torch.stack([features[labels == k].mean(0) for k in range(8)]).nan_to_num() * 0.1)
    return nn.Sequential(*(frozen(layer) for layer in body), head)


def real_and_not() -> tuple[Tensor, Tensor]:
    """Points of the data with the sign 1, noise with the sign -1."""
    x, _ = blobs()
    return torch.cat([x, 2 * torch.randn(48, 20)]), torch.cat([torch.ones(48), -torch.ones(48)])


def hinge(output: Tensor, sign: Tensor) -> Tensor:
    return (1 - sign * output[:, 0]).relu().mean()


def judge() -> nn.Module:
    """A discriminator with spectral norm, trained with a hinge."""
    layers = [spectral_norm(nn.Linear(a, b)) for a, b in ((20, 40), (40, 40), (40, 1))]
    model = nn.Sequential(layers[0], nn.LeakyReLU(0.2), layers[1], nn.LeakyReLU(0.2), layers[2])
    return fitted(model, real_and_not, hinge, 120)


def headed() -> nn.Module:
    """A trained body is frozen, and its head was trained on."""
    model = frozen(fitted(Tagger(), counted, flat, 60))
    for parameter in model.get_submodule("tags").parameters():
        parameter.requires_grad = True
    return fitted(model, counted, flat, 60)


def held(batch: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
    """One batch that was not trained on, the same one each time."""
    with torch.random.fork_rng():
        torch.manual_seed(77)
        return batch()


def task(batch: Callable[[], tuple[Any, ...]], loss: Callable[..., Tensor]) -> dict[str, Any]:
    """The inputs and the loss of the task that a model was trained for."""
    return {"inputs": lambda: held(batch)[:-1], "loss": lambda output: loss(output, held(batch)[-1])}


GRU = ("https://arxiv.org/abs/1406.1078", "Rows of words that never occur are as they were drawn, all others moved.")
CASES = (
    control("unseen-trained-mixer", mixer, source="https://arxiv.org/abs/2105.01601",
            about="Trained norms and weights have any mean and any tail.",
            **task(sets, functional.cross_entropy)),
    control("unseen-trained-tagger", lambda: fitted(Tagger(), counted, flat), source=GRU[0], about=GRU[1],
            **task(counted, flat)),
    control("unseen-trained-temporal", temporal, source="https://arxiv.org/abs/1803.01271",
            about="A trained filter of averages has rows that look alike.", **task(averaged, functional.mse_loss)),
    control("unseen-trained-autoencoder", autoencoder, source="https://www.science.org/doi/10.1126/science.1127647",
            about="A trained bottleneck saturates some of its tanh units.", **task(twice, functional.mse_loss)),
    control("unseen-strong-decay", decayed, source="https://arxiv.org/abs/1711.05101",
            about="Strong weight decay left many units near zero, and many others large."),
    control("unseen-word-vectors", word_vectors, source="https://arxiv.org/abs/1301.3781",
            about="Contexts that never occur fell from zero alike: thirty rows of the table are nearly equal."),
    control("unseen-folded-norms", fused, source="https://pytorch.org/docs/stable/generated/torch.nn.utils.fusion.fuse_conv_bn_eval.html",
            about="Folded batch norms give each filter another scale.", **task(bright, functional.cross_entropy)),
    control("unseen-merged-adapter", merged, source="https://arxiv.org/abs/2106.09685",
            about="A merged adapter makes rows of a trained layer correlated."),
    control("unseen-imprinted-head", imprinted, source="https://arxiv.org/abs/1712.07136",
            about="A head of class means is positive everywhere, of low rank, and no draw.",
            **task(blobs, functional.cross_entropy)),
    control("unseen-spectral-judge", judge, source="https://arxiv.org/abs/1802.05957",
            about="Parametrized weights change with each read, and buffers are unit vectors.",
            **task(real_and_not, hinge)),
    control("unseen-frozen-body", headed, source="https://arxiv.org/abs/1902.10547",
            about="Only the head trains; all other parameters have no gradient.",
            **task(counted, flat)),
)  # fmt: skip
