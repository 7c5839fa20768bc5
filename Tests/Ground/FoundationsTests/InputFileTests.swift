import Foundation
import Foundations
import TestSupport
import Testing

@Suite struct InputFileTests {
  private func problem(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "nothing was thrown"
    } catch {
      return "\(error)"
    }
  }

  @Test func onlyPlainFilesAreRead() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("f")
    #expect(problem { _ = try InputFile.bytes(of: path, what: "list") } == "\(path): there is no such list")
    #expect(
      problem { _ = try InputFile.bytes(of: folder.path, what: "list") }
        == "\(folder.path): expected a plain file as list, found a folder")
    #expect(
      problem { _ = try InputFile.bytes(of: "\(folder.path)/\(String(repeating: "n", count: 300))", what: "list") }
        .contains(
          "cannot be opened: ") == true)
    #expect(mkfifo(path, 0o600) == 0)
    #expect(
      problem { _ = try InputFile.bytes(of: path, what: "list") }
        == "\(path): expected a plain file as list, found a named pipe")
    #expect(
      problem { _ = try InputFile.bytes(of: "/dev/zero", what: "list") }
        == "/dev/zero: expected a plain file as list, found a device")
  }

  @Test func textIsUTF8OfBoundedSize() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("f")
    try AtomicFile.write("\u{FEFF}größe", to: path)
    #expect(try InputFile.text(of: path, what: "list") == "größe")
    #expect(try InputFile.bytes(of: path, what: "list", first: 3) == [0xEF, 0xBB, 0xBF])
    #expect(
      problem { _ = try InputFile.text(of: path, what: "list", limit: 4) }
        == "\(path): expected a list of at most 4 bytes, found 10")
    try AtomicFile.write([0xFF], to: path)
    #expect(
      problem { _ = try InputFile.text(of: path, what: "image") }
        == "\(path): expected an image in UTF-8 text, found other bytes")
  }

  @Test func longPartsOfAMessageAreCut() {
    let failure = Failure(.data, String(repeating: "ä", count: 1_000_000), file: "f")
    #expect(failure.description.utf8.count < 4100 && failure.description.hasSuffix("... (2000000 bytes)"))
    #expect(nearestName(to: String(repeating: "a", count: 1_000_000), among: ["a"]) == nil)
  }

  @Test func aFolderThatCannotBeMadeTellsTheSystemsReason() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write("x", to: folder.file("plain"))
    let path = folder.file("plain/deep")
    #expect(
      problem { try AtomicFile.createFolder(path) }
        == "\(path): cannot create the folder (\(folder.file("plain")) is no folder)")
    #expect(throws: Never.self) { try AtomicFile.createFolder(folder.file("a//b/./c/")) }
    #expect(throws: Never.self) { try AtomicFile.createFolder(folder.file("a/b/c")) }
  }
}
