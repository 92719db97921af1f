/// Writes a built graph: renumbered breadth-first so that neighbours lie near each other, section by section with
/// checksums, to a temporary name that is renamed when everything is on the disk.
import Platform

extension GraphBuilder {
    /// Writes the graph and returns its header's checksum, which stands for the whole file. On any failure nothing is left
    /// under `path` that was not there before.
    package func write(
        to path: String, identity: GraphIdentity, fileSystem: any FileSystem = PosixFileSystem()
    ) throws(GraphError) -> UInt32 {
        precondition(!layers.isEmpty, "write before build")
        let temporary = path + ".tmp"
        do {
            if fileSystem.exists(temporary) { try fileSystem.remove(temporary) }
            let file = try fileSystem.createExclusively(temporary)
            let checksum = try writeSections(to: file, identity)
            try file.synchronize()
            try file.close()
            try fileSystem.rename(temporary, to: path)
            try fileSystem.synchronizeDirectory(splitPath(path).directory)
            return checksum
        } catch {
            try? fileSystem.remove(temporary)
            throw .file(error)
        }
    }

    private func writeSections(to file: any WritableFile, _ identity: GraphIdentity) throws(FileError) -> UInt32 {
        var stream = try SectionStream(file: file)
        var rank = [UInt32](repeating: 0, count: nodeCount)
        for (position, node) in writeOrder.enumerated() { rank[Int(node)] = UInt32(position) }
        try writeLinks(&stream, rank)
        try writeScales(&stream)
        try writeLabels(&stream, rank)
        try stream.begin(.codes, stride: quantizer.codeBytes)
        for node in writeOrder {
            try stream.append(codes, Int(node) * quantizer.codeBytes, length: quantizer.codeBytes)
        }
        try stream.end()
        let checksums = stream.checksums
        try stream.begin(.checksums, stride: 4)
        try stream.append(checksums)
        try stream.end()
        var covered = ByteWriter()
        for checksum in checksums { covered.put(checksum) }
        let header = GraphHeader(
            identity: identity, settings: settings, nodeCount: nodeCount, labelCount: labels.count,
            entry: 0, layers: layers.dropFirst().map(\.nodeCount), fileBytes: stream.position,
            checksumOfChecksums: crc32c(covered.bytes), sections: stream.sections
        ).encoded()
        try stream.write(header: header)
        return GraphHeader.checksum(of: header)
    }

    private func writeLinks(_ stream: inout SectionStream, _ rank: [UInt32]) throws(FileError) {
        var list: [UInt32] = []
        try stream.begin(.baseLinks, stride: settings.baseDegree * 4)
        for node in writeOrder {
            list.removeAll(keepingCapacity: true)
            layers[0][Int(node)].read(into: &list)
            for index in list.indices { list[index] = rank[Int(list[index])] }
            while list.count < settings.baseDegree { list.append(noLink) }
            try stream.append(list)
        }
        try stream.end()
        try stream.begin(.upperLinks, stride: settings.connectivity * 4)
        for layer in layers.dropFirst() {
            for node in 0..<layer.nodeCount {
                list.removeAll(keepingCapacity: true)
                layer[node].read(into: &list)
                while list.count < settings.connectivity { list.append(noLink) }
                try stream.append(list)
            }
        }
        try stream.end()
        try stream.begin(.upperNodes, stride: 4)
        if layers.count > 1 { try stream.append(Array(rank[..<layers[1].nodeCount])) }
        try stream.end()
        if let extra { try write(extra, &stream, rank) }
    }

    /// The lists one after the other; neither section where all are empty.
    private func write(_ extra: ExtraLinks, _ stream: inout SectionStream, _ rank: [UInt32]) throws(FileError) {
        var offsets: [UInt32] = [0]
        offsets.reserveCapacity(nodeCount + 1)
        var list: [UInt32] = []
        for node in writeOrder {
            list.removeAll(keepingCapacity: true)
            extra.read(Int(node), into: &list)
            offsets.append((offsets.last ?? 0) + UInt32(list.count))
        }
        if offsets.last == 0 { return }
        try stream.begin(.extraOffsets, stride: 4)
        try stream.append(offsets)
        try stream.end()
        try stream.begin(.extraLinks, stride: 4)
        for node in writeOrder {
            list.removeAll(keepingCapacity: true)
            extra.read(Int(node), into: &list)
            for index in list.indices { list[index] = rank[Int(list[index])] }
            try stream.append(list)
        }
        try stream.end()
    }

    private func writeScales(_ stream: inout SectionStream) throws(FileError) {
        try stream.begin(.scales, stride: 8)
        for node in writeOrder { try stream.append([scales[2 * Int(node)], scales[2 * Int(node) + 1]]) }
        try stream.end()
        try stream.begin(.errors, stride: 4)
        for node in writeOrder { try stream.append([errors[Int(node)]]) }
        try stream.end()
        try stream.begin(.mean, stride: 4)
        try stream.append(quantizer.mean)
        try stream.end()
    }

    /// Labels by node, within a node ascending; where each node's begin, if any node has several; and their order.
    private func writeLabels(_ stream: inout SectionStream, _ rank: [UInt32]) throws(FileError) {
        var slots = labels.indices.map { (node: rank[Int(rowNodes[$0])], label: labels[$0]) }
        slots.sort { ($0.node, $0.label) < ($1.node, $1.label) }
        try stream.begin(.labels, stride: 8)
        for slot in slots { try stream.append([slot.label]) }
        try stream.end()
        if labels.count != nodeCount {
            var offsets: [UInt32] = []
            offsets.reserveCapacity(nodeCount + 1)
            for (position, slot) in slots.enumerated() where Int(slot.node) == offsets.count {
                offsets.append(UInt32(position))
            }
            offsets.append(UInt32(slots.count))
            try stream.begin(.labelOffsets, stride: 4)
            try stream.append(offsets)
            try stream.end()
        }
        var order = slots.indices.map { UInt32($0) }
        order.sort { slots[Int($0)].label < slots[Int($1)].label }
        try stream.begin(.labelOrder, stride: 4)
        try stream.append(order)
        try stream.end()
    }
}
