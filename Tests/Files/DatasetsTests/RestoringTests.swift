import Datasets
import Imaging
import LabelMasks
import Testing

@Suite struct RestoringTests {
  private static let policies = [
    AugmentationPolicy(resize: .longSide(32...96), jitter: nil, crop: 48).withoutChance,
    AugmentationPolicy(resize: .square(48...96), interpolation: .bilinear, jitter: nil, crop: 48).withoutChance,
  ]

  /// A picture of 5 x 4 blocks with a label each comes back whole: every pixel away from a block's border has its label
  /// again.
  @Test(arguments: policies, [(60, 44), (44, 60), (37, 53), (200, 31)]) func aMaskComesBack(
    _ policy: AugmentationPolicy, _ size: (Int, Int)
  ) {
    let (width, height) = size
    func block(_ x: Int, _ y: Int) -> UInt8 { UInt8(y * 4 / height * 5 + x * 5 / width) }
    let mask = LabelMask(
      width: width, height: height, labels: (0..<width * height).map { block($0 % width, $0 / width) })
    let drawn = policy.draw(seed: 1, epoch: 0, id: "a", width: width, height: height)
    #expect(drawn.jitter == nil && !drawn.isFlipped)
    let back = drawn.restored(drawn.labels(mask))
    #expect(back.width == width && back.height == height)
    #expect(!back.presentLabels.contains(LabelMask.void), "the crop shows the whole image")
    // An output pixel covers this many pixels of the image; nearer to a border it may take either side's label.
    let reach = (width * 4 / drawn.width + 1, height * 4 / drawn.height + 1)
    for y in 0..<height {
      for x in 0..<width {
        let near = [-1, 1].flatMap { i in
          [-1, 1].map { j in block(min(max(x + i * reach.0, 0), width - 1), min(max(y + j * reach.1, 0), height - 1)) }
        }
        if Set(near).count == 1 { #expect(back[x, y] == block(x, y), "(\(x), \(y))") }
      }
    }
  }

  @Test func whatTheCropDoesNotShowIsVoid() {
    var policy = AugmentationPolicy(resize: .none, flips: false, jitter: nil, crop: 8, placement: .centre)
    policy.placement = .centre
    let drawn = policy.draw(seed: 1, epoch: 0, id: "a", width: 16, height: 8)
    let back = drawn.restored(LabelMask(width: 2, height: 2, labels: [1, 2, 3, 4]))
    for y in 0..<8 {
      let row = (0..<16).map { back[$0, y] }
      let (left, right): (UInt8, UInt8) = y < 4 ? (1, 2) : (3, 4)
      #expect(
        row == Array(repeating: 255, count: 4) + Array(repeating: left, count: 4) + Array(repeating: right, count: 4)
          + Array(repeating: 255, count: 4))
    }
  }

  @Test func aMirroredMaskIsTurnedBack() {
    let policy = AugmentationPolicy(resize: .none, jitter: nil, crop: 8, placement: .centre)
    let draws = (0..<20).map { policy.draw(seed: 1, epoch: $0, id: "a", width: 8, height: 8) }
    for drawn in draws {
      let back = drawn.restored(LabelMask(width: 2, height: 2, labels: [1, 2, 3, 4]))
      #expect([back[0, 0], back[7, 0], back[0, 7], back[7, 7]] == (drawn.isFlipped ? [2, 1, 4, 3] : [1, 2, 3, 4]))
    }
    #expect(Set(draws.map(\.isFlipped)).count == 2)
  }
}
