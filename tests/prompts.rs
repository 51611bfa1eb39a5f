//! `dozvon prompts` through the real binary: recordings judged, spoken and taken in.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const RATE: u32 = 8_000;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("all output is UTF-8")
}

/// A folder of prompts in two languages that is gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("dozvon-set-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        for sub in ["prompts/ru", "prompts/kk", "bin"] {
            fs::create_dir_all(folder.join(sub)).expect("a folder for the test");
        }
        let texts = "prompts:\n  hello: {ru: \"Здравствуйте\", kk: \"Сәлем\"}\n  \
                     cards: {ru: \"Карты - три\", kk: \"Карталар - үш\"}\n  \
                     both: {ru: \"Здравствуйте | kk: Сәлем\"}\n";
        fs::write(folder.join("prompts/prompts.yaml"), texts).expect("it can be written");
        Folder(folder)
    }

    fn wav(&self, name: &str, channels: u16, rate: u32, sound: &[i16]) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, wav(channels, rate, sound)).expect("it can be written");
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.0.join("bin").display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_dozvon"));
        command.current_dir(&self.0).env("NO_COLOR", "1").env("PATH", path);
        let output: Output = command.args(arguments).output().expect("the binary was built");
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    fn read(&self, name: &str) -> Vec<i16> {
        let wav = hound::WavReader::open(self.0.join(name)).expect("a recording");
        assert_eq!((wav.spec().sample_rate, wav.spec().channels), (RATE, 1), "{name}");
        wav.into_samples().map(|sample| sample.expect("a sample")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn wav(channels: u16, rate: u32, sound: &[i16]) -> Vec<u8> {
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels, sample_rate: rate, bits_per_sample: 16, sample_format };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("a header");
    sound.iter().for_each(|sample| writer.write_sample(*sample).expect("a sample"));
    writer.finalize().expect("an end");
    bytes.into_inner()
}

/// A tone with this peak.
fn tone(peak: f64, secs: f64, rate: u32) -> Vec<i16> {
    let turn = std::f64::consts::TAU * 440.0 / f64::from(rate);
    let samples = (secs * f64::from(rate)) as u32;
    let clip = |sample: f64| sample.clamp(-32_768.0, 32_767.0) as i16;
    (0..samples).map(|n| clip((turn * f64::from(n)).sin() * peak)).collect()
}

#[test]
fn the_shipped_recordings_are_without_fault_and_all_known_as_synthetic() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dozvon"));
    let output = command.current_dir(root()).args(["prompts", "check"]).output().expect("it runs");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let shown = text(&output.stdout);
    let numbers: Vec<usize> =
        shown.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    // The music is computed, and nobody's voice.
    assert_eq!(numbers[0], numbers[1] + 1, "{shown}");
    assert!(shown.contains(" of them synthetic, -2"), "{shown}");
}

#[test]
fn what_is_wrong_with_recordings_is_named_with_its_rule() {
    let set = Folder::new("check");
    let good = tone(4_000.0, 1.0, RATE);
    set.wav("prompts/ru/hello.wav", 1, RATE, &good);
    set.wav(
        "prompts/kk/hello.wav",
        1,
        RATE,
        &[vec![0; 4_000], good.clone(), vec![0; 8_000]].concat(),
    );
    set.wav("prompts/ru/both.wav", 1, RATE, &tone(8_000.0, 1.0, RATE));
    set.wav("prompts/ru/cards.wav", 2, RATE, &good);
    set.wav("prompts/ru/unwritten.wav", 1, RATE, &good);
    set.wav("prompts/kk/loud.wav", 1, RATE, &tone(90_000.0, 1.0, RATE));
    let (code, _, shown) = set.run(&["prompts", "check", "prompts", "--format", "concise"]);
    assert_eq!(code, Some(78), "{shown}");
    for part in [
        "prompts/kk/cards.wav:1:1: error[P001]: kk/cards has a text and no recording",
        "prompts/ru/cards.wav:1:1: error: 2 channels: prompts are mono",
        "prompts/kk/loud.wav:1:1: warning[P002]: ",
        "prompts/kk/hello.wav:1:1: warning[P003]: 500 ms of silence before the words",
        "prompts/kk/hello.wav:1:1: warning[P003]: 1000 ms of silence after the words",
        "prompts/ru/both.wav:1:1: warning[P004]: 5.8 LU louder than the others",
        "prompts/ru/unwritten.wav:1:1: warning[P005]: nobody has written down what ru/unwritten says",
    ] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
    assert!(!shown.contains("prompts/ru/hello.wav"), "nothing is wrong with it:\n{shown}");
}

