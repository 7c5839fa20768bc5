import COpenBLAS
import CPUBackend
import Foundation
import Tensors
import Threads

/// What the machine is and what it can do at most, measured in the same run.
struct Machine: Codable {
  let processor: String
  let cores: Int
  let threads: Int
  let blas: String
  /// Processes that wanted to run in the minute before: timings are to be trusted near 0 only.
  let load: Double
  /// GFLOP/s of single-precision matrix products of 1,536 squared, one per thread: the best of seven.
  let matrixLimit: Double
  /// The same on one thread: what threads can gain at most on this machine. Absent from older reports.
  let singleMatrixLimit: Double?
  /// GB/s of y = a x + y over 256 MB on all threads, reads and writes counted: the best of seven.
  let memoryLimit: Double

  init(threads: Int) {
    self.threads = threads
    cores = ProcessInfo.processInfo.activeProcessorCount
    let cpu =
      (try? FileHandle(forReadingAtPath: "/proc/cpuinfo")?.readToEnd()).map { String(decoding: $0, as: UTF8.self) }
      ?? ""
    let model =
      cpu.split(separator: "\n").first { $0.hasPrefix("model name") }?.split(separator: ":").last.map(String.init)
      ?? "unknown"
    processor = model.trimmingCharacters(in: .whitespaces) + (cpu.contains("avx512f") ? " (AVX-512)" : "")
    var loads = [0.0]
    getloadavg(&loads, 1)
    load = loads[0]
    openblas_set_num_threads(1)
    let version = String(cString: openblas_get_config()).split(separator: " ").prefix(2).joined(separator: " ")
    // It cuts OpenBLAS' blocks, and with them its speed.
    let cache = ProcessInfo.processInfo.environment["OPENBLAS_L2_SIZE"].map { ", OPENBLAS_L2_SIZE=\($0)" } ?? ""
    blas =
      "\(version), \(String(cString: openblas_get_corename())) kernels\(cache); \(InstructionSet.best) for Winograd's "
      + "products"
    matrixLimit = Self.matrixProducts(threads: threads)
    singleMatrixLimit = threads > 1 ? Self.matrixProducts(threads: 1) : matrixLimit
    memoryLimit = Self.bandwidth(threads: threads)
  }

  /// One line for the head of a table.
  var summary: String {
    func number(_ value: Double, _ digits: Int) -> String { BenchReport.number(value, digits) }
    let single = singleMatrixLimit.map { threads > 1 ? " (one thread: \(number($0, 0)))" : "" } ?? ""
    let limits =
      "sgemm \(number(matrixLimit, 0)) GFLOP/s\(single), memory \(number(memoryLimit, 0)) GB/s on \(threads) threads"
    return "\(processor), \(cores) cores; \(blas); \(limits); load before \(number(load, 2))"
  }

  /// Seconds that `body` takes.
  static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    let passed = ContinuousClock.now - start
    return Double(passed.components.seconds) + Double(passed.components.attoseconds) / 1e18
  }

  /// Seconds of `body`: passed, and of this process' processor time.
  static func times(_ body: () throws -> Void) rethrows -> (passed: Double, processor: Double) {
    let start = processorSeconds
    let passed = try seconds(body)
    return (passed, processorSeconds - start)
  }

  private static var processorSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private static func matrixProducts(threads: Int) -> Double {
    let (side, kernels) = (1536, CPUKernels(threads: 1))
    let operands = (0..<threads).map { thread in
      (0..<2).map { NamedNumbers.tensor("sgemm \(thread) \($0)", [side, side]) }
    }
    let best = (0..<7).map { _ in
      seconds {
        Parallel.forEach(threads, threads: threads) { thread in
          let (a, b) = (operands[thread][0], operands[thread][1])
          _ = kernels.matrixProduct(a, b, transposeA: false, transposeB: false)
        }
      }
    }.min()
    return Double(threads) * 2 * Double(side * side * side) / (best ?? .infinity) / 1e9
  }

  private static func bandwidth(threads: Int) -> Double {
    let (count, kernels) = (1 << 25, CPUKernels(threads: threads))
    let x = Tensor(repeating: 1, [count])
    var y = Tensor(repeating: 2, [count])
    let best = (0..<7).map { _ in seconds { kernels.accumulate(x, scaledBy: 0.5, into: &y) } }.min()
    return 12 * Double(count) / (best ?? .infinity) / 1e9
  }
}

/// The most memory that this process has held, in bytes.
enum PeakMemory {
  /// Starts counting anew, where the kernel allows it.
  static func reset() {
    guard let file = FileHandle(forWritingAtPath: "/proc/self/clear_refs") else { return }
    try? file.write(contentsOf: Data("5".utf8))
    try? file.close()
  }

  static var bytes: Int {
    guard let data = try? FileHandle(forReadingAtPath: "/proc/self/status")?.readToEnd(),
      let line = String(decoding: data, as: UTF8.self).split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
      let kilobytes = line.split(whereSeparator: { !$0.isNumber }).first.flatMap({ Int($0) })
    else { return 0 }
    return kilobytes * 1024
  }
}
