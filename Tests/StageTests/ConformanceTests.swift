import Foundation
import Imaging
import LabelMasks
import Networks
import TensorStore
import Tensors
import TestSupport
import Testing

extension StageSuites {
  /// The built programs on full-size networks against the reference's numbers: checkpoints of 420 MB and more are
  /// imported, then images go through.
  ///
  /// Maps are stored in half precision, hence half a unit of its last place beside the files' tolerances. Images pass
  /// exactly: the reference's are 8 bits, and PNG keeps them.
  @Suite(.serialized, .enabled(if: Golden.isAvailable, "\(Golden.absence)"))
  struct GoldenConformanceTests {
    @Test("a photograph to CAMs, to p^K0") func photographToSeeds() throws {
      let bench = try ConformanceBench("cam")
      let (classes, present) = (try bench.golden.shape("label")[0], try bench.labels("label")[0])
      try bench.writeImages([("photograph", bench.images("image_u8")[0], present)], classes: classes)
      try bench.importWeights(
        of: CAMClassifier(backbone: ResNet38(), objectCount: classes), as: "classifier", out: "classifier")
      try bench.run("cam-infer", ["--weights", "classifier/weights.h5"], out: "cam")
      let cam = try bench.scores("cam", "photograph")
      #expect(cam.labels == present)
      expectNone(try mismatch(cam.scores, "norm_cam", bench.golden))

      let affinity = try ConformanceBench("affinity")
      let cases = try affinity.cases()
      try affinity.writeImages(
        try cases.map { ($0.name, try affinity.images("\($0.name)/image_u8")[0], $0.present) }, classes: classes)
      try affinity.importWeights(of: AffinityNet(backbone: ResNet38()), as: "affinity", out: "affinity")
      try walkGoldenMaps(affinity, cases)

      // Both weights and the photograph alone give what the reference's CAM gives.
      let reference = ScoreMap(
        scores: try bench.golden.tensor("norm_cam"), labels: present, height: cam.height, width: cam.width)
      try bench.writeScores([("photograph", reference)], to: "golden-cam")
      let network = ["--affinity", affinity.folder.file("affinity/weights.h5")]
      try bench.run("psa-infer", network + ["--cam-weights", "classifier/weights.h5"], out: "psa")
      try bench.run("psa-infer", network + ["--scores", "golden-cam"], out: "golden-psa")
      let (own, expected) = (try bench.scores("psa", "photograph"), try bench.scores("golden-psa", "photograph"))
      #expect(own.labels == [0] + present && own.stride == 8)
      expectNone(TestSupport.mismatch(own.scores, expected.scores, tolerance: 1e-3))
    }

    /// The random walk from the reference's maps: `psa-infer --scores`.
    private func walkGoldenMaps(_ bench: ConformanceBench, _ cases: [ConformanceBench.Case]) throws {
      let golden = bench.golden
      let maps = try cases.map { item in
        let cam = try golden.tensor("\(item.name)/cam")
        return (
          id: item.name,
          map: ScoreMap(
            scores: cam.batch(1..<cam.shape[0]), labels: item.present, height: cam.shape[1], width: cam.shape[2])
        )
      }
      try bench.writeScores(maps, to: "cam")
      try bench.run("psa-infer", ["--affinity", "affinity/weights.h5", "--scores", "cam"], out: "psa")
      for (name, labels) in cases {
        let cells = try bench.scores("psa", name)
        #expect(cells.labels == [0] + labels)
        let all = try golden.tensor("\(name)/cam_rw")
        let expected = Tensor.stacked(cells.labels.map { all.batch($0..<$0 + 1) })
        let tolerance = (try golden.tolerance("\(name)/cam_rw") ?? 0) + halfRounding(expected)
        expectNone(TestSupport.mismatch(cells.scores, expected, tolerance: tolerance, name))
        try compareMask(LabelMask(contentsOf: bench.folder.file("psa/masks/\(name).png")), cells.labels, name, golden)
      }
    }

    /// Equal but for pixels whose two best scores are closer than the walk's tolerance.
    private func compareMask(_ mask: LabelMask, _ labels: [Int], _ name: String, _ golden: GoldenFile) throws {
      let (shape, expected) = try golden.labels("\(name)/mask")
      #expect([mask.height, mask.width] == shape)
      let scores = try golden.tensor("\(name)/cam_rw_crop").values
      func score(_ label: UInt8, _ pixel: Int) -> Float {
        labels.firstIndex(of: Int(label)).map { scores[$0 * expected.count + pixel] } ?? -.infinity
      }
      let wrong = expected.indices.filter {
        mask.labels[$0] != expected[$0] && score(expected[$0], $0) - score(mask.labels[$0], $0) > 3e-4
      }
      #expect(wrong.isEmpty, "\(name): \(wrong.count) of \(expected.count) labels differ")
    }

