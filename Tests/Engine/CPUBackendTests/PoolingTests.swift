import CPUBackend
import Tensors
import Testing

@Suite("Pooling and resizing against their definitions")
struct PoolingTests {
  static let kernels = [CPUKernels(threads: 1), CPUKernels(threads: 3)]
  static let sizes = [(5, 7), (8, 8), (13, 6), (1, 4), (33, 50)]

  @Test(
    "maximum, ties included", arguments: [(2, 2, 0), (3, 2, 1), (3, 1, 1), (3, 2, 0), (2, 3, 1), (5, 2, 2)],
    [false, true])
  func maximum(window: (Int, Int, Int), ceilMode: Bool) {
    let (kernel, stride, padding) = window
    for (height, width) in Self.sizes where min(height, width) + 2 * padding >= kernel {
      for (x, name) in [(noise([2, 3, height, width], "x"), "noise"), (steps([3, 2, height, width], "x"), "steps")] {
        let (expected, positions) = naiveMaximum(x, kernel, stride, padding, ceilMode)
        let upstream = noise(expected.shape, "dy")
        var sums = [Float](repeating: 0, count: x.count)
        for (i, dy) in upstream.values.enumerated() {
          sums[i / (expected.shape[2] * expected.shape[3]) * height * width + Int(positions[i])] += dy
        }
        let gradient = Tensor(x.shape, sums)
        for kernels in Self.kernels {
          let (output, found) = kernels.maxPool(x, kernel: kernel, stride: stride, padding: padding, ceilMode: ceilMode)
          #expect(output == expected, "\(name) \(height)x\(width)")
          #expect(found.values == positions, "\(name) \(height)x\(width)")
          expectClose(
            kernels.maxPoolGradient(positions: found, upstream: upstream, inputShape: x.shape), gradient, 1e-6)
        }
      }
    }
  }

  @Test("a NaN wins its windows")
  func notANumber() {
    var x = noise([1, 1, 6, 21], "x")
    x[0, 0, 2, 10] = .nan
    let output = Self.kernels[0].maxPool(x, kernel: 3, stride: 2, padding: 1, ceilMode: false).output
    #expect(output[0, 0, 1, 5].isNaN)
    #expect(output.values.filter { $0.isNaN }.count == 1)
  }

