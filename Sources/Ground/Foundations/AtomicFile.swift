import Foundation

/// Writing a file so that its final path holds either the old content or the whole new one, never a part.
public enum AtomicFile {
  /// Calls `body` with a temporary path in the same folder; when it returns, syncs that file, renames it to `path` and
  /// syncs the folder.
  ///
  /// Creates the folder where it is missing. When `body` or the commit throws, the temporary file is removed and `path`
  /// is as it was. The temporary name ends in the suffix of `path`, so that a codec that looks at it chooses the same
  /// format.
  @discardableResult
  public static func write<R>(to path: String, _ body: (_ temporaryPath: String) throws -> R) throws -> R {
    let url = URL(fileURLWithPath: path)
    let folder = url.deletingLastPathComponent().path
    try createFolder(folder)
    let temporary =
      "\(folder)/.\(url.deletingPathExtension().lastPathComponent).\(getpid()).partial.\(url.pathExtension)"
    do {
      let result = try body(temporary)
      try sync(temporary, reporting: path)
      guard rename(temporary, path) == 0 else { throw Self.failure("cannot rename into place", path: path) }
      syncFolder(folder)
      return result
    } catch {
      unlink(temporary)
      throw error
    }
  }

  /// Writes `bytes` to `path` atomically.
  public static func write(_ bytes: some Collection<UInt8>, to path: String) throws {
    try write(to: path) { temporary in try writePlain(Array(bytes), to: temporary, reporting: path) }
  }

  /// Writes `text` in UTF-8 to `path` atomically.
  public static func write(_ text: String, to path: String) throws { try write(text.utf8, to: path) }

  /// Writes `text` only where the file does not hold it already, so that the time stamp changes only with the content.
  /// True if it wrote.
  @discardableResult
  public static func writeIfChanged(_ text: String, to path: String) throws -> Bool {
    if let old = FileManager.default.contents(atPath: path), old.elementsEqual(text.utf8) { return false }
    try write(text, to: path)
    return true
  }

  /// Creates `path` and the folders above it; not an error where it exists.
  public static func createFolder(_ path: String) throws {
    var folder = ""
    for part in path.split(separator: "/") {
      folder += folder.isEmpty && !path.hasPrefix("/") ? part : "/\(part)"
      // By hand, because Foundation's error does not tell what the system said.
      guard mkdir(folder, 0o777) != 0 else { continue }
      let code = errno
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
        let reason = code == EEXIST ? "\(folder) is no folder" : "\(folder): \(String(cString: strerror(code)))"
        throw Failure(.cannotCreate, "cannot create the folder (\(reason))", file: path)
      }
    }
  }

  /// A failure of kind `.io` that tells what the system said: `out/a.png: cannot write: No space left on device`.
  package static func failure(_ what: String, path: String, code: Int32 = errno) -> Failure {
    Failure(.io, "\(what): \(String(cString: strerror(code)))", file: path)
  }

  private static func writePlain(_ bytes: [UInt8], to temporary: String, reporting path: String) throws {
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard descriptor >= 0 else { throw failure("cannot create", path: path) }
    defer { close(descriptor) }
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw failure("cannot write", path: path)
      }
      written += count
    }
  }

  private static func sync(_ temporary: String, reporting path: String) throws {
    let descriptor = open(temporary, O_RDONLY)
    guard descriptor >= 0 else { throw failure("cannot create", path: path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure("cannot write to disk", path: path) }
  }

  private static func syncFolder(_ folder: String) {
    let descriptor = open(folder, O_RDONLY)
    if descriptor >= 0 {
      fsync(descriptor)
      close(descriptor)
    }
  }
}
