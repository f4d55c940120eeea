//! HTTP/1.1 over loopback, as little as a rehearsal needs: messages with a `content-length`, one after the other.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One request or answer: its first line and headers, and its body.
#[derive(Debug, Clone)]
pub struct Message {
    pub head: String,
    pub body: Vec<u8>,
}

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

impl Message {
    #[must_use]
    pub fn request(path: &str, body: &[u8]) -> Self {
        let head = format!("POST {path} HTTP/1.1\r\nhost: venue\r\ncontent-length: {}\r\n\r\n", body.len());
        Self { head, body: body.to_vec() }
    }

    #[must_use]
    pub fn answer(status: u16, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
        Self { head, body: body.to_vec() }
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The second word of the first line: a request's path, an answer's status.
    #[must_use]
    pub fn second_word(&self) -> &str {
        self.head.split_whitespace().nth(1).unwrap_or("")
    }

    #[must_use]
    pub fn status(&self) -> u16 {
        self.second_word().parse().unwrap_or(0)
    }
}

/// The next message; nothing when the other side has closed the connection.
///
/// # Errors
/// When the connection breaks in the middle of one.
pub async fn read(stream: &mut TcpStream) -> io::Result<Option<Message>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(END_OF_HEAD.len()).position(|window| window == END_OF_HEAD) {
            break end.saturating_add(END_OF_HEAD.len());
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let body = bytes.split_off(end);
    let mut message = Message { head: String::from_utf8_lossy(&bytes).into_owned(), body };
    let length = message.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    while message.body.len() < length {
        if stream.read_buf(&mut message.body).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Some(message))
}

/// # Errors
/// When the connection breaks.
pub async fn write(stream: &mut TcpStream, message: &Message) -> io::Result<()> {
    let mut bytes = message.head.clone().into_bytes();
    bytes.extend_from_slice(&message.body);
    stream.write_all(&bytes).await
}

/// One request on a connection of its own.
///
/// # Errors
/// When there is no answer within that time.
pub async fn call(address: &str, request: &Message, patience: Duration) -> io::Result<Message> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        write(&mut stream, request).await?;
        read(&mut stream).await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    };
    tokio::time::timeout(patience, exchange).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
