//! The house rules as a test over the text of the repository. Every refusal names its cure.
//!
//! A rule is a function from one file to what it refuses; each is tried on a planted offence too, so that a rule that
//! has stopped working is noticed. What a compiler or clippy can hold is not here.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The widest line, in characters.
const LINE_CHARS_MAX: usize = 120;
/// The longest file of code, in lines. Past it, a second thing has moved in.
const FILE_LINES_MAX: usize = 1_500;
/// Folders that are not ours to judge, or not text.
const SKIPPED: [&str; 6] = [".git", "target", "data", "node_modules", "secrets", "broken"];
/// Files larger than this are data, not text.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// One file of the repository.
struct File {
    /// Its path from the root, with slashes.
    path: String,
    text: String,
}

impl File {
    fn ends(&self, ending: &str) -> bool {
        self.path.ends_with(ending)
    }

    fn is_rust(&self) -> bool {
        self.ends(".rs")
    }

    /// Number and text of each line.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(n, line)| (n + 1, line))
    }

    /// Lines of tests: a file of tests, or what comes after `#[cfg(test)]`.
    fn test_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let whole = self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || self.ends("/tests.rs");
        let mut within = whole;
        self.lines().filter(move |(_, line)| {
            within |= line.starts_with("#[cfg(test)]");
            within
        })
    }

    fn at(&self, line: usize, cure: &str) -> String {
        format!("{}:{line}: {cure}", self.path)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All text files of the repository, read once.
fn files() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut found = Vec::new();
        walk(root(), &mut found);
        assert!(found.len() > 50, "the repository has more files than {}", found.len());
        found
    })
}

fn walk(folder: &Path, found: &mut Vec<File>) {
    let entries = fs::read_dir(folder).expect("a folder of the repository can be listed");
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if SKIPPED.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            walk(&path, found);
        } else if path.is_file() && path.metadata().is_ok_and(|data| data.len() <= TEXT_BYTES_MAX) {
            // What isn't UTF-8 is sound or a picture.
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let path = path.strip_prefix(root()).expect("it is below the root");
            let path = path.to_string_lossy().replace('\\', "/");
            found.push(File { path, text });
        }
    }
}

/// Holds a rule against all files.
fn hold(rule: fn(&File) -> Vec<String>) {
    let refused: Vec<String> = files().iter().flat_map(rule).collect();
    assert!(refused.is_empty(), "{} refusals:\n{}", refused.len(), refused.join("\n"));
}

/// Holds a rule against one file that offends and one that does not.
fn tried(rule: fn(&File) -> Vec<String>, path: &str, offence: &str, innocent: &str) {
    let file = |text: &str| File { path: path.to_owned(), text: text.to_owned() };
    assert!(!rule(&file(offence)).is_empty(), "the rule does not see: {offence}");
    let refused = rule(&file(innocent));
    assert!(refused.is_empty(), "the rule refuses an innocent: {refused:?}");
}

/// A word that must not stand in this file either.
fn word(parts: &[&str]) -> String {
    parts.concat()
}

// ---- text of the code ---------------------------------------------------------------------------------------------

fn headers(file: &File) -> Vec<String> {
    let bare = file.is_rust() && !file.text.starts_with("//!");
    let cure = "begin with `//!`: what the module is, what it must never know, which RFC section";
    if bare { vec![file.at(1, cure)] } else { Vec::new() }
}

#[test]
fn every_module_says_what_it_is() {
    hold(headers);
    tried(headers, "src/a.rs", "use std::fmt;\n", "//! A thing.\nuse std::fmt;\n");
}

fn widths(file: &File) -> Vec<String> {
    // Lists of features in Cargo.toml are as long as they are.
    let code = file.is_rust() || file.path.starts_with("config/") || file.ends(".sh");
    let wide = file.lines().filter(|(_, line)| code && line.chars().count() > LINE_CHARS_MAX);
    wide.map(|(n, _)| file.at(n, &format!("break the line: at most {LINE_CHARS_MAX} characters")))
        .collect()
}

#[test]
fn no_line_is_wider_than_a_screen() {
    hold(widths);
    tried(widths, "src/a.rs", &"ы".repeat(121), &"ы".repeat(120));
}

fn lengths(file: &File) -> Vec<String> {
    let lines = file.text.lines().count();
    let long = file.is_rust() && lines > FILE_LINES_MAX;
    let cure = format!(
        "{lines} lines: find the second thing that moved in, and give it a file of its own"
    );
    if long { vec![file.at(1, &cure)] } else { Vec::new() }
}

