import LabelMasks
import Tensors
import Testing

@Suite("Tensors, label batches")
struct TensorTests {
  @Test("copies are independent")
  func valueSemantics() {
    let first = Tensor([2, 2], [1, 2, 3, 4])
    var second = first
    second[1, 0] = 9
    #expect(first.values == [1, 2, 3, 4] && second.values == [1, 2, 9, 4])
    var reshaped = first.reshaped([4])
    reshaped[0] = 7
    #expect(first[0, 0] == 1 && reshaped[0] == 7)
    #expect(Tensor(3).item == 3 && Tensor(3).shape.rank == 0)
    #expect(Tensor(zeros: [0, 3]).values.isEmpty)
  }

  @Test("rows and stacking")
  func rows() {
    let x = Tensor([5, 2, 3], (0..<30).map { Float($0) })
    #expect(Tensor.stacked([x.batch(0..<2), x.batch(2..<2), x.batch(2..<5)]) == x)
    #expect(x.batch(3..<4).shape == [1, 2, 3])
    #expect(x.batch(3..<4)[0, 1, 2] == x[3, 1, 2])
  }

  @Test("planes are cut on the right and below, or filled up with zeros")
  func planes() {
    let x = Tensor([2, 2, 3], (1...12).map { Float($0) })
    #expect(x.resizingPlanes(height: 1, width: 2) == Tensor([2, 1, 2], [1, 2, 7, 8]))
    #expect(x.resizingPlanes(height: 3, width: 2) == Tensor([2, 3, 2], [1, 2, 4, 5, 0, 0, 7, 8, 10, 11, 0, 0]))
    #expect(
      x.reshaped([1, 2, 2, 3]).resizingPlanes(height: 1, width: 4) == Tensor([1, 2, 1, 4], [1, 2, 3, 0, 7, 8, 9, 0]))
    #expect(x.resizingPlanes(height: 2, width: 3) == x)
    #expect(Tensor([2, 0], []).resizingPlanes(height: 1, width: 1) == Tensor(zeros: [1, 1]))
  }

  @Test("descriptions")
  func descriptions() {
    #expect(Shape([8, 3, 320, 320]).description == "8x3x320x320")
    #expect(Shape([]).description == "scalar")
    #expect(Tensor([2], [1, 2]).description == "Tensor 2 [1.0, 2.0]")
  }

  @Test("one-hot labels, void is zero")
  func labels() {
    var batch = LabelMask(repeating: LabelMask.void, batch: 2, height: 1, width: 2)
    batch[0, 0, 1] = 2
    batch[1, 0, 0] = 0
    let expected = Tensor([2, 3, 1, 2], [0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0])
    #expect(batch.oneHot(classes: 3) == expected)
    #expect(LabelMask.stacked([batch.batch(0..<1), batch.batch(1..<2)]) == batch)
  }

  @Test("output lengths of convolutions")
  func lengths() {
    #expect(ConvolutionParameters(stride: 2, padding: 1).outputLength(321, kernel: 3) == 161)
    #expect(ConvolutionParameters(dilation: 12, padding: 12).outputLength(40, kernel: 3) == 40)
    #expect(ConvolutionParameters(stride: 2).outputLength(224, kernel: 3) == 111)
  }
}
