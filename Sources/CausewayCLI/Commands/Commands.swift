/// The list of commands. A new command is a type in this folder and a name here.
import Causeway

extension Program {
    package static let causeway = Program(
        version: "0.1.0",
        summary: "Causeway: a cross-modal vector database in one SQLite file.",
        commands: [
            IngestCommand.self, ExportCommand.self, GetCommand.self, ListCommand.self, SetCommand.self,
            DeleteCommand.self,
            IndexBuildCommand.self, IndexRebuildCommand.self, IndexTuneCommand.self, IndexStatusCommand.self,
            SearchCommand.self, EvaluateCommand.self, GapCommand.self,
            AlignTrainCommand.self, AlignCalibrateCommand.self, AlignListCommand.self, AlignShowCommand.self,
            AlignDeleteCommand.self,
            InfoCommand.self, CheckCommand.self, RepairCommand.self, BackupCommand.self, CompactCommand.self,
            DemoCommand.self, CompletionsCommand.self, HelpCommand.self,
        ],
        groups: [
            CommandGroup("index", summary: "Build, tune and describe the indexes"),
            CommandGroup("align", summary: "Train metrics between modalities"),
        ],
        explain: { ($0 as? CausewayError)?.failure })
}