  @Test("-infinity everywhere keeps the first position")
  func allMinusInfinity() {
    let x = Tensor(repeating: -.infinity, [1, 1, 4, 4])
    #expect(
      Self.kernels[0].maxPool(x, kernel: 2, stride: 2, padding: 0, ceilMode: false).positions.values == [0, 2, 8, 10])
  }

  @Test("average", arguments: [1, 2, 3, 8])
  func average(kernel: Int) {
    for (height, width) in Self.sizes where min(height, width) >= kernel {
      let x = noise([2, 3, height, width], "x")
      let shape: Shape = [2, 3, height / kernel, width / kernel]
      let upstream = noise(shape, "dy")
      var (expected, gradient) = (Tensor(zeros: shape), Tensor(zeros: x.shape))
      let area = Float(kernel * kernel)
      for n in 0..<2 {
        for c in 0..<3 {
          for i in 0..<shape[2] * kernel {
            for j in 0..<shape[3] * kernel {
              expected[n, c, i / kernel, j / kernel] += x[n, c, i, j] / area
              gradient[n, c, i, j] += upstream[n, c, i / kernel, j / kernel] / area
            }
          }
        }
      }
      for kernels in Self.kernels {
        expectClose(kernels.averagePool(x, kernel: kernel), expected, 1e-6)
        expectClose(
          kernels.averagePoolGradient(upstream: upstream, kernel: kernel, inputShape: x.shape), gradient, 1e-6)
      }
    }
  }

  @Test("global average")
  func globalAverage() {
    let x = noise([2, 3, 5, 7], "x")
    let (upstream, kernels) = (noise([2, 3, 1, 1], "dy"), Self.kernels[1])
    let (xs, dy) = (x.values, upstream.values)
    let means = (0..<6).map { plane in xs[plane * 35..<plane * 35 + 35].reduce(0, +) / 35 }
    expectClose(kernels.globalAveragePool(x), Tensor([2, 3, 1, 1], means), 1e-6)
    let gradient = (0..<210).map { dy[$0 / 35] / 35 }
    expectClose(
      kernels.globalAveragePoolGradient(upstream: upstream, inputShape: x.shape), Tensor(x.shape, gradient), 1e-7)
  }

  @Test("bilinear", arguments: [(5, 7), (10, 14), (40, 56), (3, 2), (13, 27), (1, 1), (9, 4), (66, 100)])
  func bilinear(height: Int, width: Int) {
    for (inHeight, inWidth) in Self.sizes {
      let x = noise([2, 3, inHeight, inWidth], "x")
      let upstream = noise([2, 3, height, width], "dy")
      let (expected, gradient) = naiveBilinear(x, upstream)
      for kernels in Self.kernels {
        expectClose(
          kernels.resizeBilinear(x, height: height, width: width), expected, 2e-5, "\(x.shape) to \(height)x\(width)")
        let found = kernels.resizeBilinearGradient(upstream: upstream, inputShape: x.shape)
        expectClose(found, gradient, 2e-4, "gradient, \(x.shape) to \(height)x\(width)")
      }
    }
  }

  private func naiveMaximum(_ x: Tensor, _ kernel: Int, _ stride: Int, _ padding: Int, _ ceilMode: Bool) -> (
    Tensor, [Int32]
  ) {
    func length(_ input: Int) -> Int {
      var count = 0
      while true {
        let start = count * stride - padding
        let fits = start + kernel <= input + padding
        // One incomplete window may follow in ceiling mode, if it starts within the input or the left padding.
        let partial = ceilMode && start - stride + kernel < input + padding && start < input
        if !fits && !partial { return count }
        count += 1
      }
    }
    let (height, width) = (x.shape[2], x.shape[3])
    let shape: Shape = [x.shape[0], x.shape[1], length(height), length(width)]
    var (output, positions): ([Float], [Int32]) = ([], [])
    for n in 0..<shape[0] {
      for c in 0..<shape[1] {
        for i in 0..<shape[2] {
          for j in 0..<shape[3] {
            var best: (Float, Int)?
            for r in i * stride - padding..<i * stride - padding + kernel where r >= 0 && r < height {
              for s in j * stride - padding..<j * stride - padding + kernel where s >= 0 && s < width {
                if best.map({ x[n, c, r, s] > $0.0 }) ?? true { best = (x[n, c, r, s], r * width + s) }
              }
            }
            output.append(best?.0 ?? .nan)
            positions.append(Int32(best?.1 ?? -1))
          }
        }
      }
    }
    return (Tensor(shape, output), positions)
  }

  private func naiveBilinear(_ x: Tensor, _ upstream: Tensor) -> (Tensor, Tensor) {
    let (inHeight, inWidth, height, width) = (x.shape[2], x.shape[3], upstream.shape[2], upstream.shape[3])
    func weight(_ out: Int, _ at: Int, _ input: Int, _ output: Int) -> Double {
      let position = max(0, (Double(out) + 0.5) * Double(input) / Double(output) - 0.5)
      return max(0, 1 - abs(min(position, Double(input - 1)) - Double(at)))
    }
    var (output, gradient) = (Tensor(zeros: upstream.shape), Tensor(zeros: x.shape))
    for plane in 0..<x.shape[0] * x.shape[1] {
      let (n, c) = (plane / x.shape[1], plane % x.shape[1])
      for i in 0..<height {
        let rows = (0..<inHeight).map { ($0, weight(i, $0, inHeight, height)) }.filter { $0.1 > 0 }
        for j in 0..<width {
          for s in 0..<inWidth {
            let column = weight(j, s, inWidth, width)
            if column == 0 { continue }
            for (r, row) in rows {
              output[n, c, i, j] += Float(row * column) * x[n, c, r, s]
              gradient[n, c, r, s] += Float(row * column) * upstream[n, c, i, j]
            }
          }
        }
      }
    }
    return (output, gradient)
  }
}
