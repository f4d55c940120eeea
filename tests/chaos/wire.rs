//! HTTP/1.1 over loopback, as little as the chaos run needs: messages with a `content-length`, one after the other.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One request or answer: its first line and headers, and its body.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn request(path: &str, body: &[u8]) -> Self {
        let head = format!("POST {path} HTTP/1.1\r\nhost: venue\r\ncontent-length: {}\r\n\r\n", body.len());
        Self { head, body: body.to_vec() }
    }

    pub(crate) fn answer(status: u16, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
        Self { head, body: body.to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The second word of the first line: a request's path, an answer's status.
    pub(crate) fn second_word(&self) -> &str {
        self.head.split_whitespace().nth(1).unwrap_or("")
    }

    pub(crate) fn status(&self) -> u16 {
        self.second_word().parse().unwrap_or(0)
    }
}

/// The next message; nothing when the other side has closed the connection.
pub(crate) async fn read(stream: &mut TcpStream) -> io::Result<Option<Message>> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end + 4]).into_owned();
            let mut message = Message { head, body: bytes.split_off(end + 4) };
            let length = message.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            while message.body.len() < length {
                let count = stream.read(&mut buffer).await?;
                if count == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                message.body.extend_from_slice(&buffer[..count]);
            }
            return Ok(Some(message));
        }
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
}

pub(crate) async fn write(stream: &mut TcpStream, message: &Message) -> io::Result<()> {
    let mut bytes = message.head.clone().into_bytes();
    bytes.extend_from_slice(&message.body);
    stream.write_all(&bytes).await
}

/// One request on a connection of its own.
pub(crate) async fn call(address: &str, request: &Message, patience: Duration) -> io::Result<Message> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        write(&mut stream, request).await?;
        read(&mut stream).await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    };
    tokio::time::timeout(patience, exchange).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
