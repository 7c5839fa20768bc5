import ArgumentParser
import Foundations
import Reporting

struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Show two or more runs, or cells of a matrix, side by side, from their reports.",
    discussion: """
      A side is a run's folder, of which `report page` has made the report; DIR:AXIS-VALUE takes the cells with that \
      place on that axis.
      Sides that differ in seeds alone are also shown as mean and standard deviation.

      Example:
        report compare runs/first runs/second --out runs/comparison
        report compare runs/sweep:gaussian-weight-3 runs/sweep:gaussian-weight-5 --out runs/weights
      """)

  @Argument(help: ArgumentHelp("Runs; the first is what the others are compared with.", valueName: "RUN"))
  var runs: [String]

  @Option(help: ArgumentHelp("Folder of the comparison.", valueName: "DIR"))
  var out = "runs/comparison"

  func run() throws {
    try reportingFailure { print(try Comparison(runs, folder: out).write()) }
  }
}
