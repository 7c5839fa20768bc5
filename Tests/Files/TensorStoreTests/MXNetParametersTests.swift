import Foundations
import TensorStore
import TestSupport
import Tensors
import Testing

@Suite("MXNet parameters")
struct MXNetParametersTests {
  private func message(_ bytes: [UInt8]) -> String? {
    do {
      _ = try MXNetParameters.read(bytes: bytes, name: "w.params")
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test func everyVersion() throws {
    for version in ForeignBytes.Version.allCases {
      let array = ForeignBytes.Entry(
        name: "arg:x_weight", shape: [3, 1], data: CheckpointBytes.floats([1, -2, 3]), version: version)
      let bytes = ForeignBytes.mxnet([array])
      #expect(
        try MXNetParameters.read(bytes: bytes, name: "w")["x.weight"] == Tensor([3, 1], [1, -2, 3]), "\(version)")
      #expect(try MXNetParameters.read(bytes: bytes, name: "w", keepingNames: true).names == ["arg:x_weight"])
    }
  }

  @Test func everyElementType() throws {
    typealias Bytes = CheckpointBytes
    let cases: [(Int, [UInt8], Float)] = [
      (1, Bytes.little((0.1).bitPattern, 8), 0.1), (2, [0x00, 0xC0], -2), (3, [0xFF], 255),
      (4, Bytes.little(-70000, 4), -70000), (5, [0xFF], -1),
      (6, Bytes.little(-3, 8), -3), (7, [1], 1), (12, [0xC0, 0x3F], 1.5),
    ]
    for (flag, bytes, expected) in cases {
      let file = ForeignBytes.mxnet([ForeignBytes.Entry(name: "x", shape: [1], flag: flag, data: bytes)])
      #expect(try MXNetParameters.read(bytes: file, name: "w")["x"] == Tensor([1], [expected]), "\(flag)")
    }
  }

  @Test func namesOfTheResNet() {
    let names = [
      "arg:conv1a_weight", "arg:res2a_branch1_weight", "arg:res2b2_branch2b1_weight", "arg:bn4b5_branch2a_gamma",
      "arg:bn6a_branch2b2_beta",
      "aux:bn7a_branch2a_moving_mean", "aux:bn7_moving_var", "arg:bn7_gamma", "arg:linear1000_weight",
      "arg:linear1000_bias",
    ]
    let changed = MXNetParameters.pyTorchNames(names)
    #expect(
      names.map { changed[$0] } == [
        "conv1a.weight", "b2.conv_branch1.weight", "b2_2.conv_branch2b1.weight", "b4_5.bn_branch2a.weight",
        "b6.bn_branch2b2.bias",
        "b7.bn_branch2a.running_mean", "bn7.running_var", "bn7.weight", nil, nil,
      ])
    // One array of something else, and the file is of another network.
    #expect(MXNetParameters.pyTorchNames(names + ["arg:fc_weight"])["arg:linear1000_bias"] == "linear1000.bias")
    #expect(
      MXNetParameters.pyTorchNames(["arg:stage1_bn1_gamma", "other"]) == [
        "arg:stage1_bn1_gamma": "stage1_bn1.weight", "other": "other",
      ])
  }

  @Test func whatDoesNotFitIsRefused() {
    func array(_ shape: [Int], flag: Int = 0, _ version: ForeignBytes.Version = .two) -> ForeignBytes.Entry {
      ForeignBytes.Entry(name: "x", shape: shape, flag: flag, data: [0, 0, 0, 0], version: version)
    }
    #expect(message(ForeignBytes.mxnet([array([1])])) == nil)
    #expect(message(ForeignBytes.mxnet([array([1])], magic: 0x113)) == "w.params: is not a list of MXNet arrays")
    #expect(
      message(ForeignBytes.mxnet([array([1])], count: 1 << 40)) == "w.params: claims to hold 1099511627776 arrays")
    #expect(message(ForeignBytes.mxnet([array([1])], names: 0)) == "w.params: does not name each of its 1 arrays")
    #expect(message(ForeignBytes.mxnet([array([1], flag: 9)])) == "w.params: array 0: elements of the unknown type 9")
    #expect(message(ForeignBytes.mxnet([array([1 << 40])]))?.contains("cut short") == true)
    #expect(message(ForeignBytes.mxnet([array([1 << 62])]))?.contains("cut short") == true)
    #expect(message(ForeignBytes.mxnet([array([1 << 40, 1 << 40])]))?.contains("an impossible shape") == true)
    #expect(message(ForeignBytes.mxnet([array([-1])]))?.contains("damaged: a length of 18446744073709551615") == true)
    #expect(
      message(ForeignBytes.mxnet([array([], .two)])) == "w.params: array 0: is an array without shape and elements")
    #expect(
      message(ForeignBytes.mxnet([array([Int](repeating: 1, count: 33))]))
        == "w.params: array 0: damaged: an array with 33 axes")
    #expect(message(ForeignBytes.mxnet([array([1]), array([1])])) == "w.params: x: two tensors have this name")
    var sparse = ForeignBytes.mxnet([array([1])])
    sparse[28] = 1
    #expect(message(sparse) == "w.params: array 0: is sparse; only dense arrays can be read")
  }

  @Test func cutAnywhereIsRefused() {
    let bytes = ForeignBytes.smallMXNet
    for count in 0..<bytes.count {
      #expect(message(Array(bytes.prefix(count))) != nil, "\(count) of \(bytes.count) bytes")
    }
  }
}
