import Foundations
import TensorStore
import TestSupport
import Tensors
import Testing

/// Checkpoints of real trainings, which hold objects of all kinds beside the tensors, and the weights under some key.
@Suite("PyTorch checkpoints with other objects")
struct PyTorchObjectsTests {
  private typealias Bytes = CheckpointBytes
  private static let emptyTuple: [UInt8] = [0x29]
  private static let reduce: [UInt8] = [0x52]

  private func weights(_ file: CheckpointBytes, key: String? = nil) throws -> WeightsSource {
    try WeightsSource(bytes: file.zip, name: "w.pth", key: key)
  }

  private func message(_ file: CheckpointBytes, key: String? = nil) -> String? {
    do {
      _ = try weights(file, key: key).load()
      return nil
    } catch {
      return "\(error)"
    }
  }

  /// A file whose object is a dictionary of these keys and pickled values, the tensors of `small` ready to be used.
  private func file(_ entries: [(String, [UInt8])]) -> CheckpointBytes {
    var file = Bytes.small
    file.root = Bytes.dictionary(entries)
    return file
  }

  private var state: [UInt8] { Bytes.dictionary(Bytes.small.items.map { ($0.name, Bytes.tensor($0, legacy: false)) }) }
  private var one: [UInt8] { Bytes.dictionary([("x", Bytes.tensor(Bytes.small.items[0], legacy: false))]) }

  /// A Counter, a device, a dtype, a set, a scalar of numpy, a Namespace with its attributes, and an object of every
  /// other way to make one.
  @Test(
    arguments: [
      (
        "Counter",
        Bytes.global("collections", "Counter") + Bytes.tuple([Bytes.dictionary([("30", [0x4B, 1])])]) + reduce
      ),
      ("device", Bytes.global("torch", "device") + Bytes.tuple([Bytes.text("cuda:0")]) + reduce),
      ("dtype", Bytes.global("torch", "float32")),
      ("set", [0x8F, 0x28, 0x4B, 1, 0x4B, 2, 0x90]), ("frozenset", [0x28, 0x4B, 1, 0x91]),
      (
        "scalar",
        Bytes.global("numpy.core.multiarray", "scalar")
          + Bytes.tuple([
            Bytes.global("numpy", "dtype") + Bytes.tuple([Bytes.text("f8"), [0x89], [0x88]]) + reduce, [0x43, 2, 0, 0],
          ]) + reduce
      ),
      (
        "Namespace",
        Bytes.global("argparse", "Namespace") + emptyTuple + [0x81] + Bytes.dictionary([("lr", [0x4B, 1])]) + [0x62]
      ),
      ("NEWOBJ_EX", Bytes.global("a.b", "C") + emptyTuple + [0x7D, 0x92]),
      ("OBJ", [0x28] + Bytes.global("a", "C") + [0x4B, 1, 0x6F]),
      ("INST", Array("(ia\nC\n".utf8)), ("LONG4", [0x8B, 9, 0, 0, 0] + [UInt8](repeating: 1, count: 9)),
      ("text", Array("I5\nL7L\nF0.5\nS'a'\nVb\n000002".utf8)),
      ("list of objects", [0x5D, 0x28] + Bytes.global("a", "f") + [0x4E, 0x65]),
      (
        "defaultdict",
        Bytes.global("collections", "defaultdict")
          + Bytes.tuple([Bytes.global("builtins", "list")]) + reduce + Bytes.text("k") + [0x4E, 0x73]
      ),
      ("extension", [0x82, 7]), ("persistent name", Array("Pname\n".utf8)),
      ("method", Bytes.global("builtins", "getattr") + Bytes.tuple([[0x4E], Bytes.text("f")]) + reduce),
    ] as [(String, [UInt8])])
  func objectsBesideTheTensors(name: String, object: [UInt8]) throws {
    let read = try weights(file([("epoch", [0x4B, 3]), ("state_dict", state), (name, object)])).load()
    #expect(read.names == Bytes.small.items.map(\.name))
    #expect(read["module.a.weight"]?.values == [1, 2, 3, 4, 5, 6])
    var within = Bytes.small
    within.extra = object
    #expect(message(within) == nil, "within the state dict")
    #expect(try PyTorchCheckpoint.read(bytes: within.legacy, name: "w").count == 2)
  }

