//! `dozvon prompts import`: recordings of a studio, from a folder or a zip file, brought to the form and the loudness
//! of the set, with a report of what became of each.

use super::{LUFS_DEFAULT, Set, median, wav};
use crate::cli::{Format, PromptsImportArgs, print, tell, verdict};
use crate::server::config::{Findings, nearest_name};
use dozvon_center::flow::model::MUSIC;
use dozvon_media::limits::{CLIP_MAX, CLIPS_MAX};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A file that was handed in.
struct Given {
    /// Its path in the folder or the zip file.
    path: PathBuf,
    wav: Result<Vec<u8>, String>,
}

/// Takes in what fits, and tells what does not.
pub(super) fn import(args: &PromptsImportArgs) -> ExitCode {
    let mut findings = Findings::default();
    let set = Set::read(&mut findings, &args.folder);
    if set.texts.is_empty() {
        tell(&findings, Format::Full);
        eprintln!("{}: there is no prompts.yaml with texts", args.folder.display());
        return if findings.has_errors() { verdict(&findings) } else { ExitCode::FAILURE };
    }
    let is_zip = args.source.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip"));
    let given = if is_zip { of_zip(&args.source) } else { of_folder(&args.source) };
    let given = match given {
        Ok(given) => given,
        Err(error) => {
            eprintln!("{}: {error}", args.source.display());
            return ExitCode::FAILURE;
        }
    };
    let lufs = median(set.loudness().into_values()).unwrap_or(LUFS_DEFAULT);
    let (mut taken, mut refused) = (0, 0);
    for one in given {
        let shown = one.path.display().to_string();
        match take(args, &set, one, lufs) {
            Ok(report) => {
                taken += 1;
                print(&format!("{shown}: {report}\n"));
            }
            Err(error) => {
                refused += 1;
                print(&format!("{shown}: refused: {error}\n"));
            }
        }
    }
    let done = if args.dry_run { "would be taken" } else { "taken" };
    print(&format!("{taken} {done}, {refused} refused\n"));
    if refused == 0 && taken > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn take(args: &PromptsImportArgs, set: &Set, given: Given, lufs: f64) -> Result<String, String> {
    let (language, name) = whose(args, set, &given.path)?;
    let sound = wav::parse(&given.wav?)?;
    if sound.secs() > CLIP_MAX.as_secs_f64() {
        let most = CLIP_MAX.as_secs();
        return Err(format!("{:.0} s are too long, at most {most} s", sound.secs()));
    }
    let before = sound.judge();
    let finished = sound.finished(lufs)?;
    let after = wav::parse(&finished)?;
    let mut report = format!("{language}/{name}, {:.1} s", after.secs());
    match set.file(&language, &name) {
        None => report += ", new",
        Some(file) if set.synthetic.is(file) => {
            report += &format!(", was synthetic and {:.1} s", file.duration.as_secs_f64());
        }
        Some(file) => report += &format!(", was {:.1} s", file.duration.as_secs_f64()),
    }
    if let (Some(was), Some(is)) = (before.loudness, after.judge().loudness) {
        report += &format!(", {was:.1} -> {is:.1} LUFS");
    }
    if before.clipped > 0 {
        report += &format!(", {} peaks are cut off: record it again", before.clipped);
    }
    if !args.dry_run {
        let path = set.path(&language, &name);
        let folder = path.parent().expect("a prompt is in the folder of its language");
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, finished));
        written.map_err(|error| error.to_string())?;
    }
    Ok(report)
}

/// `ru/hello.wav`, or `hello.wav` in the language that was named. Only what has a text is taken: nothing else is
/// played, and nothing of the path but these two words is used.
fn whose(args: &PromptsImportArgs, set: &Set, path: &Path) -> Result<(String, String), String> {
    let word =
        |part: Option<&std::ffi::OsStr>| part.and_then(|part| part.to_str()).map(str::to_owned);
    let name = word(path.file_stem()).ok_or("its name can't be read")?;
    let above = word(path.parent().and_then(Path::file_name));
    let language = args.language.clone().or(above).unwrap_or_default();
    let Some(texts) = set.texts.get(&language).filter(|_| language != MUSIC) else {
        let codes: Vec<&str> = set.texts.keys().map(String::as_str).collect();
        let codes = codes.join(", ");
        return Err(format!(
            "`{language}` is no language of the texts: put it into a folder {codes}, or name --language"
        ));
    };
    if !texts.contains_key(&name) {
        let near = nearest_name(&name, texts.keys().map(String::as_str));
        let near = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        return Err(format!("`{name}` has no text in prompts.yaml{near}"));
    }
    Ok((language, name))
}

fn of_folder(folder: &Path) -> Result<Vec<Given>, String> {
    let mut paths = Vec::new();
    walk(folder, 0, &mut paths).map_err(|error| error.to_string())?;
    paths.sort();
    let given = paths.into_iter().map(|path| {
        let size = fs::metadata(&path).map(|data| data.len()).map_err(|error| error.to_string());
        let wav = size.and_then(|size| match size > wav::WAV_BYTES_MAX {
            true => Err(format!("{size} bytes are too many")),
            false => fs::read(&path).map_err(|error| error.to_string()),
        });
        Given { path, wav }
    });
    Ok(given.collect())
}

fn walk(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> std::io::Result<()> {
    const DEPTH_MAX: usize = 4;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && depth < DEPTH_MAX {
            walk(&path, depth + 1, paths)?;
        } else if is_wav(&path) && paths.len() < CLIPS_MAX {
            paths.push(path);
        }
    }
    Ok(())
}

fn is_wav(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("wav"))
}

fn of_zip(path: &Path) -> Result<Vec<Given>, String> {
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let mut zip = zip::ZipArchive::new(file).map_err(|error| error.to_string())?;
    let mut given = Vec::new();
    for index in 0..zip.len().min(CLIPS_MAX) {
        let mut entry = zip.by_index(index).map_err(|error| error.to_string())?;
        let name = entry.name().map_err(|error| error.to_string())?.into_owned();
        let path = PathBuf::from(name);
        if !entry.is_file() || !is_wav(&path) {
            continue;
        }
        let mut bytes = Vec::new();
        // What the archive says of sizes is not believed.
        let read = entry.by_ref().take(wav::WAV_BYTES_MAX + 1).read_to_end(&mut bytes);
        let wav = match read {
            Err(error) => Err(error.to_string()),
            Ok(read) if read as u64 > wav::WAV_BYTES_MAX => Err("it is too long".to_owned()),
            Ok(_) => Ok(bytes),
        };
        given.push(Given { path, wav });
    }
    given.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(given)
}