#[test]
fn texts_that_name_another_key_than_their_option_are_told_in_the_flow() {
    let set = Folder::new("keys");
    for name in ["ru/hello", "kk/hello", "ru/cards", "kk/cards", "ru/both"] {
        set.wav(&format!("prompts/{name}.wav"), 1, RATE, &tone(4_000.0, 1.0, RATE));
    }
    let flow = "flow: f\nlanguages: [ru, kk]\nstart: main\noperator: {keys: [\"0\"], to: q}\nnodes:\n  \
                main: {menu: {timeout: 4s, options: {\"2\": {say: cards, to: q}}, silence: q, wrong: q}}\n  \
                q: {queue: {name: nobody-knows, max_wait: 1m, after: {answered: end, max_wait: end, nobody: end}}}\n  \
                end: {hangup: }\n";
    fs::write(set.0.join("f.yaml"), flow).expect("it can be written");
    let (code, _, shown) = set.run(&["prompts", "check", "prompts", "--format", "concise"]);
    assert_eq!(code, Some(78), "{shown}");
    let lines: Vec<&str> = shown.lines().filter(|line| line.contains("error")).collect();
    assert_eq!(lines.len(), 3, "two mistakes and their count:\n{shown}");
    fs::remove_file(set.0.join("prompts/ru/cards.wav")).expect("it is there");
    let (_, _, missing) = set.run(&["prompts", "check", "prompts", "--format", "concise"]);
    let cards = missing.lines().filter(|line| line.contains("no recording"));
    assert_eq!(cards.count(), 1, "what is missing is told once:\n{missing}");
    assert!(missing.contains("error[P001]: ru/cards has a text and no recording"), "{missing}");
    assert!(lines[0].contains("f.yaml:6:") && lines[0].contains("[F017]"), "{shown}");
    assert!(shown.contains("text in ru names key 3"), "{shown}");
}

