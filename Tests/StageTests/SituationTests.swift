import Foundation
import TestSupport
import Testing

extension StageSuites {
  /// What runs again after what happened: a table of situations on a small pipeline, with real make and real programs.
  ///
  /// Each situation starts from a copy of a finished run. What would run is told four times: as it is, with the outputs
  /// copied without their times, moved to another folder, and with all times shuffled. Then it runs. `may` lists steps
  /// that run only where what they read came out otherwise.
  @Suite struct SituationTests {
    static let yaml = """
      name: small
      manifest: {path: data/manifest.yaml}
      parameters: {seed: 1, threads: 1, split: train}
      steps:
        net: {stage: train-cam, inputs: {weights: {path: start/weights.h5}}, parameters: &small {width: 0.0625, depth: \
        0.1, epochs: 1, batch: 3, crop: 48, resize-min: 48, resize-max: 64}}
        cam: {stage: cam-infer, inputs: {weights: net}, shards: 2, parameters: {scales: [1], flip: false}}
        crf: {stage: crf, inputs: {scores: cam}, parameters: {background-power: 4, bilateral-spread: 26}}
        eval-cam: {stage: evaluate, inputs: {masks: cam}}
        eval-crf: {stage: evaluate, inputs: {masks: crf}}
        table: {stage: summarize, inputs: {evaluation: {CAM: eval-cam, CRF: eval-crf}, masks: {CRF: crf}}, parameters: \
        {images: 2}, final: true}

      """
    static let all: Set = ["net", "cam", "crf", "eval-cam", "eval-crf", "table"]
    static let afterNet = all.subtracting(["net"])

    struct Situation: CustomTestStringConvertible, Sendable {
      let name: String
      /// Shell commands in the folder of the pipeline file; `edit FILE OLD NEW` replaces a text.
      let happened: String
      /// Steps that run.
      let runs: Set<String>
      /// Steps that may run.
      let may: Set<String>
      /// Options of `pipeline rules`.
      let options: [String]
      var testDescription: String { name }

      init(_ name: String, _ happened: String, _ runs: Set<String> = [], may: Set<String> = [], options: [String] = [])
      {
        (self.name, self.happened, self.runs, self.may, self.options) = (name, happened, runs, may, options)
      }
    }

    private static let cam = "runs/small/cam"
    private static let rules = "runs/small/rules.mk"

    /// Starts a long training and kills make, with everything that it started or alone.
    private static func stopped(_ whom: String) -> String {
      """
      edit small.yaml 'epochs: 1,' 'epochs: 400,'; plan
      setsid make -f \(rules) net >/dev/null 2>&1 & make=$!
      until [ -e runs/small/net/unfinished/recipe.json ]; do sleep 0.01; done; sleep 0.2
      kill -9 -- \(whom); wait || true
      """
    }

