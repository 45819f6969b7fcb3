//! A small HTTP server for what a run tells of itself.
//!
//! It is given its listener and the signal to end, and works on the thread that calls it. Who asks slowly, sends garbage
//! or never reads the answer holds one of a few places for a few seconds, and costs the run nothing: the run never waits for
//! this thread. A connection serves one request, so that none of it has to be bounded over time.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Request, Response, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::sync::oneshot::{self, Receiver, Sender};

use super::{Answer, Metrics, Readiness};
use crate::limits;

/// Ends a server when it is dropped.
pub struct Stop(#[expect(dead_code, reason = "the server waits until it is gone")] Sender<Infallible>);

/// What a server waits for.
pub struct Stopped(Receiver<Infallible>);

/// A signal to end.
pub fn stop() -> (Stop, Stopped) {
    let (sender, receiver) = oneshot::channel();
    (Stop(sender), Stopped(receiver))
}

/// Serves until the signal comes.
///
/// # Errors
///
/// Where the operating system does not let it wait for connections.
pub fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    stopped: Stopped,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::spawn(accept(listener, metrics, readiness));
        // An error is the signal: the other end is gone.
        let _ = stopped.0.await;
        Ok(())
    })
}

async fn accept(listener: tokio::net::TcpListener, metrics: Arc<Metrics>, readiness: Arc<Readiness>) {
    let places = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("the places are never closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                let (metrics, readiness) = (Arc::clone(&metrics), Arc::clone(&readiness));
                tokio::spawn(async move {
                    let served = converse(stream, metrics, readiness);
                    // Whether it went well is the business of who asked.
                    let _ = tokio::time::timeout(limits::CONNECTION_TIME_MAX, served).await;
                    drop(place);
                });
            }
            // Such as too many open files: others may close some.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Answers one request.
async fn converse(stream: TcpStream, metrics: Arc<Metrics>, readiness: Arc<Readiness>) -> hyper::Result<()> {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = Answer::to(request.method().as_str(), request.uri().path(), &metrics, &readiness);
        async move { Ok::<_, Infallible>(response(answer)) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::REQUEST_TIME_MAX)
        .max_buf_size(limits::REQUEST_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(answer.status).header(CONTENT_TYPE, answer.content_type);
    if let Some(methods) = answer.allow {
        response = response.header(ALLOW, methods);
    }
    response.body(Full::new(Bytes::from(answer.body))).expect("what is written here is well formed")
}
