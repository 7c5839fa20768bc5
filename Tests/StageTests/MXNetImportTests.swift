import Foundation
import Foundations
import Networks
import NeuralNet
import TensorStore
import TestSupport
import Tensors
import Testing

extension StageSuites {
  /// The file that PSA starts from: the ImageNet ResNet-38 in MXNet's format, here at a sixteenth of the width.
  @Suite struct MXNetImportTests {
    /// MXNet's name of a parameter of the network, as PSA's name map has it: `b4_5.bn_branch2a.weight` is
    /// `arg:bn4b5_branch2a_gamma`.
    private func mxnetName(_ parameter: Parameter) throws -> String {
      let parts = parameter.name.split(separator: ".").map(String.init)
      let fields: [Parameter.Role: String] = [
        .scale: "gamma", .shift: "beta", .runningMean: "moving_mean", .runningVariance: "moving_var",
      ]
      let field = try #require(parameter.role == .weight ? "weight" : fields[parameter.role])
      let kind = parameter.role == .runningMean || parameter.role == .runningVariance ? "aux" : "arg"
      guard parts.count == 3 else { return "\(kind):\(parts[0])_\(field)" }
      let block = parts[0].dropFirst().split(separator: "_")
      let unit = block.count == 1 ? "\(block[0])a" : "\(block[0])b\(block[1])"
      let (layer, branch) = (parts[1].split(separator: "_")[0], parts[1].split(separator: "_")[1])
      return "\(kind):\(layer == "conv" ? "res" : "bn")\(unit)_\(branch)_\(field)"
    }

    @Test func everyNameOfTheNetwork() throws {
      let folder = try TemporaryFolder()
      let network = ResNet38(width: 1.0 / 16)
      let generator = GoldenGenerator(seed: 3)
      let values = Dictionary(
        uniqueKeysWithValues: network.parameters.map { ($0.name, generator.parameter($0.name, $0.shape)) })
      var arrays = try network.parameters.map { parameter in
        let data = CheckpointBytes.floats(values[parameter.name]?.values ?? [])
        return ForeignBytes.Entry(name: try mxnetName(parameter), shape: parameter.shape.dimensions, data: data)
      }
      // The classifier of 1000 classes stays behind.
      arrays.append(
        ForeignBytes.Entry(
          name: "arg:linear1000_weight", shape: [2, 3], data: CheckpointBytes.floats([1, 2, 3, 4, 5, 6])))
      arrays.append(ForeignBytes.Entry(name: "arg:linear1000_bias", shape: [2], data: CheckpointBytes.floats([1, 2])))
      try Data(ForeignBytes.mxnet(arrays)).write(to: URL(fileURLWithPath: folder.file("ilsvrc-cls_rna-a1.params")))

      let outcome = try Programs.run(
        "import-weights", ["--from", "ilsvrc-cls_rna-a1.params", "--out", "imagenet", "--quiet"], in: folder.path)
      #expect(outcome == Programs.Outcome(status: 0, output: ""))
      let imported = try WeightsFile.load(folder.file("imagenet/weights.h5"))
      #expect(Set(imported.names) == Set(values.keys))
      for (name, tensor) in imported.entries { #expect(tensor == values[name], "\(name)") }
      #expect(try load(imported.entries, into: network).missing == [])
    }
  }
}