#[test]
fn no_file_has_grown_without_end() {
    hold(lengths);
    tried(lengths, "src/a.rs", &"\n".repeat(1_501), &"\n".repeat(1_500));
}

fn leftovers(file: &File) -> Vec<String> {
    let words = [
        (word(&["FIX", "ME"]), "mend it now, or open an issue and say so in words"),
        (word(&["db", "g!("]), "take the debugging out"),
        (word(&["to", "do!("]), "write it, or leave the feature out"),
        (word(&["unimple", "mented!("]), "write it, or leave the feature out"),
        (
            word(&["#[ig", "nore]"]),
            "say why: #[ignore = \"…\"], or make the test fast enough to run",
        ),
    ];
    let mut refused = Vec::new();
    for (n, line) in file.lines().filter(|_| file.is_rust()) {
        for (word, cure) in words.iter().filter(|(word, _)| line.contains(word.as_str())) {
            refused.push(file.at(n, &format!("`{word}`: {cure}")));
        }
    }
    refused
}

#[test]
fn nothing_was_left_half_done() {
    hold(leftovers);
    for offence in [["FIX", "ME later"], ["db", "g!(x);"], ["to", "do!()"], ["#[ig", "nore]"]] {
        tried(leftovers, "src/a.rs", &word(&offence), "#[ignore = \"needs an hour\"]\n");
    }
}

fn waits(file: &File) -> Vec<String> {
    let cure = "tests don't sleep: use virtual time, or wait for what must happen with a deadline";
    let sleep = word(&["sle", "ep("]);
    let slow = file.test_lines().filter(|(_, line)| {
        file.is_rust() && !line.trim_start().starts_with("//") && line.contains(&sleep)
    });
    slow.map(|(n, _)| file.at(n, cure)).collect()
}

#[test]
fn no_test_sleeps() {
    hold(waits);
    let offence = word(&["#[cfg(test)]\nmod tests { fn a() { std::thread::sle", "ep(x); } }\n"]);
    let innocent = word(&["fn a() { sle", "ep(x); }\n"]);
    tried(waits, "src/a.rs", &offence, &innocent);
}

/// Whether a line binds or connects a socket at a port of its own choosing.
fn binds_a_fixed_port(line: &str) -> bool {
    let opens = ["bind(", "connect(", "listen("].iter().any(|call| line.contains(call));
    let mut ports = line
        .split(':')
        .skip(1)
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    opens && ports.any(|digits| digits.len() >= 4)
}

fn ports(file: &File) -> Vec<String> {
    let cure = "take port 0 and ask which one it became: two tests run at once";
    let fixed = file.test_lines().filter(|(_, line)| file.is_rust() && binds_a_fixed_port(line));
    fixed.map(|(n, _)| file.at(n, cure)).collect()
}

#[test]
fn no_test_takes_a_fixed_port() {
    hold(ports);
    let offence = word(&["let a = UdpSocket::bi", "nd(\"127.0.0.1:5070\");\n"]);
    tried(ports, "tests/a.rs", &offence, "let a = UdpSocket::bind(\"127.0.0.1:0\");\n");
    tried(ports, "tests/a.rs", &offence, "let a = \"sip:a@127.0.0.1:5060\";\n");
}

// ---- which way dependencies point ---------------------------------------------------------------------------------

/// What each crate may lean on: our own crates below it, and the third parties that decide nothing for it.
const MAY_USE: [(&str, &[&str]); 5] = [
    ("clock", &["serde"]),
    (
        "sip",
        &[
            "dozvon-clock",
            "thiserror",
            "tracing",
            "hmac",
            "md-5",
            "sha2",
            "hex",
            "memchr",
            "subtle",
        ],
    ),
    ("media", &["dozvon-clock", "thiserror", "tracing", "rtp-rs", "opus", "hound"]),
    (
        "center",
        &[
            "dozvon-clock",
            "serde",
            "serde_json",
            "thiserror",
            "tracing",
            "hmac",
            "sha2",
            "hex",
            "libm",
            "saphyr-parser",
            "jiff",
        ],
    ),
    (
        "switch",
        &[
            "dozvon-clock",
            "dozvon-sip",
            "dozvon-media",
            "dozvon-center",
            "serde",
            "thiserror",
            "tracing",
        ],
    ),
];

