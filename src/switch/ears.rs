//! What the media workers report, in the center's words.

use crate::border::Note;
use crate::line::{Kind, Line};
use crate::switch::Switch;
use dozvon_center::border::{LegEvent, Loss};
use dozvon_center::bot::Replies;
use dozvon_center::contact::{Party, Speech};
use dozvon_center::ids::{Key, MeasureId, PlayId};
use dozvon_clock::Timestamp;
use dozvon_media::limits::REPLY_STEP;
use dozvon_media::order::{self as media, Conversation, Quality, Report, SessionId, Side};

impl Switch {
    pub(crate) fn report(&mut self, now: Timestamp, report: Report) {
        match report {
            Report::OpenFailed { session, error } => self.open_failed(now, session, &error),
            // The first packet changes nothing by itself.
            Report::Heard { .. } => {}
            Report::Digit { session, digit, .. } => {
                let owner = self.lines.of_session(session);
                if let (Some(owner), Some(key)) = (owner, Key::new(digit.to_char())) {
                    self.tell(owner, LegEvent::Key(key));
                }
            }
            Report::Played { session, play } => self.played(now, session, PlayId(play.0)),
            Report::Silent { session, .. } => self.silent(now, session),
            Report::Unheard { measure, side } => {
                self.center.heard(now, MeasureId(measure.0), party(side), false);
            }
            Report::HeardAgain { measure, side } => {
                self.center.heard(now, MeasureId(measure.0), party(side), true);
            }
            Report::Measured { measure, conversation } => {
                let replies = replies(&conversation.replies);
                self.center.measured(now, MeasureId(measure.0), speech(&conversation), &replies);
            }
            Report::Closed { session, quality } => self.closed(now, session, quality),
        }
    }

    fn played(&mut self, now: Timestamp, session: SessionId, play: PlayId) {
        let Some(owner) = self.lines.of_session(session) else { return };
        let is_code = self.lines.get(owner).is_some_and(|l| matches!(l.kind, Kind::Code { .. }));
        if is_code {
            // The confirmation was heard. Taking the line down does what is still due.
            self.take_down(now, owner, None);
        } else {
            self.tell(owner, LegEvent::Played(play));
        }
    }

    /// A party that sends nothing any more is gone (RTP timeout). An agent may be back: the center says when he is
    /// given up.
    fn silent(&mut self, now: Timestamp, session: SessionId) {
        let Some(owner) = self.lines.of_session(session) else { return };
        if self.lines.get(owner).is_some_and(Line::is_agents) {
            self.tell(owner, LegEvent::Broken(Loss::NoAudio));
            return;
        }
        self.take_down(now, owner, None);
        self.tell(owner, LegEvent::Lost(Loss::NoAudio));
    }

    /// The port could not be bound: somebody else has it. It rests, and the leg is lost.
    fn open_failed(&mut self, now: Timestamp, session: SessionId, error: &str) {
        tracing::warn!(session = session.0, error, "media port could not be bound");
        let Some(owner) = self.lines.of_session(session) else {
            if let Some((port, _)) = self.closing.remove(&session) {
                self.ports.quarantine(now, port);
            }
            return;
        };
        let Some(line) = self.lines.remove(owner) else { return };
        for dialog in &line.dialogs {
            self.endpoint.bye(now, *dialog, None);
        }
        self.measures.closed(line.sound.session);
        self.ports.quarantine(now, line.sound.local.port());
        self.load[usize::from(line.sound.worker)] -= 1;
        self.settle_line(now, &line);
        self.tell(owner, LegEvent::Lost(Loss::Ours));
    }

    fn closed(&mut self, now: Timestamp, session: SessionId, quality: Quality) {
        let Some((port, call)) = self.closing.remove(&session) else { return };
        self.ports.give_back(now, port);
        self.note(Note::MediaClosed { call, quality });
    }
}

/// The sides of a measure as [`Switch::carry`] orders them: the agent first.
const fn party(side: Side) -> Party {
    match side {
        Side::First => Party::Agent,
        Side::Second => Party::Caller,
    }
}

fn replies(found: &media::Replies) -> Replies {
    let steps = found.by_step.iter().zip(0..).filter(|(count, _)| **count > 0);
    let came = steps.map(|(count, step)| (REPLY_STEP * step, u32::from(*count))).collect();
    Replies { came, owed: found.owed }
}

fn speech(found: &Conversation) -> Speech {
    Speech {
        measured_secs: found.lasted.as_secs_f64(),
        greeting_secs: found.first.first_voice_after.map(|after| after.as_secs_f64()),
        agent_secs: found.first.voice.as_secs_f64(),
        caller_secs: found.second.voice.as_secs_f64(),
        both_secs: found.both.as_secs_f64(),
        both_times: found.both_times,
        silences: found.silences.count,
        silence_secs: found.silences.total.as_secs_f64(),
        longest_silence_secs: found.silences.longest.as_secs_f64(),
    }
}
