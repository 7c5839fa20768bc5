import Foundation
import Foundations
import TensorStore
import Tensors
import TestSupport
import Testing

@Suite("Files of numpy")
struct NumpyScoresTests {
  /// Class 7, then class 14, of every fixture.
  private static let maps = Tensor([2, 2, 3], (0..<6).map { 1 + Float($0) / 8 } + (0..<6).map { Float($0) / 8 })

  private static let keyed: [(name: String, bytes: [UInt8])] = [
    ("psa2", NumpyFixtures.psa2), ("psa4", NumpyFixtures.psa4), ("psa5", NumpyFixtures.psa5),
    ("irn", NumpyFixtures.irn),
    ("irnCam", NumpyFixtures.irnCam), ("irnArchive", NumpyFixtures.irnArchive),
  ]

  private func read(_ bytes: [UInt8]) throws -> NumpyScores { try NumpyScores(bytes: bytes, name: "f") }

  /// A `.npy` of version 1, 2 or 3 with this header and these elements.
  private func array(_ header: String, _ elements: [UInt8], version: UInt8 = 1) -> [UInt8] {
    let text = Array((header + "\n").utf8)
    let length = (0..<(version == 1 ? 2 : 4)).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + text + elements
  }

  private func header(_ type: String, _ shape: String, fortran: Bool = false) -> String {
    "{'descr': '\(type)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': \(shape), }"
  }

  @Test(arguments: keyed.map(\.name)) func dictionariesAsScriptsSaveThem(_ name: String) throws {
    let fixture = try #require(Self.keyed.first { $0.name == name })
    let scores = try read(fixture.bytes)
    #expect(scores.channels == .keys([7, 14]))
    #expect(scores.maps == Self.maps)
  }

  @Test func archivesOfArrays() throws {
    let labelled = try read(NumpyFixtures.labelled)
    #expect(labelled.channels == .labels([0, 15]) && labelled.maps == Self.maps)
    let one = try read(NumpyFixtures.one)
    #expect(one.channels == .all && one.maps == Self.maps)
  }

  @Test func everyTypeVersionAndOrder() throws {
    func bytes<Element>(_ values: [Element]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }
    let numbers = [3, 1, 4, 1, 5, 9]
    let types: [(String, [UInt8])] = [
      ("<f2", bytes(numbers.map { Float16($0) })), ("<f4", bytes(numbers.map { Float($0) })),
      ("<f8", bytes(numbers.map { Double($0) })),
      ("|i1", bytes(numbers.map { Int8($0) })), ("<i2", bytes(numbers.map { Int16($0) })),
      ("<i4", bytes(numbers.map { Int32($0) })),
      ("<i8", bytes(numbers.map { Int64($0) })), ("|u1", bytes(numbers.map { UInt8($0) })),
      ("<u2", bytes(numbers.map { UInt16($0) })),
      ("<u4", bytes(numbers.map { UInt32($0) })), ("<u8", bytes(numbers.map { UInt64($0) })),
    ]
    for (index, (type, elements)) in types.enumerated() {
      let version = UInt8(index % 3 + 1)
      #expect(
        try read(array(header(type, "(1, 2, 3)"), elements, version: version)).maps.values == [3, 1, 4, 1, 5, 9],
        "\(type)")
      let turned = try read(array(header(type, "(1, 2, 3)", fortran: true), elements, version: version)).maps
      #expect(turned.values == [3, 4, 5, 1, 1, 9], "\(type) in Fortran order")
    }
    #expect(try read(array(header("|b1", "(1, 1, 3)"), [1, 0, 1])).maps.values == [1, 0, 1])
    #expect(
      try read(array("{\"shape\": (1,1,2), \"fortran_order\": False, \"descr\": \"<f2\"}", [0, 0x3C, 0, 0])).maps.values
        == [1, 0])
  }

  @Test func whatIsWrittenReadsBack() throws {
    let folder = try TemporaryFolder()
    try NumpyScores.write(Self.maps, to: folder.file("a/b.npy"))
    let back = try NumpyScores(contentsOf: folder.file("a/b.npy"))
    #expect(back.maps == Self.maps && back.channels == .all)
    let data = try Data(contentsOf: URL(fileURLWithPath: folder.file("a/b.npy")))
    #expect(data.count == 128 + 2 * 12)
    #expect(throws: Failure(.data, "half precision cannot hold the score 1000000.0", file: folder.file("c.npy"))) {
      try NumpyScores.write(Tensor([1, 1, 1], [1e6]), to: folder.file("c.npy"))
    }
  }

  @Test func whatIsRefused() throws {
    func message(_ bytes: [UInt8]) -> String { do { return "\(try read(bytes).channels)" } catch { return "\(error)" } }
    let big = "f: expected little-endian numbers, found elements of type >f4; in Python: array.astype(\"<f4\")"
    #expect(message(array(header(">f4", "(1, 1, 1)"), [0, 0, 0, 0])) == big)
    #expect(
      message(array(header("<c8", "(1, 1, 1)"), [0, 0, 0, 0])).hasPrefix(
        "f: expected little-endian numbers, found elements of type <c8"))
    #expect(
      message(array(header("<f2", "(2, 2)"), [0, 0, 0, 0, 0, 0, 0, 0]))
        == "f: expected an array (classes, height, width), found shape [2, 2]")
    #expect(
      message(array(header("<f2", "(1, 1, 2)"), [0, 0]))
        == "f: expected the bytes of an array of shape [1, 1, 2] and type <f2, found 2")
    #expect(message(array(header("<f2", "(1, 1, 1)"), [0, 0x7C])) == "f: holds scores that are not finite")
    let huge = "(9223372036854775807, 9223372036854775807, 4)"
    #expect(
      message(array(header("<f2", huge), [])).hasPrefix(
        "f: expected the bytes of an array of shape [9223372036854775807"))
    #expect(
      message(array(header("<f2", "(1, 1, 1)"), [0, 0], version: 4))
        == "f: expected version 1 to 3 of numpy's format, found 4")
    #expect(message(Array("text".utf8)) == "f: is not an array of numpy (.npy)")
    #expect(
      message(NumpyFixtures.code).hasPrefix("f: pickle: refused: the pickle asks for `posix.system`"),
      "\(message(NumpyFixtures.code))")
  }

  /// Files cut short, and files with a byte changed, end in a failure or in maps, never in a trap.
  @Test func damagedFiles() throws {
    let files = Self.keyed.map(\.bytes) + [NumpyFixtures.labelled, NumpyFixtures.one]
    for bytes in files {
      for count in stride(from: 0, to: bytes.count - 1, by: 3) {
        #expect(throws: Failure.self, "the first \(count) of \(bytes.count) bytes") { try read(Array(bytes[..<count])) }
      }
      for index in bytes.indices {
        for change: UInt8 in [0xFF, 0x01, 0x80] {
          var damaged = bytes
          damaged[index] ^= change
          do { _ = try read(damaged) } catch is Failure {}
        }
      }
    }
  }
}
