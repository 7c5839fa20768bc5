import ArgumentParser
import Datasets
import Foundations
import StageKit

@main
struct MakeScenes: Stage {
  static let algorithmVersion = 1
  static let configuration = CommandConfiguration(
    commandName: "make-scenes", abstract: "Make a small data set of generated scenes with image-level labels and truth masks.",
    discussion: example("make-scenes --train 400 --val 100 --seed 1 --out runs/scenes", about: "A seed gives the same bytes on every machine."))

  @OptionGroup var shared: SharedOptions

  @Option(help: "Number of training scenes.")
  var train = 400
  @Option(help: "Number of held-out scenes.")
  var val = 100
  @Option(
    name: .customLong("close-ups"), help: "Number of pictures of one large object each, in a split close-up: what a network can learn classes from first.")
  var closeUps = 0
  @Option(help: "Width of a scene in pixels.")
  var width = 160
  @Option(help: "Height of a scene in pixels.")
  var height = 120

  func validate() throws {
    guard train >= 1, val >= 1, closeUps >= 0, (32...4096).contains(width), (32...4096).contains(height) else {
      throw ValidationError("Expected at least one scene of each split and sides of 32 to 4096 pixels.")
    }
  }

  func execute(_ run: StageRun) throws {
    let splits = [
      SyntheticScenes.Split("train", train), SyntheticScenes.Split("val", val), SyntheticScenes.Split("close-up", closeUps, isCloseUp: true),
    ]
    let scenes = SyntheticScenes(width: width, height: height, seed: run.seed, splits: splits)
    try scenes.write(to: run.out, threads: run.threads)
    run.log.info("\(train) training and \(val) held-out scenes in \(run.out)")
  }
}
