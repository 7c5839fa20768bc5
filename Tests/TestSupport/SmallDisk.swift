import Foundation

/// A file system in memory of a few KiB, to see what happens when a disk is full. Needs the right to mount: nil without
/// it, and tests are skipped.
public final class SmallDisk: Sendable {
  public let path: String
  private let folder: TemporaryFolder

  /// Whether this process may mount one.
  public static let isAvailable = (try? SmallDisk(kibibytes: 64)) != nil

  public init(kibibytes: Int) throws {
    folder = try TemporaryFolder()
    path = folder.path
    try Self.run("mount", "-t", "tmpfs", "-o", "size=\(kibibytes)k", "tmpfs", path)
  }

  /// Lazily: another test's child process may still hold an inherited descriptor for a moment.
  deinit { try? Self.run("umount", "-l", path) }

  private struct Refused: Error {}

  private static func run(_ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Refused() }
  }
}
