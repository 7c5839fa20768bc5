import Foundation
import Foundations
import Tensors

/// A process that reads HDF5 (`IsolatedHDF5`), ended with the last reference to this, which every open file holds.
///
/// Safe to use from several threads: requests are sent and answered one after another.
final class ReaderClient: @unchecked Sendable {
  private let process: pid_t
  private let descriptor: Int32
  private let lock = NSLock()
  private var ending: Int32?

  /// How it ended, as for `waitpid`; nil while it runs.
  var status: Int32? {
    lock.lock()
    defer { lock.unlock() }
    return ending
  }

  /// Starts the running program again; the calling one must have called `IsolatedHDF5.prepare`.
  init() throws {
    var ends: [Int32] = [-1, -1]
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw Self.cannotStart(errno) }
    defer { Foundation.close(ends[1]) }
    do {
      process = try Self.spawn(ends[1])
    } catch {
      Foundation.close(ends[0])
      throw error
    }
    descriptor = ends[0]
  }

  deinit {
    Foundation.close(descriptor)
    end()
  }

  /// Opens a file; returns what the process calls it.
  func open(_ path: String, _ limits: ReaderLimits) throws -> Int {
    try Files(client: self, path: path, limits: limits).value(.open, ReaderMessage.Request(item: path))
  }

  /// Closes a file. The answer is waited for: where closing a damaged file ends the process, no other file is to be
  /// blamed.
  func close(_ file: Int) {
    let files = Files(client: self, path: "", limits: ReaderLimits(fileSize: 0))
    let _: Int? = try? files.value(.close, ReaderMessage.Request(file: file, item: ""))
  }

  /// Requests about one file.
  struct Files {
    let client: ReaderClient
    let path: String
    let limits: ReaderLimits

    private func place(_ request: ReaderMessage.Request) -> Place {
      Place(file: path, item: request.item == "/" || request.item == path ? nil : request.item, limits: limits)
    }

    /// An answer in JSON.
    func value<R: Decodable>(_ kind: ReaderMessage.Kind, _ request: ReaderMessage.Request) throws -> R {
      let place = place(request)
      return try client.ask(kind, request, place) { size in
        guard size <= limits.memory() else { throw place.damaged("an answer of \(size) bytes") }
        guard let value = ReaderMessage.decode(R.self, try client.receive(size, place)) else {
          throw place.damaged("an answer that is none")
        }
        return value
      }
    }

    func tensor(_ request: ReaderMessage.Request) throws -> Tensor {
      let (place, shape) = (place(request), Shape(request.shape))
      return try client.ask(.tensor, request, place) { size in
        guard size == shape.count * MemoryLayout<Float>.size else {
          throw place.damaged("\(size) bytes for the shape \(shape)")
        }
        return try Tensor(shape) { try client.receive(into: UnsafeMutableRawBufferPointer($0), place) }
      }
    }

    func bytes(_ request: ReaderMessage.Request) throws -> [UInt8] {
      let place = place(request)
      return try client.ask(.bytes, request, place) { size in
        guard size == elementCount(request.shape) else {
          throw place.damaged("\(size) bytes for the shape \(request.shape)")
        }
        return try client.receive(size, place)
      }
    }
  }

  // MARK: The process

  private static func spawn(_ end: Int32) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, end, 0)
    // A crashing library says so on standard error.
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var environment = ProcessInfo.processInfo.environment
    environment["SWIFT_BACKTRACE"] = "enable=no"
    environment["OPENBLAS_NUM_THREADS"] = "1"
    var arguments = [strdup(CommandLine.arguments.first ?? ""), strdup(IsolatedHDF5.argument), nil]
    var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for pointer in arguments + variables { free(pointer) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, "/proc/self/exe", &actions, nil, &arguments, &variables)
    guard code == 0 else { throw cannotStart(code) }
    return process
  }

  private static func cannotStart(_ code: Int32) -> Failure {
    Failure(.io, "the process that reads HDF5 cannot be started: \(String(cString: strerror(code)))")
  }

  /// Ends the process, if it still runs, and tells how it ended.
  @discardableResult
  private func end(killing: Bool = true) -> Int32 {
    if let ending { return ending }
    if killing { kill(process, SIGKILL) }
    var found: Int32 = 0
    while waitpid(process, &found, 0) < 0, errno == EINTR {}
    ending = found
    return found
  }

  // MARK: Requests

  /// Where a request is about, and the failures that it can have.
  private struct Place {
    let file: String
    let item: String?
    let limits: ReaderLimits

    func damaged(_ found: String) -> Failure {
      Failure(.data, expected: "a sound HDF5 file", found: found, file: file, item: item)
    }

    func ended(_ status: Int32) -> Failure {
      let signal = status & 0x7F
      guard signal != 0 else { return damaged("damage that ends its reading (status \(status >> 8 & 0xFF))") }
      if signal == SIGXCPU {
        return damaged("damage that keeps reading it from an end (\(limits.processorSeconds) s of processor time)")
      }
      return damaged(
        "damage that its reading does not survive (signal \(signal), \(String(cString: strsignal(signal))))")
    }
  }

  private func ask<R>(
    _ kind: ReaderMessage.Kind, _ request: ReaderMessage.Request, _ place: Place, _ take: (Int) throws -> R
  ) throws -> R {
    lock.lock()
    defer { lock.unlock() }
    if let ending { throw place.ended(ending) }
    do {
      let body = try ReaderMessage.encode(request)
      try send(ReaderMessage.head(kind, body.count) + body, place)
      guard let (kind, size) = ReaderMessage.parse(try receive(ReaderMessage.headSize, place)) else {
        throw place.damaged("an answer that is none")
      }
      if kind == .done { return try take(size) }
      guard kind == .failed, size < 1 << 20,
        let refusal = ReaderMessage.decode(ReaderMessage.Refusal.self, try receive(size, place))
      else {
        throw place.damaged("an answer that is none")
      }
      throw Refused(failure: refusal.failure)
    } catch let refused as Refused {
      throw refused.failure
    } catch {
      // What it would answer next is anyone's guess.
      end()
      throw error
    }
  }

  /// A failure that the reader found; it goes on.
  private struct Refused: Error { let failure: Failure }

  private func send(_ bytes: [UInt8], _ place: Place) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Foundation.send(descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw place.ended(end(killing: false)) }
      sent += count
    }
  }

  private func receive(_ count: Int, _ place: Place) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBytes { try receive(into: $0, place) }
    return bytes
  }

  private func receive(into target: UnsafeMutableRawBufferPointer, _ place: Place) throws {
    var filled = 0
    while filled < target.count {
      var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let ready = poll(&state, 1, Int32(clamping: place.limits.answerSeconds * 1000))
      if ready < 0, errno == EINTR { continue }
      guard ready > 0 else {
        throw Failure(.io, "was not read within \(place.limits.answerSeconds) s", file: place.file, item: place.item)
      }
      let got = recv(descriptor, target.baseAddress?.advanced(by: filled), target.count - filled, 0)
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { throw place.ended(end(killing: false)) }
      filled += got
    }
  }
}