    @Test("one step of train-ddnet") func staticStep() throws {
      let bench = try ConformanceBench("static_step")
      let shape = try bench.golden.shape("seg_main")
      try writeTrainingImages(bench, classes: shape[1])
      try bench.importWeights(
        of: SSDDNetwork(NetworkSpecification(backbone: .paper, classes: shape[1]), stage: .static), as: "static",
        out: "start")
      for (name, dataset) in [("knowledge", "psa_mask"), ("advice", "psa_crf_mask")] {
        try writeOneHotScores(dataset, to: name, bench)
      }
      try bench.run(
        "train-ddnet", try Self.training(bench) + ["--knowledge", "knowledge", "--advice", "advice"], out: "step")

      let log = try bench.log("step")
      for name in ["loss_seg", "loss_dd"] { expectNone(try lossMismatch(log[name], name, bench.golden)) }
      for problem in try bench.updateMismatches("step") { expectNone(problem) }
    }

    @Test("one step of train-seg-dynamic") func dynamicStep() throws {
      let bench = try ConformanceBench("dynamic_step")
      let shape = try bench.golden.shape("seg_main")
      try writeTrainingImages(bench, classes: shape[1])
      try bench.importWeights(
        of: SSDDNetwork(NetworkSpecification(backbone: .paper, classes: shape[1]), stage: .dynamic), as: "dynamic",
        out: "start")
      for (id, mask) in try enlargedMasks("seed_mask", bench) {
        try mask.write(to: bench.folder.file("seeds/masks/\(id).png"), palette: .voc, text: [])
      }
      try bench.run("train-seg-dynamic", try Self.training(bench) + ["--seeds", "seeds"], out: "step")

      let log = try bench.log("step")
      let losses = [
        ("loss_seg_main", log["loss_main"]), ("loss_seg_sub_seed", log["loss_sub_seed"]),
        ("loss_seg_sub_refine1", log["loss_sub_advice"]),
        ("loss_dd", log["loss_dd"]),
      ]
      for (name, loss) in losses { expectNone(try lossMismatch(loss, name, bench.golden)) }
      for problem in try bench.updateMismatches("step") { expectNone(problem) }
    }

    // MARK: Training

    /// One update on the whole batch as the reference makes it; its numbers are without dropout.
    private static func training(_ bench: ConformanceBench) throws -> [String] {
      [
        "--weights", "start/weights.h5", "--preset", "reference", "--augmentation", "none", "--steps", "1",
        "--no-channel-dropout",
        "--batch", "\(try bench.golden.shape("image_u8")[0])", "--crop", "\(try bench.golden.integer("input_side"))",
      ]
    }

    private func writeTrainingImages(_ bench: ConformanceBench, classes: Int) throws {
      let (images, labels) = (try bench.images("image_u8"), try bench.labels("mlabel"))
      try bench.writeImages(zip(images, labels).enumerated().map { ("image\($0)", $1.0, $1.1) }, classes: classes - 1)
    }

    /// Masks at the image's size that are the reference's again at OUT.
    private func enlargedMasks(_ name: String, _ bench: ConformanceBench) throws -> [(id: String, mask: LabelMask)] {
      let (shape, labels) = try bench.golden.labels(name)
      let (side, area) = (try bench.golden.integer("input_side"), shape[1] * shape[2])
      return (0..<shape[0]).map { n in
        let mask = LabelMask(width: shape[2], height: shape[1], labels: Array(labels[n * area..<(n + 1) * area]))
        return ("image\(n)", mask.resizedNearest(width: side, height: side))
      }
    }

    /// Score maps whose arg-max is the mask: 1 for its label, 0 for the others.
    private func writeOneHotScores(_ dataset: String, to name: String, _ bench: ConformanceBench) throws {
      let present = try bench.labels("mlabel")
      let maps = try zip(enlargedMasks(dataset, bench), present).map { sample, labels in
        let all = [0] + labels
        let values = all.flatMap { label in sample.mask.labels.map { Int($0) == label ? Float(1) : 0 } }
        let scores = Tensor([all.count, sample.mask.height, sample.mask.width], values)
        return (
          id: sample.id,
          map: ScoreMap(scores: scores, labels: all, height: sample.mask.height, width: sample.mask.width)
        )
      }
      try bench.writeScores(maps, to: name)
    }

    // MARK: Comparison

    /// Reports a difference in full.
    private func expectNone(_ difference: String?, sourceLocation: SourceLocation = #_sourceLocation) {
      if let difference { Issue.record(Comment(rawValue: difference), sourceLocation: sourceLocation) }
    }

    /// Half a unit in the last place of a half-precision number as large as the largest here.
    private func halfRounding(_ expected: Tensor) -> Double { Double(expected.values.map(abs).max() ?? 0) * 0x1p-11 }

    /// A stored map against a data set.
    private func mismatch(_ map: Tensor, _ name: String, _ golden: GoldenFile) throws -> String? {
      try golden.mismatch(map, name, tolerance: (golden.tolerance(name) ?? 0) + halfRounding(golden.tensor(name)))
    }

    /// A loss from the log, which has six digits.
    private func lossMismatch(_ loss: Double?, _ name: String, _ golden: GoldenFile) throws -> String? {
      let loss = loss ?? .nan
      return try golden.mismatch([loss], name, tolerance: (golden.tolerance(name) ?? 0) + abs(loss) * 0.5e-5)
    }
  }
}
