/// The report pages in a real headless browser: on a phone and a desk, light and dark. Skipped where there is none.
import Foundation
import Testing

@Suite(.serialized) struct BrowserTests {
    /// A Chromium of the machine; the tests install none.
    private static let browser: Executable? = {
        let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell"]
        let places = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return places.flatMap { place in names.map { "\(place)/\($0)" } }
            .first { FileManager.default.isExecutableFile(atPath: $0) }.map { Executable(path: $0) }
    }()

    /// What the script of the harness found in a page.
    private struct Findings: Decodable {
        struct Picture: Decodable {
            var width, height: Double
            var role, title, description: String
            /// Of texts that reach outside the picture.
            var outside: [String]
        }

        var pictures: [Picture]
        var pageWidth, frameWidth: Double
        var requests: [String]
        var errors: [String]
        var isDark: Bool
        /// Of the page's ground and of its text, 0…255.
        var ground, ink: Double
        var charactersOfText: Int
    }

    /// Loads a page in a frame of a width and measures it there.
    private static func harness(_ page: String, width: Int) -> String {
        """
        <!DOCTYPE html><html><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"></head><body>
        <iframe id="frame" style="width: \(width)px; height: 900px; border: 0"></iframe><pre id="found">not measured</pre>
        <script>
        const frame = document.getElementById("frame"), errors = [];
        frame.onload = () => {
          const inner = frame.contentWindow, page = frame.contentDocument;
          if (page.URL === "about:blank") return;
          inner.addEventListener("error", e => errors.push(String(e.message)));
          const grey = c => { const n = c.match(/[\\d.]+/g).map(Number); return (n[0] + n[1] + n[2]) / 3; };
          const pictures = [...page.querySelectorAll("svg")].map(svg => {
            const box = svg.getBoundingClientRect(), word = name => (svg.querySelector(name) || {}).textContent || "";
            const outside = [...svg.querySelectorAll("text")].filter(text => {
              const b = text.getBoundingClientRect();
              return b.left < box.left - 1 || b.right > box.right + 1 || b.top < box.top - 1 || b.bottom > box.bottom + 1;
            }).map(text => text.textContent);
            return { width: box.width, height: box.height, role: svg.getAttribute("role") || "", title: word("title"),
                     description: word("desc"), outside };
          });
          const style = inner.getComputedStyle(page.body);
          document.getElementById("found").textContent = JSON.stringify({
            pictures, pageWidth: page.documentElement.scrollWidth, frameWidth: inner.innerWidth,
            requests: inner.performance.getEntriesByType("resource").map(e => e.name), errors,
            isDark: inner.matchMedia("(prefers-color-scheme: dark)").matches,
            ground: grey(style.backgroundColor), ink: grey(style.color), charactersOfText: page.body.innerText.length });
        };
        frame.src = "\(page)";
        </script></body></html>
        """
    }

    private func open(_ page: String, width: Int, isDark: Bool, in folder: TemporaryFolder) throws -> Findings {
        let browser = try #require(Self.browser)
        let harness = try folder.write(Data(Self.harness("file://" + page, width: width).utf8), to: "harness.html")
        let dark = isDark ? ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] : []
        let finished = try browser.run(
            ["--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + folder.file("profile"),
             "--allow-file-access-from-files", "--enable-logging=stderr", "--window-size=1400,1000",
             "--virtual-time-budget=10000"] + dark + ["--dump-dom", harness.absoluteString],
            timeLimit: 120)
        #expect(finished.succeeded, "\(finished.summary)")
        // What a page writes to its console, errors of its own included, is logged with this word.
        let console = finished.errorText.split(separator: "\n").filter { $0.contains("CONSOLE") }
        #expect(console.isEmpty, "\(page): \(console)")
        let text = finished.output.components(separatedBy: "<pre id=\"found\">").last?.components(separatedBy: "</pre>")[0] ?? ""
        let plain = text.replacingOccurrences(of: "&lt;", with: "<").replacingOccurrences(of: "&gt;", with: ">")
            .replacingOccurrences(of: "&amp;", with: "&")
        return try JSONDecoder().decode(Findings.self, from: Data(plain.utf8))
    }

    private func judge(_ page: String, pictures: Int, in folder: TemporaryFolder) throws {
        for (width, isDark) in [(360, false), (360, true), (1280, false)] {
            let found = try open(page, width: width, isDark: isDark, in: folder), place = "\(page) at \(width) px"
            #expect(found.frameWidth == Double(width) && found.pageWidth <= Double(width), "\(place): \(found.pageWidth)")
            #expect(found.pictures.count == pictures, "\(place)")
            for picture in found.pictures {
                #expect(picture.width > 200 && picture.height > 40, "\(place): \(picture)")
                #expect(picture.role == "img" && !picture.title.isEmpty && picture.description.count > 10, "\(place): \(picture)")
                #expect(picture.outside.isEmpty, "\(place): \(picture.title) has text outside: \(picture.outside)")
            }
            #expect(found.requests.isEmpty && found.errors.isEmpty, "\(place): \(found.requests) \(found.errors)")
            #expect(found.isDark == isDark, "\(place)")
            #expect(isDark ? found.ground < 60 && found.ink > 190 : found.ground > 240 && found.ink < 60, "\(place): \(found)")
            #expect(found.charactersOfText > 500, "\(place)")
        }
    }

    @Test(.enabled(if: browser != nil, "no Chromium or Chrome on this machine"))
    func pagesOfPairsAreReadableOnPhonesDesksAndInTheDark() throws {
        let pairs = try StoredPairs(), folder = TemporaryFolder()
        let gap = folder.file("gap.html"), evaluation = folder.file("evaluation.html")
        #expect(pairs.run("gap", "--between", "image", "text", "--report", gap).status == .done)
        #expect(
            pairs.run(
                "evaluate", "--from", "text", "--to", "image", "--metrics", "cosine,dot,euclidean,manhattan,chi-square",
                "--normalize", "bank:sinkhorn", "--report", evaluation
            ).status == .done)
        try judge(gap, pictures: 17, in: folder)
        try judge(evaluation, pictures: 7, in: folder)
    }

    @Test(
        .enabled(if: HeavyTests.run, "makes the demo of 5,000 photos: run it with swift test -c release"),
        .enabled(if: browser != nil, "no Chromium or Chrome on this machine"))
    func pagesOfTheDemoAreReadableWithTheCostOfTheIndex() throws {
        let folder = TemporaryFolder()
        let finished = try Executable.causeway().run(["demo", folder.file("demo"), "--quiet"], timeLimit: 300)
        #expect(finished.succeeded, "\(finished.summary)")
        let pages = try FileManager.default.contentsOfDirectory(atPath: folder.file("demo")).filter { $0.hasSuffix(".html") }
        #expect(pages.count == 2, "\(pages)")
        for page in pages {
            try judge(folder.file("demo") + "/" + page, pictures: page.contains("gap") ? 17 : 8, in: folder)
        }
    }
}
