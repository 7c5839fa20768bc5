import Foundation
import Foundations

/// The right to work on a part of a step's folder, held by one process.
///
/// It is an flock(2) on a hidden file, so it ends with the process, however that ends. The text in the file is for the
/// message: machine, boot, process, start, what runs, and Slurm's id of the job where there is one. The file goes when
/// the lock is released; one that a killed process left is taken over.
public final class FolderLock {
  /// Who holds a lock.
  public struct Owner: Equatable, Sendable, CustomStringConvertible {
    public let host: String
    /// Tells two starts of a machine, and two machines of one name, apart.
    public let boot: String
    public let process: Int32
    /// Date and time, UTC.
    public let start: String
    public let program: String
    /// Slurm's id of the job that it is of; nil outside of Slurm.
    public let job: String?

    /// `psa-infer, process 1234 on wolke since 2026-11-26 20:15:03 UTC`.
    public var description: String { "\(program), process \(process) on \(host) since \(start) UTC" }

    static func current(program: String) -> Owner {
      let format = DateFormatter()
      format.locale = Locale(identifier: "en_US_POSIX")
      format.timeZone = TimeZone(secondsFromGMT: 0)
      format.dateFormat = "yyyy-MM-dd HH:mm:ss"
      return Owner(
        host: thisHost, boot: thisBoot, process: getpid(), start: format.string(from: Date()), program: program,
        job: ProcessInfo.processInfo.environment["SLURM_JOB_ID"])
    }

    static let thisHost = ProcessInfo.processInfo.hostName
    static let thisBoot =
      (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8))
      .map { $0.trimmingCharacters(in: .whitespacesAndNewlines) } ?? "-"

    /// Whether its process, if it lives, runs under this kernel, so that flock(2) has the last word.
    public var isHere: Bool { boot == Self.thisBoot || host == Self.thisHost }

    /// Whether there is surely no such process any more.
    var hasEnded: Bool { isHere && kill(process, 0) != 0 && errno == ESRCH }

    var text: String {
      ([host, boot, "\(process)", start, program] + (job.map { [$0] } ?? [])).joined(separator: "\n") + "\n"
    }

    init(host: String, boot: String, process: Int32, start: String, program: String, job: String? = nil) {
      self.host = host
      self.boot = boot
      self.process = process
      self.start = start
      self.program = program
      self.job = job
    }

    init?(text: String) {
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      guard lines.count >= 5, let process = Int32(lines[2]) else { return nil }
      self.init(
        host: lines[0], boot: lines[1], process: process, start: lines[3], program: lines[4],
        job: lines.count > 5 && !lines[5].isEmpty ? lines[5] : nil)
    }
  }

  public let path: String
  private let isRemoved: Bool
  private var descriptor: Int32

  /// Takes the lock.
  ///
  /// - Parameters:
  ///   - program: what the owner is called in messages.
  ///   - isInherited: whether programs that this one starts hold the lock too, until the last of them ends.
  ///   - what: what is locked, for the message: `this step`.
  ///   - isRemoved: whether the file goes with the lock.
  ///   - seconds: how long to wait where the owner has ended and only programs that it started hold the lock: they are
  ///     about to end.
  /// - Throws: `Failure(.temporary)` that names the owner; `Failure(.cannotCreate)` where the file cannot be made.
  public init(
    _ path: String, program: String, isInherited: Bool = false, what: String, isRemoved: Bool = true,
    waitingForHeirs seconds: Double = 0
  ) throws {
    self.path = path
    self.isRemoved = isRemoved && !isInherited
    descriptor = -1
    let deadline = ContinuousClock.now + .seconds(seconds)
    while descriptor < 0 {
      let opened = open(path, O_RDWR | O_CREAT | (isInherited ? 0 : O_CLOEXEC), 0o644)
      guard opened >= 0 else {
        throw Failure(.cannotCreate, "cannot create the lock (\(String(cString: strerror(errno))))", file: path)
      }
      guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
        let owner = Self.owner(path)
        close(opened)
        if let owner, owner.hasEnded, ContinuousClock.now < deadline {
          usleep(20_000)
          continue
        }
        throw Self.refusal(path, owner, what)
      }
      // The owner before may have removed the file between our two calls.
      guard let here = FileStatus(path), here.inode == Self.inode(of: opened) else {
        close(opened)
        continue
      }
      if !isInherited, let owner = Self.owner(path), !owner.isHere {
        close(opened)
        throw Failure(
          .temporary,
          "\(what) was being worked on by \(owner); if that has ended for good, remove this file and try again",
          file: path)
      }
      descriptor = opened
    }
    ftruncate(descriptor, 0)
    let text = Array(Owner.current(program: program).text.utf8)
    guard text.count == Foundation.write(descriptor, text, text.count) else {
      let code = errno
      release()
      throw Failure(.io, "cannot write the lock: \(String(cString: strerror(code)))", file: path)
    }
  }

  deinit { release() }

  /// Removes the file, then lets go. Does nothing the second time.
  public func release() {
    guard descriptor >= 0 else { return }
    if isRemoved { unlink(path) } else { ftruncate(descriptor, 0) }
    close(descriptor)
    descriptor = -1
  }

  /// Keeps the lock beyond the life of this object, until the process ends: for a program that becomes another by exec.
  public func keep() { descriptor = -1 }

  private static func inode(of descriptor: Int32) -> UInt64? {
    var status = stat()
    return fstat(descriptor, &status) == 0 ? UInt64(status.st_ino) : nil
  }

  private static func refusal(_ path: String, _ owner: Owner?, _ what: String) -> Failure {
    Failure(
      .temporary,
      "another process is working on \(what): \(owner.map(String.init(describing:)) ?? "it has not said who it is")",
      file: path)
  }

  private static func owner(_ path: String) -> Owner? {
    (try? String(contentsOfFile: path, encoding: .utf8)).flatMap(Owner.init(text:))
  }

  /// Who holds the lock of that file now; nil where it is free, missing or left by a process that has ended.
  public static func holder(of path: String) -> Owner? {
    let opened = open(path, O_RDONLY | O_CLOEXEC)
    guard opened >= 0 else { return nil }
    defer { close(opened) }
    let owner = owner(path)
    if flock(opened, LOCK_SH | LOCK_NB) == 0 {
      flock(opened, LOCK_UN)
      return owner.flatMap { $0.isHere ? nil : $0 }
    }
    return owner ?? Owner(host: "?", boot: "?", process: 0, start: "?", program: "a process")
  }
}
