import Threads
@_spi(HostMemory) import Tensors

/// Where output positions along one axis read: two neighbours and the share of the second.
struct BilinearAxis {
  var first: [Int] = []
  var second: [Int] = []
  var share: [Float] = []
  /// For each input position, the output positions that read it.
  var readers: [Range<Int>]

  init(input: Int, output: Int) {
    precondition(input >= 1 && output >= 1, "resizing length \(input) to \(output)")
    readers = [Range<Int>](repeating: 0..<0, count: input)
    for i in 0..<output {
      let position = max(0, (Double(i) + 0.5) * Double(input) / Double(output) - 0.5)
      let low = min(Int(position), input - 1)
      let high = min(low + 1, input - 1)
      first.append(low)
      second.append(high)
      share.append(low == high ? 0 : Float(position - Double(low)))
      for place in low...high { readers[place] = (readers[place].isEmpty ? i : readers[place].lowerBound)..<i + 1 }
    }
  }

  /// How much output `i` takes of input `place`.
  @inline(__always)
  func weight(_ i: Int, of place: Int) -> Float {
    (first[i] == place ? 1 - share[i] : 0) + (second[i] == place ? share[i] : 0)
  }
}

extension CPUKernels {
  public func resizeBilinear(_ x: Tensor, height: Int, width: Int) -> Tensor {
    let (batch, channels, inHeight, inWidth) = x.shape.image
    if height == inHeight && width == inWidth { return x }
    let (rows, columns) = (BilinearAxis(input: inHeight, output: height), BilinearAxis(input: inWidth, output: width))
    return Tensor(filling: [batch, channels, height, width]) { target in
      x.read { source in
        Parallel.forEachRange(
          batch * channels, threads: batch * channels * height * width < Self.smallCount ? 1 : threads
        ) { _, planes in
          scratch.with(2 * width) { wide in
            for plane in planes {
              let (source, target) = (source + plane * inHeight * inWidth, target + plane * height * width)
              resizePlane(source, target, rows, columns, inWidth: inWidth, wide)
            }
          }
        }
      }
    }
  }

  /// Widens each input row once (into the two rows of `wide`, used in turn) and blends neighbouring ones.
  private func resizePlane(
    _ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ rows: BilinearAxis,
    _ columns: BilinearAxis, inWidth: Int, _ wide: UnsafeMutablePointer<Float>
  ) {
    let width = columns.first.count
    var held = (-1, -1)
    func widened(_ row: Int) -> UnsafeMutablePointer<Float> {
      let target = wide + (row & 1) * width
      if (row & 1 == 0 ? held.0 : held.1) == row { return target }
      if row & 1 == 0 { held.0 = row } else { held.1 = row }
      widen(source + row * inWidth, target, columns)
      return target
    }
    for i in 0..<rows.first.count {
      let (share, target) = (rows.share[i], target + i * width)
      let upper = widened(rows.first[i])
      if share == 0 {
        target.update(from: upper, count: width)
        continue
      }
      let lower = widened(rows.second[i])
      let rest = 1 - share
      for j in 0..<width { target[j] = rest * upper[j] + share * lower[j] }
    }
  }

  private func widen(_ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ columns: BilinearAxis) {
    columns.first.withUnsafeBufferPointer { first in
      columns.second.withUnsafeBufferPointer { second in
        columns.share.withUnsafeBufferPointer { share in
          for j in 0..<first.count { target[j] = (1 - share[j]) * source[first[j]] + share[j] * source[second[j]] }
        }
      }
    }
  }

  public func resizeBilinearGradient(upstream: Tensor, inputShape: Shape) -> Tensor {
    let (batch, channels, height, width) = upstream.shape.image
    let (inHeight, inWidth) = (inputShape.image.height, inputShape.image.width)
    precondition(inputShape[0] == batch && inputShape[1] == channels, "upstream \(upstream.shape) for \(inputShape)")
    if height == inHeight && width == inWidth { return upstream }
    let (rows, columns) = (BilinearAxis(input: inHeight, output: height), BilinearAxis(input: inWidth, output: width))
    return Tensor(filling: inputShape) { target in
      upstream.read { upstream in
        Parallel.forEachRange(
          batch * channels, threads: batch * channels * height * width < Self.smallCount ? 1 : threads
        ) { _, planes in
          scratch.with(width) { sums in
            for plane in planes {
              let (upstream, target) = (upstream + plane * height * width, target + plane * inHeight * inWidth)
              for row in 0..<inHeight {
                sums.update(repeating: 0, count: width)
                for i in rows.readers[row] {
                  addRow(upstream + i * width, times: rows.weight(i, of: row), to: sums, width)
                }
                narrow(sums, target + row * inWidth, inWidth, columns)
              }
            }
          }
        }
      }
    }
  }

  @inline(__always)
  private func addRow(
    _ source: UnsafePointer<Float>, times factor: Float, to target: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    for j in 0..<count { target[j] += factor * source[j] }
  }

  /// The transpose of `widen`.
  private func narrow(
    _ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ inWidth: Int, _ columns: BilinearAxis
  ) {
    target.update(repeating: 0, count: inWidth)
    columns.first.withUnsafeBufferPointer { first in
      columns.second.withUnsafeBufferPointer { second in
        columns.share.withUnsafeBufferPointer { share in
          for j in 0..<first.count {
            target[first[j]] += (1 - share[j]) * source[j]
            target[second[j]] += share[j] * source[j]
          }
        }
      }
    }
  }
}
