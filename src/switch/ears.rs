//! What the media workers report, in the center's words.

use crate::border::Note;
use crate::line::Kind;
use crate::switch::Switch;
use dozvon_center::border::{LegEvent, Loss};
use dozvon_center::ids::{Key, PlayId};
use dozvon_clock::Timestamp;
use dozvon_media::order::{Quality, Report, SessionId};

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
            // Nobody here orders a measure.
            Report::Unheard { .. } | Report::HeardAgain { .. } | Report::Measured { .. } => {}
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

    /// A party that sends nothing any more is gone (RTP timeout), unless it is one of ours that only listens.
    fn silent(&mut self, now: Timestamp, session: SessionId) {
        let Some(owner) = self.lines.of_session(session) else { return };
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
