import Tensors

/// How much memory a computation will need, found by going through the motions: the code that will run runs, on
/// kernels that compute nothing and on memory that is counted and not there.
public enum MemoryPrediction {
  /// The most bytes that the tensors made by `body` hold at a time, with the gaps between them and the scratch memory
  /// of `CPUKernels`.
  ///
  /// Tensors made before count nothing. Numbers that kernels give inside `body` are 0 and mean nothing: what it
  /// changes outside is the caller's to restore. Loops of its own over elements run as ever, so `body` takes about as
  /// long as they do.
  ///
  /// - Parameters:
  ///   - threads: of the kernels that will compute.
  ///   - body: gets the kernels to compute with. It must make its tensors on the calling thread.
  public static func peak(threads: Int, _ body: (any Kernels) throws -> Void) rethrows -> Int {
    let (pool, scratch) = (MemoryPool(isDry: true), MemoryPool(isDry: true))
    try MemoryPool.$current.withValue(pool) { try MemoryPool.$scratch.withValue(scratch) { try body(ShapeKernels()) } }
    return pool.statistics.resident + scratch.statistics.resident + threads * CPUKernels.scratchBytes
  }

  /// Runs `body` for real and counts the bytes of the tensors that its result holds on to.
  public static func held<Result>(by body: () throws -> Result) rethrows -> (result: Result, bytes: Int) {
    let pool = MemoryPool()
    let result = try MemoryPool.$current.withValue(pool) { try body() }
    return (result, pool.statistics.inUse)
  }
}
