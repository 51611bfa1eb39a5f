//! The table of keys as people read it: a sample file, the reference of docs/config.md, the values in force.

use super::base::Base;
use super::keys::{
    DOZVON, FEATURE_CODES, FEATURE_CODES_TABLE, Fallback, Key, Kind, OTHERS, STATUSES_TABLE,
    Section,
};
use super::walk::{Origin, variable};
use std::fmt::Write as _;

/// The widest line of the sample's comments, in characters.
const LINE_CHARS_MAX: usize = 112;

/// dozvon.toml with every key, commented, at its default.
pub(crate) fn sample() -> String {
    let mut out = String::from(
        "# dozvon: settings of the switch. Every key stands here at its default: uncomment what you change.\n\
         #\n\
         # Units stand in the names. Relative paths count from this folder. The environment wins over this file:\n\
         # DOZVON__SIP__REALM=bank.example is `realm` of [sip]; words of lists are parted by commas there.\n\
         # `dozvon check` names every mistake; `dozvon config show` prints what is in force. See docs/config.md.\n",
    );
    for section in DOZVON {
        let _ = writeln!(out);
        comment(&mut out, section.doc);
        let _ = writeln!(out, "{}", section.header());
        for key in section.keys {
            let _ = writeln!(out);
            comment(&mut out, &sentence(key));
            let Fallback::Value(value) = key.default else { continue };
            let _ = writeln!(out, "#{} = {value}", key.name);
        }
    }
    let (name, doc) = FEATURE_CODES_TABLE;
    let _ = writeln!(out);
    comment(&mut out, doc);
    let _ = writeln!(out, "#[{name}]");
    for (code, word) in FEATURE_CODES {
        let _ = writeln!(out, "#\"{code}\" = \"{word}\"");
    }
    let _ = writeln!(out);
    comment(&mut out, STATUSES_TABLE.1);
    super::statuses::sample(&mut out);
    out
}

/// The description of a key with its bounds.
pub(super) fn sentence(key: &Key) -> String {
    if let Kind::Int(min, max) = key.kind {
        return format!("{} Range: {min} to {max}.", key.doc);
    }
    key.doc.to_owned()
}

/// Breaks a text into lines of comment.
pub(super) fn comment(out: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > LINE_CHARS_MAX {
            let _ = writeln!(out, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}

/// docs/config.md.
pub(crate) fn reference() -> String {
    let mut out = String::from(include_str!("reference.md"));
    for section in DOZVON.iter().chain(&OTHERS) {
        section_reference(&mut out, section);
    }
    let (name, doc) = FEATURE_CODES_TABLE;
    let _ = write!(out, "\n## dozvon.toml: `[{name}]`\n\n{doc}\n\n| Code | Default |\n|---|---|\n");
    for (code, word) in FEATURE_CODES {
        let _ = writeln!(out, "| `\"{code}\"` | `\"{word}\"` |");
    }
    super::statuses::reference(&mut out);
    out
}

fn section_reference(out: &mut String, section: &Section) {
    let _ = write!(out, "\n## {}: `{}`\n\n{}\n\n", section.file, section.header(), section.doc);
    let _ = write!(out, "| Key | Default | What it does |\n|---|---|---|\n");
    for key in section.keys {
        let default = match key.default {
            Fallback::Value(value) => format!("`{value}`"),
            Fallback::Absent => String::from("none"),
            Fallback::Needed => String::from("**must be set**"),
        };
        let _ = writeln!(out, "| `{}` | {default} | {} |", key.name, sentence(key));
    }
}

/// dozvon.toml as it is in force; where a value doesn't come from nowhere, a comment says whence.
pub(super) fn in_force(base: &Base) -> String {
    let mut out = String::new();
    for (section, table) in base.tables() {
        let _ = writeln!(out, "{}", section.header());
        for key in section.keys {
            let Some(entry) = table.entry(key.name) else { continue };
            let _ = write!(out, "{} = {}", key.name, entry.value.as_toml());
            let _ = match entry.origin {
                Origin::Default => writeln!(out),
                Origin::File => writeln!(out, "  # dozvon.toml"),
                Origin::Environment => writeln!(out, "  # {}", variable(section, key)),
            };
        }
        let _ = writeln!(out);
    }
    let _ = writeln!(out, "[{}]", FEATURE_CODES_TABLE.0);
    for (code, meaning) in &base.feature_codes {
        let word = match meaning {
            dozvon_switch::config::FeatureCode::Status(status) => status.as_str(),
            dozvon_switch::config::FeatureCode::LogOut => "log_out",
            dozvon_switch::config::FeatureCode::WrapUpCode => "wrap_up_code",
        };
        let _ = writeln!(out, "\"{code}\" = \"{word}\"");
    }
    let _ = writeln!(out);
    super::statuses::write(&mut out, &base.statuses);
    out
}