    static let nothing: [Situation] = [
      Situation("nothing", ":"), Situation("everything touched", "find . -exec touch {} +"),
      Situation("outputs touched", "find runs -exec touch {} +"),
      Situation("inputs dated tomorrow", "find data start small.yaml -exec touch -d tomorrow {} +"),
      Situation("outputs dated in 1990", "find runs -exec touch -d 1990-01-01 {} +"),
      Situation("outputs dated in 2090", "find runs -exec touch -d 2090-01-01 {} +"),
      Situation(
        "times shuffled",
        shuffled
      ),
      Situation("all times equal", "find . -exec touch -d 2020-01-01 {} +"),
      Situation("outputs moved away and back", "mv runs x && mv x runs"),
      Situation("outputs copied without times", "cp -r runs x && rm -r runs && mv x runs"),
      Situation("outputs through tar", "tar cf x.tar runs && rm -r runs && tar xf x.tar"),
      Situation("outputs behind a link", "mv runs x && ln -s x runs"),
      Situation("data moved", "mv data d && ln -s d data"),
      Situation("data under another path", "mv data d && edit small.yaml data/manifest d/manifest"),
      Situation("data by an absolute path", "edit small.yaml data/manifest $PWD/data/manifest"),
      Situation(
        "data and pipeline checked out anew",
        "for f in data start small.yaml; do cp -r $f x && rm -r $f && mv x $f; done"),
      Situation("make -t", "plan; make -t -f \(rules)"),
      Situation(
        "make -i over a stage that failed",
        "cp start/weights.h5 w; echo x >start/weights.h5; plan; make -i -f \(rules) >log 2>&1 || true; "
          + "! grep 'done in' log; mv w start/weights.h5"
      ),
      Situation(
        "stopped under another parameter, set back", "\(stopped("-$make")); edit small.yaml 'epochs: 400,' 'epochs: 1,'"
      ),
      Situation(
        "make alone killed under another parameter, set back",
        "\(stopped("$make")); edit small.yaml 'epochs: 400,' 'epochs: 1,'"),
      Situation("data spelled ./data", "edit small.yaml data/manifest ./data/manifest"),
      Situation("weights under another name", "mv start s && edit small.yaml start/ s/"),
      Situation("weights spelled with a detour", "edit small.yaml start/ data/../start/"),
      Situation("comment in the pipeline", "echo '# x' >>small.yaml"),
      Situation("comment in the manifest", "echo '# x' >>data/manifest.yaml"),
      Situation(
        "manifest renamed inside",
        "sed -i 's/^name: .*/name: other/; s/^description: .*/description: x/' data/manifest.yaml"),
      Situation("default written out", "edit small.yaml 'flip: false' 'flip: false, background-power: 16'"),
      Situation("default of a training written out", "edit small.yaml 'epochs: 1,' 'epochs: 1, momentum: 0,'"),
      Situation("number spelled otherwise", "edit small.yaml 0.0625 0.06250"),
      Situation("list spelled otherwise", "edit small.yaml '[1]' '[1.0]'"),
      Situation("one number in place of a list", "edit small.yaml '[1]' 1"),
      Situation("order of keys", "edit small.yaml 'epochs: 1, batch: 3' 'batch: 3, epochs: 1'"),
      Situation(
        "order of steps",
        "sed -n '/eval-cam:/p' small.yaml >line; sed -i '/eval-cam: {/d' small.yaml; sed -i '/^steps:/r line' "
          + "small.yaml"
      ),
      Situation("anchor taken away", "edit small.yaml '&small ' ''"),
      Situation("other threads", ":", options: ["--set", "THREADS=2"]),
      Situation("how often a training is saved", "edit small.yaml 'epochs: 1,' 'epochs: 1, checkpoint-every: 1,'"),
      Situation("same value by SET", ":", options: ["--override", "crf.bilateral-spread=26"]),
      Situation("file beside the images", "echo x >data/images/notes.txt"),
      Situation("file in a step's folder", "echo x >\(cam)/notes.txt"),
      Situation("image of another split", "cp data/images/train-0001.png data/images/val-0000.png"),
      Situation("truth of another split", "cp data/masks/train-0001.png data/masks/val-0000.png"),
      Situation(
        "label of another split",
        "awk -F'\\t' -v OFS='\\t' '$2==\"val\"{$3=\"kite\"}1' data/items.tsv >t && mv t data/items.tsv"),
      Situation("program rebuilt", "touch data"),
      Situation("rules removed", "rm -f runs/small/rules.mk runs/small/plan.json"),
      Situation("digests removed", "rm -f runs/small/digests.tsv"),
      Situation("times of runs removed", "rm -f runs/small/times.tsv"),
      Situation(
        "lock of a killed run",
        "printf 'h\\n%s\\n1\\nx\\ny\\n' $(cat /proc/sys/kernel/random/boot_id) >runs/small/net/.lock; touch "
          + "runs/small/cam/.x.77.partial.json"
      ),
      Situation(
        "parameter changed and back",
        "edit small.yaml 'epochs: 1,' 'epochs: 2,'; edit small.yaml 'epochs: 2,' 'epochs: 1,'"),
      Situation("same image written again", "cp data/images/train-0001.png x && cat x >data/images/train-0001.png"),
      Situation("same weights written again", "cp start/weights.h5 x && mv x start/weights.h5"),
    ]

