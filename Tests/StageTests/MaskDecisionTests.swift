import CPUBackend
import Datasets
import Foundations
import Imaging
import LabelMasks
import PSA
import TensorStore
import Tensors
import Testing

extension StageSuites {
  /// The mask that is scored is the mask that is learned: the PNG is the arg-max of the scores as they are stored.
  @Suite(.workshop) struct MaskDecisionTests {
    @Test("masks of psa-infer and crf are decided by the stored scores", arguments: ["psa", "psa-crf"])
    func masksFollowTheStoredScores(step: String) throws {
      let workshop = try Workshop.shared
      let folder = workshop.path(try workshop.output(step))
      let reader = try ScoreMapReader(folder)
      let kernels = CPUKernels(threads: 1)
      #expect(!reader.ids.isEmpty)
      for id in reader.ids {
        let map = try reader.scores(id)
        let full = upsampledScores(
          map.scores, height: map.height, width: map.width, stride: map.stride, kernels: kernels)
        // The scenes' mask values are their class indices.
        let decided = kernels.argMax(ClassScores(values: full, labels: map.labels))
        #expect(try LabelMask(contentsOf: "\(folder)/masks/\(id).png") == decided, "\(step): \(id)")
      }
    }
  }
}
