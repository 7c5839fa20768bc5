import Foundation
import Networks
import NeuralNet
import TensorStore
import Tensors
import TestSupport
import Testing

extension StageSuites {
  /// Every network of the method on a ResNet-18, from a file with torchvision's names to an exported one, through the
  /// built programs.
  @Suite(.workshop) struct ResNetStagesTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    /// What `torch.save(resnet18().state_dict())` holds, counters and classifier too, of generated weights.
    private func writeTorchvisionsFile(_ name: String) throws {
      let trunk = ResNet(.layers18, .stride8, name: "resnet18")
      trunk.initialise(seed: 5)
      var entries = trunk.stateDictionary
      entries.append(("bn1.num_batches_tracked", Tensor([], [1])))
      entries.append(("fc.weight", Tensor(zeros: [1000, 512])))
      entries.append(("fc.bias", Tensor(zeros: [1000])))
      try WeightsSource(NamedTensors(entries)).write(to: workshop.path(name), as: .pytorch)
    }

    private func step(_ name: String, _ out: String, _ options: [String]) throws {
      let outcome = try workshop.run(try workshop.command(name, out: out, options))
      try #require(outcome == Programs.Outcome(status: 0, output: ""), "\(name): \(outcome.output)")
    }

    @Test func fromImageNetToSegmentation() throws {
      try writeTorchvisionsFile("resnet18.pth")
      try #require(
        try workshop.run("import-weights", ["--from", "resnet18.pth", "--out", "r-imagenet", "--quiet"]).status == 0)
      try workshop.output("scenes")
      let classifier =
        ["train-cam"] + Workshop.data + Workshop.training + [
          "--backbone", "resnet18", "--weights", "r-imagenet/weights.h5",
        ]
      let trained = try workshop.run(classifier + ["--out", "r-cam-train"])
      try #require(trained == Programs.Outcome(status: 0, output: ""), "\(trained.output)")
      let weights = ["--weights", "r-cam-train/weights.h5"]
      try step("cam", "r-cam", weights)
      try step("affinity", "r-affinity", weights)
      try step("psa", "r-psa", ["--affinity", "r-affinity/weights.h5", "--scores", "r-cam"])
      try step("ddnet", "r-ddnet", weights)
      try step("ssdd", "r-ssdd", ["--weights", "r-ddnet/weights.h5"])
      try step("seg", "r-seg", weights)
      try step("dynamic", "r-dynamic", weights + ["--warm-up", "r-seg/weights.h5"])
      try step("infer", "r-infer", ["--weights", "r-dynamic/weights.h5"])
      #expect(workshop.exists("r-infer/masks/val-0000.png"))

      let before = try WeightsFile.load(workshop.path("r-imagenet/weights.h5"))
      let after = try WeightsFile.load(workshop.path("r-cam-train/weights.h5"))
      #expect(after["conv1.weight"] == before["conv1.weight"])
      #expect(after["layer1.0.conv1.weight"] != before["layer1.0.conv1.weight"])
      for name in ["layer1.0.bn1.weight", "layer4.1.bn2.bias", "layer3.0.downsample.1.running_var"] {
        #expect(after[name] == before[name], "\(name)")
      }

      let export = ["--weights", "r-cam-train/weights.h5", "--file", "r.pth", "--out", "r-export", "--quiet"]
      try #require(try workshop.run("export-weights", export).status == 0)
      let exported = try WeightsSource(workshop.path("r-export/r.pth"))
      #expect(
        exported.items.map(\.name) == ResNet(.layers18, .stride8, name: "resnet18").parameters.map(\.name) + [
          "fc8.weight"
        ])
      #expect(try exported.load()["layer4.1.conv2.weight"] == after["layer4.1.conv2.weight"])
    }

    @Test func theCookbooksCommands() throws {
      try workshop.output("scenes")
      try writeTorchvisionsFile("resnet18.pth")
      let (imports, trainings) = (try Cookbook.commands("import-weights"), try Cookbook.commands("train-cam"))
      #expect(imports.count == 1 && trainings.count == 1)
      for (program, commands) in [("import-weights", imports), ("train-cam", trainings)] {
        for command in commands {
          let small = program == "train-cam" ? Workshop.training + ["--threads", "1"] : []
          let outcome = try workshop.run(program, command + small + ["--quiet"])
          #expect(outcome == Programs.Outcome(status: 0, output: ""), "\(program) \(command)")
        }
      }
    }

    @Test func anotherTrunkIsRefused() throws {
      try writeTorchvisionsFile("other.pth")
      try #require(
        try workshop.run("import-weights", ["--from", "other.pth", "--out", "other", "--quiet"]).status == 0)
      let command = try workshop.command(
        "cam-train", out: "o", ["--width", "1", "--depth", "1", "--weights", "other/weights.h5"])
      let outcome = try workshop.run(command + ["--backbone", "resnet50"])
      #expect(outcome.status == 65)
      #expect(
        outcome.output.hasPrefix("train-cam: other/weights.h5: weights")
          && outcome.output.contains("tensors missing: "), "\(outcome.output)")
      #expect(!workshop.exists("o/weights.h5"))
    }
  }
}
