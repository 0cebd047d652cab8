"""Small convolutional networks: residual, plain, separable, generating."""

from __future__ import annotations

from torch import Tensor, nn

from benchmarks.faults.fault import he

CLASSES = 10


class BasicBlock(nn.Module):
    """Two convolutions with batch norms around a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.relu(x + self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))
        return out


class ResNet(nn.Module):
    """A stem, residual blocks, average pooling, ten logits."""

    def __init__(self, width: int = 32, depth: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.blocks = nn.Sequential(*(BasicBlock(width) for _ in range(depth)))
        self.fc = nn.Linear(width, CLASSES)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.blocks(self.stem(images)).mean((2, 3)))
        return logits


class LeNet(nn.Sequential):
    """LeNet-5 for grey images of 28 x 28 pixels, by He's rule."""

    def __init__(self) -> None:
        super().__init__(
            nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Sequential(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
            nn.Sequential(nn.Linear(400, 120), nn.ReLU()),
            nn.Sequential(nn.Linear(120, 84), nn.ReLU()),
            nn.Linear(84, CLASSES),
        )
        he(self)
        nn.init.normal_(self.get_parameter("4.weight"), std=0.01)


class Generator(nn.Module):
    """DCGAN's generator: a vector of noise to an image of 16 x 16 pixels."""

    def __init__(self, noise: int = 64, width: int = 64) -> None:
        super().__init__()
        self.up1, self.bn1 = nn.ConvTranspose2d(noise, 2 * width, 4, 1, 0, bias=False), nn.BatchNorm2d(2 * width)
        self.up2, self.bn2 = nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width)
        self.up3 = nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False)
        for layer in (self.up1, self.up2, self.up3):
            nn.init.normal_(layer.weight, std=0.02)

    def forward(self, z: Tensor) -> Tensor:
        x = self.bn1(self.up1(z[..., None, None])).relu()
        image: Tensor = self.up3(self.bn2(self.up2(x)).relu()).tanh()
        return image
