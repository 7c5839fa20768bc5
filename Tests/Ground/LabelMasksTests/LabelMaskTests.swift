import Foundations
import LabelMasks
import Testing

@Suite struct LabelMaskTests {
  private let one = LabelMask(width: 3, height: 2, labels: [1, 2, 3, 4, 5, 6])
  private let other = LabelMask(width: 3, height: 2, labels: [7, 255, 9, 255, 11, 12])

  @Test func aMaskOfOneImageIsABatchOfOne() {
    #expect(one.batch == 1 && one == LabelMask(batch: 1, height: 2, width: 3, labels: [1, 2, 3, 4, 5, 6]))
    // Column and row of one image; sample, row and column of a batch.
    #expect(one[2, 1] == 6 && one[0, 1, 2] == 6)
    #expect(LabelMask(width: 2, height: 1) == LabelMask(repeating: 0, batch: 1, height: 1, width: 2))
  }

  @Test func batchesAreStackedAndTakenApart() {
    let batch = LabelMask.stacked([one, other])
    #expect(batch.batch == 2 && batch[1, 0, 2] == 9)
    #expect(batch.batch(0..<1) == one && batch.batch(1..<2) == other)
  }

  @Test func whatOneLeavesVoidIsVoid() {
    #expect(one.voided(by: other).labels == [1, 255, 3, 255, 5, 6])
    #expect(other.presentLabels == [7, 9, 11, 12, 255])
  }

  @Test func labelsAreMappedThroughATable() {
    var table = [UInt8](repeating: 255, count: 256)
    (table[7], table[9]) = (1, 2)
    #expect(other.mapped(through: table).labels == [1, 255, 2, 255, 255, 255])
  }

  @Test func anotherSizeIsToldWithItsLikelyCause() {
    #expect(throws: Failure(.data, "the mask is 3 x 2, a.jpg is 4 x 4", file: "a.png")) {
      try one.requireSize(width: 4, height: 4, of: "a.jpg", file: "a.png")
    }
    let turned = #expect(throws: Failure.self) { try one.requireSize(width: 2, height: 3, of: "a.jpg") }
    #expect(turned?.message.contains("the sides are exchanged") == true)
    #expect(throws: Never.self) { try one.requireSize(width: 3, height: 2, of: "a.jpg") }
  }
}