  @Test(arguments: ["net", "model_state", "ema", "network", "my model"]) func weightsUnderAKey(key: String) throws {
    let source = try weights(
      file([("epoch", [0x4B, 3]), (key, state), ("optimizer", Bytes.dictionary([("x", one)]))]))
    #expect(source.items.map(\.name) == Bytes.small.items.map(\.name))
    #expect(source.remark == "weights under `\(key)`")
    let nested = try weights(file([("model", Bytes.dictionary([(key, state)]))]))
    #expect(nested.items.count == 2 && nested.remark == "weights under `model/\(key)`")
  }

  @Test func severalKeys() throws {
    let two = file([("teacher", state), ("student", one)])
    let choice =
      "w.pth: holds more than one dictionary of tensors: `teacher` (2 tensors), `student` (1 tensor); choose one with "
      + "--key"
    #expect(message(two) == choice)
    #expect(try weights(two, key: "student").items.map(\.name) == ["x"])
    #expect(
      try weights(two, key: "student").remark
        == "weights under `student`; left aside: `teacher` (2 tensors); --key takes another")
    #expect(
      message(two, key: "nobody")
        == "w.pth: has nothing under the key `nobody`; tensors are under `teacher` (2 tensors), `student` (1 tensor)")
    let usual = try weights(file([("ema", one), ("model", state)]))
    #expect(
      usual.items.count == 2
        && usual.remark == "weights under `model`; left aside: `ema` (1 tensor); --key takes another")
    let stray = try weights(file([("rng", Bytes.tensor(Bytes.small.items[0], legacy: false)), ("mine", state)]))
    #expect(
      stray.items.count == 2 && stray.remark?.hasPrefix("weights under `mine`; left aside: `/` (1 tensor)") == true)
    #expect(try weights(file([("a", Bytes.dictionary([("b", state)]))]), key: "a/b").items.count == 2)
    #expect(try weights(Bytes.small, key: "/").items.count == 2)
    #expect(try weights(Bytes.small).remark == nil)
  }

  @Test func filesWithoutWeights() {
    #expect(
      message(file([("epoch", [0x4B, 3]), ("args", [0x4E])]))
        == "w.pth: holds no state dict, which is a dictionary of tensors by name; its keys are `epoch`, `args`")
    var whole = Bytes.small
    whole.root =
      Bytes.global("nets", "Net") + Self.emptyTuple + [0x81] + Bytes.dictionary([("_modules", state)]) + [0x62]
    #expect(
      message(whole)
        == "w.pth: holds no state dict, which is a dictionary of tensors by name; it is a whole object of `nets.Net`, "
        + "which only that program can make; save its state_dict() instead")
  }

  /// Only a wanted tensor that something unknown makes is refused.
  @Test func tensorsMadeByUnknownFunctions() {
    let matrix = Bytes.tensor(Bytes.small.items[0], legacy: false)
    let sparse =
      Bytes.global("torch._utils", "_rebuild_sparse_tensor") + Bytes.tuple([[0x4E], Bytes.tuple([matrix])])
      + Self.reduce
    let refused =
      "is made by `torch._utils._rebuild_sparse_tensor`, which cannot be read as a plain tensor; nothing was executed"
    #expect(message(file([("a", matrix), ("s", sparse)])) == "w.pth: s: \(refused)")
    #expect(message(file([("state_dict", state), ("optimizer", Bytes.dictionary([("s", sparse)]))])) == nil)
    var complex = Bytes.small
    complex.items[0].storageType = "ComplexFloatStorage"
    #expect(message(complex)?.hasPrefix("w.pth: module.a.weight: is made by `torch.ComplexFloatStorage`") == true)
    let array = Bytes.global("numpy.core.multiarray", "_reconstruct") + Bytes.tuple([[0x4E]]) + Self.reduce
    #expect(
      message(file([("a", matrix), ("n", array)]))?.hasPrefix(
        "w.pth: n: is made by `numpy.core.multiarray._reconstruct`") == true)
  }

  @Test func parametersAndTensorsWithAttributes() throws {
    let arguments = Bytes.tuple([
      Bytes.storage("FloatStorage", key: "0", count: 6), Bytes.integer(0), Bytes.tuple([2, 3].map(Bytes.integer)),
      Bytes.tuple([3, 1].map(Bytes.integer)),
      [0x89], [0x4E],
    ])
    let fromType =
      Bytes.global("torch._tensor", "_rebuild_from_type_v2")
      + Bytes.tuple([
        Bytes.global("torch._utils", "_rebuild_tensor_v2"), Bytes.global("torch", "Tensor"), arguments,
        Bytes.dictionary([("k", [0x4E])]),
      ])
      + Self.reduce
    let matrix = Bytes.tensor(Bytes.small.items[0], legacy: false)
    let parameter =
      Bytes.global("torch._utils", "_rebuild_parameter_with_state") + Bytes.tuple([matrix, [0x88], [0x4E], [0x7D]])
      + Self.reduce
    let read = try weights(file([("t", fromType), ("p", parameter)])).load()
    #expect(read["t"] == Tensor([2, 3], [1, 2, 3, 4, 5, 6]) && read["p"] == Tensor([2, 3], [1, 2, 3, 4, 5, 6]))
  }

  /// Types without a storage of their own are kept on bytes, with their name as an argument.
  @Test(
    arguments: [
      ("uint16", [0xFF, 0xFF, 1, 0], [65535, 1]), ("uint32", [0, 0, 0, 128, 1, 0, 0, 0], [2_147_483_648, 1]),
      ("uint64", [0, 0, 0, 0, 0, 0, 0, 128, 1, 0, 0, 0, 0, 0, 0, 0], [9_223_372_036_854_775_808, 1]),
      ("float8_e4m3fn", [0x7E, 0x81], [448, -0.001953125]),
      ("float8_e5m2", [0x7B, 0x01], [57344, 0.0000152587890625]),
      ("float8_e4m3fnuz", [0x7F, 0x01], [240, 0.0009765625]), ("float8_e5m2fnuz", [0x7F, 0x38], [57344, 0.25]),
    ] as [(String, [UInt8], [Float])])
  func typesOfVersion3(type: String, bytes: [UInt8], expected: [Float]) throws {
    var file = CheckpointBytes(items: [], storages: [("0", bytes)])
    file.root = Bytes.dictionary([("x", Bytes.tensorVersion3(type, key: "0", bytes: bytes.count, shape: [2]))])
    #expect(try weights(file)["x"]?.values == expected)
    file.root = Bytes.dictionary([("x", Bytes.tensorVersion3(type, key: "0", bytes: bytes.count, shape: [3]))])
    #expect(message(file) == "w.pth: x: a tensor of shape 3 does not fit in its storage of 2 elements")
  }

  @Test func notANumberIn8Bits() throws {
    for (type, bits) in [
      ("float8_e4m3fn", 0xFF), ("float8_e5m2", 0x7F), ("float8_e4m3fnuz", 0x80), ("float8_e5m2fnuz", 0x80),
    ] as [(String, UInt8)] {
      var file = CheckpointBytes(items: [], storages: [("0", [bits])])
      file.root = Bytes.dictionary([("x", Bytes.tensorVersion3(type, key: "0", bytes: 1, shape: [1]))])
      #expect(try weights(file)["x"]?.values[0].isNaN == true, "\(type)")
    }
  }

  /// Copies of copies of a dictionary would double with every call.
  @Test func dictionariesThatGrowAreRefused() {
    let copy = Bytes.global("collections", "OrderedDict") + [0x68, 0, 0x85] + Self.reduce + [0x71, 0]
    var file = Bytes.small
    file.root =
      Bytes.dictionary((0..<50).map { (String($0), [0x4E]) }) + [0x71, 0] + Array((0..<2000).map { _ in copy }.joined())
    #expect(message(file) == "w.pth: archive/data.pkl: refused: dictionaries larger than the pickle")
  }
}

extension WeightsSource {
  fileprivate subscript(name: String) -> Tensor? { get throws { try items.first { $0.name == name }?.read() } }
}
