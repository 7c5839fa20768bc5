import NeuralNet
import Testing
import Training

@Suite struct TrainingPlanTests {
  @Test func anEpochHasWholeBatchesOnly() {
    let plan = TrainingPlan(items: 10, epochs: 3, batch: 4)
    #expect(plan.stepsPerEpoch == 2)
    #expect(plan.steps == 6)
    #expect(plan.checkpointEvery == 2)
    #expect((0..<6).map(plan.epoch(ofStep:)) == [0, 0, 1, 1, 2, 2])
  }

  @Test func aBatchIsAtMostAllItems() {
    let plan = TrainingPlan(items: 3, epochs: 2, batch: 16, microBatch: 5)
    #expect(plan.batch == 3 && plan.microBatch == 3)
    #expect(plan.steps == 2 && plan.stepsPerEpoch == 1)
  }

  @Test(arguments: [(0, 6), (1, 1), (5, 5), (6, 6), (100, 6)]) func stepsCutTheEpochsShort(asked: Int, expected: Int) {
    #expect(TrainingPlan(items: 10, epochs: 3, batch: 4, steps: asked).steps == expected)
  }

  @Test func microBatchesCoverTheBatchOnce() {
    let plan = TrainingPlan(items: 20, epochs: 1, batch: 7, microBatch: 3)
    #expect(plan.microBatches == [0..<3, 3..<6, 6..<7])
    #expect(TrainingPlan(items: 20, epochs: 1, batch: 7).microBatches == [0..<7])
  }

  @Test func positionsCountWithinTheirEpoch() {
    let plan = TrainingPlan(items: 6, epochs: 2, batch: 2)
    let positions = (0..<plan.steps).map { TrainingPosition(step: $0, plan: plan) }
    #expect(positions.map(\.epoch) == [0, 0, 0, 1, 1, 1])
    #expect(positions.map(\.stepInEpoch) == [0, 1, 2, 0, 1, 2])
  }

  @Test func recordsKeepTheirOrder() {
    let record = TrainingRecord(["loss": 2, "accuracy": 0.5])
    #expect(record.names == ["loss", "accuracy"] && record.values == [2, 0.5])
    #expect(record != TrainingRecord(["accuracy": 0.5, "loss": 2]))
  }
}
