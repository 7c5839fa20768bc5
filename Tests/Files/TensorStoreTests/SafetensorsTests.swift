import Foundations
import TensorStore
import TestSupport
import Tensors
import Testing

@Suite("Safetensors")
struct SafetensorsTests {
  private func message(_ bytes: [UInt8]) -> String? {
    do {
      _ = try Safetensors.read(bytes: bytes, name: "w.safetensors")
      return nil
    } catch {
      return "\(error)"
    }
  }

  private func entry(_ name: String, _ type: String, _ shape: String, _ begin: Int, _ end: Int) -> String {
    "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":[\(begin),\(end)]}"
  }

  @Test func tensorsInTheOrderOfTheirBytes() throws {
    let weights = try Safetensors.read(bytes: ForeignBytes.smallSafetensors, name: "w")
    #expect(weights.names == ["a.weight", "b"])
    #expect(weights["a.weight"] == Tensor([2, 3], [1, 2, 3, 4, 5, 6]))
    #expect(weights["b"] == Tensor([], [1.5]))
    #expect(weights.attributes == ["format": "pt", "made by": "é"])
  }

  @Test func everyElementType() throws {
    typealias Bytes = CheckpointBytes
    let cases: [(String, [UInt8], Float)] = [
      ("F64", Bytes.little((0.1).bitPattern, 8), 0.1), ("F16", [0x00, 0xC0], -2), ("BF16", [0xC0, 0x3F], 1.5),
      ("I64", Bytes.little(-3, 8), -3),
      ("I32", Bytes.little(-70000, 4), -70000), ("I16", Bytes.little(-300, 2), -300), ("I8", [0xFF], -1),
      ("U8", [0xFF], 255), ("BOOL", [1], 1),
    ]
    for (type, bytes, expected) in cases {
      let file = ForeignBytes.safetensors("{\(entry("x", type, "[1]", 0, bytes.count))}", bytes)
      #expect(try Safetensors.read(bytes: file, name: "w")["x"] == Tensor([1], [expected]), "\(type)")
    }
  }

  @Test func whatDoesNotFitIsRefused() {
    func refused(_ entries: [String], _ size: Int, _ part: String) {
      let text = message(
        ForeignBytes.safetensors("{\(entries.joined(separator: ","))}", [UInt8](repeating: 0, count: size)))
      #expect(text?.contains(part) == true, "\(text ?? "accepted"), expected \(part)")
    }
    refused(
      [entry("a", "F32", "[2]", 0, 8), entry("b", "F32", "[2]", 4, 12)], 12, "b: expected to start at byte 8, found 4")
    refused(
      [entry("a", "F32", "[2]", 0, 8), entry("b", "F32", "[2]", 12, 20)], 20, "b: expected to start at byte 8, found 12"
    )
    refused([entry("a", "F32", "[2]", 0, 12)], 12, "has bytes 0 to 12, but the shape [2] of F32")
    refused([entry("a", "F32", "[2]", 0, 8)], 4, "cut short")
    refused([entry("a", "F32", "[2]", 0, 8)], 12, "expected 8 bytes of elements, found 12")
    refused([entry("a", "F32", "[4611686018427387904,4]", 0, 8)], 8, "an impossible shape")
    refused([entry("a", "F32", "[4611686018427387904]", 0, 8)], 8, "has bytes 0 to 8")
    refused([entry("a", "F32", "[-1,-2]", 0, 8)], 8, "an impossible shape")
    refused([entry("a", "F4_E2M1", "[8]", 0, 8)], 8, "the element type F4_E2M1 cannot be read")
    refused(["\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}"], 8, "damaged header")
    refused(["\"a\":{\"dtype\":\"F32\",\"shape\":[2]}"], 8, "`data_offsets` is missing")
    refused(["\"a\":7"], 8, "damaged header")
    refused([], 0, "holds no tensors")
    #expect(message(ForeignBytes.safetensors("not JSON", []))?.contains("damaged header: not JSON") == true)
    #expect(message(ForeignBytes.safetensors("{}", [], length: 1 << 62))?.contains("at most 4194304 are read") == true)
    #expect(message(ForeignBytes.safetensors("{}", [], length: 1000))?.contains("cut short") == true)
    #expect(message(ForeignBytes.safetensors(String(repeating: "[", count: 1_000_000), [])) != nil)
  }

  @Test func cutAnywhereIsRefused() {
    let bytes = ForeignBytes.smallSafetensors
    for count in 0..<bytes.count {
      #expect(message(Array(bytes.prefix(count))) != nil, "\(count) of \(bytes.count) bytes")
    }
  }
}
