import Foundations
import Threads

/// Mean-field inference with Potts compatibility (Krähenbühl & Koltun 2011, Algorithm 1).
///
/// With unary -log p the update Q_l = softmax_l(log p_l + m_l), m = sum of the weighted, normalised filters of Q, is
/// Q_l = p_l exp(m_l - max m) / sum_k p_k exp(m_k - max m): no logarithm, and padding lanes, whose p is 0, stay 0. (The
/// Potts energy counts the labels that differ; sum_k Q_k = 1 turns that into the +m_l here.)
///
/// One pass over the pixels slices both kernels, updates Q and splats it again, so that Q is never stored before the
/// last iteration.
struct MeanField<V: Lanes> {
  let labels: Int
  let pixels: Int
  let blocks: Int
  let threads: Int
  let position: Filter
  let bilateral: Filter
  /// Clipped probabilities, pixel after pixel, `blocks` lanes each.
  let prior: AlignedBuffer<V>

  /// - Parameter probabilities: (labels, height, width). Throws where a value is not finite.
  init(
    probabilities: UnsafePointer<Float>, labels: Int, width: Int, height: Int, clip: Float,
    filters: (position: Filter, bilateral: Filter), threads: Int
  ) throws {
    self.labels = labels
    let pixels = width * height
    self.pixels = pixels
    self.threads = threads
    (position, bilateral) = filters
    blocks = (labels + V.width - 1) / V.width
    prior = AlignedBuffer(count: pixels * blocks)
    let rowWidth = blocks * V.width
    let rows = UnsafeMutableRawPointer(prior.base).assumingMemoryBound(to: Float.self)
    var broken = [Int](repeating: -1, count: max(1, threads))
    broken.withUnsafeMutableBufferPointer { broken in
      Parallel.forEachRange(pixels, threads: threads) { part, range in
        // Few pixels at a time, so that their rows stay in the cache from label to label.
        for first in stride(from: range.lowerBound, to: range.upperBound, by: 64) {
          let few = first..<min(first + 64, range.upperBound)
          for label in 0..<labels {
            let plane = probabilities + label &* pixels
            for pixel in few {
              let p = plane[pixel]
              if !p.isFinite, broken[part] < 0 { broken[part] = label &* pixels &+ pixel }
              rows[pixel &* rowWidth &+ label] = min(max(p, clip), 1)
            }
          }
          for label in labels..<rowWidth {
            for pixel in few { rows[pixel &* rowWidth &+ label] = 0 }
          }
        }
      }
    }
    if let position = broken.first(where: { $0 >= 0 }) {
      let (label, pixel) = position.quotientAndRemainder(dividingBy: pixels)
      throw Failure(
        .data, "probability of label \(label) at column \(pixel % width), row \(pixel / width) is not finite")
    }
  }

  /// Writes Q as (labels, pixels) after `iterations` updates.
  func run(iterations: Int, result: UnsafeMutablePointer<Float>) {
    let narrow = LatticeField<V>(position.lattice, blocks: blocks, parts: threads)
    let wide = LatticeField<V>(bilateral.lattice, blocks: blocks, parts: threads)
    for iteration in 0...iterations {
      let sources = iteration == 0 ? nil : (narrow.blurred(threads: threads), wide.blurred(threads: threads))
      let last = iteration == iterations
      Parallel.forEachRange(pixels, threads: last ? threads : min(narrow.parts, wide.parts)) { part, range in
        let small = Link(position.lattice, sources?.0, last ? nil : narrow.splatTarget(part))
        let large = Link(bilateral.lattice, sources?.1, last ? nil : wide.splatTarget(part))
        let scratch = AlignedBuffer<V>(count: blocks)
        if blocks > 1 {
          update(range, small, large, blocks: blocks, scratch.base, result)
        } else if V.width <= 8 {
          updateInPairs(range, small, large, result)
        } else {
          update(range, small, large, blocks: 1, scratch.base, result)
        }
      }
    }
  }

  /// How pixels are tied to one lattice: blurred values to slice (none in the first pass) and memory to splat into
  /// (none in the last).
  private struct Link {
    let vertices: UnsafePointer<Int32>
    let weights: UnsafePointer<Float>
    let source: UnsafeMutablePointer<V>?
    let target: UnsafeMutablePointer<V>?

    init(_ lattice: PermutohedralLattice, _ source: UnsafeMutablePointer<V>?, _ target: UnsafeMutablePointer<V>?) {
      vertices = UnsafePointer(lattice.vertices.base)
      weights = UnsafePointer(lattice.weights.base)
      self.source = source
      self.target = target
    }

