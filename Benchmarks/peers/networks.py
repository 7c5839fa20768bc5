"""The method's networks in PyTorch, as a user would write them: batch norm frozen, in-place ReLU, PyTorch's public parameter names."""
import torch
import torch.nn.functional as F
from torch import nn


def conv(inputs, outputs, kernel, stride=1, dilation=1, bias=False, **options):
    return nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel // 2), dilation, bias=bias, **options)


class BasicBlock(nn.Module):
    def __init__(self, inputs, middle, outputs, stride=1, first=None, dilation=1):
        super().__init__()
        self.bn_branch2a = nn.BatchNorm2d(inputs)
        self.conv_branch2a = conv(inputs, middle, 3, stride, first or dilation)
        self.bn_branch2b1 = nn.BatchNorm2d(middle)
        self.conv_branch2b1 = conv(middle, outputs, 3, 1, dilation)
        self.conv_branch1 = None if inputs == outputs and stride == 1 else conv(inputs, outputs, 1, stride)

    def forward(self, x):
        a = F.relu_(self.bn_branch2a(x))
        shortcut = x if self.conv_branch1 is None else self.conv_branch1(a)
        return shortcut + self.conv_branch2b1(F.relu_(self.bn_branch2b1(self.conv_branch2a(a)))), a


class Bottleneck(nn.Module):
    def __init__(self, inputs, outputs, dilation):
        super().__init__()
        self.bn_branch2a = nn.BatchNorm2d(inputs)
        self.conv_branch2a = conv(inputs, outputs // 4, 1)
        self.bn_branch2b1 = nn.BatchNorm2d(outputs // 4)
        self.conv_branch2b1 = conv(outputs // 4, outputs // 2, 3, 1, dilation)
        self.bn_branch2b2 = nn.BatchNorm2d(outputs // 2)
        self.conv_branch2b2 = conv(outputs // 2, outputs, 1)
        self.conv_branch1 = conv(inputs, outputs, 1)

    def forward(self, x):
        a = F.relu_(self.bn_branch2a(x))
        y = F.relu_(self.bn_branch2b1(self.conv_branch2a(a)))
        y = F.relu_(self.bn_branch2b2(self.conv_branch2b1(y)))
        return self.conv_branch1(a) + self.conv_branch2b2(y), a


class ResNet38(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1a = conv(3, 64, 3)
        self.stages = [("b2", 3, 64, 128, 128, 2), ("b3", 3, 128, 256, 256, 2), ("b4", 6, 256, 512, 512, 2)]
        for name, count, inputs, middle, outputs, stride in self.stages:
            for i in range(count):
                block = BasicBlock(outputs if i else inputs, middle, outputs, 1 if i else stride)
                self.add_module(f"{name}_{i}" if i else name, block)
        self.b5 = BasicBlock(512, 512, 1024, 1, 1, 2)
        self.b5_1 = BasicBlock(1024, 512, 1024, 1, None, 2)
        self.b5_2 = BasicBlock(1024, 512, 1024, 1, None, 2)
        self.b6 = Bottleneck(1024, 2048, 4)
        self.b7 = Bottleneck(2048, 4096, 4)
        self.bn7 = nn.BatchNorm2d(4096)
        self.conv1a.weight.requires_grad_(False)

    def forward(self, x):
        """conv2 (stride 2) and conv6 (stride 8)."""
        x = self.conv1a(x)
        conv2 = None
        for name, count, *_ in self.stages:
            for i in range(count):
                x, a = getattr(self, f"{name}_{i}" if i else name)(x)
                if (name, i) == ("b3", 0):
                    conv2 = a
        for name in ("b5", "b5_1", "b5_2", "b6", "b7"):
            x, _ = getattr(self, name)(x)
        return conv2, F.relu_(self.bn7(x))


class Fire(nn.Module):
    def __init__(self, inputs, squeeze, expand, dilation=1):
        super().__init__()
        self.squeeze = conv(inputs, squeeze, 1, bias=True)
        self.expand1x1 = conv(squeeze, expand, 1, bias=True)
        self.expand3x3 = conv(squeeze, expand, 3, 1, dilation, bias=True)

    def forward(self, x):
        x = F.relu_(self.squeeze(x))
        return torch.cat([F.relu_(self.expand1x1(x)), F.relu_(self.expand3x3(x))], 1)


class SqueezeNet8(nn.Module):
    """SqueezeNet 1.1 at stride 8."""

    def __init__(self):
        super().__init__()
        fires = {3: (64, 16, 64), 4: (128, 16, 64), 6: (128, 32, 128), 7: (256, 32, 128), 9: (256, 48, 192, 2), 10: (384, 48, 192, 2),
                 11: (384, 64, 256, 2), 12: (512, 64, 256, 2)}
        pools = {2: nn.MaxPool2d(3, 2, 1), 5: nn.MaxPool2d(3, 2, 1), 8: nn.MaxPool2d(3, 1, 1)}
        layers = [conv(3, 64, 3, 2, bias=True), nn.ReLU(inplace=True)]
        layers += [Fire(*fires[i]) if i in fires else pools[i] for i in range(2, 13)]
        self.features = nn.Sequential(*layers)
        self.features[0].weight.requires_grad_(False)
        self.features[0].bias.requires_grad_(False)

    def forward(self, x):
        return None, self.features(x)


class SegmentationHead(nn.Module):
    def __init__(self, inputs, hidden, classes):
        super().__init__()
        self.seg1 = nn.Module()
        self.seg1.conv1 = conv(inputs, hidden, 3, 1, 12, bias=True, padding_mode="reflect")
        self.seg1.bn1 = nn.BatchNorm2d(hidden, eps=1e-3)
        self.seg2 = conv(hidden, classes, 3, 1, 12, bias=True, padding_mode="reflect")

    def forward(self, x):
        hidden = F.relu_(self.seg1.bn1(self.seg1.conv1(x)))
        return enlarged(self.seg2(hidden)), hidden


def enlarged(x):
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class SegmentationModel(nn.Module):
    def __init__(self, trunk, channels, classes=21):
        super().__init__()
        self.encoder = trunk
        self.seg_main = SegmentationHead(channels, 512, classes)

    def forward(self, x):
        return self.seg_main(self.encoder(x)[1])[0]


class ConvNorm(nn.Module):
    def __init__(self, inputs, outputs, kernel, **options):
        super().__init__()
        self.conv1 = conv(inputs, outputs, kernel, **options)
        self.bn1 = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x):
        return F.relu_(self.bn1(self.conv1(x)))


class DDHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1ab = ConvNorm(640, 256, 3, padding_mode="reflect")

    def forward(self, high, low):
        return self.conv1ab(torch.cat([high, low], 1))


class Projected(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = conv(512, 256, 1), nn.BatchNorm2d(256, eps=1e-3)
        self.conv2, self.bn2 = conv(256, 256, 3, padding_mode="reflect"), nn.BatchNorm2d(256, eps=1e-3)
        self.conv3, self.bn3 = conv(256, 256, 1), nn.BatchNorm2d(256, eps=1e-3)
        self.downsample, self.bnd = conv(512, 256, 1), nn.BatchNorm2d(256, eps=1e-3)

    def forward(self, x):
        y = F.relu_(self.bn1(self.conv1(x)))
        y = F.relu_(self.bn2(self.conv2(y)))
        return F.relu_(self.bn3(self.conv3(y)) + self.bnd(self.downsample(x)))


class DDNet(nn.Module):
    def __init__(self, classes=21):
        super().__init__()
        self.conv1c = ConvNorm(classes, 256, 1)
        self.conv1abc = Projected()
        self.pred_abc = conv(256, 1, 1)

    def forward(self, features, mask):
        return self.pred_abc(self.conv1abc(torch.cat([features, self.conv1c(mask)], 1)))


class DynamicModel(nn.Module):
    def __init__(self, classes=21):
        super().__init__()
        self.encoder = ResNet38()
        self.seg_main, self.seg_sub = SegmentationHead(4096, 512, classes), SegmentationHead(4096, 512, classes)
        self.dd_head0, self.dd_head1, self.dd0, self.dd1 = DDHead(), DDHead(), DDNet(classes), DDNet(classes)
