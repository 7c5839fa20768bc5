import Cluster
import Foundation
import PipelineGraph
import Testing

/// What is decided before Slurm is asked.
struct ClusterTests {
  @Test(arguments: [
    ("plain", "plain"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("$(touch x)", "'$(touch x)'"),
    ("a\nb", "'a\nb'"), ("'", "''\\'''"),
    ("-x", "-x"), ("*", "'*'"), ("über", "'über'"),
  ])
  func wordsForAShell(text: String, quoted: String) throws {
    #expect(ShellText.quoted(text) == quoted)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "printf %s \(quoted)x"]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    #expect(String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self) == text + "x")
  }

  @Test func indexLists() {
    for (numbers, text) in [([1], "1"), ([1, 2, 3], "1-3"), ([1, 3, 4, 9], "1,3-4,9"), ([], "")] {
      #expect(IndexList.text(numbers) == text)
      if !numbers.isEmpty { #expect(IndexList.numbers(text) == numbers) }
    }
    for wrong in ["", "0", "3-1", "1,1", "2,1", "1-2-3", "a", "1-99999999999", "-1"] {
      #expect(IndexList.numbers(wrong) == nil, "\(wrong)")
    }
  }

  @Test func arraysStayBelowTheLargestIndex() {
    func arrays(_ shards: [Int], _ largest: Int) -> [String] {
      IndexList.arrays(shards, largest: largest).map { "\($0.offset):\(IndexList.text($0.indices))" }
    }
    #expect(arrays([1, 2, 3], 1001) == ["0:1-3"])
    #expect(arrays([3, 4, 7], 4) == ["0:3", "3:1", "6:1"])
    #expect(arrays(Array(1...2500), 1001) == ["0:1-1000", "1000:1-1000", "2000:1-500"])
    // Few shards with a high index count too.
    #expect(arrays([1001, 2001], 1001) == ["1000:1", "2000:1"])
    #expect(arrays([5], Int.max) == ["0:5"])
  }

  @Test func lengthsOfTime() {
    for (text, seconds) in [
      ("90s", 90), ("30m", 1800), ("12h", 43_200), ("2d", 172_800), ("0:01:30", 90), ("12:30:00", 45_000),
      ("2-12:00:00", 216_000),
    ] {
      #expect(TimeLimit.seconds(text) == seconds)
      #expect(TimeLimit.seconds(TimeLimit.text(seconds)) == seconds)
    }
    for wrong in [
      "", "90", "1:30", "0m", "-1h", "1:60:00", "1:00:60", "1-", "1-2-3:00:00", "99999999999h", "400d", "h", "1.5h",
      "+1h",
    ] {
      #expect(TimeLimit.seconds(wrong) == nil, "\(wrong)")
    }
  }

  @Test func logsAndSlurmTellWhy() {
    func kind(_ log: String, code: Int32? = nil, _ facts: [String: String] = [:]) -> JobFailure.Kind {
      JobFailure(end: code.map { TaskEnd(code: $0, host: "n2", seconds: 1) }, log: log, facts: facts).kind
    }
    let limit = "slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2026-11-26T20:15:03 DUE TO TIME LIMIT ***\n"
    let node =
      "slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2026-11-26T20:15 DUE TO NODE FAILURE, SEE SLURMCTLD LOG ***\n"
    let cancelled = "slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2026-11-26T20:15:03 ***\n"
    let memory =
      "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=12.batch. Some of your processes may be killed.\n"
    #expect(kind("") == .unknown)
    #expect(kind("cam-infer: x\n", code: 65) == .exit(65))
    #expect(kind(limit) == .outOfTime && kind(limit, code: 143) == .outOfTime)
    #expect(kind(node) == .nodeFailure && kind(cancelled) == .cancelled && kind(cancelled, code: 143) == .cancelled)
    #expect(kind(memory, code: 137) == .outOfMemory && kind("", code: 71) == .outOfMemory)
    // Only the daemon's own words count, and the last of them.
    #expect(kind("crf: CANCELLED AT DUE TO TIME LIMIT\n", code: 65) == .exit(65))
    #expect(kind(node + "going on\n" + limit) == .outOfTime)
    #expect(
      kind("", ["JobState": "TIMEOUT"]) == .outOfTime
        && kind("", ["JobState": "NODE_FAIL", "NodeList": "n3"]) == .nodeFailure)
    #expect(
      kind("", ["JobState": "FAILED", "ExitCode": "0:9"]) == .exit(137)
        && kind("", ["JobState": "COMPLETED"]) == .unknown)
    #expect(JobFailure(end: nil, log: limit).text == "out of time on n1")
    #expect(
      JobFailure(end: nil, log: "", facts: ["JobState": "NODE_FAIL", "NodeList": "n3"]).text == "the node n3 failed")
  }

  @Test func tasksOfEveryScheduler() throws {
    func shard(_ environment: [String: String], of shards: Int = 8) throws -> Int {
      try TaskIndex.shard(of: shards, step: "psa", TaskIndex(environment))
    }
    #expect(try shard(["SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_MAX": "8", "SLURM_ARRAY_TASK_COUNT": "2"]) == 3)
    #expect(try shard(["PBS_ARRAY_INDEX": "8"]) == 8)
    #expect(try shard(["SGE_TASK_ID": "1", "SGE_TASK_LAST": "8"]) == 1)
    #expect(try shard(["LSB_JOBINDEX": "2", "LSB_JOBINDEX_END": "8"]) == 2)
    #expect(try shard(["SGE_TASK_ID": "undefined", "LSB_JOBINDEX": "0"], of: 1) == 1)
    #expect(try shard([:], of: 1) == 1)
    for wrong in [
      [:], ["PBS_ARRAY_INDEX": "9"], ["PBS_ARRAY_INDEX": "0"], ["PBS_ARRAY_INDEX": "-1"],
      ["PBS_ARRAY_INDEX": "$(touch x)"],
      ["SGE_TASK_ID": "1", "SGE_TASK_LAST": "4"], ["SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_MAX": "9"],
      ["SLURM_ARRAY_TASK_ID": "3", "PBS_ARRAY_INDEX": "4"],
    ] {
      #expect(throws: (any Error).self, "\(wrong)") { try shard(wrong) }
    }
  }

  @Test func profileOfTheProjectIsRead() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../..")
      .standardized.path
    let profile = try ClusterProfile(contentsOf: "\(root)/pipelines/profiles/slurm.yaml")
    #expect(
      profile.defaults.cores == 4 && profile.stages["train-seg"]?.memory == 24 << 30
        && profile.longestSeconds == 172_800)
  }

  @Test func whatIsWrongInAProfileIsToldAtItsPlace() throws {
    let file = NSTemporaryDirectory() + "profile-\(UUID().uuidString).yaml"
    defer { try? FileManager.default.removeItem(atPath: file) }
    let text = """
      defaults: {cores: 0, memory: 12, time: 90, queue: short}
      stages: {train-cm: {nodes: 2}}
      limits: {cores: 3}
      flags: [x]
      steps: {cam: {flags: [--array=1, -x, "--mail-type=FAIL\\nx", --exclusive], account: "-x", partition: "a\\nb"}}
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    do {
      _ = try ClusterProfile(contentsOf: file)
      Issue.record("nothing was wrong")
    } catch let problems as PipelineProblems {
      let found = problems.diagnostics.map { "\($0.line):\($0.column): \($0.message)" }
      #expect(
        found == [
          "1:19: cores: expected a whole number from 1 to 4096, found 0",
          "1:30: memory: expected a size such as 800M or 12G, found \"12\"",
          "1:40: time: expected a time such as 30m, 12h, 2d, 12:30:00 or 2-12:00:00, found \"90\"",
          "1:44: unknown key of defaults \"queue\"; expected one of cores, memory, time, partition, account, qos, "
            + "constraint, nodes, ranks-per-node, flags",
          "2:10: unknown stage \"train-cm\"; did you mean \"train-cam\"?", "3:9: limits: expected memory and time only",
          "4:1: unknown key of a profile \"flags\"; expected one of defaults, stages, steps, limits, throttle, "
            + "images-per-task, max-array-size, wait-for-inputs, signal-before-end",
          "5:23: flags: the pipeline itself tells sbatch --array",
          "5:34: flags: expected long options as one word each, such as --mail-type=FAIL, found \"-x\"",
          "5:38: flags: expected long options as one word each, such as --mail-type=FAIL, found "
            + "\"--mail-type=FAIL\nx\"",
          "5:84: account: expected a name without line breaks that starts with no \"-\", found \"-x\"",
          "5:101: partition: expected a name without line breaks that starts with no \"-\", found \"a\nb\"",
        ], "\(found.joined(separator: "\n"))")
    }
  }
}