fn edges(file: &File) -> Vec<String> {
    let Some(name) =
        file.path.strip_prefix("src/").and_then(|path| path.strip_suffix("/Cargo.toml"))
    else {
        return Vec::new();
    };
    let Some((_, allowed)) = MAY_USE.iter().find(|(own, _)| *own == name) else {
        return vec![file.at(
            1,
            "a new crate: write into tests/tidy.rs what it may use, and why in docs/decisions",
        )];
    };
    let table: toml::Table = file.text.parse().expect("cargo has read this file too");
    let used = table.get("dependencies").and_then(toml::Value::as_table);
    let used = used.into_iter().flat_map(toml::Table::keys);
    let foreign = used.filter(|used| !allowed.contains(&used.as_str()));
    let cure = "does not belong below it: pass the thing in as data, or let the roof do it";
    foreign.map(|used| file.at(1, &format!("`{used}` {cure}"))).collect()
}

#[test]
fn dependencies_point_down() {
    hold(edges);
    let innocent =
        "[dependencies]\ndozvon-clock.workspace = true\n[dev-dependencies]\nrsip = \"0.4\"\n";
    tried(
        edges,
        "src/center/Cargo.toml",
        "[dependencies]\ndozvon-sip.workspace = true\n",
        innocent,
    );
    tried(edges, "src/sip/Cargo.toml", "[dependencies]\ntokio = \"1\"\n", innocent);
    let new = File { path: String::from("src/new/Cargo.toml"), text: String::new() };
    assert_eq!(edges(&new).len(), 1, "a crate that nobody has thought about");
}

/// The line without comments and without what stands between double quotes.
fn code_of(line: &str) -> String {
    let mut code = String::new();
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted => {
                chars.next();
            }
            '"' => quoted = !quoted,
            '/' if !quoted && chars.peek() == Some(&'/') => break,
            _ if quoted => {}
            _ => code.push(c),
        }
    }
    code
}

