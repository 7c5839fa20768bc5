import LabelMasks
import Threads
@_spi(HostMemory) import Tensors

extension CPUKernels {
  public func addLabelled(_ x: Tensor, table: Tensor, labels: LabelMask) -> Tensor {
    let (batch, channels, area) = x.shape.planes
    let columns = labels.columns(of: table.shape, channels: channels)
    precondition(
      batch == labels.batch && area == labels.height * labels.width, "\(labels.labels.count) labels for \(x.shape)")
    return Tensor(filling: x.shape) { target in
      x.read { source in
        table.read { table in
          overLabelledPlanes(labels, batch * channels) { plane, labels, lookup in
            lookup.update(from: table + plane % channels * columns, count: columns)
            lookup[Int(LabelMask.void)] = table[plane % channels * columns + columns - 1]
            let (source, target) = (source + plane * area, target + plane * area)
            let labels = labels + plane / channels * area
            for i in 0..<area { target[i] = source[i] + lookup[Int(labels[i])] }
          }
        }
      }
    }
  }

  public func labelSums(_ x: Tensor, labels: LabelMask, table shape: Shape) -> Tensor {
    let (batch, channels, area) = x.shape.planes
    precondition(
      batch == labels.batch && area == labels.height * labels.width, "\(labels.labels.count) labels for \(x.shape)")
    let columns = labels.columns(of: shape, channels: channels)
    return Tensor(filling: shape) { target in
      x.read { source in
        overLabelledPlanes(labels, channels) { channel, labels, memory in
          // Four sums per label in turn: a pixel need not wait for the addition of the one before it, which has the
          // same label as a rule.
          memory.withMemoryRebound(to: Double.self, capacity: 1024) { sums in
            sums.update(repeating: 0, count: 1024)
            for n in 0..<batch {
              let (source, labels) = (source + (n * channels + channel) * area, labels + n * area)
              for i in 0..<area { sums[4 &* Int(labels[i]) &+ (i & 3)] += Double(source[i]) }
            }
            for column in 0..<columns {
              let four = sums + 4 * (column == columns - 1 ? Int(LabelMask.void) : column)
              target[channel * columns + column] = Float((four[0] + four[1]) + (four[2] + four[3]))
            }
          }
        }
      }
    }
  }

  /// Calls `body(plane, labels, memory)` for every plane; the memory is 2048 floats of undefined contents.
  private func overLabelledPlanes(
    _ labels: LabelMask, _ count: Int, _ body: (Int, UnsafePointer<UInt8>, UnsafeMutablePointer<Float>) -> Void
  ) {
    labels.labels.withUnsafeBufferPointer { labels in
      guard let labels = labels.baseAddress else { return }
      // Read only.
      nonisolated(unsafe) let first = labels
      Parallel.forEachChunk(count, of: 8, threads: threads) { planes in
        scratch.with(2048) { memory in
          for plane in planes { body(plane, first, memory) }
        }
      }
    }
  }
}

extension LabelMask {
  /// The number of columns of a table of values by channel and label, of which the last is for void. Precondition: it
  /// has one for every label here.
  fileprivate func columns(of table: Shape, channels: Int) -> Int {
    precondition(
      table.rank == 4 && table[0] == 1 && table[1] == channels && table[2] == 1 && table[3] <= 256,
      "table \(table), \(channels) channels")
    let columns = table[3]
    precondition(
      labels.allSatisfy { $0 == Self.void || Int($0) < columns - 1 }, "a label without a column in a table of \(table)")
    return columns
  }
}
