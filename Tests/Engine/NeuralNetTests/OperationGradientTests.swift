import NeuralNet
import Tensors
import Testing

@Suite("Operations against finite differences")
struct OperationGradientTests {
  let check = GradientCheck()
  static let shapes: [Shape] = [[1, 1, 1, 1], [1, 3, 5, 4], [2, 2, 3, 7]]

  @Test(arguments: shapes)
  func elementwise(_ shape: Shape) {
    let x = Values.separated(shape, "x")
    let small = Values.uniform(shape, "small")
    #expect(check.mismatches([x]) { $1[0].relu() } == [])
    #expect(
      check.mismatches([Tensor(shape, small.values.map { $0 < 0 ? $0 - 0.02 : $0 + 0.02 })]) { $1[0].elu() } == [])
    #expect(check.mismatches([small]) { $1[0].sigmoid() } == [])
    #expect(check.mismatches([small]) { $1[0].softmax() } == [])
    #expect(check.mismatches([small]) { $1[0].logSoftmax() } == [])
    #expect(check.mismatches([small]) { $1[0].sum() } == [])
    #expect(check.mismatches([small]) { $1[0].mean() } == [])
    #expect(check.mismatches([small]) { -1.5 * $1[0] } == [])
    #expect(check.mismatches([small]) { $1[0].reshaped([shape.count]) } == [])
  }

  @Test(arguments: shapes)
  func arithmeticOfTwo(_ shape: Shape) {
    let (a, b) = (Values.uniform(shape, "a"), Values.uniform(shape, "b"))
    #expect(check.mismatches([a, b]) { $1[0] + $1[1] } == [])
    #expect(check.mismatches([a, b]) { $1[0] - $1[1] } == [])
    #expect(check.mismatches([a, b]) { $1[0] * $1[1] } == [])
    #expect(check.mismatches([a]) { $1[0] * $1[0] + $1[0] } == [], "one variable used three times")
  }

  @Test(arguments: [(3, 2, 1, false), (3, 2, 0, true), (2, 2, 0, false), (3, 1, 1, false)])
  func maxPooling(kernel: Int, stride: Int, padding: Int, ceilMode: Bool) {
    for shape: Shape in [[1, 1, 4, 5], [2, 3, 7, 6]] {
      let x = Values.separated(shape, "pool")
      #expect(
        check.mismatches([x]) { $1[0].maxPooled(kernel: kernel, stride: stride, padding: padding, ceilMode: ceilMode) }
          == [])
    }
  }

  @Test(arguments: [Shape([1, 1, 4, 4]), Shape([2, 3, 5, 7])])
  func averagePooling(_ shape: Shape) {
    let x = Values.uniform(shape, "average")
    #expect(check.mismatches([x]) { $1[0].averagePooled(2) } == [])
    #expect(check.mismatches([x]) { $1[0].globalAveragePooled() } == [])
  }

  @Test(arguments: [(1, 1), (3, 2), (4, 5), (7, 9), (16, 3)])
  func bilinear(height: Int, width: Int) {
    let x = Values.uniform([2, 2, 4, 5], "bilinear")
    #expect(check.mismatches([x]) { $1[0].resized(height: height, width: width) } == [])
  }

  @Test(arguments: [2, 8])
  func upsampling(factor: Int) {
    let x = Values.uniform([1, 2, 3, 2], "upsampled")
    #expect(check.mismatches([x]) { $1[0].upsampled(by: factor) } == [])
  }

  @Test func channels() {
    let parts = [
      Values.uniform([2, 1, 3, 2], "p"), Values.uniform([2, 4, 3, 2], "q"), Values.uniform([2, 2, 3, 2], "r"),
    ]
    #expect(check.mismatches(parts) { $1[0].concatenated(with: $1[1], $1[2]) } == [])
    #expect(check.mismatches([parts[1]]) { $1[0].concatenated(with: $1[0]) } == [], "one variable twice")
    #expect(check.mismatches([parts[1]]) { $1[0].flippedHorizontally() } == [])
  }

  @Test(arguments: [Float(0.3), 0.5])
  func channelDropout(rate: Float) {
    let x = Values.uniform([3, 5, 2, 2], "dropout")
    #expect(check.mismatches([x]) { $1[0].dropout2d(rate: rate, name: "b6") } == [])
  }

  @Test func ownOperation() {
    let x = Values.uniform([2, 3], "own")
    let squared = { (context: Context, inputs: [Variable]) -> Variable in
      let value = inputs[0].value
      return context.operation(context.kernels.multiply(value, value), from: inputs) {
        [context.kernels.scaled(context.kernels.multiply($0, value), by: 2)]
      }
    }
    #expect(check.mismatches([x], squared) == [])
  }

  @Test func theCheckFindsAWrongGradient() {
    let x = Values.uniform([2, 3], "wrong")
    let halved = { (context: Context, inputs: [Variable]) -> Variable in
      context.operation(context.kernels.scaled(inputs[0].value, by: 2), from: inputs) { [$0] }
    }
    #expect(check.mismatches([x], halved).count == 1)
    #expect(
      check.mismatches([x]) { context, inputs in context.operation(inputs[0].value, from: inputs) { _ in [nil] } }.count
        == 1)
  }
}
