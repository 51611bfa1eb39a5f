//! Schedules as planners export them, and their mistakes with lines.

use super::*;

fn almaty() -> TimeZone {
    TimeZone::fixed(jiff::tz::offset(5))
}

/// Reads these files as a folder would hold them; what was found and what was noted, with lines.
fn read_all(files: &[(&str, &str)]) -> (Plans, Vec<(usize, String)>) {
    let mut findings = Findings::default();
    let zone = almaty();
    let agents = ["anna", "boris"];
    let mut reading =
        Reading { findings: &mut findings, agents: &agents, zone: &zone, found: Vec::new() };
    for (name, text) in files {
        let source = reading.findings.source(*name, *text);
        match name.split_once('.') {
            Some((stem, "ics")) => ical::read(&mut reading, source, text, stem),
            Some(_) | None => table::read(&mut reading, source, text),
        }
    }
    let found = reading.found;
    let plans = in_order(&mut findings, found);
    let told = findings.sorted().into_iter().map(|finding| {
        let source = findings.text(finding.place.source);
        (source.line_column(finding.place.span.start).0, finding.message.clone())
    });
    let told = told.collect();
    (plans, told)
}

fn words(plan: &[Planned]) -> Vec<String> {
    let time = |at: Timestamp| {
        let at = jiff::Timestamp::from_microsecond(i64::try_from(at.as_micros()).unwrap()).unwrap();
        at.to_zoned(almaty()).strftime("%d %H:%M").to_string()
    };
    plan.iter().map(|p| format!("{}-{} {}", time(p.from), time(p.until), p.status)).collect()
}

#[test]
fn a_csv_is_read_in_the_houses_time_or_in_its_own() {
    let text = "agent,start,end,activity\n\
        # the morning\n\
        anna,2026-01-31T13:00,2026-01-31T13:40,lunch\n\
        anna, 2026-01-31T09:00:00 ,2026-01-31T13:00,ready\n\n\
        \"boris\",2026-01-31T04:00:00Z,2026-01-31T11:00+05:00,training\n";
    let (plans, told) = read_all(&[("jan.csv", text)]);
    assert_eq!(told, []);
    assert_eq!(words(&plans["anna"]), ["31 09:00-31 13:00 ready", "31 13:00-31 13:40 lunch"]);
    assert_eq!(words(&plans["boris"]), ["31 09:00-31 11:00 training"]);
}

#[test]
fn every_mistake_of_a_csv_has_its_line() {
    let text = "agent,start,end,activity\n\
        ana,2026-01-31T09:00,2026-01-31T13:00,ready\n\
        anna,yesterday,2026-01-31T13:00,nap\n\
        anna,2026-01-31T09:00,2026-01-31\n\
        anna,2026-01-31T13:00,2026-01-31T09:00,ready\n\
        boris,2026-01-31T09:00,2026-01-31T13:00,ready\n\
        boris,2026-01-31T12:59,2026-01-31T14:00,lunch\n";
    let (_, told) = read_all(&[("jan.csv", text)]);
    let lines: Vec<usize> = told.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 3, 3, 4, 5, 7], "{told:?}");
    assert!(told[0].1.contains("`ana`") && told[2].1.contains("yesterday"), "{told:?}");
    let (_, told) = read_all(&[("feb.csv", "who,from,to,what\n")]);
    assert_eq!(told, [(1, "the first line names no columns".to_owned())]);
}

const ICS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//planner//EN\r\n\
    BEGIN:VEVENT\r\nUID:1@planner\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260131T040000Z\r\n\
    DTEND:20260131T080000Z\r\nSUMMARY:Re\r\n ady\r\nEND:VEVENT\r\n\
    BEGIN:VEVENT\r\nUID:2@planner\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260131T130000\r\n\
    DTEND:20260131T134000\r\nSUMMARY:Mittag\r\nCATEGORIES:LUNCH\r\n\
    ATTENDEE;CN=Boris:mailto:boris@bank.example\r\nEND:VEVENT\r\n\
    BEGIN:VEVENT\r\nUID:3@planner\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260131T090000\r\n\
    DTEND:20260131T100000\r\nSUMMARY:Short break\r\nSTATUS:CANCELLED\r\nEND:VEVENT\r\n\
    END:VCALENDAR\r\n";

#[test]
fn an_icalendar_is_read_event_by_event() {
    let (plans, told) = read_all(&[("anna.ics", ICS)]);
    assert_eq!(told, []);
    assert_eq!(words(&plans["anna"]), ["31 09:00-31 13:00 ready"]);
    assert_eq!(words(&plans["boris"]), ["31 13:00-31 13:40 lunch"]);
}

#[test]
fn every_mistake_of_an_icalendar_has_its_event() {
    let recurring = ICS.replace("SUMMARY:Mittag", "RRULE:FREQ=DAILY");
    let (_, told) = read_all(&[("anna.ics", &recurring)]);
    assert_eq!(told, [(13, "a recurring event (RRULE) is no plan of shifts".to_owned())]);
    let (_, told) = read_all(&[("zoe.ics", ICS)]);
    assert_eq!(told, [(5, "there is no agent `zoe`".to_owned())]);
    let (_, told) = read_all(&[("anna.ics", "agent,start\n")]);
    assert!(told[0].1.starts_with("this is no iCalendar"), "{told:?}");
}
