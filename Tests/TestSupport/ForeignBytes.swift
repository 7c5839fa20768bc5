import Foundations

/// Builds safetensors and MXNet files as bytes.
package enum ForeignBytes {
  package typealias Bytes = CheckpointBytes

  package static func safetensors(_ header: String, _ data: [UInt8], length: Int? = nil) -> [UInt8] {
    Bytes.little(length ?? header.utf8.count, 8) + Array(header.utf8) + data
  }

  /// Two tensors and metadata.
  package static var smallSafetensors: [UInt8] {
    let a = #""a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}"#
    let b = #""b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]}"#
    return safetensors(
      "{\(b),\(a),\"__metadata__\":{\"format\":\"pt\",\"made by\":\"\\u00e9\"}} ",
      Bytes.floats([1, 2, 3, 4, 5, 6]) + [0xC0, 0x3F])
  }

  package enum Version: CaseIterable { case legacy, one, two, three }

  package struct Entry {
    package var name: String
    package var shape: [Int]
    package var flag: Int
    package var data: [UInt8]
    package var version: Version

    package init(name: String, shape: [Int], flag: Int = 0, data: [UInt8], version: Version = .two) {
      (self.name, self.shape, self.flag, self.data, self.version) = (name, shape, flag, data, version)
    }

    package var bytes: [UInt8] {
      let head: [UInt8]
      let width = version == .legacy ? 4 : 8
      switch version {
      case .legacy: head = []
      case .one: head = Bytes.little(0xF993_FAC8, 4)
      case .two: head = Bytes.little(0xF993_FAC9, 4) + Bytes.little(0, 4)
      case .three: head = Bytes.little(0xF993_FACA, 4) + Bytes.little(0, 4)
      }
      return head + Bytes.little(shape.count, 4) + shape.flatMap { Bytes.little($0, width) } + Bytes.little(1, 4)
        + Bytes.little(0, 4) + Bytes.little(flag, 4)
        + data
    }
  }

  package static func mxnet(_ arrays: [Entry], magic: Int = 0x112, count: Int? = nil, names: Int? = nil) -> [UInt8] {
    var bytes =
      Bytes.little(magic, 8) + Bytes.little(0, 8) + Bytes.little(count ?? arrays.count, 8) + arrays.flatMap(\.bytes)
    bytes += Bytes.little(names ?? arrays.count, 8)
    return bytes + arrays.flatMap { Bytes.little($0.name.utf8.count, 8) + [UInt8]($0.name.utf8) }
  }

  package static var smallMXNet: [UInt8] {
    mxnet([
      Entry(name: "arg:conv0_weight", shape: [2, 3], data: Bytes.floats([1, 2, 3, 4, 5, 6])),
      Entry(name: "aux:bn0_moving_var", shape: [2], data: Bytes.floats([7, 8])),
    ])
  }
}
