//! What everybody means to do on the two days: shifts, breaks, calls, emergencies, another policy.

use super::bank::{self, AGENTS, EVERYBODY, ON_DUTY, SITES, SUPERVISORS};
use super::mischief::Mischief;
use super::{Act, Care, House};
use dozvon_center::acd::Status;
use dozvon_center::ids::AgentId;
use dozvon_center::supervise::WatchMode;

impl House<'_> {
    pub(super) fn plan(&mut self) {
        for day in [0.0, 24.0] {
            for id in 0..EVERYBODY {
                self.plan_agent(day, AgentId(id));
            }
        }
        for at in bank::arrivals(&mut self.rng) {
            let customer = bank::customer(&mut self.rng);
            self.agenda.put(at, Act::Call(customer));
        }
        if self.mischiefs.none {
            return;
        }
        for (at, customer) in bank::last_minute(&mut self.rng) {
            self.agenda.put(at, Act::Call(customer));
        }
        for version in 1..self.policies.len() {
            let at = 10.0 + 3.5 * version as f64 + self.rng.unit();
            self.agenda.put(bank::at(at), Act::Reload(version));
        }
        for (site, _) in SITES {
            for begins in [10.0, 14.0, 18.5] {
                let begins = begins + 3.0 * self.rng.unit();
                self.agenda.put(bank::at(begins), Act::Emergency(site, true));
                let ends = begins + 0.1 + 0.5 * self.rng.unit();
                self.agenda.put(bank::at(ends), Act::Emergency(site, false));
            }
        }
        for quarter in 32..88 {
            let at = 0.25 * (f64::from(quarter) + self.rng.unit());
            self.agenda.put(bank::at(at), Act::Withdraw);
            self.agenda.put(bank::at(at + 0.01), Act::Ask);
            self.plan_watch(at);
        }
        let at = 11.0 + 6.0 * self.rng.unit();
        self.agenda.put(bank::at(at), Act::Outage);
    }

    fn plan_agent(&mut self, day: f64, agent: AgentId) {
        let duty = ON_DUTY.contains(&agent) || SUPERVISORS.contains(&agent);
        let start = day + if duty { 7.0 } else { 7.3 + 3.5 * self.rng.unit() };
        let lasts = if duty { 15.5 } else { 9.0 + 2.5 * self.rng.unit() };
        let end = start + lasts;
        let agenda = &mut self.agenda;
        agenda.put(bank::at(start - 0.01), Act::Phone(agent, true));
        agenda.put(bank::at(start), Act::LogIn(agent, bank::at(end)));
        agenda.put(bank::at(end), Act::LogOut(agent));
        // Whoever has chosen a status during his last talk has taken his going home back.
        agenda.put(bank::at(end + 0.4), Act::LogOut(agent));
        agenda.put(bank::at(end + 0.7), Act::LogOut(agent));
        if SUPERVISORS.contains(&agent) {
            return;
        }
        for status in [Status::Lunch, Status::ShortBreak, Status::Training, Status::ShortBreak] {
            let begins = start + lasts * self.rng.unit();
            self.agenda.put(bank::at(begins), Act::Set(agent, status));
        }
        while self.strikes(Mischief::OwnCall) && agent.0 < AGENTS {
            let begins = start + lasts * self.rng.unit();
            let ends = begins + self.rng.exp(60.0).as_secs_f64() / 3600.0;
            self.agenda.put(bank::at(begins), Act::OwnCall(agent, true));
            self.agenda.put(bank::at(ends), Act::OwnCall(agent, false));
        }
        if self.strikes(Mischief::PhoneLost) {
            let lost = start + lasts * self.rng.unit();
            let mean = if self.rng.chance(0.3) { 300.0 } else { 10.0 };
            let back = lost + self.rng.exp(mean).as_secs_f64() / 3600.0;
            self.agenda.put(bank::at(lost), Act::Phone(agent, false));
            self.agenda.put(bank::at(back), Act::Phone(agent, true));
        }
    }

    /// A supervisor looks over some agent's shoulder for a while.
    fn plan_watch(&mut self, at: f64) {
        let modes = [WatchMode::Listen, WatchMode::Whisper, WatchMode::Barge];
        let supervisor = self.rng.pick(&SUPERVISORS);
        let agent = AgentId(self.rng.below(u64::from(AGENTS)) as u32);
        for minute in 0..4 {
            let mode = self.rng.pick(&modes);
            let when = at + f64::from(minute) / 60.0;
            self.agenda.put(bank::at(when), Act::Supervise(supervisor, Care::Watch(agent, mode)));
        }
        if self.rng.chance(0.3) {
            self.agenda.put(bank::at(at + 0.08), Act::Supervise(supervisor, Care::TakeOver));
        }
        self.agenda.put(bank::at(at + 0.1), Act::Supervise(supervisor, Care::Unwatch));
    }
}
