//! One connection of HTTP/1.1: bytes go out as they are, answers are read one after the other.

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answer::{Answer, Came, Fault};
use super::{Limits, connect};

/// The longest head that is read, in bytes.
const MAX_HEAD: usize = 64 * 1024;

pub(crate) struct Http1 {
    stream: BufReader<TcpStream>,
    limits: Limits,
    /// Whether another answer can follow.
    open: bool,
}

impl Http1 {
    pub(crate) async fn connect(limits: Limits) -> Result<Self, Fault> {
        let stream = timeout(limits.timeout, connect(limits.address)).await.map_err(|_| Fault::Timeout)??;
        Ok(Self { stream: BufReader::new(stream), limits, open: true })
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        // A server that refuses early may close while it is still being written to: its answer is read all the same.
        match timeout(self.limits.timeout, self.stream.get_mut().write_all(bytes)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Fault::Timeout),
        }
    }

    /// The next answer, to a request of this method.
    pub(crate) async fn answer(&mut self, method: &str) -> Came {
        if !self.open {
            return Err(Fault::Closed);
        }
        let max_body = self.limits.max_body;
        let read = timeout(self.limits.timeout, read(&mut self.stream, method, max_body)).await;
        let came = read.unwrap_or(Err(Fault::Timeout));
        self.open = came.as_ref().is_ok_and(|(_, open)| *open);
        came.map(|(answer, _)| answer)
    }
}

/// The answer, and whether another can follow it.
async fn read(
    stream: &mut (impl AsyncBufRead + Unpin),
    method: &str,
    max: usize,
) -> Result<(Answer, bool), Fault> {
    let mut answer = loop {
        let answer = head(stream).await?;
        // Interim answers come before the one that counts (RFC 9110 section 15.2).
        if answer.status >= 200 || answer.status == 101 {
            break answer;
        }
    };
    let closes = answer.values("connection").any(|value| value.eq_ignore_ascii_case("close"));
    // RFC 9112 section 6.3.
    if method == "HEAD" || matches!(answer.status, 101 | 204 | 304) {
        return Ok((answer, !closes));
    }
    if answer.values("transfer-encoding").any(|value| value.to_ascii_lowercase().contains("chunked")) {
        chunks(stream, &mut answer, max).await?;
    } else if let Some(length) = answer.header("content-length") {
        let length: usize = length.parse().map_err(|_| Fault::Malformed)?;
        answer.cut = length > max;
        let mut body = vec![0; length.min(max)];
        stream.read_exact(&mut body).await?;
        answer.body = body;
    } else {
        let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
        stream.take(limit).read_to_end(&mut answer.body).await?;
        answer.cut = answer.body.len() > max;
        answer.body.truncate(max);
        return Ok((answer, false));
    }
    let open = !closes && !answer.cut;
    Ok((answer, open))
}

async fn head(stream: &mut (impl AsyncBufRead + Unpin)) -> Result<Answer, Fault> {
    let mut left = MAX_HEAD;
    let first = line(stream, &mut left).await?;
    let after = first.strip_prefix(b"HTTP/1.").ok_or(Fault::Malformed)?;
    let status = after.get(2..5).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    let status = status.ok_or(Fault::Malformed)?;
    let reason = after.get(6..).unwrap_or_default().to_vec();
    let headers = fields(stream, &mut left).await?;
    Ok(Answer { status, reason, headers, ..Answer::default() })
}

async fn fields(
    stream: &mut (impl AsyncBufRead + Unpin),
    left: &mut usize,
) -> Result<Vec<(String, Vec<u8>)>, Fault> {
    let mut fields = Vec::new();
    loop {
        let line = line(stream, left).await?;
        if line.is_empty() {
            return Ok(fields);
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Fault::Malformed)?;
        let name = String::from_utf8_lossy(&line[..colon]).into_owned();
        fields.push((name, line[colon + 1..].trim_ascii().to_vec()));
    }
}

async fn chunks(
    stream: &mut (impl AsyncBufRead + Unpin),
    answer: &mut Answer,
    max: usize,
) -> Result<(), Fault> {
    let mut left = MAX_HEAD;
    loop {
        let size = line(stream, &mut left).await?;
        let size = size.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let size = std::str::from_utf8(size).map_err(|_| Fault::Malformed)?;
        let size = usize::from_str_radix(size, 16).map_err(|_| Fault::Malformed)?;
        if size == 0 {
            answer.trailers = fields(stream, &mut left).await?;
            return Ok(());
        }
        let room = max - answer.body.len();
        let mut chunk = vec![0; size.min(room)];
        stream.read_exact(&mut chunk).await?;
        answer.body.append(&mut chunk);
        if size > room {
            answer.cut = true;
            return Ok(());
        }
        line(stream, &mut left).await?;
        left = MAX_HEAD;
    }
}

/// A line without its end.
async fn line(stream: &mut (impl AsyncBufRead + Unpin), left: &mut usize) -> Result<Vec<u8>, Fault> {
    let mut line = Vec::new();
    let limit = u64::try_from(*left).unwrap_or(u64::MAX);
    let read = AsyncReadExt::take(&mut *stream, limit).read_until(b'\n', &mut line).await?;
    *left -= read;
    if line.pop() != Some(b'\n') {
        return Err(if read == 0 && *left > 0 { Fault::Closed } else { Fault::Malformed });
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(mut bytes: &[u8], method: &str) -> Vec<Result<(Answer, bool), Fault>> {
        let mut answers = Vec::new();
        while !bytes.is_empty() {
            let answer = read(&mut bytes, method, 8).await;
            let failed = answer.is_err();
            answers.push(answer);
            if failed {
                break;
            }
        }
        answers
    }

    #[tokio::test]
    async fn answers_are_told_apart_by_length_chunks_and_close() {
        let text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc\
            HTTP/1.1 404 Not here\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nde\r\n1\r\nf\r\n0\r\nx-t: 1\r\n\r\n\
            HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.0 200 OK\r\n\r\nrest";
        let answers: Vec<_> =
            all(text, "GET").await.into_iter().map(|answer| answer.expect("an answer")).collect();
        let bodies: Vec<_> =
            answers.iter().map(|(answer, open)| (answer.status, answer.body.as_slice(), *open)).collect();
        let expected =
            [(200, &b"abc"[..], true), (404, b"def", true), (304, b"", true), (200, b"rest", false)];
        assert_eq!(bodies, expected);
        assert_eq!(
            (answers[1].0.reason.as_slice(), answers[1].0.header("X-T")),
            (&b"Not here"[..], Some("1"))
        );
    }

    #[tokio::test]
    async fn what_is_too_long_is_cut_and_the_connection_not_used_again() {
        for text in [
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n5\r\n67890\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n123456789",
        ] {
            let mut answers = all(text.as_bytes(), "GET").await;
            let (answer, open) = answers.remove(0).expect("an answer");
            assert_eq!((answer.body.as_slice(), answer.cut, open), (&b"12345678"[..], true, false), "{text}");
        }
    }

    #[tokio::test]
    async fn what_is_no_answer_is_malformed() {
        for text in [
            "nonsense\r\n\r\n",
            "HTTP/1.1 abc\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200",
        ] {
            assert_eq!(
                all(text.as_bytes(), "GET").await[0].as_ref().err(),
                Some(&Fault::Malformed),
                "{text}"
            );
        }
        let endless = [b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'a'; MAX_HEAD]].concat();
        assert_eq!(all(&endless, "GET").await[0].as_ref().err(), Some(&Fault::Malformed));
    }
}
