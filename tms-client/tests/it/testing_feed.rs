//! The feed of the faulty TMS.

use reqwest::{Response, StatusCode};
use serde_json::Value;
use tms_client::testing::{FaultyTms, Route};

use crate::support::SECOND;
use crate::testing::get;

/// An open feed, read frame by frame.
struct Open {
    response: Response,
    text: String,
}

/// One frame.
#[derive(Debug)]
struct Read {
    event: String,
    id: Option<String>,
    data: Value,
}

impl Open {
    async fn after(tms: &FaultyTms, cursor: &str) -> Self {
        Self::at(tms, &format!("/changes?cursor={cursor}")).await
    }

    async fn at(tms: &FaultyTms, path: &str) -> Self {
        let response = get(tms, path).await.expect("a feed");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next frame; `None` at the end of the feed, an error where it is cut.
    async fn frame(&mut self) -> reqwest::Result<Option<Read>> {
        loop {
            if let Some((frame, rest)) = self.text.split_once("\n\n") {
                let field =
                    |name| Some(frame.lines().find_map(|line| line.strip_prefix(name))?.trim().to_owned());
                let event = field("event:").expect("an event");
                let data = serde_json::from_str(&field("data:").expect("data")).expect("json");
                let read = Read { event, id: field("id:"), data };
                self.text = rest.to_owned();
                return Ok(Some(read));
            }
            let chunk = tokio::time::timeout(10 * SECOND, self.response.chunk()).await.expect("in time")?;
            let Some(chunk) = chunk else { return Ok(None) };
            self.text.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }

    async fn next(&mut self) -> Read {
        self.frame().await.expect("no cut").expect("no end")
    }

    /// Whether nothing comes for a while.
    async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(SECOND / 5, self.frame()).await.is_err()
    }

    /// Reads on until it is cut.
    async fn until_cut(mut self) {
        loop {
            match self.frame().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("ended, not cut"),
                Err(_) => return,
            }
        }
    }

    async fn ends_with_a_reset(mut self) {
        assert_eq!(self.next().await.event, "reset");
        assert!(self.frame().await.expect("no cut").is_none());
    }
}

#[tokio::test]
async fn it_starts_now_and_tells_changes_as_they_come() {
    let tms = FaultyTms::start().await;
    tms.add("acme");
    let mut open = Open::at(&tms, "/changes").await;
    let first = open.next().await;
    assert_eq!((first.event.as_str(), &first.id), ("heartbeat", &None));
    assert_eq!(first.data["head"], tms.feed().head());

    tms.suspend("acme", "unpaid");
    let told = open.next().await;
    assert_eq!((told.event.as_str(), told.id), ("tenant", Some(tms.feed().head())));
    assert_eq!((&told.data["status"], &told.data["public_reason"]), (&"suspended".into(), &"unpaid".into()));
    assert_eq!(told.data["revision"], 2);
    for secret in ["install_token", "email", "private_reason"] {
        assert!(told.data.get(secret).is_none(), "{secret}");
    }
    let incarnation = tms.tenant("acme").expect("a tenant").incarnation.to_string();
    tms.remove("acme");
    let told = open.next().await;
    assert_eq!((told.event.as_str(), told.id), ("gone", Some(tms.feed().head())));
    assert_eq!(told.data, serde_json::json!({ "id": "acme", "incarnation": incarnation }));
}

#[tokio::test]
async fn it_goes_on_after_a_cursor_and_then_tells_its_head() {
    let tms = FaultyTms::start().await;
    tms.feed().heartbeat_every(SECOND / 10);
    tms.add("acme");
    let cursor = tms.feed().head();
    tms.add("globex");
    tms.suspend("globex", "unpaid");
    for _ in 0..2 {
        let mut open = Open::after(&tms, &cursor).await;
        let told = open.next().await;
        assert_eq!((told.data["name"].as_str(), told.id), (Some("globex"), Some(tms.feed().head())));
        for _ in 0..3 {
            let beat = open.next().await;
            assert_eq!(
                (beat.event.as_str(), beat.data["head"].as_str()),
                ("heartbeat", Some(&*tms.feed().head()))
            );
        }
    }
    let seen = tms.log();
    assert!(seen.iter().any(|call| call.route == Route::Changes && call.cursor.as_ref() == Some(&cursor)));
}

