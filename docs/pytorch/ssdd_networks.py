"""The networks of this project in PyTorch, for the files that export-weights writes.

    network = load("weights.pth")                  # a classifier, AffinityNet, segmentation or SSDD model, told by its names
    maps = network(normalised(image))              # image: (H, W, 3), bytes
    python3 ssdd_networks.py weights.pth           # says which network it is and runs it once

Kind, width and depth are read off the tensors; only the dilation of the segmentation head leaves no trace in them and is given.
All networks are for inference: without dropout, batch norm frozen.
"""
import sys

import torch
import torch.nn.functional as F
from torch import nn


def conv(inputs, outputs, kernel, stride=1, dilation=1, bias=False, padding_mode="zeros"):
    return nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel // 2), dilation, bias=bias, padding_mode=padding_mode)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions behind batch norms; also gives ReLU(BN(x)), which heads tap."""

    def __init__(self, inputs, middle, outputs, stride=1, first_dilation=None, dilation=1):
        super().__init__()
        self.bn_branch2a = nn.BatchNorm2d(inputs)
        self.conv_branch2a = conv(inputs, middle, 3, stride, first_dilation or dilation)
        self.bn_branch2b1 = nn.BatchNorm2d(middle)
        self.conv_branch2b1 = conv(middle, outputs, 3, 1, dilation)
        if inputs != outputs or stride != 1:
            self.conv_branch1 = conv(inputs, outputs, 1, stride)

    def forward(self, x):
        tap = F.relu(self.bn_branch2a(x))
        shortcut = self.conv_branch1(tap) if hasattr(self, "conv_branch1") else x
        return shortcut + self.conv_branch2b1(F.relu(self.bn_branch2b1(self.conv_branch2a(tap)))), tap


class BottleneckBlock(nn.Module):
    """1x1, dilated 3x3, 1x1, beside a projection."""

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
        tap = F.relu(self.bn_branch2a(x))
        y = self.conv_branch2b1(F.relu(self.bn_branch2b1(self.conv_branch2a(tap))))
        return self.conv_branch1(tap) + self.conv_branch2b2(F.relu(self.bn_branch2b2(y))), tap


class ResNet38(nn.Module):
    """The wide ResNet-38 at stride 8. `channels`: of stages from c64 to c4096; `blocks`: of b2 to b5."""

    def __init__(self, channels, blocks):
        super().__init__()
        c64, c128, c256, c512, c1024, c2048, c4096 = channels
        self.conv1a = conv(3, c64, 3)
        stages = {"b2": (c64, c128, c128, 2, None, 1), "b3": (c128, c256, c256, 2, None, 1), "b4": (c256, c512, c512, 2, None, 1),
                  "b5": (c512, c512, c1024, 1, 1, 2)}
        self.stages = []
        for (stage, (inputs, middle, outputs, stride, first, dilation)), count in zip(stages.items(), blocks):
            names = [stage] + [f"{stage}_{i}" for i in range(1, count)]
            self.add_module(names[0], BasicBlock(inputs, middle, outputs, stride, first, dilation))
            for name in names[1:]:
                self.add_module(name, BasicBlock(outputs, middle, outputs, 1, None, dilation))
            self.stages.append(names)
        self.b6 = BottleneckBlock(c1024, c2048, 4)
        self.b7 = BottleneckBlock(c2048, c4096, 4)
        self.bn7 = nn.BatchNorm2d(c4096)
        self.low_channels, self.taps, self.high_channels = c128, (c512, c1024, c4096), c4096

    def forward(self, x):
        """e^l (stride 2), the two taps of AffinityNet and conv6 (stride 8)."""
        x = self.conv1a(x)
        firsts = []
        for names in self.stages:
            for name in names:
                x, tap = getattr(self, name)(x)
                if name == names[0]:
                    firsts.append(tap)
        x, tap5 = self.b6(x)
        x, _ = self.b7(x)
        return firsts[1], firsts[3], tap5, F.relu(self.bn7(x))


