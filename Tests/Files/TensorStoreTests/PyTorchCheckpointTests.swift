import Foundation
import Foundations
import TensorStore
import TestSupport
import Tensors
import Testing

@Suite("PyTorch checkpoints")
struct PyTorchCheckpointTests {
  private func read(_ bytes: [UInt8], stripping: Bool = false) throws -> NamedTensors {
    try PyTorchCheckpoint.read(bytes: bytes, name: "w.pth", strippingModulePrefix: stripping)
  }

  private func message(_ bytes: [UInt8]) -> String? {
    do {
      _ = try read(bytes)
      return nil
    } catch {
      return "\(error)"
    }
  }

  private var formats: [[UInt8]] {
    [
      CheckpointBytes.small.zip, CheckpointBytes.small.legacy,
      CheckpointBytes.zip(CheckpointBytes.small.entries, wide: true),
    ]
  }

  @Test func bothFormatsAndZIP64() throws {
    for bytes in formats {
      let weights = try read(bytes)
      #expect(weights.names == ["module.a.weight", "module.b.weight"])
      #expect(weights["module.a.weight"] == Tensor([2, 3], [1, 2, 3, 4, 5, 6]))
      #expect(weights["module.b.weight"] == Tensor([3, 2], [1, 4, 2, 5, 3, 6]))
      #expect(try read(bytes, stripping: true).names == ["a.weight", "b.weight"])
    }
  }

  @Test func everyElementType() throws {
    typealias Bytes = CheckpointBytes
    let cases: [(String, Int, [UInt8], [Float])] = [
      ("DoubleStorage", 8, Bytes.little((0.1).bitPattern, 8), [0.1]), ("HalfStorage", 2, [0x00, 0xC0], [-2]),
      ("BFloat16Storage", 2, [0xC0, 0x3F], [1.5]),
      ("LongStorage", 8, Bytes.little(-3, 8), [-3]), ("IntStorage", 4, Bytes.little(-70000, 4), [-70000]),
      ("ShortStorage", 2, Bytes.little(-300, 2), [-300]),
      ("CharStorage", 1, [0xFF], [-1]), ("ByteStorage", 1, [0xFF], [255]), ("BoolStorage", 1, [1], [1]),
    ]
    for (type, _, bytes, expected) in cases {
      let item = CheckpointBytes.Item(name: "x", storageType: type, key: "k", elements: 1, shape: [], strides: [])
      let file = CheckpointBytes(items: [item], storages: [("k", bytes)])
      #expect(try read(file.zip)["x"] == Tensor([], expected), "\(type)")
      #expect(try read(file.legacy)["x"] == Tensor([], expected), "\(type)")
    }
  }

  @Test func otherEntriesAreSkipped() throws {
    var file = CheckpointBytes.small
    file.extra = [0x5D, 0x28, 0x4E, 0x88, 0x47, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0, 0x65]
    #expect(try read(file.zip).count == 2)
  }

  @Test func namesThatRunCommandsAreRefused() throws {
    var file = CheckpointBytes.small
    func refused(_ name: String) -> String {
      "refused: the pickle asks for `\(name)`, which no checkpoint needs and attacks use; nothing was executed"
    }
    file.extra =
      CheckpointBytes.global("posix", "system") + CheckpointBytes.tuple([CheckpointBytes.text("true")]) + [0x52]
    #expect(message(file.zip) == "w.pth: archive/data.pkl: \(refused("posix.system"))")
    #expect(message(file.legacy) == "w.pth: pickle: \(refused("posix.system"))")
    file.extra = CheckpointBytes.text("builtins") + CheckpointBytes.text("eval") + [0x93]
    #expect(message(file.zip)?.hasSuffix(refused("builtins.eval")) == true)
    file.extra = Array("(iposix\nsystem\n".utf8)
    #expect(message(file.zip)?.hasSuffix(refused("posix.system")) == true)
  }

