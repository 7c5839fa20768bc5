/// All stages as data.
public struct StageCatalogue: Sendable {
  /// In the order in which a pipeline usually runs them.
  public let stages: [StageDeclaration]

  public init(_ stages: [StageDeclaration]) { self.stages = stages }

  public subscript(name: String) -> StageDeclaration? { stages.first { $0.name == name } }

  /// The stages under `Stages/`. A new one is entered here.
  public static let standard = StageCatalogue([
    StageDeclaration(MakeScenesOptions.self), StageDeclaration(ImportVOCOptions.self),
    StageDeclaration(ImportWeightsOptions.self),
    StageDeclaration(TrainCAMOptions.self), StageDeclaration(CAMInferOptions.self),
    StageDeclaration(TrainAffinityOptions.self),
    StageDeclaration(PSAInferOptions.self), StageDeclaration(CRFStageOptions.self),
    StageDeclaration(TrainDDNetOptions.self),
    StageDeclaration(SSDDMergeOptions.self), StageDeclaration(TrainSegOptions.self),
    StageDeclaration(TrainSegDynamicOptions.self),
    StageDeclaration(InferSegOptions.self), StageDeclaration(ExportWeightsOptions.self),
    StageDeclaration(EvaluateOptions.self),
    StageDeclaration(SummarizeOptions.self),
  ])

  /// The same catalogue with the stage of that name replaced by what `change` makes of it.
  public func replacing(_ name: String, _ change: (inout StageDeclaration) -> Void) -> StageCatalogue {
    StageCatalogue(
      stages.map { stage in
        var copy = stage
        if stage.name == name { change(&copy) }
        return copy
      })
  }
}
