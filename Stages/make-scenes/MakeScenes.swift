import ArgumentParser
import Scenes
import StageInterface
import StageKit

@main
struct MakeScenes: Stage {
  @OptionGroup var options: MakeScenesOptions

  func execute(_ run: StageRun) throws {
    let splits = [
      SyntheticScenes.Split("train", options.train, emptyCount: options.empty),
      SyntheticScenes.Split("val", options.val),
      SyntheticScenes.Split("close-up", options.closeUps, isCloseUp: true),
    ]
    let scenes = SyntheticScenes(width: options.width, height: options.height, seed: run.seed, splits: splits)
    try run.write { try scenes.write(to: $0, threads: run.threads) }
    run.log.info("\(options.train + options.empty) training and \(options.val) held-out scenes in \(run.out)")
  }
}
