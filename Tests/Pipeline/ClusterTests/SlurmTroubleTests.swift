import Foundation
import TestSupport
import Testing

extension SlurmTests {
  /// Stops a training (SIGSTOP) as soon as it would save a checkpoint on a signal, and returns its process.
  private func holdTraining(after text: String) throws -> Int32 {
    var found: Int32 = 0
    try slurm.wait("the training to be under way") {
      guard let process = bench.processes("train-cam", containing: ["--out"]).first else { return false }
      let log = try #require(
        try FileManager.default.contentsOfDirectory(atPath: bench.path("runs/small/logs")).first {
          $0.hasPrefix("net-")
        })
      guard try bench.text("runs/small/logs/\(log)").split(separator: "\n").last?.contains(text) == true
      else { return false }
      found = process
      return kill(process, SIGSTOP) == 0
    }
    return found
  }

  /// Whether a stopped process has a SIGTERM waiting for it.
  private func isToldToStop(_ process: Int32) -> Bool {
    let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("ShdPnd:") }
    let bits = line.flatMap { UInt64($0.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16) } ?? 0
    return bits & (1 << UInt64(SIGTERM - 1)) != 0
  }

  private func training(_ bench: ClusterBench, expectingParts parts: Int) throws {
    let log = try #require(
      try FileManager.default.contentsOfDirectory(atPath: bench.path("runs/small/logs")).first { $0.hasPrefix("net-") })
    let text = try bench.text("runs/small/logs/\(log)")
    #expect(text.matches(of: /going on after step [0-9]+ of 120/).count == parts - 1, "\(text)")
    let local = try bench.pipeline("make", ["--set", "OUT=local"])
    #expect(local.status == 0, "\(local.output)")
    #expect(try bench.contents(of: "runs") == bench.contents(of: "local"))
  }

  /// A signal before the limit, and a more urgent job: the training goes on by itself to the bits of an unbroken one.
  @Test func trainingLongerThanItsLimitEndsInTheSameBits() throws {
    let bench = try ClusterBench(slurm, isReal: true)
    let held = try SlurmTests(slurm, bench)
    try bench.writeTraining()
    try bench.write("stages: {train-cam: {time: 1m}}\nsignal-before-end: 55s\n", to: "site.yaml")
    try bench.submit(["--profile", "site.yaml"])
    let first = try held.holdTraining(after: "predicted memory")
    try slurm.wait("the signal before the limit", seconds: 70) { held.isToldToStop(first) }
    kill(first, SIGCONT)
    try slurm.wait("the job to be back in the queue") { try bench.queue("net").first?.state == "PENDING" }
    #expect(bench.status(of: "net").contains("queued: "), "\(bench.status)")
    #expect(try bench.submit(["--profile", "site.yaml"]).contains("nothing to submit"))
    try slurm.release()
    // Preemption: Slurm itself puts the job back.
    let second = try held.holdTraining(after: "going on after")
    _ = try slurm.run("sbatch", ["--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=true"])
    // Slurm lets a stopped process go on before it ends it.
    try slurm.wait("the job to be pushed back") { try bench.queue("net").first?.state == "PENDING" }
    kill(second, SIGCONT)
    try slurm.wait("the urgent job to end") { try slurm.run("squeue", ["-h", "-p", "urgent"]).output.isEmpty }
    try slurm.release()
    try slurm.waitUntilEmpty()
    try training(bench, expectingParts: 3)
  }

  /// Everywhere, not only on a cluster: saved, code 85, and the same command goes on.
  @Test func stoppedTrainingSavesACheckpoint() throws {
    let bench = try ClusterBench(slurm, isReal: true)
    try bench.writeTraining()
    #expect(try bench.pipeline("make", ["--set", "OUT=unbroken"]).status == 0)
    for (number, out) in [(SIGTERM, "term"), (SIGINT, "int")] {
      let process = bench.process(
        bench.path("bin/pipeline"), ["make", "small.yaml", "--programs", "bin", "--set", "OUT=\(out)"])
      let pipe = Pipe()
      process.standardOutput = pipe
      process.standardError = pipe
      try process.run()
      // From before this file is made on the training takes note of signals.
      try slurm.wait("the training to be under way") { bench.exists("\(out)/small/net/unfinished/recipe.json") }
      // As a terminal does: to the whole process group. A scheduler's TERM goes to make alone.
      kill(number == SIGINT ? -process.processIdentifier : process.processIdentifier, number)
      let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(
        output.contains(/train-cam: stopped after step [0-9]+ of 120; what is computed so far is saved/), "\(output)")
      #expect(output.contains("and saved; the same `make` again goes on from here"), "\(output)")
      #expect(bench.exists("\(out)/small/net/unfinished/checkpoint.h5"))
      let rest = try bench.pipeline("make", ["--set", "OUT=\(out)"])
      #expect(rest.status == 0 && rest.output.contains("going on after step"), "\(rest.output)")
      #expect(try bench.contents(of: out) == bench.contents(of: "unbroken"))
    }
  }

  @Test func jobsOfANodeThatFailsRunAgain() throws {
    try bench.writePipeline()
    try bench.write("", to: "wait-cam-infer")
    try bench.submit()
    try slurm.wait("the array to run") { bench.processes("cam-infer", containing: ["--out"]).count == 3 }
    _ = try slurm.run("scontrol", ["update", "nodename=localhost", "state=DOWN", "reason=test"])
    try slurm.wait("the jobs to be back in the queue") { try bench.queue("cam").count { $0.state == "PENDING" } == 3 }
    #expect(bench.status(of: "cam").contains("3 queued of 3 parts"), "\(bench.status)")
    #expect(try bench.submit().contains("nothing to submit"))
    try bench.remove("wait-cam-infer")
    _ = try slurm.run("scontrol", ["update", "nodename=localhost", "state=RESUME"])
    try slurm.wait("everything to be done", seconds: 60) {
      try slurm.release()
      return try slurm.run("squeue", ["-h"]).output.isEmpty
    }
    if try bench.pipeline("list").output != "nothing to do\n" {
      try bench.submit()
      try slurm.waitUntilEmpty()
    }
    #expect(try bench.pipeline("list").output == "nothing to do\n", "\(bench.status)")
  }

  @Test func restartedControllerLosesNothing() throws {
    try bench.writePipeline()
    try bench.write("", to: "wait-cam-infer")
    try bench.submit()
    try slurm.wait("the array to run") { bench.processes("cam-infer", containing: ["--out"]).count == 3 }
    // Clients give up soon where nobody answers.
    let configuration = "\(slurm.folder)/slurm.conf"
    let settings = try String(contentsOfFile: configuration, encoding: .utf8)
    try (settings + "MessageTimeout=4\n").write(toFile: configuration, atomically: true, encoding: .utf8)
    slurm.end("slurmctld")
    let status = bench.status
    #expect(
      status.contains("whether jobs run is not known, the queue cannot be asked: ") && !status.contains("running"),
      "\(status)")
    let refused = try bench.pipeline("slurm")
    #expect(refused.status == 75 && refused.output.contains("Slurm does not answer"), "\(refused.output)")
    try slurm.restartController()
    #expect(try bench.submit().contains("nothing to submit"))
    try bench.remove("wait-cam-infer")
    try slurm.waitUntilEmpty()
    #expect(try bench.pipeline("list").output == "nothing to do\n", "\(bench.status)")
    #expect(bench.ran.count == 10)
  }

  /// This cluster takes indices up to 3.
  @Test func moreShardsThanMaxArraySize() throws {
    try bench.writePipeline(shards: 7, train: 14)
    let told = try bench.submit()
    #expect(
      told.contains(
        /cam  job [0-9]+  shards 1-3 of 7\ncam  job [0-9]+  shards 4-6 of 7\ncam  job [0-9]+  shards 7 of 7\n/),
      "\(told)")
    try slurm.waitUntilEmpty()
    #expect(try bench.pipeline("list").output == "nothing to do\n", "\(bench.status)")
    #expect(bench.ran.filter { $0.hasPrefix("crf") } == (1...7).map { "crf \($0)/7" })
  }

  @Test func refusalEndsTheSubmissionWithSlurmsWords() throws {
    try bench.writePipeline(scoring: ", resources: {partition: nowhere, memory: 100M}")
    let refused = try bench.pipeline("slurm")
    #expect(refused.status == 78, "\(refused.output)")
    #expect(
      refused.output.contains(
        /score: Slurm refuses: .*invalid partition specified: nowhere.*; submitted .*: ([0-9]+, ){3}[0-9]+\n/
      ), "\(refused.output)")
    try bench.writePipeline()
    let rest = try bench.submit()
    #expect(rest.contains("2 jobs submitted"), "\(rest)")
    try slurm.waitUntilEmpty()
    #expect(try bench.pipeline("list").output == "nothing to do\n", "\(bench.status)")
    #expect(bench.ran.count == 10)
  }

  @Test func twoSubmissionsAtOnceSubmitOnce() throws {
    try bench.writePipeline()
    try bench.write("", to: "wait-make-scenes")
    let shells = (0..<4).map { _ in
      bench.process(bench.path("bin/pipeline"), ["slurm", "small.yaml", "--programs", "bin"])
    }
    for shell in shells {
      shell.standardOutput = FileHandle.nullDevice
      shell.standardError = FileHandle.nullDevice
      try shell.run()
    }
    for shell in shells { shell.waitUntilExit() }
    #expect(
      shells.allSatisfy { [0, 75].contains($0.terminationStatus) } && shells.contains { $0.terminationStatus == 0 })
    #expect(
      try ["scenes", "net", "cam", "crf", "score", "table"].map { try bench.queue($0).count } == [1, 1, 3, 3, 1, 1])
    // A submitter that was killed before it had Slurm's answer: the job is known by its comment.
    let records = try bench.text("runs/small/cluster/jobs.jsonl")
    try bench.write(records.replacing(/"job":"[0-9]+",/, with: ""), to: "runs/small/cluster/jobs.jsonl")
    #expect(try bench.submit().contains("nothing to submit"))
    // Other parameters than those of the jobs that wait.
    let refused = try bench.pipeline("slurm", ["--override", "net.epochs=4"])
    #expect(
      refused.status == 75 && refused.output.contains("in the queue is of this step with other parameters or inputs"),
      "\(refused.output)")
    #expect(try bench.pipeline("slurm-cancel").status == 0)
    try bench.remove("wait-make-scenes")
    try slurm.waitUntilEmpty()
  }

  /// Whatever the folder is called that a person works in.
  @Test func hostileFolders() throws {
    let names = ["a b", "it's $(touch hacked) `touch hacked`", "x;touch hacked", "%j 100%A%% \"quoted\" #1", "über*?"]
    let benches = try names.map { try ClusterBench(slurm, name: $0) }
    for bench in benches {
      try bench.writePipeline()
      #expect(try bench.submit(["--goal", "net"]).contains("2 jobs submitted"))
    }
    try slurm.waitUntilEmpty()
    for bench in benches {
      #expect(try bench.pipeline("list", ["--goal", "net"]).output == "nothing to do\n", "\(bench.status)")
      #expect(!bench.exists("hacked") && !FileManager.default.fileExists(atPath: "\(bench.folder)/../hacked"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: bench.path("runs/small/logs")).count == 2)
    }
  }

  /// The goals of the Makefile, on a cluster.
  @Test func goalsOfTheMakefile() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../..")
      .standardized.path
    try FileManager.default.copyItem(atPath: "\(root)/Makefile", toPath: bench.path("Makefile"))
    try bench.write("// swift-tools-version: 6.1\n", to: "Package.swift")
    try bench.write("", to: "Sources/empty")
    try bench.write("", to: "Stages/empty")
    try bench.write("SSDD_MARCH=\n", to: ".build/programs.stamp")
    try FileManager.default.createSymbolicLink(atPath: bench.path(".build/release"), withDestinationPath: "../bin")
    try bench.writePipeline()
    func make(_ arguments: [String]) throws -> (status: Int32, output: String) {
      try bench.run("/usr/bin/env", ["make", "PIPELINE=small.yaml"] + arguments)
    }
    let dry = try make(["slurm", "net", "DRY=1"])
    #expect(
      dry.status == 0 && dry.output.hasSuffix("DRY: nothing was submitted\n") && !dry.output.contains("cam"),
      "\(dry.output)")
    #expect(!bench.exists("runs"))
    try bench.write("throttle: 2\nqueue: x\n", to: "site.yaml")
    let wrong = try make(["slurm", "PROFILE=site.yaml"])
    #expect(
      wrong.status == 2 && wrong.output.contains("site.yaml:2:1: unknown key of a profile \"queue\""), "\(wrong.output)"
    )
    try bench.write("", to: "wait-make-scenes")
    #expect(try make(["slurm", "net"]).output.contains("2 jobs submitted"))
    let refused = try make([])
    #expect(refused.status == 2 && refused.output.contains("2 parts of it are in Slurm's queue"), "\(refused.output)")
    #expect(try make(["slurm-cancel"]).output.contains("cancelled: "))
    try bench.remove("wait-make-scenes")
    try slurm.waitUntilEmpty()
    let whole = try make(["slurm", "WAIT=1"])
    #expect(whole.status == 0 && whole.output.contains("\n10 done\n"), "\(whole.output)")
    #expect(whole.output.contains("Pictures: runs/small/table/pictures"), "\(bench.ran)")
  }

  @Test(arguments: ["a\\b", "a\nb"]) func foldersThatSlurmCannotLogTo(_ name: String) throws {
    let bench = try ClusterBench(slurm, name: name)
    try bench.writePipeline()
    let refused = try bench.pipeline("slurm")
    #expect(
      refused.status == 78 && refused.output.contains("Slurm finds no log in a folder with a backslash"),
      "\(refused.output)")
  }

  @Test func dryRunPrintsAndSubmitsNothing() throws {
    try bench.writePipeline(scoring: ", resources: {cores: 3, memory: 1G, time: 90m, flags: [--exclusive]}")
    try bench.write("defaults: {memory: 500M}\nthrottle: 2\n", to: "site.yaml")
    let dry = try bench.submit(["--dry-run", "--profile", "site.yaml"])
    #expect(!bench.exists("runs") && dry.hasSuffix("DRY: nothing was submitted\n"))
    #expect(
      dry.contains(
        "--array=1-3%2 --output=\(bench.folder)/runs/small/logs/cam-%A_%a.log --open-mode=append --requeue "
          + "--cpus-per-task=1 --mem=500M"
      ), "\(dry)")
    #expect(
      dry.contains(
        "--cpus-per-task=3 --mem=1024M --time=90 --exclusive --dependency=afterok:JOB-OF-scenes:JOB-OF-crf "
          + "--kill-on-invalid-dep=yes"),
      "\(dry)")
    #expect(
      dry.contains(
        "exec bin/pipeline cluster-task runs/small/cluster/0001/plan.json cam --array cam --offset 0 --wait 60\n"),
      "\(dry)")
  }
}
