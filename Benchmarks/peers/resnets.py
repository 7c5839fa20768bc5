"""torchvision's ResNets on generated weights, in double precision: resnets.py prints features and gradients as JSON, one network a line.

Tests/Method/NetworksTests/Fixtures/resnets.json holds what it printed once, with torchvision 0.29."""
import json
import sys

import numpy as np
import torch
import torchvision

HEIGHT, WIDTH = 75, 58


def unit(name, count):
    """What `GoldenGenerator(seed: 0)` of Tests/TestSupport draws for a name."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    z = np.uint64(state) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float32) / np.float32(16777216)


def signed(name, shape):
    return (unit(name, int(np.prod(shape))) * np.float32(2) - np.float32(1)).reshape(shape)


def fill(model):
    for name, tensor in model.state_dict().items():
        parts = name.split(".")
        if parts[-1] == "weight" and tensor.dim() == 4:
            value = signed(name, tensor.shape) * np.float32((6 / tensor[0].numel()) ** 0.5)
        elif parts[-1] in ("weight", "running_var"):
            value = np.float32(0.5) * unit(name, tensor.numel()) + np.float32(0.75)
        elif parts[-1] == "bias":
            value = signed(name, tensor.shape) * np.float32(0.2 if "bn" in parts[-2] else 0.1)
        elif parts[-1] == "running_mean":
            value = signed(name, tensor.shape) * np.float32(0.2)
        else:
            continue
        tensor.copy_(torch.from_numpy(np.asarray(value)).reshape(tensor.shape))


def dilated(model, plan):
    """Basic blocks, which torchvision does not dilate: of each layer stride and dilations of its first block and of the others."""
    for layer, (stride, first, others) in plan.items():
        for index, block in enumerate(getattr(model, layer)):
            for convolution, dilation in ((block.conv1, others if index else first), (block.conv2, others)):
                convolution.dilation = convolution.padding = (dilation, dilation)
            block.conv1.stride = (1, 1) if index else (stride, stride)
        getattr(model, layer)[0].downsample[0].stride = (stride, stride)
    return model


def build(name):
    models = torchvision.models
    if name.startswith("resnet18"):
        plan = {"layer4": (1, 1, 2)} if name.endswith("16") else {"layer3": (1, 1, 2), "layer4": (1, 2, 4)}
        return dilated(models.resnet18(), plan)
    if name == "resnet50-irn":
        model = models.resnet50()
        model.layer4[0].conv2.stride = model.layer4[0].downsample[0].stride = (1, 1)
        return model
    make = models.resnet50 if name.startswith("resnet50") else models.resnet101
    return make(replace_stride_with_dilation=[False, not name.endswith("16"), True])


def summary(tensor):
    flat = tensor.detach().double().flatten()
    places = [i * len(flat) // 6 for i in range(6)]
    return {"norm": float(f"{flat.norm():.7g}"), "sample": [float(f"{flat[i]:.7g}") for i in places]}


def numbers(name):
    model = build(name)
    with torch.no_grad():
        fill(model)
    model = model.double().eval()
    x = torch.from_numpy(signed("image", (1, 3, HEIGHT, WIDTH))).double()
    x = model.maxpool(model.relu(model.bn1(model.conv1(x))))
    loss, layers = 0, []
    for layer in ("layer1", "layer2", "layer3", "layer4"):
        x = getattr(model, layer)(x)
        layers.append({"shape": list(x.shape), **summary(x)})
        loss = loss + (x * torch.from_numpy(signed(f"upstream {layer}", x.shape)).double()).sum()
    loss.backward()
    weights = [(name, p) for name, p in model.named_parameters() if p.dim() == 4]
    return {"name": name, "layers": layers, "gradients": [{"name": n, **summary(p.grad)} for n, p in weights]}


names = ["resnet18", "resnet18-stride16", "resnet50", "resnet50-stride16", "resnet50-irn", "resnet101", "resnet101-stride16"]
for name in sys.argv[1:] or names:
    print(json.dumps(numbers(name), separators=(",", ":")))
