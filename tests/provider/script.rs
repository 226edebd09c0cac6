//! A server that does exactly what a test says, and remembers what it was asked.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What to do with a request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Answer; the connection stays open for more.
    Say(Vec<u8>),
    /// Answer, then close.
    SayAndClose(Vec<u8>),
    /// Reset before the request was read.
    ResetEarly,
    /// Reset after the whole request was read.
    Reset,
    /// Never answer.
    Stall,
    /// Answer, the first part at once, the rest byte by byte.
    Trickle(Vec<u8>, Vec<u8>),
    /// 50 MiB of body, announced or in chunks.
    Flood { announced: bool },
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Number of the connection, from 0.
    pub connection: usize,
    pub head: String,
    pub body: String,
}

impl Seen {
    /// Method and target.
    pub fn line(&self) -> &str {
        self.head.lines().next().and_then(|line| line.strip_suffix(" HTTP/1.1")).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

#[derive(Default)]
struct Log {
    connections: usize,
    requests: Vec<Seen>,
    /// Bytes of a flood that the client let through.
    flooded: usize,
    /// A flood was cut off by the client.
    cut_off: usize,
}

pub struct Server {
    address: String,
    log: Arc<Mutex<Log>>,
}

pub const FLOOD: usize = 50 << 20;

impl Server {
    pub async fn start(act: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let log = Arc::new(Mutex::new(Log::default()));
        let (act, shared) = (Arc::new(act), log.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = {
                    let mut log = shared.lock().expect("log");
                    log.connections += 1;
                    log.connections - 1
                };
                let (act, log) = (act.clone(), shared.clone());
                // A client that goes away ends its connection, nothing else.
                tokio::spawn(async move { drop(serve(stream, connection, &*act, &log).await) });
            }
        });
        Self { address, log }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn connections(&self) -> usize {
        self.log.lock().expect("log").connections
    }

    pub fn requests(&self) -> Vec<Seen> {
        self.log.lock().expect("log").requests.clone()
    }

    /// Waits until the client has cut a flood off, and says how many bytes it had let through.
    pub async fn flooded(&self) -> usize {
        loop {
            {
                let log = self.log.lock().expect("log");
                if log.cut_off > 0 || log.flooded >= FLOOD {
                    return log.flooded;
                }
            }
            tokio::task::yield_now().await;
        }
    }
}

async fn serve(mut stream: TcpStream, connection: usize, act: &(impl Fn(&Seen) -> Act + ?Sized), log: &Mutex<Log>) -> io::Result<()> {
    let early = Seen { connection, head: String::new(), body: String::new() };
    if matches!(act(&early), Act::ResetEarly) {
        stream.read_exact(&mut [0; 10]).await?;
        return stream.set_zero_linger();
    }
    let mut buffer = Vec::new();
    while let Some(seen) = request(&mut stream, &mut buffer, connection).await? {
        log.lock().expect("log").requests.push(seen.clone());
        match act(&seen) {
            Act::Say(bytes) => stream.write_all(&bytes).await?,
            Act::SayAndClose(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Act::ResetEarly | Act::Reset => return stream.set_zero_linger(),
            Act::Stall => std::future::pending::<()>().await,
            Act::Trickle(at_once, slowly) => {
                stream.write_all(&at_once).await?;
                for byte in slowly {
                    stream.write_all(&[byte]).await?;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            Act::Flood { announced } => {
                let flooded = flood(&mut stream, announced, log).await;
                log.lock().expect("log").cut_off += usize::from(flooded.is_err());
                return flooded;
            }
        }
    }
    Ok(())
}

async fn flood(stream: &mut TcpStream, announced: bool, log: &Mutex<Log>) -> io::Result<()> {
    let head = match announced {
        true => format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {FLOOD}\r\n\r\n"),
        false => "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
    };
    stream.write_all(head.as_bytes()).await?;
    let piece = vec![b' '; 64 << 10];
    for _ in 0..FLOOD / piece.len() {
        if !announced {
            stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
        }
        stream.write_all(&piece).await?;
        if !announced {
            stream.write_all(b"\r\n").await?;
        }
        log.lock().expect("log").flooded += piece.len();
    }
    Ok(())
}

async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>, connection: usize) -> io::Result<Option<Seen>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let mut seen = Seen { connection, head, body: String::new() };
            let length: usize = seen.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
            if buffer.len() >= end + 4 + length {
                seen.body = String::from_utf8_lossy(&buffer[end + 4..end + 4 + length]).into_owned();
                buffer.drain(..end + 4 + length);
                return Ok(Some(seen));
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await? {
            0 => return Ok(None),
            read => buffer.extend_from_slice(&piece[..read]),
        }
    }
}

/// An answer with the right length.
pub fn http(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub const JSON: &str = "Content-Type: application/json\r\n";
pub const HTML: &str = "Content-Type: text/html\r\n";

pub fn json(status: u16, body: &serde_json::Value) -> Vec<u8> {
    http(status, JSON, body.to_string())
}
