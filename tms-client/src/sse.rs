//! [`SseParser`]: server-sent events, as the HTML standard has them (section 9.2.6), in bounded memory.

use std::collections::VecDeque;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its type; `message` where the stream names none.
    pub(crate) kind: String,
    /// The id that came with it. Unlike in a browser, it is not the last one seen.
    pub(crate) id: Option<String>,
    /// Its lines of data, with line feeds between them.
    pub(crate) data: String,
}

/// Why a stream is none of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SseError {
    #[error("an event is too big")]
    TooBig,
    #[error("an event is not UTF-8")]
    NotText,
}

/// Cuts a stream into events. Comments and fields of other names are left out; an event without data is none.
#[derive(Debug)]
pub(crate) struct SseParser {
    /// The greatest size of one event, and of one line, in bytes.
    max: usize,
    line: Vec<u8>,
    /// The last byte was a carriage return: a line feed that follows belongs to it.
    after_return: bool,
    /// No line has been read yet: a byte order mark may come.
    first: bool,
    kind: String,
    id: Option<String>,
    data: String,
    has_data: bool,
    size: usize,
}

impl SseParser {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            line: Vec::new(),
            after_return: false,
            first: true,
            kind: String::new(),
            id: None,
            data: String::new(),
            has_data: false,
            size: 0,
        }
    }

    /// Takes the next bytes, and adds each event that they complete.
    ///
    /// # Errors
    /// If an event is too big, or no text. The stream is of no use afterwards.
    pub(crate) fn push(&mut self, bytes: &[u8], events: &mut VecDeque<Event>) -> Result<(), SseError> {
        for &byte in bytes {
            let follows = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if follows => {}
                b'\n' | b'\r' => self.end_line(events)?,
                _ if self.size == self.max => return Err(SseError::TooBig),
                _ => {
                    self.size += 1;
                    self.line.push(byte);
                }
            }
        }
        Ok(())
    }

    fn end_line(&mut self, events: &mut VecDeque<Event>) -> Result<(), SseError> {
        let line = std::mem::take(&mut self.line);
        let text = std::str::from_utf8(&line).map_err(|_| SseError::NotText)?;
        let text = if std::mem::take(&mut self.first) { text.trim_start_matches('\u{feff}') } else { text };
        if text.is_empty() {
            self.end_event(events);
        } else {
            self.field(text);
        }
        // The buffer of one line serves for the next.
        self.line = line;
        self.line.clear();
        Ok(())
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.kind),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(value);
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // A comment counts towards no event.
            "" => self.size -= line.len(),
            _ => {}
        }
    }

    fn end_event(&mut self, events: &mut VecDeque<Event>) {
        self.size = 0;
        let (kind, id, data) =
            (std::mem::take(&mut self.kind), self.id.take(), std::mem::take(&mut self.data));
        if std::mem::take(&mut self.has_data) {
            let kind = if kind.is_empty() { "message".to_owned() } else { kind };
            events.push_back(Event { kind, id, data });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events_in(stream: &[u8], piece: usize) -> Result<Vec<Event>, SseError> {
        let (mut parser, mut events) = (SseParser::new(50), VecDeque::new());
        for bytes in stream.chunks(piece) {
            parser.push(bytes, &mut events)?;
        }
        Ok(events.into())
    }

    fn event(kind: &str, id: Option<&str>, data: &str) -> Event {
        Event { kind: kind.to_owned(), id: id.map(str::to_owned), data: data.to_owned() }
    }

    #[test]
    fn events_are_cut_out_wherever_the_pieces_end_and_however_lines_do() {
        let stream = "\u{feff}:hello\n\nevent: tenant\nid: a.1.b\ndata: {\"a\":\ndata:1}\n\n\
                      data\nretry: 5\n\nevent: nothing\nid: x\n\nevent:reset\ndata: {}\n\ndata: cut off";
        let expected = [
            event("tenant", Some("a.1.b"), "{\"a\":\n1}"),
            event("message", None, ""),
            event("reset", None, "{}"),
        ];
        for ending in ["\n", "\r\n", "\r"] {
            let stream = stream.replace('\n', ending);
            for piece in 1..stream.len() {
                assert_eq!(events_in(stream.as_bytes(), piece).expect("events"), expected, "{piece}");
            }
        }
    }

    #[test]
    fn an_event_and_a_line_are_bounded_and_the_stream_is_not() {
        let fits = format!("data:{}\n\n", "x".repeat(45));
        assert_eq!(events_in(fits.repeat(9).as_bytes(), 7).expect("events").len(), 9);
        for big in [format!("data:{}", "x".repeat(46)), "data:x\n".repeat(9), format!(":{}", "x".repeat(50))]
        {
            assert_eq!(events_in(big.as_bytes(), 7), Err(SseError::TooBig), "{big}");
        }
        let comments = ":x\n".repeat(99);
        assert!(events_in(comments.as_bytes(), 7).expect("no event").is_empty());
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(events_in(b"data: \xff\n\n", 1), Err(SseError::NotText));
    }
}
