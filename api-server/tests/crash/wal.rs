//! Which answers left before what they acknowledge was durable, read from a recording.

use crate::recording::Call;

/// Sizes of what SQLite writes into the journal of a file: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.
const JOURNAL_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// One request, by what of it is in the journal and in its answer.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) event: String,
    pub(crate) session: String,
}

/// How a request went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No transaction in the journal has the event and its session: what was recorded is not what this checker knows.
    NotWritten,
    /// No answer was recorded.
    NotAnswered,
    /// No sync of the journal began after the transaction was written and ended before the answer began to leave.
    AnsweredBeforeDurable,
}

/// What is wrong with each request; nothing for those whose answer left after the sync that follows their write, be it in
/// the process's journal or in the one of the tenant's file.
pub(crate) fn check(calls: &[Call], file_journal: &str, requests: &[Acknowledged]) -> Vec<(String, Fault)> {
    let mut written = frames(calls);
    written.extend(transactions(calls, file_journal));
    let answers = answers(calls);
    let judge = |request: &Acknowledged| {
        let of_request =
            |one: &&Written| one.text.contains(&request.event) && one.text.contains(&request.session);
        let places: Vec<&Written> = written.iter().filter(of_request).collect();
        if places.is_empty() {
            return Some(Fault::NotWritten);
        }
        let told = format!(r#""session":{{"id":"{}"}}"#, request.session);
        let answer = answers.iter().find(|answer| answer.text.contains(&told));
        let Some(answer) = answer else { return Some(Fault::NotAnswered) };
        let is_durable = |place: &&Written| {
            calls.iter().any(|call| {
                matches!(call.name.as_str(), "fsync" | "fdatasync")
                    && call.target == place.target
                    && call.began > place.ended
                    && call.ended.is_some_and(|ended| ended < answer.began)
            })
        };
        if places.iter().any(is_durable) { None } else { Some(Fault::AnsweredBeforeDurable) }
    };
    requests.iter().filter_map(|request| Some((request.event.clone(), judge(request)?))).collect()
}

/// What is durable by one sync.
struct Written {
    /// The file it was written to.
    target: String,
    /// The texts in it.
    text: String,
    /// When the last of it had been handed over.
    ended: usize,
}

/// The process's journal gets a frame in one call.
fn frames(calls: &[Call]) -> Vec<Written> {
    let is_frame =
        |call: &&Call| call.name == "pwrite64" && call.target.ends_with(".journal") && call.ended.is_some();
    let written = calls.iter().filter(is_frame).filter_map(|call| {
        let text = String::from_utf8_lossy(&call.bytes).into_owned();
        Some(Written { target: call.target.clone(), text, ended: call.ended? })
    });
    written.collect()
}

/// What each commit wrote into a file's own journal. A frame there is a header and a page; the header of a commit's last
/// frame has the size of the database in it.
fn transactions(calls: &[Call], journal: &str) -> Vec<Written> {
    let mut all = Vec::new();
    let (mut pages, mut is_last, mut page_follows) = (Vec::new(), false, false);
    for call in calls.iter().filter(|call| call.name == "pwrite64" && call.target.ends_with(journal)) {
        let ended = call.ended.expect("a write into the journal did not end");
        if page_follows {
            pages.extend_from_slice(&call.bytes);
            page_follows = false;
            if is_last {
                let text = String::from_utf8_lossy(&pages).into_owned();
                all.push(Written { target: call.target.clone(), text, ended });
                pages.clear();
            }
            continue;
        }
        match call.bytes.len() {
            JOURNAL_HEADER => {}
            FRAME_HEADER => {
                is_last = call.bytes[4..8] != [0; 4];
                page_follows = true;
            }
            other => panic!("{other} bytes in the journal are neither a header nor a frame"),
        }
    }
    all
}

/// An answer of the server, and when the first of it began to leave.
struct Answer {
    connection: String,
    text: String,
    began: usize,
}

fn answers(calls: &[Call]) -> Vec<Answer> {
    let mut all: Vec<Answer> = Vec::new();
    for call in calls.iter().filter(|call| call.target.starts_with("TCP")) {
        let text = String::from_utf8_lossy(&call.bytes);
        if text.starts_with("HTTP/1.1 200") {
            all.push(Answer { connection: call.target.clone(), text: text.into_owned(), began: call.began });
        } else if let Some(open) = all.iter_mut().rfind(|answer| answer.connection == call.target) {
            // The rest of an answer that did not leave at once.
            open.text.push_str(&text);
        }
    }
    all
}
