import COpenBLAS
import CPUBackend
import Foundation
import Tensors

/// Chooses OpenBLAS' kernels before the library is loaded.
///
/// Debian 12's OpenBLAS guesses on processors newer than itself, on some of them kernels that are half as fast as its
/// AVX-512 ones. The variable that overrules it is read while the library loads, so the program sets it and starts
/// itself again. A user's own `OPENBLAS_CORETYPE` is never overruled.
enum BLASEnvironment {
  static func prepare() {
    #if arch(x86_64) && os(Linux)
      guard getenv("OPENBLAS_CORETYPE") == nil, hasAVX512() else { return }
      setenv("OPENBLAS_CORETYPE", "SkylakeX", 1)
      // The engine splits work over its own threads; OpenBLAS' pool would only hold memory.
      setenv("OPENBLAS_NUM_THREADS", "1", 0)
      execv("/proc/self/exe", CommandLine.unsafeArgv)
    // Reached only where exec is not possible: the slower kernels give the same numbers to rounding.
    #endif
  }

  /// `OpenBLAS 0.3.21, SkylakeX kernels; AVX-512 for Winograd's products`, as loaded and chosen.
  static var description: String {
    let configuration = String(cString: openblas_get_config()).split(separator: " ").prefix(2).joined(separator: " ")
    return
      "\(configuration), \(String(cString: openblas_get_corename())) kernels; \(InstructionSet.best) for Winograd's "
      + "products"
  }

  private static func hasAVX512() -> Bool {
    // Files under /proc claim a size of 0, so they are read to their end and not by their size.
    guard let data = try? FileHandle(forReadingAtPath: "/proc/cpuinfo")?.readToEnd(),
      let flags = String(decoding: data, as: UTF8.self).split(separator: "\n").first(where: { $0.hasPrefix("flags") })
    else { return false }
    return Set(["avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"]).isSubset(
      of: Set(flags.split(separator: " ").map(String.init)))
  }
}
