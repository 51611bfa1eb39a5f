//! The page of rollouts in Chromium, by its buttons: who has the token orders, says why, and sees what came of it.
//!
//! The browser is driven by the Chrome DevTools Protocol: commands and events as JSON over one WebSocket.

use crate::house::{Furnishing, House, TALK, eventually};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

static BROWSERS: AtomicU32 = AtomicU32::new(0);

/// A browser with one page. Ends when dropped.
struct Browser {
    process: Child,
    socket: WebSocketStream<TcpStream>,
    /// The page's session at the browser.
    page: Option<String>,
    asked: u64,
    /// What is typed where the page asks for a text; every question is answered with yes.
    types: String,
    /// What the page has asked and told in boxes.
    boxes: Vec<String>,
    folder: PathBuf,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.start_kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Browser {
    async fn open(url: &str) -> Browser {
        let number = BROWSERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("dozvon-browser-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let mut process = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--lang=en", "--remote-debugging-port=0", "--no-first-run"])
            .arg(format!("--user-data-dir={}", folder.display()))
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("chromium is installed (apt-get install chromium)");
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let told = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("the browser runs");
                if let Some(at) = line.strip_prefix("DevTools listening on ") {
                    return at.to_owned();
                }
            }
        };
        let at = tokio::time::timeout(TALK, told).await.expect("it says where it listens");
        // Its complaints are read on, so that it never waits for somebody to read them.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let place = at.trim_start_matches("ws://").split('/').next().unwrap();
        let tcp = TcpStream::connect(place).await.unwrap();
        let (socket, _) = tokio_tungstenite::client_async(&at, tcp).await.unwrap();
        let (types, boxes) = (String::new(), Vec::new());
        let mut browser = Browser { process, socket, page: None, asked: 0, types, boxes, folder };
        let made = browser.ask("Target.createTarget", json!({"url": url})).await;
        let whole = json!({"targetId": made["targetId"], "flatten": true});
        let session = browser.ask("Target.attachToTarget", whole).await;
        browser.page = session["sessionId"].as_str().map(str::to_owned);
        browser.ask("Page.enable", json!({})).await;
        browser
    }

    /// Ends it in good order, with all its processes: then nobody writes into its folder any more.
    async fn close(mut self) {
        self.page = None;
        self.send("Browser.close", json!({})).await;
        let ended = tokio::time::timeout(TALK, self.process.wait()).await;
        ended.expect("the browser ends when it is told to").unwrap();
    }

    async fn send(&mut self, method: &str, params: Value) -> u64 {
        self.asked += 1;
        let mut message = json!({"id": self.asked, "method": method, "params": params});
        if let Some(page) = &self.page {
            message["sessionId"] = page.as_str().into();
        }
        self.socket.send(Message::text(message.to_string())).await.unwrap();
        self.asked
    }

    /// Asks the browser, and answers what the page asks meanwhile.
    async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params).await;
        loop {
            let message = tokio::time::timeout(TALK, self.socket.next()).await;
            let message = message.unwrap_or_else(|_| panic!("{method} is never answered"));
            let message = message.expect("the browser runs").unwrap();
            let Ok(text) = message.to_text() else { continue };
            let Ok(told) = serde_json::from_str::<Value>(text) else { continue };
            if told["method"] == "Page.javascriptDialogOpening" {
                self.boxes.push(told["params"]["message"].as_str().unwrap().to_owned());
                let answer = json!({"accept": true, "promptText": self.types});
                self.send("Page.handleJavaScriptDialog", answer).await;
            }
            if told["id"] == id {
                assert!(told["error"].is_null(), "{method}: {told}");
                return told["result"].clone();
            }
        }
    }

    /// What the page makes of an expression.
    async fn look(&mut self, expression: &str) -> Value {
        let whole = json!({"expression": expression, "returnByValue": true});
        let seen = self.ask("Runtime.evaluate", whole).await;
        assert!(seen["exceptionDetails"].is_null(), "{expression}: {seen}");
        seen["result"]["value"].clone()
    }

    /// Waits until there is such a thing on the page, and it can be seen, with such a text.
    async fn sees(&mut self, selector: &str, text: &str) {
        let found = format!(
            "[...document.querySelectorAll({})].some((e) => e.checkVisibility() && e.textContent.includes({}))",
            json!(selector),
            json!(text)
        );
        eventually(text, async || (self.look(&found).await == true).then_some(())).await;
    }

    /// Presses the button with these words, when it is there. What it asks is asked after this returns.
    async fn press(&mut self, words: &str) {
        self.sees("button", words).await;
        let press = format!(
            "{{ const b = [...document.querySelectorAll('button')].find((b) => b.textContent === {}); \
             setTimeout(() => b.click()); }}",
            json!(words)
        );
        self.look(&press).await;
    }
}