class Fire(nn.Module):
    def __init__(self, inputs, squeeze, expand, dilation=1):
        super().__init__()
        self.squeeze = conv(inputs, squeeze, 1, bias=True)
        self.expand1x1 = conv(squeeze, expand, 1, bias=True)
        self.expand3x3 = conv(squeeze, expand, 3, 1, dilation, bias=True)

    def forward(self, x):
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], 1)


class SqueezeNet8(nn.Module):
    """SqueezeNet 1.1 at stride 8: the third pool without stride, dilation 2 behind it, all windows centred."""

    def __init__(self):
        super().__init__()
        fires = {3: (64, 16, 64), 4: (128, 16, 64), 6: (128, 32, 128), 7: (256, 32, 128), 9: (256, 48, 192, 2), 10: (384, 48, 192, 2),
                 11: (384, 64, 256, 2), 12: (512, 64, 256, 2)}
        strides = {2: 2, 5: 2, 8: 1}
        layers = [conv(3, 64, 3, 2, bias=True), nn.ReLU()]
        self.features = nn.Sequential(*layers, *[Fire(*fires[i]) if i in fires else nn.MaxPool2d(3, strides[i], 1) for i in range(2, 13)])
        self.low_channels, self.taps, self.high_channels = 128, (256, 384, 512), 512

    def forward(self, x):
        outputs = {}
        for i, layer in enumerate(self.features):
            x = layer(x)
            outputs[i] = x
        return outputs[4], outputs[7], outputs[10], outputs[12]


class CAMClassifier(nn.Module):
    """Trunk and `fc8`; gives class activation maps at stride 8."""

    def __init__(self, trunk, classes):
        super().__init__()
        adopt(self, trunk)
        self.fc8 = conv(trunk.high_channels, classes, 1)

    def forward(self, x):
        return F.relu(self.fc8(self.trunk(x)[3]))

    def logits(self, x):
        return self.fc8(self.trunk(x)[3].mean((2, 3), keepdim=True)).flatten(1)


class AffinityNet(nn.Module):
    """Features whose distances are affinities, at stride 8."""

    def __init__(self, trunk, kept):
        super().__init__()
        adopt(self, trunk)
        self.f8_3, self.f8_4, self.f8_5 = (conv(tap, out, 1) for tap, out in zip(trunk.taps, kept))
        self.f9 = conv(sum(kept), sum(kept), 1)

    def forward(self, x):
        _, tap4, tap5, high = self.trunk(x)
        return F.elu(self.f9(torch.cat([F.elu(self.f8_3(tap4)), F.elu(self.f8_4(tap5)), F.elu(self.f8_5(high))], 1)))


class ConvNorm(nn.Module):
    def __init__(self, inputs, outputs, kernel, **options):
        super().__init__()
        self.conv1 = conv(inputs, outputs, kernel, **options)
        self.bn1 = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x):
        return F.relu(self.bn1(self.conv1(x)))


class SegmentationHead(nn.Module):
    def __init__(self, inputs, hidden, classes, dilation):
        super().__init__()
        self.seg1 = ConvNorm(inputs, hidden, 3, dilation=dilation, bias=True, padding_mode="reflect")
        self.seg2 = conv(hidden, classes, 3, 1, dilation, True, "reflect")

    def forward(self, x):
        hidden = self.seg1(x)
        return self.seg2(hidden), hidden


class DDHead(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1ab = ConvNorm(inputs, outputs, 3, padding_mode="reflect")

    def forward(self, high, low):
        return self.conv1ab(torch.cat([high, low], 1))


class Bottleneck(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, 1), nn.BatchNorm2d(outputs, eps=1e-3)
        self.conv2, self.bn2 = conv(outputs, outputs, 3, padding_mode="reflect"), nn.BatchNorm2d(outputs, eps=1e-3)
        self.conv3, self.bn3 = conv(outputs, outputs, 1), nn.BatchNorm2d(outputs, eps=1e-3)
        self.downsample, self.bnd = conv(inputs, outputs, 1), nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x):
        y = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return F.relu(self.bn3(self.conv3(y)) + self.bnd(self.downsample(x)))


