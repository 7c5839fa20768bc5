import Foundation
import Foundations
import TensorStore
import TestSupport
import Tensors
import Testing

@Suite("HDF5 writing and reading back")
struct HDF5WriterTests {
  private func ramp(_ shape: Shape, step: Float = 0.25) -> Tensor {
    Tensor(shape, (0..<shape.count).map { Float($0) * step - 3 })
  }

  @Test(arguments: [0, 1, 9]) func tensorsComeBack(compression: Int) throws {
    let folder = try TemporaryFolder()
    let tensor = ramp([3, 5, 41])
    try HDF5Writer.write(to: folder.file("a.h5")) { file in
      try file.write(tensor, "single", compression: compression)
      try file.write(tensor, "deep/er/half", precision: .half, compression: compression)
      try file.write(Tensor(7), "scalar", compression: compression)
      try file.write(Tensor(zeros: [0, 3]), "empty", precision: .half, compression: compression)
      try file.write(bytes: [1, 2, 255], shape: [3, 1], "bytes", compression: compression)
      try file.write(integers: [-1, 1 << 60], shape: [2], "integers", compression: compression)
      try file.write(doubles: [0.1, .nan], shape: [2], "doubles", compression: compression)
    }
    let file = try HDF5File(folder.file("a.h5"))
    #expect(try file.readTensor("single") == tensor)
    #expect(try file.readTensor("deep/er/half") == tensor)
    #expect(try file.readTensor("scalar").shape == [])
    #expect(try file.readTensor("empty").shape == [0, 3])
    #expect(try file.readBytes("bytes").values == [1, 2, 255])
    #expect(try file.shape(of: "bytes") == [3, 1])
    #expect(try file.readIntegers("integers").values == [-1, 1 << 60])
    #expect(try file.readDoubles("doubles").values[0] == 0.1)
    #expect(try file.names() == ["single", "deep", "scalar", "empty", "bytes", "integers", "doubles"])
    #expect(try file.groupNames() == ["deep"])
    #expect(try file.datasetNames(in: "deep/er") == ["half"])
  }

  @Test func halfRoundsToNearestEvenAndRefusesOverflow() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("h.h5")
    let values: [Float] = [1 + 1 / 2048, 1 + 3 / 2048, 65504, -65504, .infinity, 6e-8]
    try HDF5Writer.write(to: path) { try $0.write(Tensor([6], values), "x", precision: .half) }
    let back = try HDF5File(path).readTensor("x").values
    #expect(back == values.map { Float(Float16($0)) })
    #expect(back[0] == 1 && back[4] == .infinity)
    let error = #expect(throws: Failure.self) {
      try HDF5Writer.write(to: path) { try $0.write(Tensor(70000), "y", precision: .half) }
    }
    #expect(error?.description == "\(path): y: a value is beyond half precision (65504)")
    #expect(try HDF5File(path).readTensor("x").count == 6, "the earlier file is untouched")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["h.h5"])
  }

  @Test func attributesComeBack() throws {
    let folder = try TemporaryFolder()
    let values: [(String, AttributeValue)] = [
      ("i", 3), ("is", .integers([1, -2])), ("d", 0.5), ("ds", .doubles([1, 2])), ("s", "naïve ✓"),
      ("ss", .strings(["a", "", "ccc"])), ("e", ""),
      ("none", .integers([])),
    ]
    try HDF5Writer.write(to: folder.file("a.h5")) { file in
      try file.write(Tensor(1), "x")
      for item in ["/", "x", "group/inner"] {
        for (name, value) in values { try file.setAttribute(name, value, of: item) }
      }
      try file.setAttribute("i", 4, of: "x")
    }
    let file = try HDF5File(folder.file("a.h5"))
    for item in ["/", "group/inner"] {
      #expect(try file.attributeNames(of: item) == values.map(\.0).sorted())
      for (name, value) in values { #expect(try file.attribute(name, of: item) == value) }
    }
    #expect(try file.integer("i", of: "x") == 4)
    #expect(try file.attribute("absent") == nil)
    let error = #expect(throws: Failure.self) { try file.integer("s", of: "x") }
    #expect(error?.description.contains("expected an integer in the attribute `s`") == true)
  }

  @Test func sameContentSameBytes() throws {
    let folder = try TemporaryFolder()
    for name in ["a.h5", "b.h5"] {
      try HDF5Writer.write(
        to: folder.file(name),
        provenance: Provenance(stage: "test", version: "1", parameters: [("alpha", "16")], seed: 3)
      ) { file in
        for id in 0..<20 {
          try file.write(ramp([2, 30, 40]), "image\(id)/scores", precision: .half, compression: 4)
          try file.setAttribute("labels", [0, id], of: "image\(id)")
        }
      }
      if name == "a.h5" { Thread.sleep(forTimeInterval: 1.1) }
    }
    #expect(try SHA256.hexadecimal(ofFile: folder.file("a.h5")) == SHA256.hexadecimal(ofFile: folder.file("b.h5")))
  }

  @Test func failuresNameFileAndItem() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    try HDF5Writer.write(to: path) { file in
      try file.write(ramp([4, 1000]), "x", compression: 4)
      try file.createGroup("g")
      #expect(throws: Failure(.data, "is written twice", file: path, item: "x")) { try file.write(Tensor(1), "x") }
      #expect(throws: Failure(.data, "is not a name that HDF5 can hold", file: path, item: "a//b")) {
        try file.write(Tensor(1), "a//b")
      }
    }
    let file = try HDF5File(path)
    #expect(throws: Failure(.data, "no such data set or group", file: path, item: "y")) { try file.readTensor("y") }
    #expect(throws: Failure(.data, "expected a data set, found a group", file: path, item: "g")) {
      try file.readTensor("g")
    }
    #expect(throws: Failure(.data, "expected unsigned bytes, found 32-bit floating point", file: path, item: "x")) {
      try file.readBytes("x")
    }
    #expect(throws: Failure(.data, "expected integers, found 32-bit floating point", file: path, item: "x")) {
      try file.readIntegers("x")
    }
    let missing = folder.file("none.h5")
    #expect(throws: Failure(.noInput, "no such file, or it cannot be read", file: missing)) { try HDF5File(missing) }
  }

  @Test func aFileCutShortIsRefused() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    try HDF5Writer.write(to: path) { try $0.write(ramp([4, 1000]), "x") }
    let whole = try #require(FileManager.default.contents(atPath: path))
    for count in Array(stride(from: 0, to: whole.count, by: 211)) + [whole.count - 1] {
      try whole.prefix(count).write(to: URL(fileURLWithPath: folder.file("cut.h5")))
      let error = #expect(throws: Failure.self) { try HDF5File(folder.file("cut.h5")).readTensor("x") }
      #expect(error?.kind == .data && error?.file == folder.file("cut.h5"), "\(count) bytes")
    }
  }
}