#[test]
fn what_is_missing_is_spoken_and_marked_and_what_people_recorded_stays() {
    let set = Folder::new("build");
    let person = tone(4_000.0, 0.5, RATE);
    set.wav("prompts/ru/hello.wav", 1, RATE, &person);
    // A stand-in for the program that speaks: a tone, and a note of what it was asked to say.
    set.wav("bin/spoken.wav", 1, 22_050, &tone(20_000.0, 0.7, 22_050));
    let speaker = set.0.join("bin/espeak-ng");
    let script = "#!/bin/sh\necho \"$@\" >> \"$(dirname \"$0\")/asked\"\ncat \"$(dirname \"$0\")/spoken.wav\"\n";
    fs::write(&speaker, script).expect("it can be written");
    fs::set_permissions(&speaker, fs::Permissions::from_mode(0o755)).expect("it can be run");
    let (code, shown, told) = set.run(&["prompts", "build", "prompts", "--voice", "kk=kk+f3"]);
    assert_eq!((code, &*shown), (Some(0), "4 prompts made\n"), "{told}");
    let asked = fs::read_to_string(set.0.join("bin/asked")).expect("it was asked");
    for words in
        ["-v ru -s 172 -g 2 --stdout -- Карты - три", "-v kk+f3 -s 172 -g 2 --stdout -- Сәлем"]
    {
        assert!(asked.contains(words), "{asked}");
    }
    assert_eq!(asked.lines().count(), 5, "`both` is spoken in two languages: {asked}");
    assert_eq!(set.read("prompts/ru/hello.wav"), person, "a person has recorded this");
    let secs = |name: &str| set.read(name).len() as f64 / f64::from(RATE);
    assert!((secs("prompts/ru/both.wav") - 1.58).abs() < 0.1, "{}", secs("prompts/ru/both.wav"));
    let (code, shown, told) = set.run(&["prompts", "check", "prompts"]);
    assert_eq!((code, &*told), (Some(0), ""), "as loud as the others, and trimmed");
    assert!(shown.starts_with("5 recordings, 4 of them synthetic, "), "{shown}");

    // Whoever records a prompt takes the mark off it, and what is spoken anew leaves it alone.
    set.wav("prompts/kk/hello.wav", 1, RATE, &person);
    let (_, shown, _) = set.run(&["prompts", "check", "prompts"]);
    assert!(shown.starts_with("5 recordings, 3 of them synthetic, "), "{shown}");
    let (_, shown, _) = set.run(&["prompts", "build", "prompts", "--all"]);
    assert_eq!(shown, "3 prompts made\n");
    assert_eq!(set.read("prompts/kk/hello.wav"), person);
    let (_, shown, _) = set.run(&["prompts", "build", "prompts", "hello"]);
    assert_eq!(shown, "2 prompts made\n", "by their name they are overwritten");
    let (code, _, told) = set.run(&["prompts", "build", "prompts", "helo"]);
    assert_eq!((code, told.contains("no text of `helo`")), (Some(1), true), "{told}");

    // Another text is another recording: told, and spoken again without being asked for by name.
    let texts = fs::read_to_string(set.0.join("prompts/prompts.yaml")).expect("the texts");
    let changed = texts.replace("Карты - три", "Карты - пять");
    fs::write(set.0.join("prompts/prompts.yaml"), changed).expect("it can be written");
    let (code, _, told) = set.run(&["prompts", "check", "prompts", "--format", "concise"]);
    let stale = "ru/cards.wav:1:1: warning[P006]: ru/cards was spoken by another text than its own: Карты - пять";
    assert!(code == Some(0) && told.contains(stale), "{told}");
    let (_, shown, _) = set.run(&["prompts", "build", "prompts"]);
    assert_eq!(shown, "1 prompts made\n");
    let (_, _, told) = set.run(&["prompts", "check", "prompts"]);
    assert_eq!(told, "");
}

#[test]
fn a_program_that_can_not_speak_is_told_with_what_it_says() {
    let set = Folder::new("mute");
    let speaker = set.0.join("bin/espeak-ng");
    fs::write(&speaker, "#!/bin/sh\necho no such voice >&2\nexit 1\n").expect("it can be written");
    fs::set_permissions(&speaker, fs::Permissions::from_mode(0o755)).expect("it can be run");
    let (code, shown, told) = set.run(&["prompts", "build", "prompts"]);
    assert_eq!((code, &*shown), (Some(1), "0 prompts made\n"));
    assert!(
        told.contains("ru/hello: espeak-ng can't say it with voice `ru`: no such voice"),
        "{told}"
    );
}

/// What a studio may hand in: loud, in stereo, at another rate, with silence around, some of it wrong.
fn takes() -> Vec<(&'static str, Vec<u8>)> {
    let silence = vec![0; 44_100];
    let loud = tone(30_000.0, 1.0, 44_100);
    let stereo: Vec<i16> = loud.iter().flat_map(|sample| [*sample, *sample]).collect();
    vec![
        ("takes/ru/hello.wav", wav(1, 44_100, &[silence.clone(), loud, silence].concat())),
        ("takes/ru/cards.wav", wav(2, 44_100, &stereo)),
        ("takes/ru/helo.wav", wav(1, 8_000, &tone(9_000.0, 1.0, 8_000))),
        ("takes/de/hello.wav", wav(1, 8_000, &tone(9_000.0, 1.0, 8_000))),
        ("takes/kk/hello.wav", b"RIFF, but no more".to_vec()),
        ("takes/kk/cards.wav", wav(1, 8_000, &[0; 8_000])),
        ("takes/notes.txt", b"hello".to_vec()),
    ]
}

