import CDigest
import Foundation
import Foundations
import Testing

@Suite struct SHA256Tests {
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func publishedVectors(text: String, digest: String) {
    #expect(SHA256.hexadecimal(of: Array(text.utf8)) == digest)
  }

  @Test func piecesEqualTheWhole() {
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    var digest = SHA256()
    for start in stride(from: 0, to: bytes.count, by: 37) { digest.update(bytes[start..<min(start + 37, bytes.count)]) }
    #expect(digest.hexadecimal() == SHA256.hexadecimal(of: bytes))
  }

  @Test func aMillionLetters() {
    let digest = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    #expect(SHA256.hexadecimal(of: [UInt8](repeating: 97, count: 1_000_000)) == digest)
    #expect(SHA256.hexadecimal(of: Data(repeating: 97, count: 1_000_000)) == digest)
    #expect(SHA256.hexadecimal(of: repeatElement(97, count: 1_000_000)) == digest)
  }

  /// The processor's instructions and plain C give the same.
  @Test func bothWaysOfTheInnerLoopAgree() {
    let bytes = (0..<64 * 9).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 31) }
    var (one, other): ([UInt32], [UInt32]) = ((1...8).map { $0 &* 0x9E37_79B1 }, (1...8).map { $0 &* 0x9E37_79B1 })
    cdigest_sha256(&one, bytes, 9)
    cdigest_sha256_portable(&other, bytes, 9)
    #expect(one == other)
  }
}

@Suite struct SeededGeneratorTests {
  @Test func sameKeySameSequence() {
    var a = SeededGenerator(seed: 1, "x", "y")
    var b = SeededGenerator(seed: 1, "x", "y")
    var c = SeededGenerator(seed: 1, "x", "z")
    let first = (0..<4).map { _ in a.next() }
    #expect(first == (0..<4).map { _ in b.next() })
    #expect(first != (0..<4).map { _ in c.next() })
  }

  @Test func rangesHold() {
    var generator = SeededGenerator(seed: 3)
    let values = (0..<10_000).map { _ in generator.integer(-2...3) }
    #expect(Set(values) == Set(-2...3))
    let normals = (0..<10_000).map { _ in generator.normal() }
    let mean = normals.reduce(0, +) / 10_000
    let variance = normals.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / 10_000
    #expect(abs(mean) < 0.05)
    #expect(abs(variance - 1) < 0.05)
  }
}

@Suite struct AtomicFileTests {
  @Test func aFailedWriteLeavesTheOldFileAndNothingElse() throws {
    let folder = NSTemporaryDirectory() + "atomic-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try AtomicFile.write("old", to: "\(folder)/a.txt")
    #expect(throws: Failure.self) {
      try AtomicFile.write(to: "\(folder)/a.txt") { temporary in
        try Data("half".utf8).write(to: URL(fileURLWithPath: temporary))
        throw Failure(.io, "stopped")
      }
    }
    #expect(try String(contentsOfFile: "\(folder)/a.txt", encoding: .utf8) == "old")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["a.txt"])
    #expect(try AtomicFile.writeIfChanged("old", to: "\(folder)/a.txt") == false)
    #expect(try AtomicFile.writeIfChanged("new", to: "\(folder)/a.txt"))
  }
}

@Suite struct MessageTests {
  @Test func nearestNames() {
    #expect(nearestName(to: "epoch", among: ["epochs", "batch"]) == "epochs")
    #expect(nearestName(to: "zzz", among: ["epochs", "batch"]) == nil)
  }

  @Test func failuresNameFileAndItemOnOneLine() {
    let failure = Failure(.data, expected: "375x500", found: "366x500\n", file: "a.png").of(item: "2007_000032")
    #expect(failure.description == "a.png: 2007_000032: expected 375x500, found 366x500\\n")
  }
}