/// The words that names in a line are made of, in lower case: `SipUri` and `sip_uri` are `sip` and `uri`.
fn words_of(code: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in code.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().expect("there is always one").extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

fn vocabulary(file: &File) -> Vec<String> {
    const FOREIGN: [&str; 4] = ["sip", "sdp", "rtp", "rtcp"];
    let ours = file.path.starts_with("src/center/") && file.is_rust();
    let mut refused = Vec::new();
    for (n, line) in file.lines().filter(|_| ours) {
        for word in words_of(&code_of(line)).iter().filter(|word| FOREIGN.contains(&word.as_str()))
        {
            let cure = "the center has the bank's words only; the switch translates";
            refused.push(file.at(n, &format!("`{word}`: {cure}")));
        }
    }
    refused
}

#[test]
fn the_center_cannot_spell_sip() {
    hold(vocabulary);
    let innocent = "let a = \"sip:a@b\"; // a SIP URI\nlet sipping = 1;\n";
    tried(vocabulary, "src/center/a.rs", "let uri = SipUri::new();\n", innocent);
    tried(vocabulary, "src/center/a.rs", "let rtp_port = 1;\n", innocent);
}

// ---- documents, configuration, flows ------------------------------------------------------------------------------

/// Targets of the links of a Markdown line: `[text](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

fn dead_links(file: &File) -> Vec<String> {
    let mut refused = Vec::new();
    let folder = root().join(&file.path);
    let folder = folder.parent().expect("a file has a folder");
    for (n, line) in file.lines().filter(|_| file.ends(".md")) {
        for link in links(line) {
            let target = link.split(['#', ' ']).next().unwrap_or_default();
            let outside =
                ["http:", "https:", "mailto:"].iter().any(|scheme| target.starts_with(scheme));
            if !outside && !target.is_empty() && !folder.join(target).exists() {
                refused.push(file.at(n, &format!("`{target}` is not there: mend the link")));
            }
        }
    }
    refused
}

#[test]
fn no_link_is_dead() {
    hold(dead_links);
    tried(
        dead_links,
        "docs/a.md",
        "see [this](nowhere.md#part)\n",
        "[a](../Cargo.toml) [b](https://example.org) [c](#d)\n",
    );
}

fn bare_keys(file: &File) -> Vec<String> {
    if file.path != "config/dozvon.toml" {
        return Vec::new();
    }
    let mut refused = Vec::new();
    let mut before = "";
    for (n, line) in file.lines() {
        let key = line.strip_prefix('#').filter(|rest| rest.contains(" = "));
        let key = key.filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        let active = !line.starts_with('#') && line.contains(" = ");
        if active {
            refused.push(file.at(n, "the sample stands at its defaults: comment the key out"));
        }
        if let Some(key) = key {
            if !before.starts_with("# ") {
                refused.push(file.at(n, "say above the key what it does"));
            }
            let (name, value) = key.split_once(" = ").expect("it has one");
            let number = value.starts_with(|c: char| c.is_ascii_digit());
            let ends =
                ["_secs", "_ms", "_max", "_min", "_percent", "_limit", "_per_shift", "workers"];
            if number && !ends.iter().any(|end| name.ends_with(end)) {
                refused.push(file.at(n, "put the unit last in the key's name"));
            }
        }
        before = line;
    }
    refused
}

#[test]
fn every_key_is_explained_at_its_default_with_its_unit() {
    hold(bare_keys);
    let innocent = "[sip]\n\n# How long.\n#idle_secs = 5\n";
    for offence in
        ["[sip]\n#idle_secs = 5\n", "# How long.\n#idle = 5\n", "# How long.\nidle_secs = 5\n"]
    {
        tried(bare_keys, "config/dozvon.toml", offence, innocent);
    }
}

fn untested_flows(file: &File) -> Vec<String> {
    let flow = file.ends(".yaml") && file.text.lines().any(|line| line.starts_with("flow:"));
    let tested = file.text.lines().any(|line| line.starts_with("tests:"));
    let cure = "add `tests:` with a case for every promise of the flow";
    if flow && !tested { vec![file.at(1, cure)] } else { Vec::new() }
}

#[test]
fn every_flow_has_its_tests() {
    hold(untested_flows);
    tried(untested_flows, "ivr-flows/a.yaml", "flow: a\n", "flow: a\ntests:\n");
}

// ---- what must not leave the house --------------------------------------------------------------------------------

fn machine_paths(file: &File) -> Vec<String> {
    let paths = [
        word(&["/wo", "rk/"]),
        word(&["/tmp", "/t/"]),
        word(&["/tmp", "/w/"]),
        word(&["/ro", "ot/"]),
        word(&["/ho", "me/"]),
        word(&["proto", "types/"]),
        word(&["../sha", "red"]),
    ];
    let mut refused = Vec::new();
    for (n, line) in file.lines() {
        for path in paths.iter().filter(|path| line.contains(path.as_str())) {
            refused.push(
                file.at(n, &format!("`{path}` is of one machine: write a path of the repository")),
            );
        }
    }
    refused
}

#[test]
fn nothing_names_somebodys_machine() {
    hold(machine_paths);
    tried(
        machine_paths,
        "a.md",
        &word(&["see /ro", "ot/notes"]),
        "see src/main.rs, /etc/dozvon and /var/lib/dozvon",
    );
}

/// Domains of addresses `name@domain` in a line, in lower case; numbers and names without a dot are none.
fn domains(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('@') {
        let named = before.ends_with(|c: char| c.is_ascii_alphanumeric());
        let end = after
            .find(|c: char| !c.is_ascii_alphanumeric() && !"-.".contains(c))
            .unwrap_or(after.len());
        let domain = after[..end].trim_end_matches(['.', '-']).to_ascii_lowercase();
        let last = domain.rsplit('.').next().unwrap_or_default();
        if named && domain.contains('.') && last.chars().all(|c| c.is_ascii_alphabetic()) {
            found.push(domain);
        }
        rest = after;
    }
    found
}

fn invented_addresses(file: &File) -> Vec<String> {
    // RFC 3261 and RFC 4475 have domains of their own, and messages of theirs are tests of ours.
    if file.path.starts_with("src/sip/") || file.path == "Cargo.lock" {
        return Vec::new();
    }
    let good = |domain: &str| {
        let reserved = ["example", "invalid", "test", "localhost"];
        let last = domain.rsplit('.').next().unwrap_or_default();
        let two: Vec<&str> = domain.rsplit('.').take(2).collect();
        reserved.contains(&last)
            || (two.get(1) == Some(&"example") && ["com", "net", "org"].contains(&last))
    };
    let mut refused = Vec::new();
    for (n, line) in file.lines() {
        for domain in domains(line).iter().filter(|domain| !good(domain)) {
            refused.push(
                file.at(n, &format!("`{domain}` may be somebody's: use bank.example (RFC 2606)")),
            );
        }
    }
    refused
}

#[test]
fn no_address_is_invented_under_a_real_domain() {
    hold(invented_addresses);
    let offence = word(&["write to ops@ba", "nk.kz"]);
    let innocent =
        "sip:anna@bank.example, sip:100@127.0.0.1:5060, a@example.com, user@host, @Some.Attribute";
    tried(invented_addresses, "docs/a.md", &offence, innocent);
}
