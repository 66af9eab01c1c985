"""ResNet-50 (He et al. 2015, with the stride in the 3×3 convolution), in plain torch: torchvision is one more thing that can be broken."""

BLOCKS = (3, 4, 6, 3)


def build(torch, classes=1000, blocks=BLOCKS):
    """The network with random weights, 25.6 million parameters for 1000 classes."""
    nn = torch.nn

    def convolution(inputs, outputs, size, stride=1):
        return nn.Sequential(nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs))

    class Bottleneck(nn.Module):
        def __init__(self, inputs, width, stride):
            super().__init__()
            self.narrow = convolution(inputs, width, 1)
            self.middle = convolution(width, width, 3, stride)
            self.wide = convolution(width, 4 * width, 1)
            same = stride == 1 and inputs == 4 * width
            self.shortcut = nn.Identity() if same else convolution(inputs, 4 * width, 1, stride)

        def forward(self, x):
            y = torch.relu(self.narrow(x))
            y = torch.relu(self.middle(y))
            return torch.relu(self.wide(y) + self.shortcut(x))

    layers, inputs = [convolution(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for stage, count in enumerate(blocks):
        width = 64 << stage
        for block in range(count):
            layers.append(Bottleneck(inputs, width, 2 if stage and not block else 1))
            inputs = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))