    static let something: [Situation] =
      [
        Situation("parameter of the first step", "edit small.yaml 'epochs: 1,' 'epochs: 2,'", ["net"], may: afterNet),
        Situation(
          "parameter in the middle", "edit small.yaml 'spread: 26' 'spread: 60'", ["crf"], may: ["eval-crf", "table"]),
        Situation(
          "parameter of one branch", "edit small.yaml '{masks: cam}}' '{masks: cam}, parameters: {name: x}}'",
          ["eval-cam"], may: ["table"]),
        Situation("parameter of the last step", "edit small.yaml 'images: 2' 'images: 3'", ["table"]),
        Situation(
          "parameter that is given newly", "edit small.yaml 'flip: false' 'flip: false, background-power: 8'", ["cam"],
          may: ["crf", "eval-cam", "eval-crf", "table"]),
        Situation("seed", "edit small.yaml 'seed: 1' 'seed: 2'", all),
        Situation("split", "edit small.yaml 'split: train}' 'split: val}'", all),
        Situation(
          "stopped under another parameter, another one now",
          "\(stopped("-$make")); edit small.yaml 'epochs: 400,' 'epochs: 2,'", ["net"], may: afterNet),
        Situation(
          "parameter under outputs of the future",
          "find runs -exec touch -d 2090-01-01 {} +; edit small.yaml 'spread: 26' 'spread: 60'", ["crf"],
          may: ["eval-crf", "table"]),
        Situation(
          "parameter, then make -t", "edit small.yaml 'spread: 26' 'spread: 60'; plan; make -t -f \(rules)", ["crf"],
          may: ["eval-crf", "table"]),
        Situation("shards", "edit small.yaml 'shards: 2' 'shards: 3'", ["cam"]),
        Situation("no shards", "edit small.yaml 'shards: 2, ' ''", ["cam"]),
        Situation(
          "SET", ":", ["crf"], may: ["eval-crf", "table"], options: ["--override", "crf.bilateral-spread=60"]),
        Situation(
          "SET by a pattern", ":", ["eval-cam", "eval-crf"], may: ["table"], options: ["--override", "eval-*.name=x"]),
        Situation("FORCE of the first", ":", ["net"], options: ["--force", "net"]),
        Situation("FORCE of two", ":", ["cam", "eval-crf"], options: ["--force", "cam eval-crf"]),
        Situation(
          "order of rows",
          "edit small.yaml '{CAM: eval-cam, CRF: eval-crf}' '{CRF: eval-crf, CAM: eval-cam}'", ["table"]),
        Situation("name of a row", "edit small.yaml 'CAM: eval-cam' 'maps: eval-cam'", ["table"]),
        Situation("rewired", "edit small.yaml '{masks: cam}' '{masks: crf}'", ["eval-cam"], may: ["table"]),
        Situation("weights from outside", "cp runs/small/net/weights.h5 start/weights.h5", ["net"], may: afterNet),
        Situation(
          "older weights moved over",
          "cp runs/small/net/weights.h5 x && touch -d 1990-01-01 x && mv x start/weights.h5",
          ["net"], may: afterNet),
        Situation(
          "older weights copied with times",
          "cp runs/small/net/weights.h5 x && touch -d 1990-01-01 x && cp -p x start/weights.h5", ["net"],
          may: afterNet),
        Situation(
          "image", "cp data/images/train-0001.png data/images/train-0002.png", ["net", "cam", "crf", "table"],
          may: all),
        Situation(
          "label",
          "awk -F'\\t' -v OFS='\\t' '$1==\"train-0001\"{$3=\"beetle\"}1' data/items.tsv >t && mv t data/items.tsv",
          ["net", "cam", "crf", "eval-cam", "eval-crf", "table"]),
        Situation(
          "truth mask", "cp data/masks/train-0001.png data/masks/train-0002.png", ["eval-cam", "eval-crf", "table"]),
        Situation(
          "unlisted", "edit data/manifest.yaml 'unlisted: error' 'unlisted: void'", ["eval-cam", "eval-crf", "table"]),
        Situation(
          "colour of a class", "sed -i '0,/128, 0, 0/s//128, 0, 1/' data/manifest.yaml",
          ["cam", "crf", "eval-cam", "eval-crf", "table"]),
        Situation("image taken out", "sed -i '/^train-0003/d' data/items.tsv", all),
        Situation(
          "image moved to another split", "sed -i 's/^train-0003\\ttrain/train-0003\\tval/' data/items.tsv", all),
        Situation("part removed", "rm \(cam)/part-1-of-2.h5", ["cam"]),
        Situation("part cut short", "truncate -s 100 \(cam)/part-2-of-2.h5", ["cam"]),
        Situation("mask removed", "rm \(cam)/masks/train-0001.png", ["cam"]),
        Situation("mask cut short", "truncate -s 10 \(cam)/masks/train-0002.png", ["cam"]),
        Situation("completion file removed", "rm \(cam)/part-1-of-2.json", ["cam"]),
        Situation("completion file emptied", ": >\(cam)/part-1-of-2.json", ["cam"]),
        Situation("completion file of an earlier version", "echo '{\"ids\": []}' >\(cam)/part-1-of-2.json", ["cam"]),
        Situation("list removed", "rm \(cam)/part-1-of-2.tsv", ["cam"]),
        Situation("list altered", "sed -i 's/masks/mosks/' \(cam)/part-1-of-2.tsv", ["cam"]),
        Situation("folder removed", "rm -r \(cam)", ["cam"]),
        Situation("weights removed", "rm runs/small/net/weights.h5", ["net"]),
        Situation("weights cut short", "truncate -s 1000 runs/small/net/weights.h5", ["net"]),
        Situation("log removed", "rm runs/small/net/log.tsv", ["net"]),
        Situation("another run's log", "head -1 runs/small/net/log.tsv >x && mv x runs/small/net/log.tsv", ["net"]),
        Situation("evaluation removed", "rm runs/small/eval-crf/evaluation.json", ["eval-crf"]),
        Situation("table removed", "rm runs/small/table/table.txt", ["table"]),
        Situation("picture removed", "rm -r runs/small/table/pictures", ["table"]),
        Situation("all outputs removed", "rm -r runs", all),
        Situation("everything but the last removed", "rm -r runs/small/net runs/small/cam", ["net", "cam"]),
        Situation("step renamed", "sed -i 's/eval-crf/score/g' small.yaml", ["score"]),
        Situation("step renamed and adopted", "sed -i 's/eval-crf/score/g' small.yaml; adopt"),
        Situation(
          "steps in a row renamed and adopted", "sed -i 's/^  cam: {/  maps: {/; s/: cam}/: maps}/' small.yaml; adopt"),
        Situation("step added", "sed -i '/eval-cam: {/{p;s/eval-cam/more/}' small.yaml", ["more"]),
        Situation(
          "step taken out", "edit small.yaml 'CAM: eval-cam, ' ''; sed -i '/eval-cam: {/d' small.yaml", ["table"]),
        Situation(
          "what an earlier version left",
          "rm runs/small/cam/*.json; touch runs/small/cam/.parameters runs/small/cam/.started-1", ["cam"]),
        Situation(
          "damage found by verify",
          "printf X | dd of=\(cam)/masks/train-0001.png bs=1 seek=60 conv=notrunc 2>/dev/null; verify", ["cam"]),
      ]
      + [
        ("cam", "part-2-of-2.h5"), ("net", "weights.h5"), ("net", "log.tsv"), ("eval-crf", "evaluation.json"),
        ("table", "table.txt"),
      ].map { step, file in
        Situation(
          "\(file) altered, found by verify",
          "printf '\\001' | dd of=runs/small/\(step)/\(file) bs=1 seek=40 conv=notrunc 2>/dev/null; verify", [step])
      }

