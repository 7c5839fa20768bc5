import Foundation
import Foundations
import NeuralNet
import Testing
import Training

@Suite struct TrainingLoopTests {
  @Test func theLossFallsAndTheLineIsFound() throws {
    var regression = try Regression()
    regression.plan = TrainingPlan(items: 20, epochs: 30, batch: 4)
    let outcome = try regression.run()
    #expect(outcome.start == 0)
    #expect(outcome.losses.count == 150)
    #expect(outcome.losses.suffix(5).allSatisfy { $0 < 0.05 * outcome.losses[0] }, "\(outcome.losses)")
    #expect(abs(outcome.weights[0] - 3) < 0.1 && abs(outcome.weights[1] + 1) < 0.1, "\(outcome.weights)")
  }

  @Test func theLogHasOneLineAnUpdate() throws {
    let outcome = try Regression().run()
    let rows = outcome.log.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
    #expect(rows[0] == ["step", "epoch", "learning_rate", "loss"])
    #expect(rows.count == 26)
    for (step, row) in rows.dropFirst().enumerated() {
      #expect(row.count == 4)
      #expect(row.prefix(3) == ["\(step + 1)", "\(step / 5 + 1)", "0.1"])
    }
  }

  /// Stopped before the first checkpoint, at one, between two, and at the last step.
  @Test(arguments: [(3, 0), (5, 5), (13, 10), (24, 20)]) func aStoppedTrainingEndsWithTheBitsOfAnUnbrokenOne(
    stop: Int, start: Int
  ) throws {
    let unbroken = try Regression().run()
    let regression = try Regression()
    #expect(throws: Regression.Stopped.self) { try regression.run(stoppingAt: stop) }
    #expect(regression.hasCheckpoint == (start > 0))
    let resumed = try regression.run()
    #expect(resumed.start == start)
    #expect(resumed.weights == unbroken.weights)
    #expect(resumed.batchesSeen == unbroken.batchesSeen)
    #expect(resumed.losses == Array(unbroken.losses.dropFirst(start)))
    #expect(resumed.log == unbroken.log)
  }

  /// Asked to, it saves whatever update it is at, and ends there.
  @Test(arguments: [1, 4, 5, 13, 24]) func aTrainingThatIsAskedToStopSavesFirst(updates: Int) throws {
    let unbroken = try Regression().run()
    let regression = try Regression()
    let stopped = #expect(throws: Foundations.Stopped.self) { try regression.run(asked: updates) }
    #expect(stopped?.description == "stopped after step \(updates) of 25")
    #expect(try regression.log.split(separator: "\n").count == updates + 1)
    let resumed = try regression.run()
    #expect(resumed.start == updates && resumed.weights == unbroken.weights && resumed.log == unbroken.log)
    // After the last update there is nothing to stop.
    #expect(try Regression().run(asked: 25).weights == unbroken.weights)
  }

  @Test func stoppedTwiceAtOtherIntervals() throws {
    let unbroken = try Regression().run()
    var regression = try Regression()
    #expect(throws: Regression.Stopped.self) { try regression.run(stoppingAt: 8) }
    regression.plan = TrainingPlan(items: 20, epochs: 5, batch: 4, checkpointEvery: 1)
    #expect(throws: Regression.Stopped.self) { try regression.run(stoppingAt: 17) }
    let resumed = try regression.run()
    #expect(resumed.start == 17)
    #expect(resumed.weights == unbroken.weights && resumed.log == unbroken.log)
  }

  /// A run may die after the log was written and before the checkpoint was.
  @Test func theLogDropsStepsThatTheCheckpointLacks() throws {
    let unbroken = try Regression().run()
    let regression = try Regression()
    #expect(throws: Regression.Stopped.self) { try regression.run(stoppingAt: 12) }
    let log = try regression.log
    #expect(log.split(separator: "\n").count == 11)
    try (log + "11\t3\t0.1\t99\n12\t3\t0.1\t99\n").write(
      toFile: regression.folder.file("log.tsv"), atomically: true, encoding: .utf8)
    #expect(try regression.run().log == unbroken.log)
  }

