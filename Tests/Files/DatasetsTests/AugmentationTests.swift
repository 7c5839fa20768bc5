import TestSupport
import Datasets
import Foundations
import Imaging
import LabelMasks
import Tensors
import Testing

/// A picture that says where each of its pixels is: red 4x, green 4y.
private func coordinates(width: Int, height: Int) -> RGBImage {
  var image = RGBImage(width: width, height: height, colour: .black)
  for y in 0..<height {
    for x in 0..<width { image[x, y] = RGB(UInt8(4 * x), UInt8(4 * y), 200) }
  }
  return image
}

/// The same as maps (2, height / cell, width / cell): the coordinates of the centre of each cell.
private func coordinateMaps(width: Int, height: Int, cell: Int = 1) -> Tensor {
  let (w, h) = (width / cell, height / cell)
  var values: [Float] = []
  for axis in 0..<2 {
    for y in 0..<h {
      for x in 0..<w { values.append(4 * (Float((axis == 0 ? x : y) * cell) + Float(cell - 1) / 2)) }
    }
  }
  return Tensor([2, h, w], values)
}

@Suite struct AugmentationTests {
  private static let policies: [AugmentationPolicy] = [
    AugmentationPolicy(resize: .longSide(32...96), jitter: nil, crop: 48),
    AugmentationPolicy(resize: .square(48...96), interpolation: .bilinear, jitter: nil, crop: 48),
    AugmentationPolicy(resize: .longSide(40...70), jitter: nil, crop: 56, outputStride: 8),
    AugmentationPolicy(resize: .none, jitter: nil, crop: 64, outputStride: 2),
    AugmentationPolicy.none(crop: 48),
  ]

  @Test func theSmallImageIsRoundedOrCut() {
    let pixels = (0..<64).flatMap { [UInt8($0), UInt8(255 - $0), UInt8($0 * 3)] }
    var policy = AugmentationPolicy.none(crop: 8)
    func small() -> [UInt8] {
      let augmentation = policy.draw(seed: 0, epoch: 0, id: "a", width: 8, height: 8)
      return augmentation.thumbnail(ofCropped: augmentation.cropped(RGBImage(width: 8, height: 8, pixels: pixels)))
        .pixels
    }
    // Pixels 9, 10, 17 and 18: 13.5 in the mean; 241.5; 40.5.
    #expect(Array(small().prefix(3)) == [14, 242, 41])
    policy.thumbnailRounding = .down
    #expect(Array(small().prefix(3)) == [13, 241, 40])
  }

  @Test(arguments: policies) func imageMapsAndMasksMoveTogether(policy: AugmentationPolicy) {
    let (width, height) = (60, 44)
    let image = coordinates(width: width, height: height)
    let maps = coordinateMaps(width: width, height: height)
    let coarse = coordinateMaps(width: width, height: height, cell: 4)
    let columns = LabelMask(width: width, height: height, labels: (0..<width * height).map { UInt8($0 % width) })
    var compared = 0
    for epoch in 0..<24 {
      let augmentation = policy.draw(seed: 3, epoch: epoch, id: "a", width: width, height: height)
      let small = augmentation.thumbnail(ofCropped: augmentation.cropped(image))
      let (scores, coarseScores) = (augmentation.scores(maps), augmentation.scores(coarse))
      let (labels, coverage) = (augmentation.labels(columns), augmentation.coverage)
      #expect(scores.shape == [2, policy.crop / policy.outputStride, policy.crop / policy.outputStride])
      for y in 0..<small.height {
        for x in 0..<small.width {
          if coverage[x, y] == 255 {
            #expect(scores[0, y, x] == 0 && scores[1, y, x] == 0 && labels[x, y] == 255)
            continue
          }
          let (u, v) = (scores[0, y, x], scores[1, y, x])
          #expect(abs(Float(labels[x, y]) - u / 4) <= 0.51)
          // Near the edges the resampled picture has its padding and its antialiasing; inside, all agree.
          guard u > 20, u < Float(4 * width - 24), v > 20, v < Float(4 * height - 24) else { continue }
          #expect(abs(Float(small[x, y].red) - u) < 2 && abs(Float(small[x, y].green) - v) < 2)
          #expect(abs(coarseScores[0, y, x] - u) < 1e-3 && abs(coarseScores[1, y, x] - v) < 1e-3)
          compared += 1
        }
      }
    }
    #expect(compared > 200)
  }

  @Test func flipsMirrorWithoutCrop() {
    var policy = AugmentationPolicy(resize: .none, jitter: nil, crop: 8, outputStride: 1)
    let image = coordinates(width: 8, height: 8)
    let drawn = (0..<40).map { policy.draw(seed: 1, epoch: $0, id: "x", width: 8, height: 8) }
    #expect(Set(drawn.map(\.isFlipped)) == [true, false])
    for augmentation in drawn {
      #expect(augmentation.cropped(image) == (augmentation.isFlipped ? image.flippedHorizontally() : image))
      let mask = LabelMask(width: 8, height: 8, labels: (0..<64).map { UInt8($0) })
      #expect(augmentation.labels(mask) == (augmentation.isFlipped ? mask.flippedHorizontally() : mask))
    }
    policy.flips = false
    #expect((0..<40).allSatisfy { !policy.draw(seed: 1, epoch: $0, id: "x", width: 8, height: 8).isFlipped })
  }

