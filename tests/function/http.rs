//! HTTP/1.1 over loopback in blocking threads, as little as the stand-ins need.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// A request or an answer: first line and headers, and its body.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&[name, ": ", value, "\r\n"].concat());
        }
        Self { head: head + "\r\n", body: body.to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn path(&self) -> &str {
        self.head.split_whitespace().nth(1).unwrap_or("")
    }
}

/// The next message; nothing when the other side has closed the connection.
pub(crate) fn read(stream: &mut TcpStream) -> io::Result<Option<Message>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    };
    let body = bytes.split_off(end);
    let mut message = Message { head: String::from_utf8_lossy(&bytes).into_owned(), body };
    let length = message.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    while message.body.len() < length {
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => message.body.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(Some(message))
}

pub(crate) fn write(stream: &mut TcpStream, message: &Message) -> io::Result<()> {
    let mut bytes = message.head.clone().into_bytes();
    bytes.extend_from_slice(&message.body);
    stream.write_all(&bytes)
}

/// One exchange on a connection of its own.
pub(crate) fn call(address: SocketAddr, request: &Message) -> io::Result<Message> {
    let mut stream = TcpStream::connect(address)?;
    write(&mut stream, request)?;
    read(&mut stream)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Serves every connection in a thread of its own until the test process ends; a handler that answers nothing closes the
/// connection.
pub(crate) fn serve(handle: impl Fn(Message) -> Option<Message> + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let handle = handle.clone();
            std::thread::spawn(move || {
                // A client that gives up is no reason to stop.
                while let Ok(Some(request)) = read(&mut stream) {
                    let Some(answer) = handle(request) else { return };
                    if write(&mut stream, &answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}
