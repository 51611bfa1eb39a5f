//! The log's set-up, and the mask that callers' numbers wear in it.
//!
//! TRACE per packet, DEBUG per decision, INFO per contact and agent state, WARN = worth waking somebody, ERROR = the
//! house is on fire. Personal data is shown in full at DEBUG and below only; above it goes through [`Masked`].

use crate::server::config::{Log, LogFormat};
use std::fmt;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// A telephone number or another caller's name for logs: `+77011230001` is shown as `+7701***0001`.
///
/// At least three characters are always hidden. What is short is hidden more: up to ten characters show the last two,
/// up to four show nothing.
#[derive(Clone, Copy)]
pub(crate) struct Masked<'a>(pub(crate) &'a str);

/// How many characters at its end a masked number shows.
const MASKED_TAIL: usize = 4;

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.0.chars().count();
        let (head, tail) = match length {
            0 => return f.write_str("withheld"),
            1..=4 => (0, 0),
            5..=10 => (0, 2),
            _ => ((length - MASKED_TAIL - 3).min(5), MASKED_TAIL),
        };
        for c in self.0.chars().take(head) {
            fmt::Write::write_char(f, printable(c))?;
        }
        f.write_str("***")?;
        for c in self.0.chars().skip(length - tail) {
            fmt::Write::write_char(f, printable(c))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A caller chooses his own name; no control character of his reaches a terminal.
fn printable(c: char) -> char {
    if c.is_control() { '?' } else { c }
}

/// Why the log could not be set up: a mistake in the configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TelemetryError {
    /// The filter can't be read.
    #[error("log filter `{filter}` ({origin}): {why}; write it like `info` or `info,dozvon=debug`")]
    Filter {
        /// The filter as written.
        filter: String,
        /// `RUST_LOG` or `[log] filter`.
        origin: &'static str,
        /// What the reader said.
        why: String,
    },
    /// A log is set up already in this process.
    #[error("the log is set up already")]
    Twice,
}

/// Sets the process's log up: to standard error, as configured; `RUST_LOG` wins over the configured filter.
///
/// # Errors
/// [`TelemetryError`], a mistake of whoever wrote the filter.
pub(crate) fn init(log: &Log) -> Result<(), TelemetryError> {
    let env = std::env::var("RUST_LOG").ok().filter(|text| !text.trim().is_empty());
    let (filter, origin) = match &env {
        Some(text) => (text.as_str(), "RUST_LOG"),
        None => (log.filter.as_str(), "[log] filter"),
    };
    let filter = EnvFilter::try_new(filter).map_err(|error| TelemetryError::Filter {
        filter: filter.to_owned(),
        origin,
        why: error.to_string(),
    })?;
    let colours = std::io::stderr().is_terminal();
    let subscriber = subscriber(log.format, filter, colours, std::io::stderr);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| TelemetryError::Twice)
}

fn subscriber<W>(
    format: LogFormat,
    filter: EnvFilter,
    colours: bool,
    writer: W,
) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match format {
        LogFormat::Pretty => Box::new(builder.with_ansi(colours).finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::{Arc, Mutex, OnceLock};
    use tracing::Dispatch;
    use tracing::subscriber::NoSubscriber;

    #[test]
    fn a_number_is_known_to_its_owner_and_to_nobody_else() {
        for (number, shown) in [
            ("+77011230001", "+7701***0001"),
            ("87011230001", "8701***0001"),
            ("+441632960001", "+4416***0001"),
            ("7011230001", "***01"),
            ("21001", "***01"),
            ("101", "***"),
            ("", "withheld"),
            ("+7701\u{1b}[2J30001", "+7701***0001"),
            ("тётя Маша из банка", "тётя ***анка"),
        ] {
            assert_eq!(Masked(number).to_string(), shown, "{number}");
            assert_eq!(format!("{:?}", Masked(number)), shown, "Debug leaks nothing either");
        }
    }

    #[test]
    fn at_least_three_characters_are_hidden_at_every_length() {
        for length in 1..40 {
            let number: String = ('a'..='z').cycle().take(length).collect();
            let shown = Masked(&number).to_string().replace("***", "");
            assert!(shown.len() + 3 <= length.max(3), "{number} shows {shown}");
        }
    }

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is logged by `say` in this format at this filter.
    pub(crate) fn logged(format: LogFormat, filter: &str, say: impl FnOnce()) -> String {
        // As long as there is one subscriber only, a line that another thread says first is decided by that thread's
        // subscriber, which is none, and for all: with a second one every line asks them all.
        static SECOND: OnceLock<Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| Dispatch::new(NoSubscriber::default()));
        let memory = Memory::default();
        let writer = memory.clone();
        let filter = EnvFilter::try_new(filter).unwrap();
        let subscriber = subscriber(format, filter, false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, say);
        String::from_utf8(memory.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_lines_are_json_and_pretty_lines_hold_no_colours_off_a_terminal() {
        let say = || tracing::info!(call = 7, caller = %Masked("+77011230001"), "call started");
        let line = logged(LogFormat::Json, "info", say);
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["caller"], "+7701***0001");
        assert_eq!(json["message"], "call started");
        let line = logged(LogFormat::Pretty, "info", say);
        assert!(line.contains("+7701***0001") && !line.contains('\u{1b}'), "{line}");
    }

    #[test]
    fn a_filter_that_cannot_be_read_names_its_cure() {
        let error = TelemetryError::Filter {
            filter: "dozvon=laut".into(),
            origin: "[log] filter",
            why: EnvFilter::try_new("dozvon=laut").unwrap_err().to_string(),
        };
        assert!(error.to_string().contains("`info,dozvon=debug`"), "{error}");
    }
}
