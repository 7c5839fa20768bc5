import CKernels
import CPUBackend
import Foundations
import Tensors
import Testing

@Suite("kernels on panels, with every instruction set that this processor has")
struct PanelKernelTests {
  static let sets = InstructionSet.allCases.filter { $0 <= .best }

  /// A matrix in panels, 64-byte aligned, what is between its columns and whole panels filled with `beyond`.
  private final class PanelMatrix {
    let rows, columns, stride: Int
    let base: UnsafeMutablePointer<Float>

    init(rows: Int, columns: Int, beyond: Float = 0, _ element: (Int, Int) -> Float) {
      (self.rows, self.columns, stride) = (rows, columns, (rows + 3) * 16)
      let count = (columns + 15) / 16 * stride
      let bytes = UnsafeMutableRawPointer.allocate(byteCount: count * 4, alignment: 64)
      base = bytes.bindMemory(to: Float.self, capacity: count)
      base.initialize(repeating: beyond, count: count)
      for i in 0..<rows { for c in 0..<columns { self[i, c] = element(i, c) } }
    }

    deinit { base.deallocate() }

    subscript(i: Int, c: Int) -> Float {
      get { base[c / 16 * stride + i * 16 + c % 16] }
      set { base[c / 16 * stride + i * 16 + c % 16] = newValue }
    }

    var panels: ckernels_panels { ckernels_panels(base: base, stride: stride) }
  }

  private func code(_ set: InstructionSet) -> ckernels_set { ckernels_set(rawValue: UInt32(set.rawValue)) }

  @Test("products equal their definition, whatever is left over beyond whole blocks", arguments: sets)
  func products(_ set: InstructionSet) {
    var random = SeededGenerator(seed: 5)
    for (rows, panels, inner) in [
      (1, 1, 1), (2, 4, 16), (5, 3, 17), (6, 4, 33), (7, 5, 48), (13, 2, 20), (16, 1, 100), (35, 6, 7), (49, 9, 65),
    ] {
      for adding in [false, true] {
        for transposed in [false, true] {
          func noise(_: Int, _: Int) -> Float { Float.random(in: -1...1, using: &random) }
          // Nobody may read what a matrix has beyond the sum's end.
          let left =
            transposed
            ? PanelMatrix(rows: inner, columns: rows, beyond: .nan, noise)
            : PanelMatrix(rows: rows, columns: inner, beyond: .nan, noise)
          let right = PanelMatrix(rows: inner, columns: panels * 16, noise)
          let target = PanelMatrix(rows: rows, columns: panels * 16, beyond: 7, noise)
          let before = PanelMatrix(rows: rows, columns: panels * 16) { target[$0, $1] }
          let multiply = transposed ? ckernels_multiply_transposed : ckernels_multiply
          let size = ckernels_size(rows: rows, panels: panels, inner: inner)
          multiply(code(set), left.panels, right.panels, target.panels, size, adding ? 1 : 0)
          var worst = 0.0
          for i in 0..<rows {
            for c in 0..<panels * 16 {
              var sum = adding ? Double(before[i, c]) : 0
              for n in 0..<inner { sum += Double(transposed ? left[n, i] : left[i, n]) * Double(right[n, c]) }
              worst = max(worst, abs(sum - Double(target[i, c])))
            }
          }
          #expect(worst < 2e-5, "\(rows) x \(panels) x \(inner), transposed \(transposed), adding \(adding)")
          #expect(target.base[rows * 16] == 7, "wrote beyond the last row")
        }
      }
    }
  }

  @Test("channels to lanes and back, with bias and ReLU", arguments: sets)
  func transpositions(_ set: InstructionSet) {
    var random = SeededGenerator(seed: 6)
    for lanes in [1, 7, 16] {
      for count in [0, 1, 9, 15, 16, 17, 31, 32, 40, 144] {
        let stride = count + 5
        let source = (0..<16 * stride).map { _ in Float.random(in: -1...1, using: &random) }
        let bias = (0..<16).map { _ in Float.random(in: -1...1, using: &random) }
        let lines = PanelMatrix(rows: count + 1, columns: 16) { _, _ in 9 }
        ckernels_interleave(code(set), source, stride, lanes, lines.base, count)
        for x in 0..<count {
          for lane in 0..<16 { #expect(lines[x, lane] == (lane < lanes ? source[lane * stride + x] : 0)) }
        }
        #expect(lines[count, 0] == 9, "wrote beyond the last pixel")
        for relu in [false, true] {
          var target = [Float](repeating: 5, count: 16 * stride)
          ckernels_deinterleave(code(set), lines.base, count, bias, relu ? 1 : 0, &target, stride, lanes)
          let expected = (0..<16 * stride).map { i -> Float in
            let (lane, x) = (i / stride, i % stride)
            if lane >= lanes || x >= count { return 5 }
            let sum = source[i] + bias[lane]
            return relu && sum < 0 ? 0 : sum
          }
          #expect(target == expected, "\(lanes) lanes, \(count) pixels")
        }
      }
    }
  }

  @Test("a NaN survives ReLU")
  func nanSurvives() {
    for set in Self.sets {
      let lines = PanelMatrix(rows: 16, columns: 16) { x, lane in x == lane ? .nan : -1 }
      var target = [Float](repeating: 5, count: 256)
      ckernels_deinterleave(code(set), lines.base, 16, [Float](repeating: 0, count: 16), 1, &target, 16, 16)
      for i in 0..<256 { #expect(i % 17 == 0 ? target[i].isNaN : target[i] == 0) }
    }
  }
}