  @Test func paddingIsZeroAfterNormalisation() {
    let policy = AugmentationPolicy(resize: .longSide(20...30), crop: 40)
    let image = coordinates(width: 30, height: 20)
    for epoch in 0..<8 {
      let augmentation = policy.draw(seed: 9, epoch: epoch, id: "p", width: 30, height: 20)
      let cropped = augmentation.cropped(image)
      let input = augmentation.input(ofCropped: cropped)
      let whole = Normalisation.standard.tensor(cropped)
      for y in 0..<40 {
        for x in 0..<40 {
          let isInside =
            (0..<augmentation.width).contains(x + augmentation.x)
            && (0..<augmentation.height).contains(y + augmentation.y)
          if isInside {
            #expect(input[2, y, x] == whole[2, y, x])
          } else {
            #expect(input[0, y, x] == 0 && input[1, y, x] == 0 && input[2, y, x] == 0)
            #expect(cropped[x, y] == RGB(124, 116, 104))
          }
        }
      }
    }
  }

  @Test func normalises() {
    let tensor = Normalisation.standard.tensor(RGBImage(width: 2, height: 1, pixels: [0, 128, 255, 255, 0, 10]))
    #expect(tensor.shape == [3, 1, 2])
    let expected: [Double] = [
      (0 - 0.485) / 0.229, (1 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (0 - 0.456) / 0.224, (1 - 0.406) / 0.225,
      (10 / 255 - 0.406) / 0.225,
    ]
    #expect(tensor.values == expected.map { Float($0) })
  }

  @Test func drawsStayWithinTheirRangesAndDependOnTheirKey() {
    let policy = AugmentationPolicy(resize: .longSide(256...512), crop: 448)
    var (long, hues): (Set<Int>, [Double]) = ([], [])
    for epoch in 0..<400 {
      let a = policy.draw(seed: 5, epoch: epoch, id: "2007_000032", width: 500, height: 281)
      #expect(a == policy.draw(seed: 5, epoch: epoch, id: "2007_000032", width: 500, height: 281))
      #expect(a != policy.draw(seed: 6, epoch: epoch, id: "2007_000032", width: 500, height: 281))
      #expect(a != policy.draw(seed: 5, epoch: epoch, id: "2007_000033", width: 500, height: 281))
      long.insert(a.width)
      #expect(abs(Double(a.height) - Double(a.width) * 0.562) <= 0.5001)
      #expect(
        (min(a.width - 448, 0)...max(a.width - 448, 0)).contains(a.x)
          && (min(a.height - 448, 0)...max(a.height - 448, 0)).contains(a.y))
      if let jitter = a.jitter {
        for factor in [jitter.brightness, jitter.contrast, jitter.saturation] { #expect((0.7...1.3).contains(factor)) }
        #expect(jitter.order.count == 4)
        hues.append(jitter.hue)
      }
    }
    #expect(long.allSatisfy((256...512).contains) && long.count > 150)
    #expect(
      hues.count == 400 && hues.allSatisfy { abs($0) <= 0.1 } && (hues.max() ?? 0) > 0.09 && (hues.min() ?? 0) < -0.09)
  }

  @Test func choicesAreIndependent() {
    let full = AugmentationPolicy(resize: .longSide(64...96), crop: 80)
    var plain = full
    (plain.flips, plain.jitter) = (false, nil)
    for epoch in 0..<20 {
      let (a, b) = (
        full.draw(seed: 1, epoch: epoch, id: "i", width: 90, height: 70),
        plain.draw(seed: 1, epoch: epoch, id: "i", width: 90, height: 70)
      )
      #expect(a.width == b.width && a.x == b.x && a.y == b.y)
    }
  }

  @Test func noneCentres() {
    let augmentation = AugmentationPolicy.none(crop: 40).draw(seed: 0, epoch: 0, id: "a", width: 100, height: 50)
    #expect(augmentation.width == 40 && augmentation.height == 20 && augmentation.x == 0 && augmentation.y == -10)
    #expect(!augmentation.isFlipped && augmentation.jitter == nil)
  }

  @Test func samplesAreOfTheCropsSize() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "id\tsplit\tlabels\twidth\theight\na\tt\tbirch\t20\t16\nb\tt\tbeech birch\t\t\nc\tt\tbeech\t20\t17\n", "items.tsv"
    )
    for id in ["a", "b", "c"] {
      try coordinates(width: 20, height: 16).writePNG(to: "\(folder.path)/photographs/\(id).png")
    }
    let manifest = try Manifest(contentsOf: try folder.write(ManifestTests.header, "m.yaml"))
    let items = try manifest.items(split: "t")
    let policy = AugmentationPolicy(resize: .longSide(16...24), crop: 16)
    let samples = try items[..<2].map { try TrainingSample($0, policy: policy, seed: 1, epoch: 0) }
    #expect(samples.allSatisfy { $0.input.shape == [3, 16, 16] && $0.thumbnail.width == 4 })
    expectFailure(.data, "photographs/c.png: c: the image is 20 x 16, the manifest's row is 20 x 17") {
      _ = try TrainingSample(items[2], policy: policy, seed: 1, epoch: 0)
    }
    try folder.write("no picture", "photographs/a.png")
    expectFailure(.data, "photographs/a.png: a:") {
      _ = try TrainingSample(items[0], policy: policy, seed: 1, epoch: 0)
    }
  }
}
