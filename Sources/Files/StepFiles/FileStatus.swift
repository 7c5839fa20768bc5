import Foundation

/// What the system says of a file without reading it.
public struct FileStatus: Equatable, Sendable {
  public let size: Int
  /// Nanoseconds since 1970 of the last change of the content, as the file claims.
  public let modified: Int
  /// Nanoseconds since 1970 of the last change of anything about it, which no program can set.
  public let changed: Int
  public let inode: UInt64
  public let isFolder: Bool
  public let isRegular: Bool

  /// Nil where there is no such file; symbolic links are followed.
  public init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    size = Int(status.st_size)
    modified = Self.nanoseconds(status.st_mtim)
    changed = Self.nanoseconds(status.st_ctim)
    inode = UInt64(status.st_ino)
    isFolder = status.st_mode & S_IFMT == S_IFDIR
    isRegular = status.st_mode & S_IFMT == S_IFREG
  }

  private static func nanoseconds(_ time: timespec) -> Int { time.tv_sec &* 1_000_000_000 &+ time.tv_nsec }
}
