//! Which answers left before what they acknowledge was durable, read from a recording.

use crate::recording::Call;

/// Sizes of what SQLite writes into its journal: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.
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

/// What is wrong with each request; nothing for those whose answer left after the sync that follows their write.
pub(crate) fn check(calls: &[Call], journal: &str, requests: &[Acknowledged]) -> Vec<(String, Fault)> {
    let transactions = transactions(calls, journal);
    let syncs: Vec<(usize, usize)> = calls
        .iter()
        .filter(|call| matches!(call.name.as_str(), "fsync" | "fdatasync") && call.target.ends_with(journal))
        .filter_map(|call| Some((call.began, call.ended?)))
        .collect();
    let answers = answers(calls);
    let judge = |request: &Acknowledged| {
        let written = transactions
            .iter()
            .find(|done| done.pages.contains(&request.event) && done.pages.contains(&request.session));
        let Some(written) = written else { return Some(Fault::NotWritten) };
        let told = format!(r#""session":{{"id":"{}"}}"#, request.session);
        let answer = answers.iter().find(|answer| answer.text.contains(&told));
        let Some(answer) = answer else { return Some(Fault::NotAnswered) };
        let durable = |&(began, ended): &(usize, usize)| began > written.ended && ended < answer.began;
        if syncs.iter().any(durable) { None } else { Some(Fault::AnsweredBeforeDurable) }
    };
    requests.iter().filter_map(|request| Some((request.event.clone(), judge(request)?))).collect()
}

/// What one commit wrote into the journal.
struct Transaction {
    /// The texts in its pages.
    pages: String,
    /// When its last page had been handed over.
    ended: usize,
}

/// A frame is a header and a page; the header of a commit's last frame has the size of the database in it.
fn transactions(calls: &[Call], journal: &str) -> Vec<Transaction> {
    let mut all = Vec::new();
    let (mut pages, mut is_last, mut page_follows) = (Vec::new(), false, false);
    for call in calls.iter().filter(|call| call.name == "pwrite64" && call.target.ends_with(journal)) {
        let ended = call.ended.expect("a write into the journal did not end");
        if page_follows {
            pages.extend_from_slice(&call.bytes);
            page_follows = false;
            if is_last {
                let text = String::from_utf8_lossy(&pages).into_owned();
                all.push(Transaction { pages: text, ended });
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
