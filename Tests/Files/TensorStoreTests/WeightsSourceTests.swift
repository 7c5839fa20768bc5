import Foundation
import Foundations
import TensorStore
import TestSupport
import Tensors
import Testing

@Suite("Weights of every format")
struct WeightsSourceTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let attributes: [String: AttributeValue] = [
    "network": "classifier", "classes": .strings(["background", "ca,\"t", "é"]), "mask_values": .integers([0, 8]),
    "step": 7, "rate": 0.1,
    "rates": .doubles([1e-300, .infinity, -0.5]), "none": .integers([]),
  ]

  /// Odd bits, a scalar, an empty tensor, and one larger than any piece that files are read in.
  private static var weights: NamedTensors {
    var generator = SeededGenerator(seed: 5, "weights")
    let large = (0..<300_001).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: generator.next()) & 0x7F7F_FFFF) }
    return NamedTensors(
      [
        ("b.weight", Tensor([2, 2, 1, 1], [0, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude])),
        ("a.bias", Tensor([], [.pi])),
        ("a \"quoted\" näme", Tensor([3], [.infinity, -.infinity, 1])), ("empty", Tensor([0, 3], [])),
        ("large", Tensor([300_001], large)),
      ], attributes: attributes)
  }

  private func bits(_ tensor: Tensor) -> [UInt32] { tensor.values.map(\.bitPattern) }

  private func expectSame(_ actual: NamedTensors, _ expected: NamedTensors, _ what: String) {
    #expect(actual.names == expected.names, "\(what)")
    for (name, tensor) in expected.entries {
      #expect(actual[name]?.shape == tensor.shape, "\(what): \(name)")
      #expect(actual[name].map(bits) == bits(tensor), "\(what): \(name)")
    }
  }

  @Test func roundTripsAreExact() throws {
    let provenance = Provenance(stage: "export-weights", version: "1", inputs: [("weights", "abc")], seed: 3)
    for (format, name) in [(WeightsSource.Format.pytorch, "w.pth"), (.safetensors, "w.safetensors"), (.hdf5, "w.h5")] {
      #expect(WeightsSource.Format(fileName: name) == format)
      try WeightsSource(Self.weights).write(to: folder.file(name), as: format, provenance: provenance)
      let source = try WeightsSource(folder.file(name))
      #expect(source.format == format)
      #expect(source.elementCount == Self.weights.entries.reduce(0) { $0 + $1.tensor.count })
      expectSame(try source.load(), Self.weights, name)
      if format == .pytorch {
        #expect(source.attributes.isEmpty)
      } else {
        #expect(source.withoutProvenance.attributes == Self.attributes, "\(name)")
        #expect(
          source.attributes["stage"] == "export-weights" && source.attributes["input.weights"] == "abc", "\(name)")
      }
      // From a file to another of the same format: the same bytes.
      try source.withoutProvenance.write(to: folder.file("again-\(name)"), as: format, provenance: provenance)
      #expect(
        FileManager.default.contentsEqual(atPath: folder.file(name), andPath: folder.file("again-\(name)")), "\(name)")
    }
    #expect(throws: Failure.self) { try WeightsSource(Self.weights).write(to: folder.file("w.params"), as: .mxnet) }
  }

  @Test func theFormatIsToldByTheContent() throws {
    let files: [(WeightsSource.Format?, [UInt8])] = [
      (.pytorch, CheckpointBytes.small.zip), (.pytorch, CheckpointBytes.small.legacy),
      (.safetensors, ForeignBytes.smallSafetensors),
      (.mxnet, ForeignBytes.smallMXNet), (nil, Array("weights?".utf8)), (nil, []),
      (nil, Array("{\"a\": \"longer than a number\"}".utf8)),
    ]
    for (index, (format, bytes)) in files.enumerated() {
      let path = folder.file("\(index).bin")
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      if let format {
        #expect(try WeightsSource(path).format == format)
        #expect(try WeightsSource(path, format: format).load().isEmpty == false)
      } else {
        let error = Failure(
          .data, "is none of the formats that can be read: PyTorch, safetensors, MXNet, HDF5", file: path)
        #expect(throws: error) { try WeightsSource(path) }
      }
    }
    #expect(throws: Failure(.noInput, "no such file, or it cannot be read", file: "/nonexistent/w")) {
      try WeightsSource("/nonexistent/w")
    }
  }

  @Test func namesThatMeetAreRefused() throws {
    let source = WeightsSource(Self.weights)
    #expect(
      try source.renamed { $0 == "large" ? nil : "x.\($0)" }.items.map(\.name) == [
        "x.b.weight", "x.a.bias", "x.a \"quoted\" näme", "x.empty",
      ])
    #expect(throws: Failure.self) { try source.renamed { _ in "same" } }
    let slash = NamedTensors([("a/b", Tensor([1], [1]))])
    #expect(throws: Failure.self) { try WeightsFile.save(slash, to: folder.file("slash.h5")) }
  }

  @Test func viewsOfASharedStorage() throws {
    var file = CheckpointBytes.small
    file.items.append(.init(name: "column", key: "0", elements: 6, offset: 1, shape: [2], strides: [3]))
    file.items.append(.init(name: "row", key: "0", elements: 6, offset: 3, shape: [1, 3], strides: [9, 1]))
    file.items.append(.init(name: "first", key: "0", elements: 6, offset: 0, shape: [2, 2], strides: [0, 3]))
    let weights = try PyTorchCheckpoint.read(bytes: file.zip, name: "w.pth")
    #expect(weights["column"] == Tensor([2], [2, 5]))
    #expect(weights["row"] == Tensor([1, 3], [4, 5, 6]))
    #expect(weights["first"] == Tensor([2, 2], [1, 4, 1, 4]))
  }

  @Test func aFolderThatCannotBe() throws {
    #expect(throws: Failure.self) { try WeightsSource(Self.weights).write(to: "/dev/null/w.pth", as: .pytorch) }
  }
}
