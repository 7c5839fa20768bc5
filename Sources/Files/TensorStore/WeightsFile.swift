import Foundations
import StepFiles
import Tensors

/// A network's weights: one data set a tensor at the root, under its PyTorch name (`features.0.weight`), in order; what
/// describes the network as attributes.
public enum WeightsFile {
  /// Reads all data sets at the root as float32, in file order (by name where the file records none), and all root
  /// attributes.
  ///
  /// Groups are left alone, so that a checkpoint reads as weights; links to other places are refused. In programs
  /// that called `IsolatedHDF5.prepare` another process reads, so that no file can crash this one.
  ///
  /// A file of a finished step must be as it was made: see `RecordedFile`. Its digest is taken while it is read.
  public static func load(_ path: String) throws -> NamedTensors {
    let recorded = RecordedFile(path)
    let weights = try source(of: UntrustedHDF5(path)).load()
    try recorded?.requireUnchanged()
    return weights
  }

  /// The same a tensor at a time; the digest comes first.
  static func open(_ path: String) throws -> WeightsSource {
    try RecordedFile(path)?.requireUnchanged()
    return try source(of: UntrustedHDF5(path))
  }

  /// The data sets at the root of a file that is open, with what is known of it limiting the memory that they may
  /// take together.
  static func source(of file: UntrustedHDF5) throws -> WeightsSource {
    let root = try file.group()
    guard !root.datasets.isEmpty else {
      throw Failure(.data, "holds no weights (no data set at the root)", file: file.path)
    }
    return try WeightsSource(items(of: root, in: "", file), attributes: root.attributes, format: .hdf5, path: file.path)
  }

  /// The data sets of a group; `prefix` is its path with a `/` at the end.
  static func items(of group: HDF5Group, in prefix: String, _ file: UntrustedHDF5) throws -> [WeightsSource.Item] {
    var elements = 0
    return try group.datasets.map { item in
      let (sum, overflow) = elements.addingReportingOverflow(elementCount(item.shape) ?? .max)
      guard !overflow, sum <= file.limits.elements else {
        throw Failure(
          .data, "claims to hold more than \(file.limits.elements) elements, too many for the size of the file",
          file: file.path)
      }
      elements = sum
      return WeightsSource.Item(item.name, Shape(item.shape)) { try file.tensor(prefix + item.name, shape: item.shape) }
    }
  }

  /// Writes `weights` atomically. Their attributes become root attributes, except where `provenance` has one of the
  /// same name.
  public static func save(
    _ weights: NamedTensors, to path: String, provenance: Provenance = .none, precision: HDF5Writer.Precision = .single,
    compression: Int = 0
  ) throws {
    try save(WeightsSource(weights), to: path, provenance: provenance, precision: precision, compression: compression)
  }

  /// The same from a file of any format, one tensor at a time.
  public static func save(
    _ weights: WeightsSource, to path: String, provenance: Provenance = .none,
    precision: HDF5Writer.Precision = .single, compression: Int = 0
  ) throws {
    try HDF5Writer.write(to: path, provenance: provenance) { file in
      try write(
        weights, to: file, reserved: Set(provenance.pairs.map(\.0)), precision: precision, compression: compression)
    }
  }

  static func write(
    _ weights: WeightsSource, to file: HDF5Writer, reserved: Set<String>, precision: HDF5Writer.Precision = .single,
    compression: Int = 0
  ) throws {
    for (name, value) in weights.attributes.sorted(by: { $0.key < $1.key }) where !reserved.contains(name) {
      try file.setAttribute(name, value)
    }
    for item in weights.items {
      // It would be in a group, where weights are not looked for.
      guard !item.name.contains("/") else {
        throw Failure(.data, "a name with `/` cannot be kept in weights.h5", file: weights.path, item: item.name)
      }
      try file.write(try item.read(), item.name, precision: precision, compression: compression)
    }
  }
}
