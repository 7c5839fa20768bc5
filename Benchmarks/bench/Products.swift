import ArgumentParser
import CKernels
import COpenBLAS
import CPUBackend
import Foundation
import Tensors

/// Winograd's products on one thread, in panels with every instruction set that this processor has and by OpenBLAS, in
/// turn.
struct Products: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time products of Winograd's sizes, one thread: ours in panels and OpenBLAS.")

  @Option(name: .customLong("repeat"), help: "Rounds; the best of each counts.") var repeats = 5

  /// Channels in and out, and tiles.
  private static let sizes = [
    (512, 512, 392), (512, 512, 196), (512, 512, 49), (256, 256, 392), (128, 128, 512), (1024, 1024, 196),
  ]
  private static let points = 36

  func run() throws {
    // Sets OpenBLAS to one thread.
    let machine = Machine(threads: 1)
    var rows = [["inputs, outputs, tiles", "pass"] + InstructionSet.allCases.map(\.description) + ["OpenBLAS"]]
    for (inputs, outputs, tiles) in Self.sizes {
      for isGradient in [false, true] {
        let speeds = time(inputs, outputs, tiles, isGradient).map { $0.map { BenchReport.number($0, 0) } ?? "-" }
        rows.append(["\(inputs), \(outputs), \(tiles)", isGradient ? "by weight" : "forward"] + speeds)
      }
    }
    print(machine.summary)
    print("GFLOP/s of \(Self.points) products\n\n" + BenchReport.aligned(rows, markdown: true))
  }

  /// GFLOP/s of each instruction set, nil where the processor lacks it, and of OpenBLAS.
  private func time(_ inputs: Int, _ outputs: Int, _ tiles: Int, _ isGradient: Bool) -> [Double?] {
    // Three matrices a point: tiles x inputs, and inputs x outputs, and tiles x outputs.
    let counts = [inputs * (tiles | 1), (inputs | 1) * outputs, (tiles | 1) * outputs].map { $0 + 16 }
    let memory = counts.map { count in
      let bytes = UnsafeMutableRawPointer.allocate(byteCount: 4 * count * Self.points, alignment: 1 << 21)
      let floats = bytes.bindMemory(to: Float.self, capacity: count * Self.points)
      floats.initialize(repeating: 0.5, count: count * Self.points)
      return floats
    }
    defer { memory.forEach { $0.deallocate() } }
    let strides = [tiles | 1, inputs | 1, tiles | 1].map { 16 * $0 }
    func matrices(_ point: Int) -> [ckernels_panels] {
      (0..<3).map { ckernels_panels(base: memory[$0] + point * counts[$0], stride: strides[$0]) }
    }
    var contenders: [(() -> Void)?] = InstructionSet.allCases.map { set in
      guard set <= .best else { return nil }
      let code = ckernels_set(rawValue: UInt32(set.rawValue))
      return {
        for point in 0..<Self.points {
          let m = matrices(point)
          if isGradient {
            // The sums of the gradient are outputs x inputs: as many as the weights.
            let sums = ckernels_panels(base: m[1].base, stride: (outputs | 1) * 16)
            ckernels_multiply_transposed(
              code, m[2], m[0], sums, ckernels_size(rows: outputs, panels: inputs / 16, inner: tiles), 0)
          } else {
            ckernels_multiply(
              code, m[0], m[1], m[2], ckernels_size(rows: tiles, panels: outputs / 16, inner: inputs), 0)
          }
        }
      }
    }
    contenders.append {
      for point in 0..<Self.points {
        let m = matrices(point)
        let (k, c, t) = (blasint(outputs), blasint(inputs), blasint(tiles))
        if isGradient {
          cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, k, c, t, 1, m[2].base, t, m[0].base, t, 0, m[1].base, c)
        } else {
          cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasNoTrans, k, t, c, 1, m[1].base, c, m[0].base, t, 0, m[2].base, t)
        }
      }
    }
    var best = contenders.map { $0.map { _ in Double.infinity } }
    for _ in 0...repeats {
      for (index, contender) in contenders.enumerated() {
        guard let contender else { continue }
        best[index] = min(best[index] ?? .infinity, Machine.seconds(contender))
      }
    }
    let operations = 2 * Double(Self.points) * Double(inputs * outputs) * Double(tiles)
    return best.map { $0.map { operations / $0 / 1e9 } }
  }
}
