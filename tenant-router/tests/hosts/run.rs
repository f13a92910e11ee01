//! Sends the rows to a stack, and compares.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use serde_json::Value;
use tenant_router::{Effect, RejectionKind};

use crate::rows;
use crate::stacks::Running;
use crate::table::{Ask, Must, Outcome, Row, Setup};
use crate::watch::describe_tenant;
use crate::wire::{Answer, http1, http2};

/// Sends all rows that HTTP/1 can express.
pub(crate) async fn http_1(stack: impl AsyncFn(Setup) -> Running) {
    run(stack, async |running, ask| match ask {
        Ask::H1(head) => Some(http1::send(running.addr, head).await),
        Ask::Any(text) => Some(http1::send(running.addr, &format!("GET / HTTP/1.1\nHost: {text}")).await),
        Ask::H2(_) => None,
    })
    .await;
}

/// Sends all rows that HTTP/2 can express.
pub(crate) async fn http_2(stack: impl AsyncFn(Setup) -> Running) {
    run(stack, async |running, ask| match ask {
        Ask::H2(text) => Some(http2::send(running.addr, &fields_of(text)).await),
        Ask::Any(text) => {
            let (authority, rest) = text.split_once('\n').unwrap_or((text, ""));
            let rest = with_names_in_lower_case(rest);
            let fields = fields_of(&rest);
            let (pseudo, fields) = fields.split_at(3);
            Some(http2::send(running.addr, &[pseudo, &[(":authority", authority)], fields].concat()).await)
        }
        Ask::H1(_) => None,
    })
    .await;
}

async fn run(stack: impl AsyncFn(Setup) -> Running, send: impl AsyncFn(&Running, Ask) -> Option<Answer>) {
    let mut servers = HashMap::new();
    let (mut sent, mut faults) = (0, Vec::new());
    for (must, row) in
        rows::all().flat_map(|must| must.accepts.iter().chain(must.refuses).map(move |row| (must, row)))
    {
        let running = match servers.entry(row.setup) {
            Entry::Occupied(running) => running.into_mut(),
            Entry::Vacant(place) => place.insert(stack(row.setup).await),
        };
        let before = running.handled.get();
        running.watch.take();
        let answer = tokio::time::timeout(Duration::from_secs(20), send(running, row.ask));
        let Some(answer) = answer.await.expect("an answer in time") else { continue };
        sent += 1;
        let ran = running.handled.get() - before;
        let checked = check(row, &answer, ran).and_then(|()| check_explanation(running, &answer));
        faults.extend(checked.err().map(|fault| told(must, row, &answer, &fault)));
    }
    assert!(faults.is_empty(), "{} of {sent} rows:\n{}", faults.len(), faults.join("\n"));
    assert!(sent > 50, "the rows are there");
}

fn told(must: &Must, row: &Row, answer: &Answer, fault: &str) -> String {
    format!("{} ({}): {:?} at {:?}: {fault}; {answer:?}", must.rule, must.says, row.ask, row.setup)
}

/// Whether what came back is what the row wants, and the handler ran no more often than it should.
fn check(row: &Row, answer: &Answer, ran: usize) -> Result<(), String> {
    if ran != usize::from(row.outcome.is_accepted()) {
        return Err(format!("the handler ran {ran} times, expected {:?}", row.outcome));
    }
    let json = serde_json::from_str::<Value>(&answer.body).unwrap_or_default();
    let is_unread = json.is_null() && answer.status.is_none_or(|status| (400..500).contains(&status));
    let holds = match row.outcome {
        Outcome::Served { id, host } => answer.status == Some(200) && answer.body == format!("{id}@{host}"),
        Outcome::Handled => answer.status == Some(200),
        Outcome::BadHost(why) => {
            let detail = format!("Bad host: {why}.");
            is_unread
                || (answer.status == Some(400) && json["code"] == "host_invalid" && json["detail"] == *detail)
        }
        Outcome::Answer { status, code } => answer.status == Some(status) && json["code"] == code,
        Outcome::Malformed => is_unread || (answer.status == Some(400) && json["code"] == "host_invalid"),
    };
    if holds { Ok(()) } else { Err(format!("expected {:?}", row.outcome)) }
}

/// What the layer answered is what it explains.
fn check_explanation(running: &Running, answer: &Answer) -> Result<(), String> {
    let Some(explanation) = running.watch.take() else {
        let unread = !answer.body.starts_with('{') && answer.status != Some(200);
        return if unread { Ok(()) } else { Err("nothing was explained".to_owned()) };
    };
    let holds = match explanation.outcome() {
        Ok(current) => {
            answer.status == Some(200) && (answer.body.is_empty() || answer.body == describe_tenant(current))
        }
        Err(rejection) => {
            let (_, body) = rejection.error_body().render(None);
            answer.status == Some(rejection.status().as_u16()) && answer.body == body
        }
    };
    let verdict = explanation.steps().last().map(ToString::to_string).unwrap_or_default();
    let names_it = match explanation.outcome() {
        Ok(current) => verdict.contains(current.tenant().name.as_str()),
        Err(rejection) => verdict.contains(&rejection.to_string()),
    };
    // What is wrong with a host is told at the rule that it breaks, too.
    let breaks_a_rule = matches!(
        explanation.outcome().map_err(|rejection| rejection.kind()),
        Err(RejectionKind::BadHost(_) | RejectionKind::Misdirected)
    );
    let told = explanation.steps().iter().filter(|step| step.effect == Effect::Refuses).count() > 1;
    let tells_why = told || !breaks_a_rule;
    if holds && names_it && tells_why { Ok(()) } else { Err(format!("it is explained by\n{explanation}\n")) }
}

/// The fields of a row, the three that every request has first.
fn fields_of(text: &str) -> Vec<(&str, &str)> {
    let given: Vec<(&str, &str)> = text.lines().map(split).collect();
    let usual = [(":method", "GET"), (":scheme", "http"), (":path", "/")];
    let missing = |name: &str| !given.iter().any(|(other, _)| other.trim_start_matches('-') == name);
    let kept = given.iter().filter(|(name, _)| !name.starts_with('-'));
    usual.into_iter().filter(|(name, _)| missing(name)).chain(kept.copied()).collect()
}

fn split(line: &str) -> (&str, &str) {
    let after = usize::from(line.starts_with([':', '-'])) + usize::from(line.starts_with("-:"));
    let colon = line[after..].find(':').map_or(line.len(), |colon| after + colon);
    (&line[..colon], line.get(colon + 1..).unwrap_or_default().trim_start_matches(' '))
}

/// Names are in lower case in HTTP/2 (RFC 9113 section 8.2.1); values stay as they are.
fn with_names_in_lower_case(fields: &str) -> String {
    let lower = |line: &str| {
        let (name, value) = split(line);
        format!("{}: {value}\n", name.to_ascii_lowercase())
    };
    fields.lines().map(lower).collect()
}
