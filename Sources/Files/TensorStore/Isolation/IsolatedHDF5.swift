import Foundation
import Foundations
import Synchronization
import Tensors

/// Every HDF5 file, weights, maps or checkpoint, is read by libhdf5 in a process of its own, since damage to such a
/// file can crash it, or keep it busy or hungry for ever.
///
/// That process is the running program, started again with one argument: one for all files of a program, so that a
/// file more costs no start. It answers one request after another under limits of memory and of processor time.
/// Whatever happens to it, here it is a `Failure` that names the file; the next request starts another. A program
/// takes part by calling `prepare()`; where it does not, files are read in the process itself.
public enum IsolatedHDF5 {
  static let argument = "--read-hdf5"
  private struct State {
    var isPrepared = false
    var client: ReaderClient?
  }
  private static let state = Mutex(State())

  /// Call it first in `main` of a program that reads HDF5. In a process that was started to read, it does so and never
  /// returns; in any other it starts nothing: the reading process is started with the first HDF5 file.
  public static func prepare() {
    if CommandLine.arguments.dropFirst() == [argument], ReaderServer.isAsked { ReaderServer.run() }
    state.withLock { $0.isPrepared = true }
  }

  /// The reading process, started where there is none; nil where the program is not prepared for one.
  static func client() throws -> ReaderClient? {
    try state.withLock { state in
      guard state.isPrepared else { return nil }
      if let client = state.client, client.status == nil { return client }
      let client = try ReaderClient()
      state.client = client
      return client
    }
  }

  /// Whether the reading process that was started last ended by itself.
  package static var hasEnded: Bool { state.withLock { $0.client.map { $0.status != nil } ?? false } }

  /// Ends the reading process once no file is open in it; the next file starts another.
  package static func restart() { state.withLock { $0.client = nil } }
}

/// What one request may take.
struct ReaderLimits {
  private let fileSize: Int
  /// Elements of all tensors of a weights file. Weights are hardly compressed to a 64th of what they are in memory,
  /// except small ones of zeros.
  let elements: Int
  /// Seconds of the processor; a file is read at hundreds of megabytes a second.
  let processorSeconds: Int
  /// Seconds until an answer comes, for disks that do not answer. On a busy machine a reader may wait long for the
  /// second of the processor that it has.
  let answerSeconds: Int

  init(fileSize: Int) {
    self.fileSize = min(fileSize, 1 << 40)
    elements = self.fileSize * 16 + 64 << 20
    processorSeconds = 1 + self.fileSize >> 24
    answerSeconds = 600 + self.fileSize >> 20
  }

  /// Memory beside what the process has before the request and the tensor itself. `elements`: of the tensor that is
  /// asked for, of which libhdf5 holds up to three copies of a chunk; listing what a file holds takes a part of the
  /// file.
  func memory(elements: Int = 0) -> Int {
    4 * max(min(fileSize, 256 << 20), elements * MemoryLayout<Float>.size) + 24 << 20
  }

  /// 0 where there is no such file: the reader says what is wrong.
  static func fileSize(_ path: String) throws -> Int {
    var status = stat()
    guard stat(path, &status) == 0 else { return 0 }
    guard status.st_mode & S_IFMT == S_IFREG else { throw Failure(.noInput, "is not a regular file", file: path) }
    return Int(status.st_size)
  }
}
