//! The connection layer of the simulators: HTTP/1.1 with connections that can be broken on purpose.
//!
//! Handlers are an axum router. What a handler cannot say in a response (reset the connection, stop half-way through the body, send bytes after a 204) it says
//! with a [`Wire`] in the response's extensions. This module knows nothing of providers.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

/// How long a connection without a request stays open: 75 s, as at Plivo (contracts/plivo.md 12).
pub const IDLE: Duration = Duration::from_secs(75);

/// The running number of the connection that a request came in on, from 1; in the extensions of every request.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionNumber(pub u64);

/// What happens to the connection, put by a handler into the extensions of its response.
#[derive(Clone, Debug)]
pub enum Wire {
    /// The response is thrown away and the connection is reset (RST).
    Reset,
    /// Head and half of the body are sent, then the connection is closed. A response without a body is not sent at all.
    Truncate,
    /// These bytes follow the response, although HTTP allows none there.
    Trailing(Bytes),
}

/// A listening server; dropped, it stops listening and cuts every connection.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Binds `listen` (port 0: a free one) and serves `router`; a connection without a request is closed after `idle`.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn start(listen: SocketAddr, router: Router, idle: Duration) -> anyhow::Result<Server> {
        Server::listen(listen, Site { router, idle, tls: None }).await
    }

    /// The same over TLS. A handshake takes no longer than `idle`.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn start_tls(listen: SocketAddr, router: Router, idle: Duration, tls: Arc<ServerConfig>) -> anyhow::Result<Server> {
        Server::listen(listen, Site { router, idle, tls: Some(tls.into()) }).await
    }

    async fn listen(listen: SocketAddr, site: Site) -> anyhow::Result<Server> {
        let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let address = listener.local_addr().context("the listening socket has no address")?;
        Ok(Server { address, task: tokio::spawn(accept(listener, site)) })
    }

    /// The address that is really listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops, and returns when the listening socket is closed.
    pub async fn stop(mut self) {
        self.task.abort();
        // The only possible error is the cancellation that was just asked for.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What every connection is served with.
#[derive(Clone)]
struct Site {
    router: Router,
    idle: Duration,
    tls: Option<TlsAcceptor>,
}

async fn accept(listener: TcpListener, site: Site) {
    // Connections end with this task, because the set aborts what it holds when it is dropped.
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    number += 1;
                    connections.spawn(connection(stream, number, site.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    // Out of descriptors is the only lasting cause: without a pause this would spin.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: TcpStream, number: u64, Site { router, idle, tls }: Site) {
    // Answers are small: waiting to fill a segment would only add 40 ms to each.
    let _ = stream.set_nodelay(true);
    let stream = match tls {
        None => Stream::Plain(stream),
        Some(acceptor) => match tokio::time::timeout(idle, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
            Ok(Err(error)) => return tracing::debug!(connection = number, %error, "no TLS"),
            Err(_) => return tracing::debug!(connection = number, "no TLS in time"),
        },
    };
    let control = Arc::new(Control::default());
    let io = Io { stream, control: Arc::clone(&control), trailing: None, written: false };
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (router, control) = (router.clone(), Arc::clone(&control));
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectionNumber(number));
            let response = match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            on_the_wire(response, &control).await
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .serve_connection(TokioIo::new(io), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(connection = number, %error, "connection ended");
    }
}

async fn on_the_wire(mut response: Response<Body>, control: &Control) -> io::Result<Response<Body>> {
    match response.extensions_mut().remove::<Wire>() {
        None => Ok(response),
        Some(Wire::Reset) => Err(control.reset("reset on purpose")),
        Some(Wire::Trailing(bytes)) => {
            *control.trailing.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
            Ok(response)
        }
        Some(Wire::Truncate) => {
            let (mut head, body) = response.into_parts();
            let whole = axum::body::to_bytes(body, usize::MAX).await.map_err(io::Error::other)?;
            if whole.is_empty() {
                return Err(control.reset("nothing to truncate"));
            }
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
            let half = whole.slice(..whole.len() / 2);
            Ok(Response::from_parts(head, Body::new(Half { half: Some(half), flushed: false })))
        }
    }
}

/// What a request on a connection tells the socket below it.
#[derive(Debug, Default)]
struct Control {
    reset: AtomicBool,
    trailing: Mutex<Option<Bytes>>,
}

impl Control {
    fn reset(&self, why: &'static str) -> io::Error {
        self.reset.store(true, Ordering::Release);
        io::Error::other(why)
    }
}

/// A body that is cut: its half, one turn in which it is flushed, an error that makes hyper close the connection.
struct Half {
    half: Option<Bytes>,
    flushed: bool,
}

impl http_body::Body for Half {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        if !self.flushed {
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::Error::other("truncated on purpose"))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// A TCP stream, or TLS on one.
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// A stream that ends with RST when it was told so, and that can send bytes behind hyper's back.
struct Io {
    stream: Stream,
    control: Arc<Control>,
    trailing: Option<Bytes>,
    written: bool,
}

impl Io {
    /// Writes what must follow the response, once the response itself has been handed to the socket.
    fn poll_trailing(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.written && self.trailing.is_none() {
            self.trailing = self.control.trailing.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        while let Some(rest) = self.trailing.as_mut().filter(|rest| !rest.is_empty()) {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let _ = rest.split_to(sent);
        }
        self.trailing = None;
        self.written = false;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Io {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written = true;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_trailing(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.control.reset.load(Ordering::Acquire) {
            // A FIN first would turn the reset into an orderly end.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        if self.control.reset.load(Ordering::Acquire) {
            // Closing a socket with zero linger sends RST. If it fails the client is gone already.
            let _ = self.stream.socket().set_zero_linger();
        }
    }
}
