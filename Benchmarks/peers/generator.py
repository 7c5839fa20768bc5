"""Numbers that depend on a name and an index alone, the same bits as `NamedNumbers` of bench/Inputs.swift."""
import numpy as np
import torch


def unit(name, count):
    """`count` numbers of [0, 1), multiples of 2^-24."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    result = np.empty(count, np.float32)
    for first in range(0, count, 1 << 20):
        last = min(first + (1 << 20), count)
        z = np.uint64(state) + np.arange(first + 1, last + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
        result[first:last] = (z >> np.uint64(40)).astype(np.float32) / np.float32(16777216)
    return result


def signed(name, *shape):
    """Numbers of [-1, 1)."""
    return torch.from_numpy((unit(name, int(np.prod(shape))) * np.float32(2) - np.float32(1)).reshape(shape))


def fill(model):
    """Every parameter from its name; scale and variance stay about 1."""
    for name, tensor in model.state_dict().items():
        last = name.rsplit(".", 1)[-1]
        if last == "num_batches_tracked":
            continue
        if tensor.dim() == 4:
            gain = 1 if "conv_branch2b" in name else 6
            tensor.copy_(signed(name, *tensor.shape) * np.float32((gain / (tensor[0].numel())) ** 0.5))
        elif last in ("running_mean", "bias"):
            tensor.copy_(signed(name, *tensor.shape) * np.float32(0.1))
        else:
            tensor.copy_(signed(name, *tensor.shape) * np.float32(0.25) + 1)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.requires_grad_(False)
            module.bias.requires_grad_(False)
    return model.eval()
