import Foundations
import Tensors

/// A network's weights: one data set a tensor at the root, under its PyTorch name (`features.0.weight`), in order; what describes the network as attributes.
public enum WeightsFile {
  /// Reads all data sets at the root as float32, in file order (by name where the file records none), and all root attributes.
  ///
  /// Groups are left alone, so that a checkpoint reads as weights.
  public static func load(_ path: String) throws -> NamedTensors {
    let file = try HDF5File(path)
    let entries = try file.datasetNames().map { (name: $0, tensor: try file.readTensor($0)) }
    guard !entries.isEmpty else { throw Failure(.data, "holds no weights (no data set at the root)", file: path) }
    let attributes = Dictionary(try file.attributes().map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    return NamedTensors(entries, attributes: attributes, source: path)
  }

  /// Writes `weights` atomically. Their attributes become root attributes, except where `provenance` has one of the same name.
  public static func save(
    _ weights: NamedTensors, to path: String, provenance: Provenance = .none, precision: HDF5Writer.Precision = .single, compression: Int = 0
  ) throws {
    try HDF5Writer.write(to: path, provenance: provenance) { file in
      try write(weights, to: file, reserved: Set(provenance.pairs.map(\.0)), precision: precision, compression: compression)
    }
  }

  static func write(
    _ weights: NamedTensors, to file: HDF5Writer, reserved: Set<String>, precision: HDF5Writer.Precision = .single, compression: Int = 0
  ) throws {
    for (name, value) in weights.attributes.sorted(by: { $0.key < $1.key }) where !reserved.contains(name) {
      try file.setAttribute(name, value)
    }
    for (name, tensor) in weights.entries { try file.write(tensor, name, precision: precision, compression: compression) }
  }
}
