"""What the peers are timed on. Each case is a class: made once, `run` is the timed part, `sample` tells what came out."""
import multiprocessing
import os

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import generator
import networks

CLASSES = 21


def strided(tensor, count=256):
    flat = tensor.detach().contiguous().flatten()
    return flat[:: max(1, flat.numel() // count)].double().tolist()


class Network:
    """A network in the memory layout that is faster here: NCHW or channels last."""

    def prefer_layout(self, trial):
        import time

        times = {}
        for layout in (torch.contiguous_format, torch.channels_last):
            self.layout = layout
            self.model = self.model.to(memory_format=layout)
            trial()
            start = time.perf_counter()
            trial()
            times[layout] = time.perf_counter() - start
        self.layout = min(times, key=times.get)
        self.model = self.model.to(memory_format=self.layout)
        self.note = "channels last" if self.layout == torch.channels_last else "contiguous"

    def laid_out(self, x):
        return x.contiguous(memory_format=self.layout)


class Forward(Network):
    def __init__(self, folder, width, height):
        with torch.no_grad():
            self.model = generator.fill(networks.ResNet38())
        self.x = generator.signed("image", 1, 3, height, width)
        self.prefer_layout(self.run)

    def run(self):
        with torch.inference_mode():
            self.result = self.model(self.laid_out(self.x))[1]

    def sample(self):
        return [strided(self.result)]


class Training(Network):
    """Forward, backward and SGD of a segmentation network on given masks."""

    watched = ["encoder.b3.conv_branch2a.weight", "encoder.b5_1.conv_branch2b1.weight", "encoder.b7.conv_branch1.weight", "seg_main.seg1.conv1.weight"]

    def __init__(self, folder, trunk, side, batch):
        with torch.no_grad():
            trunk, channels = (networks.ResNet38(), 4096) if trunk == "resnet38" else (networks.SqueezeNet8(), 512)
            self.model = generator.fill(networks.SegmentationModel(trunk, channels, CLASSES))
        self.x = generator.signed("image", batch, 3, side, side)
        out = side // 4
        self.masks = torch.from_numpy(np.fromfile(f"{folder}/masks-{side}.u8", np.uint8).reshape(-1, out, out)[:batch].astype(np.int64))
        self.make_optimizer([self.model.encoder], [self.model.seg_main])
        # The layout is tried on a quarter of the area and one image, which changes no weight.
        small = self.x[:1, :, : side // 2, : side // 2]
        self.prefer_layout(lambda: F.cross_entropy(self.model(self.laid_out(small)), self.masks[:1, : out // 2, : out // 2]).backward())
        self.optimizer.zero_grad()
        self.first = None

    def make_optimizer(self, trunks, heads):
        def trained(modules):
            return [p for m in modules for p in m.parameters() if p.requires_grad]

        groups = [{"params": trained(trunks), "lr": 1e-5}, {"params": trained(heads), "lr": 1e-4}]
        self.optimizer = torch.optim.SGD(groups, lr=1e-5, weight_decay=2e-4, fused=True)

    def run(self):
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(self.laid_out(self.x)), self.masks, ignore_index=255)
        loss.backward()
        if self.first is None:
            named = dict(self.model.named_parameters())
            self.first = [[float(loss.detach())]] + [strided(named[name].grad) for name in self.watched if name in named]
        self.optimizer.step()

    def sample(self):
        return self.first


def crf(image, probabilities, iterations):
    import pydensecrf.densecrf as dense
    from pydensecrf.utils import unary_from_softmax

    labels, height, width = probabilities.shape
    field = dense.DenseCRF2D(width, height, labels)
    field.setUnaryEnergy(np.ascontiguousarray(unary_from_softmax(probabilities, scale=None, clip=1e-5)))
    field.addPairwiseGaussian(sxy=3, compat=3)
    field.addPairwiseBilateral(sxy=80, srgb=13, rgbim=image, compat=10)
    return np.array(field.inference(iterations)).reshape(labels, height, width)


class Dynamic(Training):
    """The dynamic stage's step: both SSDD modules, the CRF in between, four cross entropies and four difference losses."""

    watched = Training.watched + ["seg_sub.seg1.conv1.weight", "dd0.conv1abc.conv2.weight", "dd_head1.conv1ab.conv1.weight"]

    def __init__(self, folder, side, batch):
        with torch.no_grad():
            self.model = generator.fill(networks.DynamicModel(CLASSES))
        self.x = generator.signed("image", batch, 3, side, side)
        out = side // 4
        self.seeds = torch.from_numpy(np.fromfile(f"{folder}/masks-{side}.u8", np.uint8).reshape(-1, out, out)[:batch].astype(np.int64))
        self.images = np.fromfile(f"{folder}/thumbnails-{side}.u8", np.uint8).reshape(-1, out, out, 3)[:batch].copy()
        self.present = [[0] + sorted(set(m.unique().tolist()) - {0, 255}) for m in self.seeds]
        self.labels = torch.zeros(batch, CLASSES)
        for n, labels in enumerate(self.present):
            self.labels[n, labels] = 1
        model = self.model
        self.make_optimizer([model.encoder], [model.seg_main, model.seg_sub, model.dd_head0, model.dd_head1, model.dd0, model.dd1])
        self.prefer_layout(lambda: sum(t.sum() for t in self.scores(self.laid_out(self.x[:1, :, : side // 2, : side // 2]))).backward())
        self.optimizer.zero_grad()
        self.first = None

    def scores(self, x):
        high = self.model.encoder(x)[1]
        return self.model.seg_main(high)[0], self.model.seg_sub(high)[0]

    def masked(self, scores):
        p = torch.softmax(scores.detach(), 1) + 1e-4
        return (p * self.labels[:, :, None, None]).argmax(1)

    def refined(self, scores):
        masks = []
        for n, labels in enumerate(self.present):
            p = torch.softmax(scores[n, labels].detach(), 0).numpy()
            masks.append(torch.tensor(labels)[torch.from_numpy(crf(self.images[n], p, 3).argmax(0))])
        return torch.stack(masks)

    def merged(self, knowledge, advice, logits):
        """m^D, and which samples are bad: a class shrinks below half."""
        d = [torch.sigmoid(t.detach())[:, 0] for t in logits]
        w = d[0] - d[1] + 0.4
        bad = []
        for n, labels in enumerate(self.present):
            flags = [c for c in labels[1:] if (advice[n] == c).sum() / max(1, int((knowledge[n] == c).sum())) < 0.5]
            for c in flags:
                w[n] += (advice[n] == c).float() - (knowledge[n] == c).float()
            bad.append(bool(flags))
        return torch.where(w >= 0, advice, knowledge), bad

    def difference_loss(self, logits, target, bad):
        losses = []
        for n in range(len(bad)):
            if not bad[n]:
                loss = F.binary_cross_entropy_with_logits(logits[n, 0], target[n].float(), reduction="none")
                ones = target[n].bool()
                losses += [0.5 * loss[part].sum() / max(1, int(part.sum())) for part in (ones, ~ones)]
        return sum(losses) / max(1, bad.count(False))

    def differences(self, head, net, high, low, masks):
        features = head(enlarged(high.detach()), low)
        return [net(features, F.one_hot(m, CLASSES).permute(0, 3, 1, 2).float()) for m in masks]

    def run(self):
        self.optimizer.zero_grad()
        model, seeds = self.model, self.seeds
        conv2, conv6 = model.encoder(self.laid_out(self.x))
        low = F.avg_pool2d(conv2.detach(), 2)
        (main, main_hidden), (sub, sub_hidden) = model.seg_main(conv6), model.seg_sub(conv6)
        k1, a1, m_sub = self.masked(main), self.refined(main), self.masked(sub)
        first = self.differences(model.dd_head0, model.dd0, main_hidden, low, [k1, a1])
        d1, first_bad = self.merged(k1, a1, first)
        second = self.differences(model.dd_head1, model.dd1, sub_hidden, low, [seeds, d1])
        d2, second_bad = self.merged(seeds, d1, second)
        loss = F.cross_entropy(main, d2) + 0.5 * F.cross_entropy(sub, seeds) + 0.5 * F.cross_entropy(sub, d1)
        differing = k1 != a1
        loss = loss + sum(self.difference_loss(t, differing, first_bad) for t in first) / 4
        loss = loss + sum(self.difference_loss(t, m != m_sub, second_bad) for t, m in zip(second, (seeds, d1))) / 4
        loss.backward()
        if self.first is None:
            named = dict(model.named_parameters())
            self.first = [[float(loss.detach())]]
            for name in self.watched:
                gradient = named[name].grad
                self.first.append(strided(torch.zeros_like(named[name]) if gradient is None else gradient))
        self.optimizer.step()


def enlarged(x):
    return networks.enlarged(x)


class CRF:
    def __init__(self, folder, width, height, labels):
        self.image = np.ascontiguousarray(np.array(Image.open(f"{folder}/image-{width}x{height}.png").convert("RGB")))
        self.p = np.fromfile(f"{folder}/scores-{width}x{height}-{labels}.f32", np.float32).reshape(labels, height, width)
        self.note = "pydensecrf, one thread: it has no other way"

    def run(self):
        self.result = crf(self.image, self.p, 10)

    def sample(self):
        return [strided(torch.from_numpy(self.result), 4096)]


class Walk:
    """Dense squaring, as the public PSA code does it."""

    def __init__(self, folder, height, width, channels, radius=5, beta=8, logt=8):
        self.size, self.beta, self.logt = (height, width), beta, logt
        self.offsets = [(0, dx) for dx in range(1, radius)]
        self.offsets += [(dy, dx) for dy in range(1, radius) for dx in range(1 - radius, radius) if dy * dy + dx * dx < radius * radius]
        rows, columns = height - radius + 1, width - 2 * (radius - 1)
        start = (torch.arange(rows)[:, None] * width + torch.arange(radius - 1, radius - 1 + columns)).flatten()
        self.pairs = torch.cat([torch.stack([start, start + dy * width + dx]) for dy, dx in self.offsets], 1)
        unit = generator.unit("affinities", len(self.offsets) * len(start))
        self.affinities = torch.from_numpy(np.float32(0.5) + unit * np.float32(0.5))
        self.scores = torch.from_numpy(generator.unit("scores", channels * height * width)).reshape(channels, -1)
        self.note = "torch, dense"

    def run(self):
        with torch.inference_mode():
            count = self.size[0] * self.size[1]
            a = torch.eye(count)
            power = self.affinities**self.beta
            a[self.pairs[0], self.pairs[1]] = power
            a[self.pairs[1], self.pairs[0]] = power
            t = a / a.sum(0, keepdim=True)
            for _ in range(self.logt):
                t = t @ t
            self.result = self.scores @ t

    def sample(self):
        return [strided(self.result)]


def counted(paths):
    total = np.zeros(CLASSES * CLASSES, np.int64)
    for truth, prediction in paths:
        t, p = np.asarray(Image.open(truth)), np.asarray(Image.open(prediction))
        valid = t != 255
        total += np.bincount(t[valid].astype(np.int64) * CLASSES + p[valid], minlength=CLASSES * CLASSES)
    return total


class Evaluation:
    def __init__(self, folder, count):
        torch.set_num_threads(1)
        self.paths = [tuple(f"{folder}/{kind}/{i:04}.png" for kind in ("truth", "prediction")) for i in range(count)]
        self.workers = int(os.environ["PEER_THREADS"])
        self.pool = multiprocessing.get_context("fork").Pool(self.workers)
        self.note = f"Pillow and numpy, {self.workers} processes"

    def run(self):
        parts = [self.paths[i :: self.workers] for i in range(self.workers)]
        self.counts = sum(self.pool.map(counted, parts)).reshape(CLASSES, CLASSES)

    def sample(self):
        union = self.counts.sum(0) + self.counts.sum(1) - self.counts.diagonal()
        return [(self.counts.diagonal() / np.maximum(union, 1)).tolist()]


CASES = {
    "forward-448": lambda folder: Forward(folder, 448, 448),
    "forward-896": lambda folder: Forward(folder, 896, 672),
    "forward-224": lambda folder: Forward(folder, 224, 224),
    "train-448": lambda folder: Training(folder, "resnet38", 448, 2),
    "dynamic-448": lambda folder: Dynamic(folder, 448, 2),
    "squeezenet-320": lambda folder: Training(folder, "squeezenet", 320, 8),
    "crf-3": lambda folder: CRF(folder, 500, 375, 3),
    "crf-21": lambda folder: CRF(folder, 500, 375, 21),
    "walk": lambda folder: Walk(folder, 47, 63, 2),
    "evaluate": lambda folder: Evaluation(folder, 1449),
}