    /// The table's situations with the outputs copied, moved, and all times shuffled, one after the other.
    private func requireTheSameDecision(in folder: Baseline, _ situation: Situation) throws {
      func expectSame(_ what: String, _ options: [String] = []) throws {
        let told = try folder.list(situation.options + options)
        #expect(told.sure.union(told.waiting).isSuperset(of: situation.runs), "\(what): \(told)")
        #expect(told.sure.isSubset(of: situation.runs.union(situation.may)), "\(what): \(told)")
      }
      try expectSame("as it is")
      guard FileManager.default.fileExists(atPath: "\(folder.path)/runs") else { return }
      try folder.shell("mkdir -p elsewhere && cp -r runs/. elsewhere && rm -rf runs")
      try expectSame("copied and moved", ["--set", "OUT=elsewhere"])
      try folder.shell("mv elsewhere runs; \(Self.shuffled)")
      try expectSame("times shuffled")
    }

    private static let shuffled =
      "i=0; find . -type f | sort -R | while read -r f; do i=$((i+1)); "
      + "touch -d \"2020-01-01 $((i % 24)):00\" \"$f\"; done"

    @Test(arguments: nothing + something) func runsAgain(_ situation: Situation) throws {
      let folder = try Baseline.copy()
      try folder.shell(situation.happened)
      try requireTheSameDecision(in: folder, situation)
      let made = try folder.make(situation.options)
      #expect(made.steps.isSuperset(of: situation.runs), "\(made.steps.sorted()): \(made.output)")
      #expect(made.steps.isSubset(of: situation.runs.union(situation.may)), "\(made.steps.sorted()): \(made.output)")
      // The next make has nothing to do, and nothing is left over.
      let forcing = situation.options.firstIndex(of: "--force")
      let again = try folder.make(forcing.map { Array(situation.options[..<$0]) } ?? situation.options)
      #expect(again.steps.isEmpty, "\(again.output)")
      #expect(try folder.leftovers() == [])
    }

