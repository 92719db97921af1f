/// Writes a built graph: renumbered breadth-first so that neighbours lie near each other, section by section with
/// checksums, to a temporary name that is renamed when everything is on the disk.
import Platform

extension GraphBuilder {
    /// Ends the name of a graph that is being written.
    package static let temporarySuffix = ".tmp"

    /// Writes the graph and returns its header's checksum, which stands for the whole file. On any failure, and when cancelled
    /// (which is asked for every chunk of at most 64 KiB), nothing is left under `path` that was not there before. `progress`
    /// is told the bytes written and all there will be.
    package func write(
        to path: String, identity: GraphIdentity, cancellation: Cancellation? = nil,
        progress: ((_ done: Int, _ total: Int) -> Void)? = nil, fileSystem: any FileSystem = PosixFileSystem()
    ) throws(GraphError) -> UInt32 {
        precondition(!layers.isEmpty, "write before build")
        let temporary = path + Self.temporarySuffix
        do throws(GraphError) {
            let checksum = try writeFile(temporary, identity, cancellation, progress, fileSystem)
            if cancellation?.isCancelled == true { throw .cancelled }
            do {
                try fileSystem.rename(temporary, to: path)
                try fileSystem.synchronizeDirectory(splitPath(path).directory)
            } catch { throw .file(error) }
            return checksum
        } catch {
            try? fileSystem.remove(temporary)
            throw error
        }
    }

    /// A whole new file, on the disk when this returns.
    private func writeFile(
        _ path: String, _ identity: GraphIdentity, _ cancellation: Cancellation?, _ progress: ((Int, Int) -> Void)?,
        _ fileSystem: any FileSystem
    ) throws(GraphError) -> UInt32 {
        let file: any WritableFile
        do {
            if fileSystem.exists(path) { try fileSystem.remove(path) }
            file = try fileSystem.createExclusively(path)
        } catch { throw .file(error) }
        let layout = layout
        var stream = try SectionStream(file: file, layout: layout, cancellation: cancellation, progress: progress)
        let checksum = try writeSections(&stream, layout, identity)
        do {
            try file.synchronize()
            try file.close()
        } catch { throw .file(error) }
        return checksum
    }

    private var layout: GraphLayout {
        GraphLayout(
            settings: settings, nodeCount: nodeCount, labelCount: labels.count, layers: layers.dropFirst().map(\.nodeCount),
            extraLinkCount: extraLinkCount)
    }

    /// Nil where all lists are empty: the file then has neither section.
    private var extraLinkCount: Int? {
        guard let extra else { return nil }
        var list: [UInt32] = []
        var count = 0
        for node in 0..<nodeCount {
            list.removeAll(keepingCapacity: true)
            extra.read(node, into: &list)
            count += list.count
        }
        return count == 0 ? nil : count
    }

    private func writeSections(
        _ stream: inout SectionStream, _ layout: GraphLayout, _ identity: GraphIdentity
    ) throws(GraphError) -> UInt32 {
        var rank = [UInt32](repeating: 0, count: nodeCount)
        for (position, node) in writeOrder.enumerated() { rank[Int(node)] = UInt32(position) }
        try writeLinks(&stream, rank)
        if let extra, layout.extraLinkCount != nil { try write(extra, &stream, rank) }
        try writeScales(&stream)
        try writeLabels(&stream, rank)
        stream.begin(.codes)
        for node in writeOrder {
            try stream.append(codes, Int(node) * quantizer.codeBytes, length: quantizer.codeBytes)
        }
        try stream.end()
        let checksums = stream.checksums
        stream.begin(.checksums)
        try stream.append(checksums)
        try stream.end()
        var covered = ByteWriter()
        for checksum in checksums { covered.put(checksum) }
        let header = GraphHeader(
            identity: identity, layout: layout, checksumOfChecksums: crc32c(covered.bytes)
        ).encoded()
        try stream.write(header: header)
        return GraphHeader.checksum(of: header)
    }

    private func writeLinks(_ stream: inout SectionStream, _ rank: [UInt32]) throws(GraphError) {
        var list: [UInt32] = []
        stream.begin(.baseLinks)
        for node in writeOrder {
            list.removeAll(keepingCapacity: true)
            layers[0][Int(node)].read(into: &list)
            for index in list.indices { list[index] = rank[Int(list[index])] }
            while list.count < settings.baseDegree { list.append(noLink) }
            try stream.append(list)
        }
        try stream.end()
        stream.begin(.upperLinks)
        for layer in layers.dropFirst() {
            for node in 0..<layer.nodeCount {
                list.removeAll(keepingCapacity: true)
                layer[node].read(into: &list)
                while list.count < settings.connectivity { list.append(noLink) }
                try stream.append(list)
            }
        }
        try stream.end()
        stream.begin(.upperNodes)
        if layers.count > 1 { try stream.append(Array(rank[..<layers[1].nodeCount])) }
        try stream.end()
    }

    /// The lists one after the other.
    private func write(_ extra: ExtraLinks, _ stream: inout SectionStream, _ rank: [UInt32]) throws(GraphError) {
        var offsets: [UInt32] = [0]
        offsets.reserveCapacity(nodeCount + 1)
        var list: [UInt32] = []
        for node in writeOrder {
            list.removeAll(keepingCapacity: true)
            extra.read(Int(node), into: &list)
            offsets.append((offsets.last ?? 0) + UInt32(list.count))
        }
        stream.begin(.extraOffsets)
        try stream.append(offsets)
        try stream.end()
        stream.begin(.extraLinks)
        for node in writeOrder {
            list.removeAll(keepingCapacity: true)
            extra.read(Int(node), into: &list)
            for index in list.indices { list[index] = rank[Int(list[index])] }
            try stream.append(list)
        }
        try stream.end()
    }

    private func writeScales(_ stream: inout SectionStream) throws(GraphError) {
        stream.begin(.scales)
        for node in writeOrder { try stream.append([scales[2 * Int(node)], scales[2 * Int(node) + 1]]) }
        try stream.end()
        stream.begin(.errors)
        for node in writeOrder { try stream.append([errors[Int(node)]]) }
        try stream.end()
        stream.begin(.mean)
        try stream.append(quantizer.mean)
        try stream.end()
    }

    /// Labels by node, within a node ascending; where each node's begin, if any node has several; and their order.
    private func writeLabels(_ stream: inout SectionStream, _ rank: [UInt32]) throws(GraphError) {
        var slots = labels.indices.map { (node: rank[Int(rowNodes[$0])], label: labels[$0]) }
        slots.sort { ($0.node, $0.label) < ($1.node, $1.label) }
        stream.begin(.labels)
        for slot in slots { try stream.append([slot.label]) }
        try stream.end()
        if labels.count != nodeCount {
            var offsets: [UInt32] = []
            offsets.reserveCapacity(nodeCount + 1)
            for (position, slot) in slots.enumerated() where Int(slot.node) == offsets.count {
                offsets.append(UInt32(position))
            }
            offsets.append(UInt32(slots.count))
            stream.begin(.labelOffsets)
            try stream.append(offsets)
            try stream.end()
        }
        var order = slots.indices.map { UInt32($0) }
        order.sort { slots[Int($0)].label < slots[Int($1)].label }
        stream.begin(.labelOrder)
        try stream.append(order)
        try stream.end()
    }
}
