from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

import initwise as iw
from initwise.errors import ArgumentError


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def moments(model: nn.Module, inputs: Tensor, kinds: Any) -> list[tuple[Tensor, Tensor]]:
    """Mean and std of each channel of each layer's output; channels lie along axis 1 of images, else along the last."""
    found: list[tuple[Tensor, Tensor]] = []

    def look(module: nn.Module, args: Any, output: Tensor) -> None:
        rest = [0, 2, 3] if output.dim() == 4 else list(range(output.dim() - 1))
        found.append((output.detach().mean(rest), output.detach().std(rest, correction=0)))

    handles = [each.register_forward_hook(look) for each in model.modules() if isinstance(each, kinds)]
    model(inputs)
    for handle in handles:
        handle.remove()
    return found


def test_the_first_batch_has_mean_0_and_variance_1_in_every_channel_under_weight_norm_and_without() -> None:
    model = nn.Sequential(
        parametrizations.weight_norm(nn.Conv2d(3, 8, 3)),
        nn.ReLU(),
        nn.Conv2d(8, 6, 3, groups=2),
        nn.ReLU(),
        nn.ConvTranspose2d(6, 4, 2),
        nn.Flatten(),
        parametrizations.weight_norm(nn.Linear(4 * 25, 5)),
    )
    data = 3 + noise(64, 3, 8, 8)
    before = iw.plan(model, [iw.rule("*.weight", iw.Normal(std=0.05)), iw.rule("*.bias", iw.Uniform(-1, 1))])
    plan = iw.weight_norm_init(model, data, before)
    assert plan.notes == before.notes
    for mean, std in moments(model, data, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        assert float(mean.abs().max()) < 2e-6
        assert float((std - 1).abs().max()) < 2e-6
    assert iw.verify(model, plan, exact="required").ok
    first: Any = model[0]
    weight, found = first.weight, first.parametrizations.weight.original0
    assert torch.allclose(found.flatten(), weight.flatten(1).norm(dim=1))  # g is the length of v / (|v| std[t])


def test_what_has_no_channels_of_its_own_is_left_with_a_note() -> None:
    model = nn.Sequential(nn.ConvTranspose2d(4, 6, 2, groups=2), nn.Conv2d(6, 3, 1, bias=False))
    data = noise(32, 4, 5, 5)
    plan = iw.weight_norm_init(model, data, iw.plan(model, "torch-default"))
    assert [note for note in plan.notes if note.startswith("weight_norm")] == [
        "weight_norm_init: '0.weight' is left as it is: none of its axes are its output's channels"
    ]
    (mean, std) = moments(model, data, nn.Conv2d)[0]
    assert torch.allclose(std, torch.ones(3))
    assert float(mean.abs().max()) > 1e-4  # there is no bias to shift it


def test_a_channel_without_variance_is_named() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    with pytest.raises(ArgumentError, match=re.escape("channel 0 of the output of '0.weight' has std 0")):
        iw.weight_norm_init(model, torch.ones(16, 4), iw.plan(model, "xavier"))


def ratios(model: nn.Module, data: Tensor) -> Tensor:
    model.zero_grad()
    output = model(data)
    (output * noise(*output.shape, seed=5)).sum().backward()
    weights = [each for name, each in model.named_parameters() if name.endswith("weight")]
    pairs = [(each.grad, each.detach()) for each in weights if each.grad is not None]
    return torch.stack([(grad.square().mean() / values.square().mean()).sqrt() for grad, values in pairs])


def deep(width: int = 32) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(10):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def test_layers_of_unit_channels_are_scaled_until_all_train_at_one_rate() -> None:
    one, other = deep(), deep()
    data = noise(256, 32)

    def loss(output: Tensor) -> Tensor:
        return (output * noise(*output.shape, seed=5)).sum()

    first = iw.within_channel(one, data, iw.plan(one, "kaiming"), iterations=0)
    for mean, std in moments(one, data, nn.Linear):
        assert torch.allclose(std, torch.ones_like(std), atol=1e-5)
        assert float(mean.abs().max()) < 1e-5
    plan = iw.within_channel(other, data, iw.plan(other, "kaiming"), loss=loss)
    before, after = ratios(one, data), ratios(other, data)
    assert float(before.max() / before.min()) > 3
    assert float(after.max() / after.min()) < 1.05
    assert torch.allclose(one(data), other(data), atol=1e-4)  # factors cancel between ReLU layers
    assert iw.verify(other, plan, exact="required").ok
    assert first["0.weight"].initializer != plan["0.weight"].initializer
    assert all(each.grad is None for each in deep().parameters())


def test_a_centre_moves_the_means_of_all_channels() -> None:
    model = deep()
    iw.within_channel(model, noise(256, 32), iw.plan(model, "kaiming"), iterations=0, centre=0.5)
    for mean, _ in moments(model, noise(256, 32), nn.Linear):
        assert torch.allclose(mean, torch.full_like(mean, 0.5), atol=1e-5)


def test_a_layer_without_a_gradient_is_named() -> None:
    model = deep()
    next(model.parameters()).requires_grad_(False)
    with pytest.raises(ArgumentError, match=r"within_channel: no gradient arrives at '0.weight'"):
        iw.within_channel(model, noise(64, 32), iw.plan(model, "kaiming", include_frozen=True))
    with pytest.raises(ArgumentError, match="damping is 2, and must be above 0 and at most 1"):
        iw.within_channel(model, noise(64, 32), iw.plan(model, "kaiming"), damping=2)


class ActNorm(nn.Module):
    """Activation norms as several libraries write them."""

    def __init__(self, channels: int, form: str) -> None:
        super().__init__()
        self.form = form
        shape = (1, channels, 1, 1)
        self.loc = nn.Parameter(torch.zeros(shape))
        self.log = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scale = self.log + 1e-9 if self.form.endswith("plain") else self.log.exp()
        y = scale * x + self.loc if self.form.startswith("after") else scale * (x + self.loc)
        if self.form == "inverse":
            y = (x - self.loc) * torch.exp(-self.log)
        return y, self.log.sum()


class Flow(nn.Module):
    def __init__(self, form: str) -> None:
        super().__init__()
        self.first, self.mix, self.second = ActNorm(3, form), nn.Conv2d(3, 3, 1), ActNorm(3, form)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(torch.tanh(self.mix(self.first(x)[0])))[0]
        return out


@pytest.mark.parametrize("form", ["after", "before", "after plain", "before plain", "inverse"])
def test_activation_norms_are_found_and_make_their_first_batch_normal(form: str) -> None:
    model = Flow(form)
    rules: list[Any] = [
        iw.rule("mix.weight", iw.Orthogonal()),
        iw.rule("mix.bias", iw.Zeros()),
        iw.rule("*", iw.Constant(0.1)),
    ]
    data = noise(64, 3, 6, 6) * torch.tensor([1.0, 5.0, 0.1]).reshape(3, 1, 1) + 2
    plan = iw.actnorm_init(model, data, iw.plan(model, rules))
    for output in (model.first(data)[0].detach(), model(data).detach()):
        assert float(output.mean((0, 2, 3)).abs().max()) < 1e-5
        assert float((output.std((0, 2, 3), correction=0) - 1).abs().max()) < 1e-5
    assert iw.verify(model, plan, exact="required").ok
    assert "by actnorm_init over 64 samples" in plan["first.log"].reason


def test_what_is_no_activation_norm_is_refused() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 4))
    plan = iw.plan(model, "torch-default")
    with pytest.raises(ArgumentError, match='no module has "actnorm" in the name of its class'):
        iw.actnorm_init(model, noise(8, 4), plan)
    with pytest.raises(ArgumentError, match="'1' is no scale and shift of its channels"):
        iw.actnorm_init(model, noise(8, 4), plan, modules="1")
    with pytest.raises(ArgumentError, match="must have one scale and one shift a channel"):
        iw.actnorm_init(model, noise(8, 4), plan, modules="0")
    with pytest.raises(ArgumentError, match="channel 0 of what '1' takes has std 0"):
        iw.actnorm_init(model, torch.ones(8, 4), plan, modules="1")
