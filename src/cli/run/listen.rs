//! `--listen`: a thread that serves metrics, whether the run is alive, and whether it is ready.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, JoinHandle};

use crate::cli::CliError;
use crate::metrics::{self, Metrics, Readiness, Stop};

/// The server of a run. It ends when it is dropped.
pub(super) struct Server {
    pub(super) metrics: Arc<Metrics>,
    pub(super) readiness: Arc<Readiness>,
    address: SocketAddr,
    stop: Option<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens at `HOST:PORT`, and serves from now on. `stop` is set once the run is to stop.
    pub(super) fn start(address: &str, stop: Arc<AtomicBool>) -> Result<Server, CliError> {
        let listener = TcpListener::bind(address).map_err(|error| refused(address, &error))?;
        let bound = listener.local_addr().map_err(|error| refused(address, &error))?;
        let metrics = Arc::new(Metrics::new());
        let readiness = Arc::new(Readiness::starting(stop));
        let (stop, stopped) = metrics::stop();
        let (to_serve, to_ask) = (Arc::clone(&metrics), Arc::clone(&readiness));
        let serve = move || {
            // Where it cannot serve, the run goes on, and who asks gets no answer.
            let _ = metrics::serve(listener, to_serve, to_ask, stopped);
        };
        let thread = thread::Builder::new().name("metrics".to_owned()).spawn(serve);
        let thread = thread.map_err(|source| CliError::Threads { source })?;
        Ok(Server { metrics, readiness, address: bound, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // Its panic was shown when it happened.
            let _ = thread.join();
        }
    }
}

fn refused(address: &str, error: &io::Error) -> CliError {
    let (message, help) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            format!("another process listens at {address} already"),
            "stop it, or give another port; --listen 127.0.0.1:0 takes one that is free",
        ),
        io::ErrorKind::AddrNotAvailable => (
            format!("{address} is no address of this machine"),
            "--listen 127.0.0.1:9464 is reached from this machine alone, 0.0.0.0:9464 from every network",
        ),
        io::ErrorKind::PermissionDenied => {
            (format!("no permission to listen at {address}"), "give a port from 1024 on")
        }
        io::ErrorKind::InvalidInput => (
            format!("`{address}` is no address to listen at"),
            "write HOST:PORT, such as --listen 127.0.0.1:9464",
        ),
        _ => (
            format!("cannot listen at `{address}`: {error}"),
            "write HOST:PORT, such as --listen 127.0.0.1:9464",
        ),
    };
    CliError::asked(message, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_had_is_refused_with_what_can() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let taken = taken.local_addr().expect("it has an address").to_string();
        let holds = TcpListener::bind(&taken);
        drop(holds);
        for (address, part) in [
            ("9464", "`9464` is no address to listen at"),
            ("127.0.0.1", "`127.0.0.1` is no address to listen at"),
            ("127.0.0.1:99999", "`127.0.0.1:99999` is no address to listen at"),
            ("192.0.2.1:9464", "192.0.2.1:9464 is no address of this machine"),
        ] {
            let error = Server::start(address, Arc::default()).err().expect(address);
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
