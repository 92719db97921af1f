// The executable: hands the arguments to the program and leaves with its status.
import Causeway

ignoreBrokenPipes()
returnLargeBlocks()
leave(Program.causeway.run(Array(CommandLine.arguments.dropFirst()), in: .process))