class DDNet(nn.Module):
    """The logit of the probability that a pixel of a mask, one-hot over classes, differs from the other mask of its pair."""

    def __init__(self, classes, channels):
        super().__init__()
        self.conv1c = ConvNorm(classes, channels, 1)
        self.conv1abc = Bottleneck(2 * channels, channels)
        self.pred_abc = conv(channels, 1, 1)

    def forward(self, features, mask):
        return self.pred_abc(self.conv1abc(torch.cat([features, self.conv1c(mask)], 1)))


class SegmentationModel(nn.Module):
    """Trunk `encoder` and `seg_main`; in the dynamic stage `seg_sub` too, and one or two detectors `dd_head0`, `dd0`, `dd_head1`, `dd1`."""

    def __init__(self, trunk, classes, hidden, dilation, difference_channels, has_sub, detectors):
        super().__init__()
        self.encoder = trunk
        self.seg_main = SegmentationHead(trunk.high_channels, hidden, classes, dilation)
        if has_sub:
            self.seg_sub = SegmentationHead(trunk.high_channels, hidden, classes, dilation)
        for i in range(detectors):
            self.add_module(f"dd_head{i}", DDHead(hidden + trunk.low_channels, difference_channels))
            self.add_module(f"dd{i}", DDNet(classes, difference_channels))

    def forward(self, x):
        """Class scores at stride 8."""
        return self.seg_main(self.encoder(x)[3])[0]


def adopt(module, trunk):
    """Gives `module` the layers of `trunk` under their own names."""
    for name, layer in trunk.named_children():
        module.add_module(name, layer)
    object.__setattr__(module, "trunk", trunk)


def trunk_of(state, prefix=""):
    if f"{prefix}features.0.weight" in state:
        return SqueezeNet8()
    outputs = [state[f"{prefix}{name}.weight"].shape[0] for name in ("conv1a", "b2.conv_branch2b1", "b3.conv_branch2b1", "b4.conv_branch2b1",
               "b5.conv_branch2b1", "b6.conv_branch2b2", "b7.conv_branch2b2")]
    blocks = [len({key.split(".")[0] for key in (k[len(prefix):] for k in state if k.startswith(prefix)) if key.split(".")[0].split("_")[0] == stage})
              for stage in ("b2", "b3", "b4", "b5")]
    return ResNet38(outputs, blocks)


def network_of(state, head_dilation=12):
    """The network whose names and shapes these are, without its weights."""
    if "seg_main.seg2.weight" in state:
        hidden, classes = state["seg_main.seg1.conv1.weight"].shape[0], state["seg_main.seg2.weight"].shape[0]
        detectors = sum(f"dd_head{i}.conv1ab.conv1.weight" in state for i in range(2))
        channels = state["dd_head0.conv1ab.conv1.weight"].shape[0] if detectors else 0
        return SegmentationModel(trunk_of(state, "encoder."), classes, hidden, head_dilation, channels, "seg_sub.seg2.weight" in state, detectors)
    if "f9.weight" in state:
        return AffinityNet(trunk_of(state), [state[f"f8_{i}.weight"].shape[0] for i in (3, 4, 5)])
    return CAMClassifier(trunk_of(state), state["fc8.weight"].shape[0])


def load(path, head_dilation=12):
    """The network in a file of export-weights, ready for inference; every tensor of the file has its place, and no place is empty."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    network = network_of(state, head_dilation)
    missing = [name for name in network.load_state_dict(state, strict=False).missing_keys if not name.endswith("num_batches_tracked")]
    unexpected = [name for name in state if name not in network.state_dict()]
    if missing or unexpected:
        raise ValueError(f"{path}: missing {missing}, unexpected {unexpected}")
    return network.eval()


def normalised(image):
    """(H, W, 3) bytes to (1, 3, H, W), with ImageNet's mean and deviation."""
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return ((torch.as_tensor(image).float() / 255 - mean) / deviation).permute(2, 0, 1)[None]


if __name__ == "__main__":
    loaded = load(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 12)
    # A pattern that needs no image file: the bytes 0, 1, 2, ... of a 64 x 64 picture.
    pattern = (torch.arange(64 * 64 * 3) % 251).reshape(64, 64, 3)
    with torch.no_grad():
        output = loaded(normalised(pattern))[0]
    print(type(loaded).__name__, *output.shape)
    print(*(f"{value:.6g}" for value in output.flatten().tolist()))
