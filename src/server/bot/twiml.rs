//! The part of TwiML that a bot may answer a call with: one verb that hands the caller over or ends its part.

use super::limits::TWIML_BYTES_MAX;
use dozvon_center::bot::{BotNote, BotOver};
use roxmltree::{Document, Node};
use serde_json::{Map, Value, json};

/// Reads what a bot wants done with its call.
///
/// # Errors
/// A sentence that names the tag which is not understood.
pub(crate) fn read(text: &str) -> Result<(BotOver, BotNote), String> {
    if text.len() > TWIML_BYTES_MAX {
        return Err(format!("Twiml is longer than {TWIML_BYTES_MAX} bytes"));
    }
    let document = Document::parse(text).map_err(|error| format!("Twiml is no XML: {error}"))?;
    let response = document.root_element();
    if response.tag_name().name() != "Response" {
        return Err(unknown(response));
    }
    let mut verbs = response.children().filter(Node::is_element);
    let (Some(verb), None) = (verbs.next(), verbs.next()) else {
        return Err("<Response> must hold one verb: <Dial>, <Enqueue> or <Hangup/>".to_owned());
    };
    match verb.tag_name().name() {
        "Hangup" => Ok((BotOver::Done, BotNote::default())),
        "Dial" => dial(verb),
        "Enqueue" => enqueue(verb),
        _ => Err(unknown(verb)),
    }
}

fn unknown(node: Node<'_, '_>) -> String {
    format!("<{}> is not understood", node.tag_name().name())
}

/// `<Dial>` with a number, a SIP address or a queue.
fn dial(verb: Node<'_, '_>) -> Result<(BotOver, BotNote), String> {
    let mut nouns = verb.children().filter(Node::is_element);
    let to = match (nouns.next(), nouns.next()) {
        (None, _) => format!("number:{}", text(verb)?),
        (Some(noun), None) => match noun.tag_name().name() {
            "Number" => format!("number:{}", text(noun)?),
            "Sip" => text(noun)?.to_owned(),
            "Queue" => format!("queue:{}", text(noun)?),
            _ => return Err(unknown(noun)),
        },
        (Some(_), Some(second)) => {
            return Err(format!(
                "<Dial> holds one party, and <{}> is another",
                second.tag_name().name()
            ));
        }
    };
    Ok(transfer(to, Map::new()))
}

/// `<Enqueue>` with the name of a queue; in a `<Task>`, a JSON object with reason, summary and data.
fn enqueue(verb: Node<'_, '_>) -> Result<(BotOver, BotNote), String> {
    let mut said = Map::new();
    for child in verb.children().filter(Node::is_element) {
        if child.tag_name().name() != "Task" {
            return Err(unknown(child));
        }
        said = serde_json::from_str(text(child)?)
            .map_err(|_| "<Task> must hold a JSON object".to_owned())?;
    }
    let queue: String =
        verb.children().filter(Node::is_text).filter_map(|node| node.text()).collect();
    let queue = queue.trim();
    if queue.is_empty() && said.is_empty() {
        return Err("<Enqueue> names no queue".to_owned());
    }
    Ok(transfer(if queue.is_empty() { String::new() } else { format!("queue:{queue}") }, said))
}

fn transfer(to: String, mut said: Map<String, Value>) -> (BotOver, BotNote) {
    if !to.is_empty() {
        said.insert("to".to_owned(), json!(to));
    }
    (BotOver::Transfer, BotNote::read(&said))
}

/// The text of a node that holds nothing else.
fn text<'a>(node: Node<'a, '_>) -> Result<&'a str, String> {
    if let Some(child) = node.children().find(Node::is_element) {
        return Err(unknown(child));
    }
    let text = node.text().map(str::trim).filter(|text| !text.is_empty());
    text.ok_or_else(|| format!("<{}> is empty", node.tag_name().name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(text: &str) -> String {
        let (over, note) = read(text).unwrap();
        assert_eq!(over, BotOver::Transfer);
        note.to.unwrap().to_string()
    }

    #[test]
    fn the_verbs_of_the_subset_are_understood() {
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
        assert_eq!(read("<Response><Hangup/></Response>").unwrap().0, BotOver::Done);
        assert_eq!(
            to(&format!("{head}<Response><Enqueue>cards</Enqueue></Response>")),
            "queue:cards"
        );
        assert_eq!(
            to("<Response><Dial timeout=\"20\">+77270000000</Dial></Response>"),
            "number:+77270000000"
        );
        assert_eq!(
            to("<Response><Dial><Number> +7727 </Number></Dial></Response>"),
            "number:+7727"
        );
        assert_eq!(
            to("<Response><Dial><Sip>sip:a@b;x=1&amp;y</Sip></Dial></Response>"),
            "sip:a@b;x=1&y"
        );
        assert_eq!(to("<Response><Dial><Queue>loans</Queue></Dial></Response>"), "queue:loans");
        let task = r#"<Task>{"reason":"r","summary":"s","data":{"a":1}}</Task>"#;
        let task = format!("<Response><Enqueue>cards{task}</Enqueue></Response>");
        let (_, note) = read(&task).unwrap();
        assert_eq!((note.to.as_deref(), note.reason.as_deref()), (Some("queue:cards"), Some("r")));
        assert_eq!((note.summary.as_deref(), &*note.data["a"]), (Some("s"), "1"));
    }

    #[test]
    fn what_is_not_in_the_subset_is_named() {
        for (text, said) in [
            ("<Response><Say>hi</Say></Response>", "<Say> is not understood"),
            (
                "<Response><Dial><Conference>x</Conference></Dial></Response>",
                "<Conference> is not understood",
            ),
            ("<Response><Enqueue><Foo/></Enqueue></Response>", "<Foo> is not understood"),
            ("<Dial>1</Dial>", "<Dial> is not understood"),
            ("<Response/>", "must hold one verb"),
            ("<Response><Hangup/><Hangup/></Response>", "must hold one verb"),
            ("<Response><Dial></Dial></Response>", "<Dial> is empty"),
            (
                "<Response><Dial><Number>1</Number><Number>2</Number></Dial></Response>",
                "<Number> is another",
            ),
            ("<Response><Enqueue> </Enqueue></Response>", "names no queue"),
            ("<Response><Enqueue>a<Task>[1]</Task></Enqueue></Response>", "JSON object"),
            ("no xml", "no XML"),
            ("<!DOCTYPE x [<!ENTITY a \"b\">]><Response>&a;</Response>", "no XML"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        let long = format!("<Response><Dial>{}</Dial></Response>", "1".repeat(TWIML_BYTES_MAX));
        assert!(read(&long).unwrap_err().contains("longer than"));
    }
}
