//! `dozvon export`: what happened, on standard output, for other programs.

use super::when::{Around, Asked};
use super::{ExportArgs, ExportKind};
use crate::server::report::{ExportError, Reports, cdr, cdr_csv, events, queue_log};
use std::io::{BufWriter, ErrorKind, Write as _};
use std::process::ExitCode;

/// Writes the export.
pub(crate) fn export(args: &ExportArgs) -> ExitCode {
    if args.csv && args.kind != ExportKind::Cdr {
        eprintln!(
            "only cdr can be CSV: events are JSON lines, and a queue_log has a format of its own"
        );
        return ExitCode::from(2);
    }
    if args.jsonl && args.kind == ExportKind::QueueLog {
        eprintln!("a queue_log has a format of its own: take `cdr` or `events` for JSON lines");
        return ExitCode::from(2);
    }
    let asked = match Asked::of(&args.when, Around::Day) {
        Ok(asked) => asked,
        Err(code) => return code,
    };
    match write(args, &asked) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(broken) => {
            eprintln!("{broken} lines of the event log are not whole and were left out");
            ExitCode::SUCCESS
        }
        // A reader who has gone (`| head`) is no trouble.
        Err(ExportError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Answers how many lines were left out because they are not whole.
fn write(args: &ExportArgs, asked: &Asked) -> Result<u64, ExportError> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let open = || Reports::open(&asked.store).map_err(ExportError::from);
    let mut broken = 0;
    match args.kind {
        ExportKind::Events => {
            // Events can be had without a database; only the refused calls are missing then.
            let mut reports = if asked.store.exists() { Some(open()?) } else { None };
            broken = events(asked.events.as_deref(), reports.as_mut(), &asked.whole, &mut out)?;
        }
        ExportKind::Cdr if args.csv => cdr_csv(&mut open()?, &asked.whole, &mut out)?,
        ExportKind::Cdr => cdr(&mut open()?, &asked.whole, &mut out)?,
        ExportKind::QueueLog => queue_log(&mut open()?, &asked.whole, &mut out)?,
    }
    out.flush()?;
    Ok(broken)
}
