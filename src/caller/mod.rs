//! `dozvon call`: calls a SIP address, presses keys, plays and records, and prints what happened and what was heard.
//!
//! The phone itself is in [`phone`]; here is only the command.

#[allow(dead_code, reason = "the end-to-end tests use all of the phone, the program a part of it")]
pub(crate) mod phone;

use crate::cli::{CallArgs, CodecName};
use phone::{Account, Call, Codec, Heard, Ladder, Login, Phone, PhoneError, Source};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Runs the command. Exit code 0 when the call was answered and ended in peace, else 1.
pub(crate) fn run(args: &CallArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime of one thread needs only a few descriptors");
    match runtime.block_on(call(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dozvon call: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn call(args: &CallArgs) -> Result<(), PhoneError> {
    let (server, transport) = phone::resolve(&args.uri)?;
    let source = match &args.play {
        Some(path) => Source::wav(path)?,
        None => Source::Silence,
    };
    let login = match (&args.user, &args.password_file) {
        (Some(user), Some(file)) => Some(Login { user: user.clone(), password: password(file)? }),
        (Some(_), None) | (None, Some(_)) | (None, None) => None,
    };
    let account = Account {
        transport,
        bind: args.bind,
        from: args.from.clone(),
        login,
        codecs: args.codec.iter().map(|c| codec(*c)).collect(),
        ..Account::at(server)
    };
    let ladder = Arc::new(Ladder::new(args.messages));
    let phone = Phone::open(account, Some(ladder.clone())).await?;
    let mut call = tokio::select! {
        call = phone.call(&args.uri, source, args.record.is_some(), args.answer_within) => call?,
        _ = tokio::signal::ctrl_c() => return Err(PhoneError::GivenUp),
    };
    ladder.remark("answered");
    let stands = tokio::select! {
        stands = script(&mut call, args, &ladder) => stands,
        _ = tokio::signal::ctrl_c() => true,
    };
    let (time, recording, heard) = (call.age(), call.recording(), call.heard());
    if stands {
        call.hang_up().await;
    } else {
        ladder.remark("they hung up");
    }
    print!("{}", report(&heard, time, phone.unreadable()));
    match &args.record {
        Some(path) => record(path, recording),
        None => Ok(()),
    }
}

/// Presses the keys when it is time; answers whether the call still stands at the end.
async fn script(call: &mut Call, args: &CallArgs, ladder: &Ladder) -> bool {
    let mut presses = args.press.clone();
    presses.sort_by_key(|press| press.at);
    for press in presses.iter().filter(|press| press.at < args.duration) {
        if !call.stay(press.at.saturating_sub(call.age())).await {
            return false;
        }
        let keys: Vec<char> = press.keys.iter().map(|key| key.to_char()).collect();
        ladder.remark(&format!("press {}", keys.iter().collect::<String>()));
        call.press(&keys);
    }
    call.stay(args.duration.saturating_sub(call.age())).await
}

fn codec(name: CodecName) -> Codec {
    match name {
        CodecName::Pcmu => Codec::Pcmu,
        CodecName::Pcma => Codec::Pcma,
        CodecName::G722 => Codec::G722,
        CodecName::Opus => Codec::Opus,
    }
}

fn password(file: &Path) -> Result<String, PhoneError> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| PhoneError::File { path: file.to_owned(), why: e.to_string() })?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

fn record(path: &Path, (rate_hz, samples): (u32, Vec<i16>)) -> Result<(), PhoneError> {
    let failed = |e: hound::Error| PhoneError::File { path: path.to_owned(), why: e.to_string() };
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).map_err(failed)?;
    for sample in samples {
        writer.write_sample(sample).map_err(failed)?;
    }
    writer.finalize().map_err(failed)
}

/// What was heard, for people and for `grep`.
fn report(heard: &Heard, time: Duration, unreadable: u64) -> String {
    let or_never = |secs: Option<f64>| {
        secs.map_or("never".to_owned(), |s| format!("{s:.3} s after the answer"))
    };
    let mut text = format!("\nanswered, {:.1} s\nheard:\n", time.as_secs_f64());
    for stretch in &heard.stretches {
        text.push_str(&format!("{:>8.1} s  {stretch}\n", stretch.from_secs));
    }
    if !heard.keys.is_empty() {
        text.push_str(&format!("keys pressed by the other side: {}\n", heard.keys));
    }
    text.push_str(&format!("first packet {}\n", or_never(heard.first_packet_secs)));
    text.push_str(&format!("first sound {}\n", or_never(heard.first_sound_secs)));
    text.push_str(&format!(
        "rtp: {} received, {} lost, jitter {:.1} ms, {} sent\n",
        heard.received, heard.lost, heard.jitter_ms, heard.sent
    ));
    if unreadable > 0 {
        text.push_str(&format!("{unreadable} SIP messages could not be read\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use phone::{Kind, Stretch};

    #[test]
    fn the_report_says_what_was_heard() {
        let heard = Heard {
            received: 100,
            first_packet_secs: Some(0.02),
            stretches: vec![Stretch { kind: Kind::Tone { hz: 425 }, from_secs: 0.0, secs: 1.0 }],
            ..Heard::default()
        };
        let text = report(&heard, Duration::from_secs(2), 0);
        assert!(text.contains("tone 425 Hz 1.0 s") && text.contains("first sound never"), "{text}");
        assert!(text.contains("rtp: 100 received, 0 lost"), "{text}");
    }
}