    @inline(__always) func slice(
      _ pixel: Int, width: Int, block: Int, blocks: Int, _ values: UnsafeMutablePointer<V>, onto sum: V
    ) -> V {
      var sum = sum
      for k in 0..<width {
        let entry = pixel &* width &+ k
        sum = sum.adding(values[Int(vertices[entry]) &* blocks &+ block], times: weights[entry])
      }
      return sum
    }

    @inline(__always) func splat(
      _ q: V, _ pixel: Int, width: Int, block: Int, blocks: Int, _ values: UnsafeMutablePointer<V>
    ) {
      for k in 0..<width {
        let entry = pixel &* width &+ k
        let position = Int(vertices[entry]) &* blocks &+ block
        values[position] = values[position].adding(q, times: weights[entry])
      }
    }
  }

  /// Slice, update and splat for the pixels of `range`, whose labels fill one set of lanes. The lattices have the
  /// dimensions 2 and 5.
  ///
  /// Two pixels at a time: the time that one's exponential waits is the other's. Wider lanes have work enough of their
  /// own, and too few registers for two.
  @inline(__always)
  private func updateInPairs(_ range: Range<Int>, _ small: Link, _ large: Link, _ result: UnsafeMutablePointer<Float>) {
    var pixel = range.lowerBound
    while pixel &+ 2 <= range.upperBound {
      let (first, second) = (message(pixel, small, large), message(pixel &+ 1, small, large))
      let (p, q) = (marginal(pixel, first), marginal(pixel &+ 1, second))
      put(p, pixel, small, large, result)
      put(q, pixel &+ 1, small, large, result)
      pixel &+= 2
    }
    if pixel < range.upperBound { put(marginal(pixel, message(pixel, small, large)), pixel, small, large, result) }
  }

  /// Both kernels sliced; nil in the first pass.
  @inline(__always)
  private func message(_ pixel: Int, _ small: Link, _ large: Link) -> V? {
    guard let a = small.source, let b = large.source else { return nil }
    let sliced = small.slice(pixel, width: 3, block: 0, blocks: 1, a, onto: V.zero)
    return large.slice(pixel, width: 6, block: 0, blocks: 1, b, onto: sliced)
  }

  @inline(__always)
  private func marginal(_ pixel: Int, _ message: V?) -> V {
    guard let message else { return prior.base[pixel] * (1 / prior.base[pixel].total) }
    let q = prior.base[pixel] * (message - V(repeating: V.zero.maximum(with: message).largest)).exponential
    return q * (1 / q.total)
  }

  /// Splats a marginal or, in the last pass, writes it.
  @inline(__always)
  private func put(_ q: V, _ pixel: Int, _ small: Link, _ large: Link, _ result: UnsafeMutablePointer<Float>) {
    if let a = small.target, let b = large.target {
      small.splat(q, pixel, width: 3, block: 0, blocks: 1, a)
      large.splat(q, pixel, width: 6, block: 0, blocks: 1, b)
    } else {
      write(q, pixel, block: 0, result)
    }
  }

  @inline(__always)
  private func write(_ q: V, _ pixel: Int, block: Int, _ result: UnsafeMutablePointer<Float>) {
    withUnsafeBytes(of: q) { bytes in
      let lanes = bytes.assumingMemoryBound(to: Float.self)
      for lane in 0..<min(V.width, labels &- block &* V.width) {
        result[(block &* V.width &+ lane) &* pixels &+ pixel] = lanes[lane]
      }
    }
  }

  /// The same for any number of sets of lanes.
  @inline(__always)
  private func update(
    _ range: Range<Int>, _ small: Link, _ large: Link, blocks: Int, _ scratch: UnsafeMutablePointer<V>,
    _ result: UnsafeMutablePointer<Float>
  ) {
    for pixel in range {
      let prior = prior.base + pixel &* blocks
      var total: Float = 0
      if let a = small.source, let b = large.source {
        var highest = V.zero
        for block in 0..<blocks {
          let sliced = small.slice(pixel, width: 3, block: block, blocks: blocks, a, onto: V.zero)
          let message = large.slice(pixel, width: 6, block: block, blocks: blocks, b, onto: sliced)
          scratch[block] = message
          highest = highest.maximum(with: message)
        }
        let largest = V(repeating: highest.largest)
        for block in 0..<blocks {
          let q = prior[block] * (scratch[block] - largest).exponential
          scratch[block] = q
          total += q.total
        }
      } else {
        for block in 0..<blocks {
          scratch[block] = prior[block]
          total += prior[block].total
        }
      }
      let scale = 1 / total
      for block in 0..<blocks {
        let q = scratch[block] * scale
        if let a = small.target, let b = large.target {
          small.splat(q, pixel, width: 3, block: block, blocks: blocks, a)
          large.splat(q, pixel, width: 6, block: block, blocks: blocks, b)
        } else {
          write(q, pixel, block: block, result)
        }
      }
    }
  }
}
