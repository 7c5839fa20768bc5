import Foundation
import Foundations
import Tensors

/// The process that reads: answers requests on descriptor 0 until it is closed.
enum WeightsServer {
  /// Whether descriptor 0 is a client's: whoever types the argument is told that there is no such option.
  static var isAsked: Bool {
    var status = stat()
    return fstat(0, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
  }

  static func run() -> Never {
    // Whoever started this may have blocked or ignored signals, of which the limit of time is one.
    for number in [SIGPIPE, SIGXCPU] { signal(number, SIG_DFL) }
    var none = sigset_t()
    sigemptyset(&none)
    sigprocmask(SIG_SETMASK, &none, nil)
    var noCore = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(limit(RLIMIT_CORE), &noCore)
    var source: WeightsSource?
    while let head = receive(ReaderMessage.headSize), let (kind, number) = ReaderMessage.parse(head) {
      do {
        switch kind {
        case .open:
          guard let path = receive(number) else { break }
          source = nil
          source = try open(String(decoding: path, as: UTF8.self))
        case .tensor:
          guard let item = source?.items[number] else { break }
          let tensor = try item.read()
          tensor.withUnsafeBufferPointer { answer(.done, UnsafeRawBufferPointer($0)) }
        case .done, .failed: break
        }
      } catch {
        let failure = error as? Failure ?? Failure(.data, "\(error)")
        ((try? ReaderMessage.encode(ReaderMessage.Refusal(failure))) ?? []).withUnsafeBytes { answer(.failed, $0) }
      }
    }
    _exit(0)
  }

  /// Opens a file under its limits and sends what it holds.
  private static func open(_ path: String) throws -> WeightsSource {
    let limits = ReaderLimits(fileSize: try ReaderLimits.fileSize(path))
    limitMemory(limits.memory())
    limitTime(limits.processorSeconds)
    let source = try WeightsFile.openHere(path)
    // Each is below 2^40, so that as many as a file can name do not overflow.
    guard source.elementCount <= limits.elements else {
      throw Failure(.data, "claims to hold \(source.elementCount) elements, too many for the size of the file", file: path)
    }
    limitMemory(limits.memory(largest: source.items.map(\.shape.count).max() ?? 0))
    let items = source.items.map { ReaderMessage.Contents.Item(name: $0.name, shape: $0.shape.dimensions) }
    try ReaderMessage.encode(ReaderMessage.Contents(items: items, attributes: source.attributes)).withUnsafeBytes { answer(.done, $0) }
    return source
  }

  /// The program as it is, and so much more. Tensors have addresses that are set aside: their number of elements is limited before.
  private static func limitMemory(_ bytes: Int) {
    setSoft(RLIMIT_AS, baseMemory + bytes)
  }

  private static let baseMemory: Int = {
    _ = MemoryPool.current
    let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ").first.flatMap { Int($0) } ?? 0
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }()

  private static func limitTime(_ seconds: Int) {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    setSoft(RLIMIT_CPU, Int(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + 1 + seconds)
  }

  private static func setSoft(_ resource: __rlimit_resource, _ value: Int) {
    var current = rlimit()
    guard getrlimit(limit(resource), &current) == 0 else { return }
    current.rlim_cur = min(rlim_t(value), current.rlim_max)
    setrlimit(limit(resource), &current)
  }

  private static func limit(_ resource: __rlimit_resource) -> __rlimit_resource_t { __rlimit_resource_t(resource.rawValue) }

  // MARK: Descriptor 0

  /// Nil at the end.
  private static func receive(_ count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let got = bytes.withUnsafeMutableBytes { read(0, $0.baseAddress?.advanced(by: filled), count - filled) }
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { return nil }
      filled += got
    }
    return bytes
  }

  private static func answer(_ kind: ReaderMessage.Kind, _ body: UnsafeRawBufferPointer) {
    ReaderMessage.head(kind, body.count).withUnsafeBytes(send)
    send(body)
  }

  private static func send(_ bytes: UnsafeRawBufferPointer) {
    var sent = 0
    while sent < bytes.count {
      let count = write(0, bytes.baseAddress?.advanced(by: sent), bytes.count - sent)
      if count < 0, errno == EINTR { continue }
      // Nobody is there to be answered.
      guard count > 0 else { _exit(0) }
      sent += count
    }
  }
}