const REPORT: [&str; 6] = [
    "takes/de/hello.wav: refused: `de` is no language of the texts: put it into a folder kk, ru, or name --language",
    "takes/kk/cards.wav: refused: there is nothing to be heard in it",
    "takes/kk/hello.wav: refused: no WAV file",
    "takes/ru/cards.wav: ru/cards, 1.2 s, new, ",
    "takes/ru/hello.wav: ru/hello, 1.2 s, was 0.5 s, ",
    "takes/ru/helo.wav: refused: `helo` has no text in prompts.yaml: did you mean `hello`?",
];

#[test]
fn recordings_of_a_studio_are_brought_to_the_form_of_the_set_or_refused_with_the_reason() {
    let set = Folder::new("import");
    set.wav("prompts/ru/hello.wav", 1, RATE, &tone(4_000.0, 0.5, RATE));
    for (name, bytes) in takes() {
        let path = set.0.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("it can be written");
    }
    let import = |more: &[&str]| {
        set.run(&[&["prompts", "import", "takes", "--into", "prompts"], more].concat())
    };
    let (code, shown, told) = import(&["--dry-run"]);
    assert_eq!(code, Some(1), "some were refused: {shown}{told}");
    assert!(shown.ends_with("2 would be taken, 4 refused\n"), "{shown}");
    assert!(!set.0.join("prompts/ru/cards.wav").exists(), "nothing is written");
    let (_, shown, _) = import(&[]);
    for (line, wanted) in shown.lines().zip(REPORT) {
        assert!(line.starts_with(wanted), "{wanted:?} is not the beginning of {line:?}\n{shown}");
    }
    assert!(shown.ends_with("2 taken, 4 refused\n"), "{shown}");
    let (_, _, told) = set.run(&["prompts", "check", "prompts", "--format", "concise"]);
    assert!(
        !told.contains("P003") && !told.contains("P004"),
        "trimmed, and as loud as the set:\n{told}"
    );
    assert!(!Path::new(&set.0.join("prompts/de")).exists(), "nothing else is written");
}

#[test]
fn a_zip_file_is_taken_like_a_folder_and_writes_nowhere_else() {
    let set = Folder::new("zip");
    set.wav("prompts/ru/hello.wav", 1, RATE, &tone(4_000.0, 0.5, RATE));
    let mut zip = zip::ZipWriter::new(fs::File::create(set.0.join("takes.zip")).expect("a file"));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated);
    let outside = ("../../ru/both.wav", wav(1, 8_000, &tone(9_000.0, 1.0, 8_000)));
    for (name, bytes) in takes().into_iter().chain([outside]) {
        zip.start_file(name, options).expect("an entry");
        zip.write_all(&bytes).expect("it can be written");
    }
    zip.finish().expect("an end");
    let (code, shown, told) = set.run(&["prompts", "import", "takes.zip", "--into", "prompts"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(shown.ends_with("3 taken, 4 refused\n"), "{shown}");
    assert!(shown.contains("../../ru/both.wav: ru/both, 1.2 s, new, "), "{shown}");
    assert!(set.0.join("prompts/ru/both.wav").exists() && !set.0.join("../ru/both.wav").exists());
    fs::write(set.0.join("no.zip"), b"this is none").expect("it can be written");
    let (code, _, told) = set.run(&["prompts", "import", "no.zip", "--into", "prompts"]);
    assert_eq!((code, told.starts_with("no.zip: ")), (Some(1), true), "{told}");
}
