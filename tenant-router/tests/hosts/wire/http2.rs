//! HTTP/2 with prior knowledge, field for field (RFC 9113, RFC 7541): one request on one connection.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Answer;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// Sends these fields in this order, each as a literal, and reads the answer.
pub(crate) async fn send(addr: SocketAddr, fields: &[(&str, &str)]) -> Answer {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0); // never in a table, name and value as they are
        string(&mut block, name);
        string(&mut block, value);
    }
    let mut bytes = PREFACE.to_vec();
    frame(&mut bytes, SETTINGS, 0, 0, &[]);
    frame(&mut bytes, HEADERS, END_STREAM | END_HEADERS, 1, &block);
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    read(&mut stream).await.unwrap_or_default()
}

/// `None` where the stream is reset or the connection closed.
async fn read(stream: &mut TcpStream) -> Option<Answer> {
    let mut answer = Answer::default();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, flags, _id @ ..] = head;
        let mut payload = vec![0; usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)];
        stream.read_exact(&mut payload).await.ok()?;
        match kind {
            HEADERS => answer.status = Some(status(&payload)),
            DATA => answer.body.push_str(std::str::from_utf8(&payload).unwrap()),
            RST_STREAM | GOAWAY => return None,
            SETTINGS if flags & ACK == 0 => {
                let mut ack = Vec::new();
                frame(&mut ack, SETTINGS, ACK, 0, &[]);
                stream.write_all(&ack).await.ok()?;
            }
            _ => {}
        }
        if matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
            return Some(answer);
        }
    }
}

fn frame(into: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    into.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes()[1..]);
    into.extend_from_slice(&[kind, flags]);
    into.extend_from_slice(&stream.to_be_bytes());
    into.extend_from_slice(payload);
}

/// A string without Huffman coding (RFC 7541 section 5.2).
fn string(into: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()) {
        Ok(length) if length < 127 => into.push(length),
        _ => {
            into.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                into.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            into.push(u8::try_from(rest).unwrap());
        }
    }
    into.extend_from_slice(text.as_bytes());
}

/// `:status`, which comes first: of the static table (RFC 7541 appendix A), or a literal with the name of one.
fn status(block: &[u8]) -> u16 {
    match block[0] {
        0x88 => 200,
        0x8c => 400,
        0x8d => 404,
        0x8e => 500,
        0x48 => {
            let length = usize::from(block[1] & 0x7f);
            let value = &block[2..2 + length];
            if block[1] & 0x80 == 0 {
                std::str::from_utf8(value).unwrap().parse().unwrap()
            } else {
                digits(value)
            }
        }
        other => panic!("the first field is no status: {other:x}"),
    }
}

/// Digits in Huffman coding (RFC 7541 appendix B): 0 to 2 have five bits, 3 to 9 six, and the padding is ones.
fn digits(coded: &[u8]) -> u16 {
    let bits: Vec<u8> = coded.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let number = |bits: &[u8]| bits.iter().fold(0, |number, bit| number * 2 + u16::from(*bit));
    let (mut rest, mut value) = (&bits[..], 0);
    while rest.len() >= 5 {
        let (digit, length) = match number(&rest[..5]) {
            short @ 0..=2 => (short, 5),
            _ if rest.len() < 6 => break,
            _ => (number(&rest[..6]) - 0b011_001 + 3, 6),
        };
        if digit > 9 {
            break;
        }
        value = value * 10 + digit;
        rest = &rest[length..];
    }
    value
}