    @Test func theTableIsLongEnough() { #expect(Self.nothing.count + Self.something.count >= 80) }

    /// What was run by hand is what a pipeline would have run. The number of threads is the pipeline's, because it
    /// decides the last bits of the maps, and others would be other content for the steps that follow.
    @Test func aStepRunByHandCounts() throws {
      let folder = try Baseline.copy()
      try folder.shell("rm -r runs/small/crf")
      let command = [
        "--manifest", "data/manifest.yaml", "--out", "runs/small/crf", "--scores", "runs/small/cam",
        "--background-power", "4.0", "--bilateral-spread", "26", "--threads", "1",
      ]
      let outcome = try Programs.run("crf", command, in: folder.path)
      #expect(outcome.status == 0, "\(outcome.output)")
      #expect(try folder.make([]).steps.isEmpty)
    }

    /// One make at a time works on a pipeline's outputs; the first goes on.
    @Test func aSecondMakeIsRefusedAtOnceWithTheOwnersName() throws {
      let folder = try Baseline.copy()
      try folder.shell("edit small.yaml 'epochs: 1,' 'epochs: 400,'; rm -r runs/small/net")
      let first = Programs.prepared(
        "pipeline", ["make", "small.yaml", "--programs", Programs.folder, "--goal", "net"], in: folder.path)
      first.standardOutput = FileHandle.nullDevice
      first.standardError = FileHandle.nullDevice
      try first.run()
      while first.isRunning,
        !FileManager.default.fileExists(atPath: "\(folder.path)/runs/small/net/unfinished/recipe.json")
      { usleep(1000) }
      try #require(first.isRunning)
      let second = try Programs.run("pipeline", ["make", "small.yaml", "--programs", Programs.folder], in: folder.path)
      #expect(second.status == 75)
      #expect(
        second.output.contains(
          "another process is working on this pipeline's outputs: make, process \(first.processIdentifier) on "),
        "\(second.output)")
      #expect(first.isRunning)
      kill(-first.processIdentifier, SIGKILL)
      kill(first.processIdentifier, SIGKILL)
      first.waitUntilExit()
    }