  /// What is written at the end of an epoch is there before a checkpoint says that the epoch is over.
  @Test func epochsEndBeforeTheyAreSaved() throws {
    let outcome = try Regression().run()
    #expect(outcome.epochs.map(\.epoch) == [0, 1, 2, 3, 4])
    #expect(outcome.epochs.map(\.hasCheckpoint) == [false, true, true, true, true])
    var cut = try Regression()
    cut.plan = TrainingPlan(items: 20, epochs: 5, batch: 4, steps: 12)
    #expect(try cut.run().epochs.map(\.epoch) == [0, 1], "the third epoch is not complete")
  }

  @Test func theNormOfAClippedGradientIsLogged() throws {
    let free = try Regression().run()
    var clipped = try Regression()
    clipped.clipNorm = 0.5
    let outcome = try clipped.run()
    let rows = outcome.log.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
    #expect(rows[0] == ["step", "epoch", "learning_rate", "loss", "gradient_norm"])
    #expect(rows.dropFirst().allSatisfy { (Double($0[4]) ?? -1) > 0 } && (Double(rows[1][4]) ?? 0) > 0.5)
    #expect(outcome.losses[0] == free.losses[0] && outcome.losses[1] > free.losses[1], "a shorter first step")
  }

  @Test func aCheckpointOfAnotherTrainingIsIgnored() throws {
    var regression = try Regression()
    #expect(throws: Regression.Stopped.self) { try regression.run(stoppingAt: 12) }
    regression.fingerprint = "two"
    let outcome = try regression.run()
    #expect(outcome.start == 0 && outcome.dropped == "it is of other options, inputs or programs")
    #expect(outcome.log == (try Regression().run().log))
  }

  @Test func aCheckpointBeyondThePlanIsRefused() throws {
    var regression = try Regression()
    #expect(throws: Regression.Stopped.self) { try regression.run(stoppingAt: 12) }
    regression.plan = TrainingPlan(items: 20, epochs: 5, batch: 4, steps: 9)
    let path = regression.folder.file("checkpoint.h5")
    let failure = #expect(throws: Failure.self) { try regression.run() }
    #expect(
      failure?.description
        == "\(path): training: expected at most 9 updates, found 10; remove the file to train from the start")
    #expect(regression.hasCheckpoint)
  }

  /// Threads decide the last bits.
  @Test func aCheckpointOfOtherThreadsIsLeftAside() throws {
    var regression = try Regression()
    #expect(throws: Regression.Stopped.self) { try regression.run(stoppingAt: 12) }
    regression.threads = 3
    let outcome = try regression.run()
    #expect(outcome.start == 0)
    #expect(
      outcome.dropped
        == "it was computed with 1 threads, and this run has 3, which changes the last bits; give it 1 threads to go on"
    )
  }

  @Test func aDamagedCheckpointIsNotThrownAway() throws {
    let regression = try Regression()
    #expect(throws: Regression.Stopped.self) { try regression.run(stoppingAt: 12) }
    let path = regression.folder.file("checkpoint.h5")
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: path))
    let failure = #expect(throws: Failure.self) { try regression.run() }
    #expect(failure?.kind == .data && failure?.file == path, "\(failure?.description ?? "")")
    #expect(regression.hasCheckpoint)
  }

  @Test(arguments: [(Double.nan, "not a number"), (-Double.nan, "not a number"), (.infinity, "infinite")])
  func aLossThatIsNoNumberEndsTheTraining(value: Double, word: String) throws {
    let regression = try Regression()
    let failure = #expect(throws: Failure.self) { try regression.run { step, loss in step == 7 ? value : loss } }
    #expect(failure?.kind == .software)
    #expect(
      failure?.description
        == "step 8 of 25 (epoch 2): loss is \(word); a lower --learning-rate or other weights may help")
    #expect(regression.hasCheckpoint, "the checkpoint of step 5 stays")
  }

  /// The last update is followed by no loss that would tell.
  @Test func weightsThatAreNoNumbersAreNotKept() throws {
    var regression = try Regression()
    regression.plan = TrainingPlan(items: 20, epochs: 1, batch: 20)
    regression.rate = 1e39
    let failure = #expect(throws: Failure.self) { try regression.run() }
    #expect(failure?.kind == .software)
    #expect(
      failure?.description.hasPrefix("step 1 of 1 (epoch 1): line.weight holds values that are not finite;") == true,
      "\(failure?.description ?? "")")
    #expect(!regression.hasCheckpoint)
  }
}