#[tokio::test]
async fn a_cursor_that_does_not_fit_is_reset() {
    let tms = FaultyTms::start().await;
    tms.add("acme");
    let (backup, cursor) = (tms.backup(), tms.feed().head());
    tms.add("globex");
    let lost = tms.feed().head();
    tms.restore(&backup);
    assert!(tms.tenant("globex").is_none());
    assert_eq!(tms.feed().head(), cursor);
    tms.add("hooli");
    tms.add("initech");
    Open::after(&tms, &lost).await.ends_with_a_reset().await;
    assert_eq!(Open::after(&tms, &cursor).await.next().await.data["name"], "hooli", "of before the backup");

    tms.feed().forget_changes();
    Open::after(&tms, &cursor).await.ends_with_a_reset().await;
    let cursor = tms.feed().head();
    assert_eq!(Open::after(&tms, &cursor).await.next().await.event, "heartbeat");
    tms.new_database();
    Open::after(&tms, &cursor).await.ends_with_a_reset().await;
    assert!(tms.tenant("hooli").is_some());
    Open::after(&tms, "rubbish").await.ends_with_a_reset().await;
}

#[tokio::test]
async fn it_is_stalled_cut_and_reset_as_the_test_says() {
    let tms = FaultyTms::start().await;
    tms.feed().heartbeat_every(SECOND / 20);
    let mut open = Open::at(&tms, "/changes").await;
    tms.feed().until_connected(1).await;
    open.next().await;
    tms.feed().stall();
    tms.add("acme");
    while !open.is_silent().await {}
    let mut other = Open::at(&tms, "/changes").await;
    assert!(other.is_silent().await);
    tms.feed().flow();
    assert_eq!(open.next().await.event, "tenant");
    other.next().await;

    tms.feed().send("event: strange\ndata: 7\n\n");
    while open.next().await.event != "strange" {}
    while other.next().await.event != "strange" {}
    tms.feed().cut();
    open.until_cut().await;
    other.until_cut().await;
    tms.feed().until_connected(0).await;

    let mut open = Open::at(&tms, "/changes").await;
    open.next().await;
    tms.feed().reset();
    while open.next().await.event != "reset" {}
    assert!(open.frame().await.expect("no cut").is_none());
    tms.feed().until_connected(0).await;
}

#[tokio::test]
async fn a_lost_change_is_never_told_but_named_by_the_head() {
    let tms = FaultyTms::start().await;
    let start = tms.feed().head();
    tms.feed().lose_next(1);
    tms.add("acme");
    tms.add("globex");
    let mut open = Open::after(&tms, &start).await;
    assert_eq!(open.next().await.data["name"], "globex");
    tms.feed().lose_next(1);
    tms.suspend("globex", "unpaid");
    tms.feed().heartbeat_every(SECOND / 100);
    while open.next().await.data["head"] != tms.feed().head() {}
}

#[tokio::test]
async fn a_feed_ends_with_its_key_and_with_the_server() {
    let tms = FaultyTms::start().await;
    let mut open = Open::at(&tms, "/changes").await;
    open.next().await;
    tms.revoke_key("k");
    assert!(open.frame().await.expect("no cut").is_none());
    let http = reqwest::Client::new().post(format!("{}/token", tms.url())).header("x-api-key", "k");
    assert_eq!(http.send().await.expect("an answer").status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn without_a_feed_there_is_no_such_path() {
    let tms = FaultyTms::start().await;
    let mut open = Open::at(&tms, "/changes").await;
    open.next().await;
    tms.feed().off();
    open.until_cut().await;
    assert_eq!(get(&tms, "/changes").await.expect("an answer").status(), StatusCode::NOT_FOUND);
    tms.feed().on();
    assert_eq!(Open::at(&tms, "/changes").await.next().await.event, "heartbeat");
    tms.on(Route::Changes).times(1).status(503);
    assert_eq!(get(&tms, "/changes").await.expect("an answer").status(), 503);
    tms.on(Route::Changes).times(1).cut();
    Open::at(&tms, "/changes").await.until_cut().await;
    tms.stop().await;
    tms.feed().until_connected(0).await;
}
