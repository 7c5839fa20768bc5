import Foundations
import Tensors

/// A network's weights: one data set a tensor at the root, under its PyTorch name (`features.0.weight`), in order; what describes the network as attributes.
public enum WeightsFile {
  /// Reads all data sets at the root as float32, in file order (by name where the file records none), and all root attributes.
  ///
  /// Groups are left alone, so that a checkpoint reads as weights; links to other places are refused. In programs that called `WeightsReader.prepare`
  /// another process reads, so that no file can crash this one.
  public static func load(_ path: String) throws -> NamedTensors { try open(path).load() }

  static func open(_ path: String) throws -> WeightsSource { try WeightsReader.open(path) }

  /// The same in this process, which a damaged file may end.
  static func openHere(_ path: String) throws -> WeightsSource {
    let file = try HDF5File(path)
    try file.requireOwnMembers()
    let items = try file.datasetNames().map { name in
      WeightsSource.Item(name, Shape(try file.shape(of: name))) { try file.readTensor(name) }
    }
    guard !items.isEmpty else { throw Failure(.data, "holds no weights (no data set at the root)", file: path) }
    let attributes = Dictionary(try file.attributes().map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    return try WeightsSource(items, attributes: attributes, format: .hdf5, path: path)
  }

  /// Writes `weights` atomically. Their attributes become root attributes, except where `provenance` has one of the same name.
  public static func save(
    _ weights: NamedTensors, to path: String, provenance: Provenance = .none, precision: HDF5Writer.Precision = .single, compression: Int = 0
  ) throws {
    try save(WeightsSource(weights), to: path, provenance: provenance, precision: precision, compression: compression)
  }

  /// The same from a file of any format, a tensor at a time.
  public static func save(
    _ weights: WeightsSource, to path: String, provenance: Provenance = .none, precision: HDF5Writer.Precision = .single, compression: Int = 0
  ) throws {
    try HDF5Writer.write(to: path, provenance: provenance) { file in
      try write(weights, to: file, reserved: Set(provenance.pairs.map(\.0)), precision: precision, compression: compression)
    }
  }

  static func write(
    _ weights: WeightsSource, to file: HDF5Writer, reserved: Set<String>, precision: HDF5Writer.Precision = .single, compression: Int = 0
  ) throws {
    for (name, value) in weights.attributes.sorted(by: { $0.key < $1.key }) where !reserved.contains(name) {
      try file.setAttribute(name, value)
    }
    for item in weights.items {
      // It would be in a group, where weights are not looked for.
      guard !item.name.contains("/") else { throw Failure(.data, "a name with `/` cannot be kept in weights.h5", file: weights.path, item: item.name) }
      try file.write(try item.read(), item.name, precision: precision, compression: compression)
    }
  }
}