    /// Threads count for nothing, but decide the last bits of what is computed: a step that was run by hand with
    /// another number gives what follows other content to read, and `explain` says so.
    @Test func aStepRunByHandWithOtherThreadsIsExplained() throws {
      let folder = try Baseline.copy()
      let maps = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/runs/small/net/weights.h5"))
      let command =
        [
          "train-cam", "--weights", "start/weights.h5", "--manifest", "data/manifest.yaml", "--split", "train", "--out",
          "runs/small/net", "--quiet",
        ]
        + [
          "--width", "0.0625", "--depth", "0.1", "--epochs", "1", "--batch", "3", "--crop", "48", "--resize-min", "48",
          "--resize-max", "64",
        ]
      try folder.shell("rm -r runs/small/net")
      let outcome = try Programs.run(command[0], Array(command.dropFirst()) + ["--threads", "3"], in: folder.path)
      try #require(outcome.status == 0, "\(outcome.output)")
      let others = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/runs/small/net/weights.h5"))
      let told = try Programs.run(
        "pipeline", ["explain", "small.yaml", "cam", "--programs", Programs.folder], in: folder.path)
      guard others != maps else { return #expect(told.output.hasPrefix("cam is up to date\n"), "\(told.output)") }
      #expect(
        told.output.hasPrefix(
          """
          cam: its weights changed: net has other content than when it ran
            net itself is up to date: it ran since and gave other bits, as other threads or processors do

          """), "\(told.output)")
    }

    /// What counts is what a step read at its start: a change while it runs is seen by the next make.
    @Test func whatChangesWhileAStepRunsIsNoticed() throws {
      let folder = try Baseline.copy()
      try folder.shell("edit small.yaml 'epochs: 1,' 'epochs: 400,'; rm -r runs/small/net")
      let rules = try Programs.run("pipeline", folder.rules([]), in: folder.path)
      try #require(rules.status == 0, "\(rules.output)")
      let process = Programs.prepared("/usr/bin/env", ["make", "-f", "runs/small/rules.mk", "net"], in: folder.path)
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
      while process.isRunning,
        !FileManager.default.fileExists(atPath: "\(folder.path)/runs/small/net/unfinished/recipe.json")
      { usleep(1000) }
      #expect(process.isRunning)
      try folder.shell(
        "edit small.yaml 'epochs: 400,' 'epochs: 2,'; awk -F'\\t' -v OFS='\\t' '$1==\"train-0001\"{$3=\"beetle\"}1' "
          + "data/items.tsv >t && mv t data/items.tsv"
      )
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      #expect(try folder.make([]).steps.contains("net"))
    }
  }
}

/// A finished run of the small pipeline, made once, and copies of it.
struct Baseline {
  let path: String
  private let holder: TemporaryFolder

  private static let original = Result<TemporaryFolder, any Error> { try make() }