/// A house whose rollout `cards` has the shipped plan.
async fn house() -> House {
    let plan = include_str!("../../config/rollouts/plans/cards.toml").to_owned();
    let files = vec![("rollouts/plans/cards.toml", plan)];
    House::furnished(Furnishing { files, ..Furnishing::default() }).await
}

async fn decided(house: &House) -> String {
    house.get("/api/v1/rollouts/cards/decisions").await.1
}

#[tokio::test]
async fn who_has_the_token_begins_and_pauses_a_rollout_by_its_buttons_with_a_reason() {
    let house = house().await;
    let mut page = Browser::open(&format!("http://{}/rollouts", house.http_address())).await;
    page.sees("h2", "cards · cards-assistant 1.0.0").await;
    page.sees(".standing", "not begun").await;
    assert_eq!(page.look("document.querySelector('.orders').checkVisibility()").await, false);

    let token = std::fs::read_to_string(house.folder().join("secrets/tokens/supervisor")).unwrap();
    let type_it = format!("document.getElementById('token').value = {}", json!(token.trim()));
    page.look(&type_it).await;
    page.press("Show").await;
    page.types = "the pilot begins".into();
    page.press("Begin").await;
    page.sees(".standing", "running").await;
    page.sees(".standing", "share 1/10").await;

    page.types = "the bank's card system is down".into();
    page.press("Pause").await;
    page.sees(".standing", "paused").await;
    page.sees("button", "Go on").await;
    let asked = std::mem::take(&mut page.boxes);
    let wanted = [
        "Begin: cards\nWhy? It is kept with the name of the token.",
        "Begin: cards. Do it?",
        "Pause: cards\nWhy? It is kept with the name of the token.",
        "Pause: cards. Do it?",
    ];
    assert_eq!(asked, wanted, "nothing else is asked, and nothing refused");
    let kept = decided(&house).await;
    for part in ["supervisor", "the pilot begins", "the bank's card system is down"] {
        assert!(kept.contains(part), "{part} in {kept}");
    }
    page.close().await;
    house.stop().await;
}

#[tokio::test]
async fn an_order_that_a_token_may_not_give_is_refused_in_words_and_changes_nothing() {
    let house = house().await;
    let mut page = Browser::open(&format!("http://{}/rollouts", house.http_address())).await;
    let token = std::fs::read_to_string(house.folder().join("secrets/tokens/monitor")).unwrap();
    page.sees("button", "Show").await;
    let type_it = format!("document.getElementById('token').value = {}", json!(token.trim()));
    page.look(&type_it).await;
    page.press("Show").await;
    page.types = "by a screen".into();
    page.press("Begin").await;
    let refused = eventually("it is told", async || {
        page.look("1").await;
        page.boxes.get(2).cloned()
    });
    let refused = refused.await;
    assert!(refused.contains("needs a supervisor's token"), "{refused}");
    page.sees(".standing", "not begun").await;
    assert!(!decided(&house).await.contains("by a screen"));
    page.close().await;
    house.stop().await;
}
