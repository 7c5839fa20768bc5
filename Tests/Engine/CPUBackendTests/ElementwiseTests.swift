import CPUBackend
import Foundation
import LabelMasks
import Tensors
import Testing

@Suite("Activations, normalisation and arithmetic")
struct ElementwiseTests {
  static let kernels = [CPUKernels(threads: 1), CPUKernels(threads: 3)]
  static let shapes: [Shape] = [[1, 1, 1, 1], [2, 3, 5, 7], [3, 21, 9, 8], [1, 5, 61, 67], [2, 4]]

  @Test("relu, elu, sigmoid", arguments: shapes)
  func activations(shape: Shape) {
    let x = Self.kernels[0].scaled(noise(shape, "x"), by: 20)
    let upstream = noise(shape, "dy")
    for kernels in Self.kernels {
      check(kernels.relu(x), x) { max(0, $0) }
      check(kernels.elu(x), x) { $0 > 0 ? $0 : expm1($0) }
      check(kernels.sigmoid(x), x) { 1 / (1 + exp(-$0)) }
      let pairs = zip(x.values.map { Double($0) }, upstream.values)
      let (relu, elu, sigmoid) = (kernels.relu(x), kernels.elu(x), kernels.sigmoid(x))
      let reluExpected = pairs.map { $0.0 > 0 ? $0.1 : 0 }
      let eluExpected = pairs.map { Float(Double($0.1) * ($0.0 > 0 ? 1 : exp($0.0))) }
      let sigmoidExpected = pairs.map { Float(Double($0.1) / ((1 + exp(-$0.0)) * (1 + exp($0.0)))) }
      expectClose(kernels.reluGradient(output: relu, upstream: upstream), Tensor(shape, reluExpected), 0)
      expectClose(kernels.eluGradient(output: elu, upstream: upstream), Tensor(shape, eluExpected), 3e-7)
      expectClose(kernels.sigmoidGradient(output: sigmoid, upstream: upstream), Tensor(shape, sigmoidExpected), 3e-7)
    }
  }