  private static func make() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    func run(_ program: String, _ arguments: [String]) throws {
      let outcome = try Programs.run(program, arguments, in: folder.path)
      try #require(outcome.status == 0, "\(outcome.output)")
    }
    try StageSuites.SituationTests.yaml.write(toFile: folder.file("small.yaml"), atomically: true, encoding: .utf8)
    try run(
      "make-scenes", ["--train", "6", "--val", "3", "--width", "64", "--height", "48", "--quiet", "--out", "data"])
    // As a user would have them: images count by content, not by the digests of a table.
    try run(
      "/bin/sh",
      [
        "-c",
        "cut -f1-3 data/items.tsv >t && mv t data/items.tsv && sed -i /items_sha256/d data/manifest.yaml && rm "
          + "data/step.*",
      ])
    let size = [
      "--epochs", "1", "--batch", "3", "--crop", "48", "--resize-min", "48", "--resize-max", "64", "--width", "0.0625",
      "--depth", "0.1", "--seed", "7",
    ]
    try run("train-cam", ["--manifest", "data/manifest.yaml", "--quiet", "--out", "start"] + size)
    try run("/bin/sh", ["-c", "rm start/step.*"])
    let made = try Baseline(path: folder.path, holder: folder).make([])
    try #require(made.steps == StageSuites.SituationTests.all, "\(made.output)")
    return folder
  }

  static func copy() throws -> Baseline {
    let folder = try TemporaryFolder()
    let outcome = try Programs.run("/bin/cp", ["-r", "\(try original.get().path)/.", folder.path], in: folder.path)
    try #require(outcome.status == 0, "\(outcome.output)")
    return Baseline(path: folder.path, holder: folder)
  }

  func rules(_ options: [String]) -> [String] { ["rules", "small.yaml", "--programs", Programs.folder] + options }

  func make(_ options: [String]) throws -> (steps: Set<String>, output: String) {
    let made = try Programs.run("pipeline", ["make", "small.yaml", "--programs", Programs.folder] + options, in: path)
    #expect(made.status == 0, "\(made.output)")
    return (Programs.steps(in: made.output), made.output)
  }

  /// The steps that a make would run, and those that it would look at again once what they read has run.
  func list(_ options: [String]) throws -> (sure: Set<String>, waiting: Set<String>) {
    let told = try Programs.run("pipeline", ["list", "small.yaml", "--programs", Programs.folder] + options, in: path)
    #expect(told.status == 0, "\(told.output)")
    let lines = told.output.split(separator: "\n").filter {
      !$0.contains(" steps to run") && !$0.hasPrefix("~: ") && $0 != "nothing to do"
    }
    func names(_ lines: [Substring]) -> Set<String> {
      Set(lines.compactMap { $0.split(separator: " ").first.map(String.init) })
    }
    let isWaiting = { (line: Substring) in line.hasSuffix(", which will run") }
    return (names(lines.filter { !isWaiting($0) }), names(lines.filter(isWaiting)))
  }

  /// Runs shell commands; `edit FILE OLD NEW`, `plan`, `adopt` and `verify` are known.
  func shell(_ commands: String) throws {
    let functions = """
      set -e
      edit() { python3 -c 'import sys; f, a, b = sys.argv[1:]; t = open(f).read(); assert a in t, a; open(f, \
      "w").write(t.replace(a, b.replace("\\\\n", "\\n")))' "$@"; }
      plan() { \(Programs.path("pipeline")) rules small.yaml --programs \(Programs.folder); }
      adopt() { \(Programs.path("pipeline")) adopt small.yaml; }
      verify() { ! \(Programs.path("pipeline")) verify small.yaml; }

      """
    let outcome = try Programs.run("/bin/bash", ["-c", functions + commands], in: path)
    try #require(outcome.status == 0, "\(commands): \(outcome.output)")
  }

  /// Files in steps' folders that a finished step does not have.
  func leftovers() throws -> [String] {
    let names = (FileManager.default.enumerator(atPath: "\(path)/runs/small")?.allObjects ?? []).compactMap {
      $0 as? String
    }
    return names.filter { name in
      name.contains("unfinished") || name.contains(".partial") || name.contains("checkpoint") || name.contains("/.lock")
    }.sorted()
  }
}