  @Test func compressedEntriesAreRefusedByName() {
    let bytes = CheckpointBytes.zip(CheckpointBytes.small.entries, method: 8)
    #expect(
      message(bytes) == "w.pth: archive/byteorder: is compressed (method 8); torch.save stores entries uncompressed")
  }

  @Test func sizesThatDoNotFitAreRefused() {
    func changed(_ change: (inout CheckpointBytes.Item) -> Void) -> String? {
      var file = CheckpointBytes.small
      change(&file.items[0])
      return message(file.zip)
    }
    #expect(
      changed { $0.shape = [3, 3] }
        == "w.pth: module.a.weight: a tensor of shape 3x3 does not fit in its storage of 6 elements")
    #expect(changed { $0.offset = 1 }?.contains("does not fit") == true)
    #expect(changed { $0.strides = [.max, .max] }?.contains("does not fit") == true)
    #expect(
      changed {
        $0.shape = [.max, .max]; $0.strides = [0, 0]
      }?.contains("far more than the file holds") == true)
    #expect(
      changed {
        $0.shape = [.max, .max, 0]; $0.strides = [0, 0, 0]
      }?.contains("far more than the file holds") == true)
    #expect(
      changed {
        $0.shape = [1 << 30, 1 << 10]; $0.strides = [0, 0]
      }?.contains("far more than the file holds") == true)
    #expect(changed { $0.shape = [-2, 3] }?.contains("not a natural number") == true)
    #expect(changed { $0.elements = 1 << 61 }?.contains("holds 24 bytes") == true)
    #expect(changed { $0.key = "9" } == "w.pth: archive/data/9: the storage is missing")
    #expect(
      changed {
        $0.shape = [1, 2, 3]; $0.strides = [.max, 3, 1]
      } == nil, "the stride of an axis of 1 does not matter")
    #expect(changed { $0.name = "module.b.weight" } == nil, "a name set twice has the last value")
  }

  @Test func shortStorage() {
    var file = CheckpointBytes.small
    file.storages[0].bytes.removeLast(12)
    #expect(
      message(file.zip)
        == "w.pth: module.a.weight: the storage 0 holds 12 bytes, but 6 elements of 4 bytes are expected")
    #expect(message(file.legacy)?.contains("cut short") == true)
  }

  @Test func damagedBytesAreRefusedByTheNameOfTheirTensor() throws {
    func damaged(_ part: [UInt8], checksum: UInt32? = nil) throws -> [UInt8] {
      var bytes = CheckpointBytes.zip(CheckpointBytes.small.entries, checksum: checksum)
      let place = try #require(bytes.indices.first { bytes[$0...].starts(with: part) })
      bytes[place + 1] ^= 0x10
      return bytes
    }
    let elements = CheckpointBytes.floats([1, 2, 3, 4, 5, 6])
    let stated = "the bytes do not have the checksum that the archive states"
    #expect(message(try damaged(elements)) == "w.pth: module.a.weight: damaged: archive/data/0: \(stated)")
    #expect(message(try damaged(Array("module.a".utf8))) == "w.pth: archive/data.pkl: damaged: \(stated)")
    // Where no checksum was recorded nothing can be told.
    #expect(message(try damaged(elements, checksum: 0)) == nil)
    #expect(
      message(CheckpointBytes.zip(CheckpointBytes.small.entries, checksum: 1))
        == "w.pth: archive/byteorder: damaged: \(stated)")
  }

  @Test func entriesThatOverlapAreRefused() throws {
    var bytes = CheckpointBytes.zip(
      CheckpointBytes.small.entries + [("archive/data/1", [UInt8](repeating: 0, count: 24))])
    let place = try #require(bytes.indices.last { bytes[$0...].starts(with: [0x50, 0x4B, 1, 2]) })
    for field in [20, 24] {
      bytes.replaceSubrange(place + field..<place + field + 4, with: CheckpointBytes.little(bytes.count - 40, 4))
    }
    #expect(message(bytes)?.contains("overlaps another entry") == true)
  }

  @Test func cutAnywhereIsRefused() {
    for bytes in formats {
      for count in 0..<bytes.count {
        #expect(message(Array(bytes.prefix(count))) != nil, "\(count) of \(bytes.count) bytes")
      }
    }
  }

  @Test func deepNestingIsNoProblem() {
    var file = CheckpointBytes.small
    file.extra = [0x29] + [UInt8](repeating: 0x85, count: 1_000_000)
    #expect(message(file.zip) == nil)
    file.extra = [UInt8](repeating: 0x28, count: 1_000_000)
    #expect(message(file.zip) != nil)
  }

  @Test func missingFile() {
    #expect(throws: Failure(.noInput, "no such file, or it cannot be read", file: "/nonexistent/w.pth")) {
      try PyTorchCheckpoint.read("/nonexistent/w.pth")
    }
    #expect(throws: Failure(.noInput, "is not a regular file", file: "/")) { try PyTorchCheckpoint.read("/") }
  }

  static let realWeights = URL(fileURLWithPath: Golden.folder).deletingLastPathComponent().appendingPathComponent(
    "weights/squeezenet1_1.pth"
  ).path

  @Test(
    .enabled(
      if: FileManager.default.fileExists(atPath: realWeights),
      "needs weights/squeezenet1_1.pth beside the golden folder"))
  func squeezeNet() throws {
    let weights = try PyTorchCheckpoint.read(Self.realWeights)
    #expect(weights.count == 52)
    #expect(weights.names.first == "features.0.weight" && weights.names.last == "classifier.1.bias")
    #expect(weights["features.0.weight"]?.shape == [64, 3, 3, 3])
    #expect(weights["classifier.1.weight"]?.shape == [1000, 512, 1, 1])
    #expect(weights.entries.allSatisfy { $0.tensor.values.allSatisfy(\.isFinite) })
  }
}
