import Foundation
import TestSupport
import Testing

/// Pipelines as jobs of a real Slurm, which the suite starts and stops.
@Suite(
  .serialized, .enabled(if: LocalSlurm.isInstalled, "Slurm and munge are not installed, or this is not root"),
  .enabled(if: ClusterBench.areBuilt, "the programs are not built beside the tests"), .cluster)
struct SlurmTests {
  let slurm: LocalSlurm
  let bench: ClusterBench

  init() throws {
    slurm = try #require(ClusterTrait.current)
    bench = try ClusterBench(slurm)
  }

  init(_ slurm: LocalSlurm, _ bench: ClusterBench) throws {
    self.slurm = slurm
    self.bench = bench
  }

  @Test func jobsMakeTheBytesOfMake() throws {
    try bench.writePipeline()
    let told = try bench.submit()
    #expect(told.contains(/cam  job [0-9]+  shards 1-3 of 3\n/) && told.contains("6 jobs submitted"), "\(told)")
    #expect(bench.status(of: "table").contains("queued: "), "\(bench.status)")
    // Nothing is submitted twice while jobs are in the queue.
    let again = try bench.submit()
    #expect(again.contains("nothing to submit"), "\(again)")
    try slurm.waitUntilEmpty()
    #expect(try bench.pipeline("list").output == "nothing to do\n")
    #expect(bench.status.hasSuffix("6 of 6 steps done\n"))
    #expect(
      bench.ran == [
        "cam 1/3", "cam 2/3", "cam 3/3", "crf 1/3", "crf 2/3", "crf 3/3", "net", "scenes", "score", "table",
      ])
    #expect(try bench.submit() == "nothing to do\n")
    let local = try bench.pipeline("make", ["--set", "OUT=local"])
    #expect(local.status == 0, "\(local.output)")
    let made = try bench.contents(of: "runs")
    #expect(made.count == 31)
    #expect(try made == bench.contents(of: "local"))
    let logs = try FileManager.default.contentsOfDirectory(atPath: bench.path("runs/small/logs")).sorted()
    #expect(logs.contains { $0.wholeMatch(of: /cam-[0-9]+_2\.log/) != nil }, "\(logs)")
    // A parameter of the last steps alone: no other job.
    let changed = try bench.submit(["--override", "score.name=other"])
    #expect(changed.contains("2 jobs submitted") && !changed.contains("cam"), "\(changed)")
    try slurm.waitUntilEmpty()
    #expect(bench.ran.count { $0 == "score" } == 3, "on the cluster twice, here once")
  }

  @Test func killedShardIsSubmittedAlone() throws {
    try bench.writePipeline()
    try bench.write("", to: "wait-cam-infer")
    try bench.submit()
    try slurm.wait("the second part to run") { bench.exists("runs/small/cam/unfinished-2-of-3/recipe.json") }
    for process in bench.processes("cam-infer", containing: ["2/3"]) { kill(process, SIGKILL) }
    try bench.remove("wait-cam-infer")
    try slurm.waitUntilEmpty()
    let status = bench.status(of: "cam")
    #expect(
      status.contains("2 done, 1 failed of 3 parts")
        && status.contains(/failed: part 2, job [0-9]+_2: ended by signal 9 on localhost/), "\(status)")
    #expect(bench.status(of: "score").contains("held: crf, which it reads, did not end well"), "\(bench.status)")
    // As if it had run on another node, whose flock nobody sees here.
    try bench.write("n9\nother-boot\n1\nlong ago\ncam-infer\n999999\n", to: "runs/small/cam/.lock-2-of-3")
    let again = try bench.submit()
    #expect(again.contains(/cam  job [0-9]+  shards 2 of 3\n/) && again.contains("4 jobs submitted"), "\(again)")
    try slurm.waitUntilEmpty()
    #expect(try bench.pipeline("list").output == "nothing to do\n", "\(bench.status)")
    #expect(bench.ran.filter { $0.hasPrefix("cam") } == ["cam 1/3", "cam 2/3", "cam 2/3", "cam 3/3"])
  }

  @Test func cancelledJobsAreSubmittedAgain() throws {
    try bench.writePipeline()
    try bench.write("", to: "wait-cam-infer")
    try bench.submit()
    try slurm.wait("the array to run") { try bench.queue("cam").count { $0.state == "RUNNING" } == 3 }
    #expect(
      bench.status(of: "cam").contains(#/3 running of 3 parts\n +running: [0-9]+_1 on localhost, /#), "\(bench.status)")
    let cancelled = try bench.pipeline("slurm-cancel")
    #expect(
      cancelled.status == 0 && cancelled.output.contains(/cancelled: [0-9]+, [0-9]+, [0-9]+, [0-9]+\n/),
      "\(cancelled.output)")
    try slurm.waitUntilEmpty()
    #expect(try bench.pipeline("slurm-cancel").output == "no job of this pipeline is in the queue\n")
    let status = bench.status(of: "cam")
    #expect(status.contains("3 failed of 3 parts") && status.contains("cancelled on localhost"), "\(status)")
    try bench.remove("wait-cam-infer")
    #expect(try bench.submit().contains("shards 1-3 of 3"))
    try slurm.waitUntilEmpty()
    #expect(try bench.pipeline("list").output == "nothing to do\n", "\(bench.status)")
  }

  @Test func failingStageHoldsWhatReadsIt() throws {
    try bench.writePipeline()
    try bench.write("", to: "fail-cam-infer")
    let outcome = try bench.pipeline("slurm", ["--wait"])
    #expect(outcome.status == 1 && outcome.output.contains("2 done, 3 failed, 5 held\n"), "\(outcome.output)")
    #expect(try slurm.run("squeue", ["-h"]).output.isEmpty)
    let status = bench.status(of: "cam")
    #expect(status.contains("3 failed of 3 parts") && status.contains(": exit code 65 on localhost\n"), "\(status)")
    #expect(status.contains("| cam-infer: was told to fail\n"), "\(status)")
    let command = try #require(status.firstMatch(of: /all of it: (cat runs.*)\n/)?.1)
    #expect(
      try bench.run("/bin/sh", ["-c", String(command)]).output.contains(
        "[3/10] cam 1/3  1 images\ncam-infer: was told to fail\n"))
    #expect(bench.status(of: "crf").contains("3 held of 3 parts"), "\(bench.status)")
    try bench.remove("fail-cam-infer")
    #expect(try bench.pipeline("slurm", ["--wait"]).output.hasSuffix("10 done\n"))
  }
}
