"""Refines a folder as people do with pydensecrf: crf.py masks|npy IMAGES INPUTS OUT CONFIDENCE LABELS. Writes NAME.npy, (labels, height, width)."""
import pathlib
import sys

import numpy as np
import pydensecrf.densecrf as dcrf
from PIL import Image
from pydensecrf.utils import unary_from_labels, unary_from_softmax

kind, images, inputs, out, confidence, count = sys.argv[1:7]
count = int(count)
for path in sorted(pathlib.Path(inputs).iterdir()):
    image = np.array(Image.open(f"{images}/{path.stem}.png").convert("RGB"))
    height, width = image.shape[:2]
    if kind == "masks":
        mask = np.asarray(Image.open(path))
        # 0 is "unsure" for pydensecrf, the labels are 1, 2, ...
        numbered = np.where(mask == 255, 0, mask.astype(int) + 1)
        unary = unary_from_labels(numbered, count, gt_prob=float(confidence), zero_unsure=True)
    else:
        scores = np.load(path)
        count = len(scores)
        unary = unary_from_softmax(scores)
    field = dcrf.DenseCRF2D(width, height, count)
    field.setUnaryEnergy(np.ascontiguousarray(unary, dtype=np.float32))
    field.addPairwiseGaussian(sxy=3, compat=3)
    field.addPairwiseBilateral(sxy=80, srgb=13, rgbim=image, compat=10)
    refined = np.asarray(field.inference(10), dtype=np.float32).reshape(count, height, width)
    np.save(f"{out}/{path.stem}.npy", refined)