  @Test("edges: zero, huge, infinite and not a number")
  func edges() {
    let x = Tensor([1, 11], [0, -0.0, 1e-30, -1e-30, 90, -90, 1e30, -1e30, .infinity, -.infinity, .nan])
    let kernels = Self.kernels[0]
    let sigmoid = kernels.sigmoid(x).values
    #expect(sigmoid[0] == 0.5 && sigmoid[4] == 1 && sigmoid[6] == 1 && sigmoid[8] == 1)
    #expect(sigmoid[5] >= 0 && sigmoid[5] < 1e-37 && sigmoid[7] == 0 && sigmoid[9] == 0 && sigmoid[10].isNaN)
    let elu = kernels.elu(x).values
    #expect(
      elu[0] == 0 && elu[3] == -1e-30 && elu[4] == 90 && elu[5] == -1 && elu[8] == .infinity && elu[9] == -1
        && elu[10].isNaN)
    let relu = kernels.relu(x).values
    #expect(relu[5] == 0 && relu[8] == .infinity && relu[9] == 0 && relu[10].isNaN)
    let gradient = kernels.reluGradient(output: kernels.relu(x), upstream: Tensor(repeating: 1, x.shape)).values
    #expect(gradient[0] == 0 && gradient[1] == 0 && gradient[2] == 1)
  }

  @Test(
    "a table's columns added by label, and sums by label",
    arguments: [[2, 3, 5, 7], [1, 5, 61, 67], [3, 21, 9, 8]] as [Shape], [1, 6, 255])
  func labelled(shape: Shape, classes: Int) {
    let (channels, width, area) = (shape[1], classes + 1, shape[2] * shape[3])
    let x = noise(shape, "x")
    let table = noise([1, channels, 1, width], "table")
    let columns = (0..<shape[0] * area).map { $0 * $0 / 3 % width }
    let labels = LabelMask(
      batch: shape[0], height: shape[2], width: shape[3],
      labels: columns.map { $0 == classes ? LabelMask.void : UInt8($0) })
    var (expected, sums) = (x.values, [Double](repeating: 0, count: table.count))
    for i in expected.indices {
      let (plane, pixel) = i.quotientAndRemainder(dividingBy: area)
      let cell = plane % channels * width + columns[plane / channels * area + pixel]
      sums[cell] += Double(expected[i])
      expected[i] += table.values[cell]
    }
    for kernels in Self.kernels {
      #expect(kernels.addLabelled(x, table: table, labels: labels) == Tensor(shape, expected))
      expectClose(
        kernels.labelSums(x, labels: labels, table: table.shape), Tensor(table.shape, sums.map { Float($0) }), 1e-6)
    }
  }

  @Test("softmax and its logarithm over axis 1", arguments: shapes)
  func softmax(shape: Shape) {
    let x = Self.kernels[0].scaled(noise(shape, "x"), by: 30)
    let upstream = noise(shape, "dy")
    let (channels, area) = (shape[1], shape.count / shape[0] / shape[1])
    let (xs, dy) = (x.values, upstream.values)
    var (soft, logs, softGradient, logGradient) = ([Float](), [Float](), [Float](), [Float]())
    for i in 0..<shape.count {
      let members = (0..<channels).map { i / (channels * area) * channels * area + $0 * area + i % area }
      let powers = members.map { exp(Double(xs[$0])) }
      let total = powers.reduce(0, +)
      let share = exp(Double(xs[i])) / total
      soft.append(Float(share))
      logs.append(Float(log(share)))
      let dotProduct = zip(members, powers).reduce(0) { $0 + Double(dy[$1.0]) * $1.1 / total }
      softGradient.append(Float(share * (Double(dy[i]) - dotProduct)))
      logGradient.append(Float(Double(dy[i]) - share * members.reduce(0) { $0 + Double(dy[$1]) }))
    }
    for kernels in Self.kernels {
      let (softmax, logSoftmax) = (kernels.softmax(x), kernels.logSoftmax(x))
      expectClose(softmax, Tensor(shape, soft), 3e-7)
      expectClose(logSoftmax, Tensor(shape, logs), 1e-5)
      expectClose(kernels.softmaxGradient(output: softmax, upstream: upstream), Tensor(shape, softGradient), 1e-6)
      expectClose(kernels.logSoftmaxGradient(output: logSoftmax, upstream: upstream), Tensor(shape, logGradient), 1e-5)
    }
    let shifted = Tensor([1, 3], [1000, 1001, -1000])
    expectClose(Self.kernels[0].softmax(shifted), Tensor([1, 3], [0.26894143, 0.7310586, 0]), 1e-6)
  }

  @Test("scale and shift", arguments: shapes, [false, true])
  func scaleShift(shape: Shape, relu: Bool) {
    let (x, upstream, channels) = (noise(shape, "x"), noise(shape, "dy"), shape[1])
    let (scale, shift) = (noise([channels], "scale"), noise([channels], "shift"))
    let area = shape.count / shape[0] / channels
    let (xs, dy, scales, shifts) = (x.values, upstream.values, scale.values, shift.values)
    func channel(_ i: Int) -> Int { i / area % channels }
    let plain = (0..<x.count).map { xs[$0] * scales[channel($0)] + shifts[channel($0)] }
    let masked = dy.indices.map { relu && plain[$0] <= 0 ? 0 : dy[$0] }
    var (scaleGradient, shiftGradient) = (
      [Float](repeating: 0, count: channels), [Float](repeating: 0, count: channels)
    )
    for i in masked.indices {
      scaleGradient[channel(i)] += masked[i] * xs[i]
      shiftGradient[channel(i)] += masked[i]
    }
    let inputGradient = masked.indices.map { masked[$0] * scales[channel($0)] }
    for kernels in Self.kernels {
      let output = kernels.scaleShift(x, scale: scale, shift: shift, relu: relu)
      expectClose(output, Tensor(shape, plain.map { relu ? max(0, $0) : $0 }), 1e-6)
      let found = kernels.scaleShiftGradients(
        x, scale: scale, output: output, upstream: upstream, relu: relu, wants: ScaleShiftWants())
      expectClose(found.input, Tensor(shape, inputGradient), 1e-6)
      expectClose(found.scale, Tensor([channels], scaleGradient), 1e-3)
      expectClose(found.shift, Tensor([channels], shiftGradient), 1e-3)
    }
  }

  @Test("batch norm through the batch's statistics, by differences")
  func batchNorm() {
    let shape: Shape = [2, 3, 5, 7]
    let (x, upstream) = (noise(shape, "x"), noise(shape, "dy"))
    let (weight, bias) = (noise([3], "weight"), noise([3], "bias"))
    for kernels in Self.kernels {
      func output(_ x: Tensor, _ weight: Tensor, _ bias: Tensor, relu: Bool = false) -> Tensor {
        let (mean, variance) = kernels.batchStatistics(x)
        let folded = kernels.foldedBatchNorm(mean: mean, variance: variance, weight: weight, bias: bias, epsilon: 1e-3)
        return kernels.scaleShift(x, scale: folded.scale, shift: folded.shift, relu: relu)
      }
      let (mean, variance) = kernels.batchStatistics(x)
      func gradients(_ upstream: Tensor, output: Tensor, relu: Bool) -> ScaleShiftGradients {
        kernels.batchNormGradients(
          x, statistics: ChannelStatistics(mean: mean, variance: variance, epsilon: 1e-3, areFixed: false),
          weight: weight, output: output, upstream: upstream, relu: relu, wants: ScaleShiftWants())
      }
      let found = gradients(upstream, output: x, relu: false)
      expectClose(found.scale, numericGradient(weight) { dot(output(x, $0, bias), upstream) }, 3e-3, "weight")
      expectClose(found.shift, numericGradient(bias) { dot(output(x, weight, $0), upstream) }, 3e-3, "bias")
      expectClose(found.input, numericGradient(x, step: 2e-3) { dot(output($0, weight, bias), upstream) }, 2e-3, "x")
      // With relu: the same, of the upstream where the output is positive.
      let positive = output(x, weight, bias, relu: true)
      let masked = gradients(kernels.reluGradient(output: positive, upstream: upstream), output: x, relu: false)
      let fused = gradients(upstream, output: positive, relu: true)
      expectClose(fused.input, masked.input ?? x, 1e-6)
      #expect(fused.scale == masked.scale && fused.shift == masked.shift)
    }
  }

  @Test("batch norm with fixed statistics", arguments: shapes)
  func fixedBatchNorm(shape: Shape) {
    let channels = shape[1]
    let (x, upstream, weight) = (noise(shape, "x"), noise(shape, "dy"), noise([channels], "weight"))
    let mean = noise([channels], "mean")
    let variance = Self.kernels[0].add(noise([channels], "variance"), Tensor(repeating: 1.5, [channels]))
    let (xs, dy, ms) = (x.values, upstream.values, mean.values)
    let inverse = variance.values.map { 1 / (Double($0) + 1e-3).squareRoot() }
    let area = shape.count / shape[0] / channels
    var (scale, shift) = ([Double](repeating: 0, count: channels), [Double](repeating: 0, count: channels))
    for i in xs.indices {
      let c = i / area % channels
      scale[c] += Double(dy[i]) * Double(xs[i] - ms[c]) * inverse[c]
      shift[c] += Double(dy[i])
    }
    let weights = weight.values
    let input = dy.indices.map {
      Float(Double(dy[$0]) * Double(weights[$0 / area % channels]) * inverse[$0 / area % channels])
    }
    for kernels in Self.kernels {
      let found = kernels.batchNormGradients(
        x, statistics: ChannelStatistics(mean: mean, variance: variance, epsilon: 1e-3, areFixed: true), weight: weight,
        output: x, upstream: upstream, relu: false, wants: ScaleShiftWants())
      expectClose(found.input, Tensor(shape, input), 1e-6)
      expectClose(found.scale, Tensor([channels], scale.map { Float($0) }), 1e-4)
      expectClose(found.shift, Tensor([channels], shift.map { Float($0) }), 1e-4)
    }
  }

  @Test("statistics", arguments: shapes)
  func statistics(shape: Shape) {
    let x = Self.kernels[0].add(noise(shape, "x"), Tensor(repeating: 100, shape))
    let (area, xs) = (shape.count / shape[0] / shape[1], x.values)
    let channels = (0..<shape[1]).map { c in xs.indices.filter { $0 / area % shape[1] == c }.map { Double(xs[$0]) } }
    let means = channels.map { $0.reduce(0, +) / Double($0.count) }
    let variances = zip(channels, means).map { values, mean in
      values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
    }
    for kernels in Self.kernels {
      let found = kernels.batchStatistics(x)
      expectClose(found.mean, Tensor([shape[1]], means.map { Float($0) }), 1e-5)
      expectClose(found.variance, Tensor([shape[1]], variances.map { Float($0) }), 1e-5)
    }
  }

  @Test("arithmetic and layout", arguments: shapes)
  func arithmetic(shape: Shape) {
    let (x, y) = (noise(shape, "x"), noise(shape, "y"))
    let xs = x.values
    for kernels in Self.kernels {
      #expect(kernels.add(x, y).values == zip(x.values, y.values).map { $0 + $1 })
      #expect(kernels.multiply(x, y).values == zip(x.values, y.values).map { $0 * $1 })
      #expect(kernels.scaled(x, by: -3).values == x.values.map { -3 * $0 })
      var target = x
      kernels.accumulate(y, scaledBy: 2, into: &target)
      expectClose(target, Tensor(shape, zip(x.values, y.values).map { $0 + 2 * $1 }), 1e-6)
      let factors = noise([shape[0], shape[1]], "factors")
      let area = shape.count / factors.count
      let planes = factors.values
      let expected = xs.indices.map { planes[$0 / area] * xs[$0] }
      #expect(kernels.multiplyPlanes(x, by: factors).values == expected)
      #expect(abs(kernels.sum(x) - x.values.reduce(0.0) { $0 + Double($1) }) < 1e-9 * Double(x.count + 100))
      let width = shape[shape.rank - 1]
      #expect(kernels.flipHorizontally(x).values == xs.indices.map { xs[$0 / width * width + width - 1 - $0 % width] })
    }
  }

  @Test("concatenate and split are inverse")
  func channels() {
    let parts = [noise([2, 3, 4, 5], "a"), noise([2, 1, 4, 5], "b"), noise([2, 6, 4, 5], "c")]
    for kernels in Self.kernels {
      let joined = kernels.concatenate(parts)
      #expect(joined.shape == [2, 10, 4, 5])
      #expect(joined[1, 3, 2, 4] == parts[1][1, 0, 2, 4] && joined[0, 9, 3, 0] == parts[2][0, 5, 3, 0])
      #expect(kernels.split(joined, channels: [3, 1, 6]) == parts)
    }
  }

  @Test("matrix products", arguments: [false, true], [false, true])
  func matrices(transposeA: Bool, transposeB: Bool) {
    for (rows, columns, inner) in [(1, 1, 1), (3, 5, 4), (64, 33, 70), (5, 1, 9)] {
      let a = noise(transposeA ? [inner, rows] : [rows, inner], "a")
      let b = noise(transposeB ? [columns, inner] : [inner, columns], "b")
      var expected = Tensor(zeros: [rows, columns])
      for i in 0..<rows {
        for j in 0..<columns {
          expected[i, j] = (0..<inner).reduce(0) {
            $0 + (transposeA ? a[$1, i] : a[i, $1]) * (transposeB ? b[j, $1] : b[$1, j])
          }
        }
      }
      for kernels in Self.kernels {
        expectClose(kernels.matrixProduct(a, b, transposeA: transposeA, transposeB: transposeB), expected, 1e-5)
      }
    }
  }

  @Test("stochastic gradient step", arguments: [5, 40_000])
  func step(count: Int) {
    for kernels in Self.kernels {
      let (start, gradient) = (noise([count], "p"), noise([count], "g"))
      var parameter = start
      var velocity: Tensor? = Tensor(zeros: [count])
      var (p, v) = (start.values.map { Double($0) }, [Double](repeating: 0, count: count))
      let slopes = gradient.values
      for _ in 0..<3 {
        kernels.sgdStep(
          parameter: &parameter, gradient: gradient, velocity: &velocity, rate: 0.1, momentum: 0.9, decay: 0.01)
        for i in 0..<count {
          v[i] = 0.9 * v[i] + Double(slopes[i]) + 0.01 * p[i]
          p[i] -= 0.1 * v[i]
        }
        if count > 100 { break }
      }
      expectClose(parameter, Tensor([count], p.map { Float($0) }), 1e-6)
      expectClose(velocity, Tensor([count], v.map { Float($0) }), 1e-6)
      var plain = start
      var none: Tensor?
      kernels.sgdStep(parameter: &plain, gradient: gradient, velocity: &none, rate: 0.1, momentum: 0.9, decay: 0)
      expectClose(plain, Tensor([count], zip(start.values, gradient.values).map { $0 - 0.1 * $1 }), 1e-6)
      #expect(none == nil && start == noise([count], "p"))
    }
  }

  /// Relative 3e-7, or 1e-36 near zero.
  private func check(
    _ found: Tensor, _ x: Tensor, sourceLocation: SourceLocation = #_sourceLocation, _ f: (Double) -> Double
  ) {
    let failing = zip(found.values, x.values).first { value, x in
      !(abs(Double(value) - f(Double(x))) <= 3e-7 * abs(f(Double(x))) + 1e-36)
    }
    #expect(failing == nil, sourceLocation: sourceLocation)
  }
}
