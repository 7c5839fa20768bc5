import Foundation
import Foundations
import Tensors

/// The process that reads: answers requests on descriptor 0 until it is closed.
enum ReaderServer {
  /// Whether descriptor 0 is a client's: whoever types the argument is told that there is no such option.
  static var isAsked: Bool {
    var status = stat()
    return fstat(0, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
  }

  static func run() -> Never {
    // Whoever started this may have blocked or ignored signals, of which the limit of time is one.
    for number in [SIGPIPE, SIGXCPU] { signal(number, SIG_DFL) }
    // A stop that reaches every process of a job is the program's to answer: this process ends with it. A reader that
    // ended by itself would be taken for a damaged file.
    for number in [SIGTERM, SIGINT] { signal(number, SIG_IGN) }
    var none = sigset_t()
    sigemptyset(&none)
    sigprocmask(SIG_SETMASK, &none, nil)
    var noCore = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(limit(RLIMIT_CORE), &noCore)
    var server = Answers()
    while let head = receive(ReaderMessage.headSize), let (kind, size) = ReaderMessage.parse(head), size < 1 << 24,
      let body = receive(size)
    {
      do {
        guard let request = ReaderMessage.decode(ReaderMessage.Request.self, body) else { break }
        try server.answer(kind, request)
      } catch {
        let failure = error as? Failure ?? Failure(.data, "\(error)")
        ((try? ReaderMessage.encode(ReaderMessage.Refusal(failure))) ?? []).withUnsafeBytes { answer(.failed, $0) }
      }
    }
    _exit(0)
  }

  /// The open files, and the answers to requests about them.
  private struct Answers {
    private var files: [Int: (file: HDF5File, limits: ReaderLimits)] = [:]
    private var count = 0

    mutating func answer(_ kind: ReaderMessage.Kind, _ request: ReaderMessage.Request) throws {
      if kind == .open { return try send(open(request.item)) }
      if kind == .close {
        files[request.file] = nil
        return try send(0)
      }
      guard let (file, limits) = files[request.file] else {
        throw Failure(.software, "no file is called \(request.file)")
      }
      limit(limits, elements: elementCount(request.shape) ?? 0)
      switch kind {
      case .names: try send(file.names(in: request.item))
      case .attributes: try send(file.attributesByName(of: request.item))
      case .group: try send(file.content(of: request.item))
      case .tensor:
        try requireShape(request, file)
        try file.readTensor(request.item).withUnsafeBufferPointer {
          ReaderServer.answer(.done, UnsafeRawBufferPointer($0))
        }
      case .bytes:
        try requireShape(request, file)
        try file.readBytes(request.item).values.withUnsafeBytes { ReaderServer.answer(.done, $0) }
      case .open, .close, .done, .failed: throw Failure(.software, "no request")
      }
    }

    private mutating func open(_ path: String) throws -> Int {
      let limits = ReaderLimits(fileSize: try ReaderLimits.fileSize(path))
      limit(limits, elements: 0)
      let file = try HDF5File(path)
      count += 1
      files[count] = (file, limits)
      return count
    }

    /// So that no more memory is taken than the caller expects.
    private func requireShape(_ request: ReaderMessage.Request, _ file: HDF5File) throws {
      guard try file.shape(of: request.item) == request.shape else {
        throw Failure(
          .data, "has another shape than it had before: the file changes while it is read", file: file.path,
          item: request.item)
      }
    }

    private func limit(_ limits: ReaderLimits, elements: Int) {
      limitMemory(limits.memory(elements: elements))
      limitTime(limits.processorSeconds)
    }

    private func send(_ value: some Encodable) throws {
      try ReaderMessage.encode(value).withUnsafeBytes { ReaderServer.answer(.done, $0) }
    }
  }

  /// What the process has, and so much more. Tensors have addresses that were set aside at the start: their number of
  /// elements is limited by their shape.
  private static func limitMemory(_ bytes: Int) {
    _ = MemoryPool.current
    let pages =
      (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ").first.flatMap {
        Int($0)
      } ?? 0
    setSoft(RLIMIT_AS, pages * Int(sysconf(Int32(_SC_PAGESIZE))) + bytes)
  }

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

  private static func limit(_ resource: __rlimit_resource) -> __rlimit_resource_t {
    __rlimit_resource_t(resource.rawValue)
  }

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
