//! A bucket in this process: as much of S3 as copies need, over HTTP, with requests that fail when they are told to.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use ensue::copies::Place;

/// What is in the bucket, and what was asked of it.
#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
    /// Parts of objects that are not complete, by upload.
    uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    /// Requests since the last look, such as `PUT files/000009.sst…`.
    pub(crate) requests: Vec<String>,
    pub(crate) fault: Option<Fault>,
    uploads_begun: u64,
}

/// What becomes of requests, counted from the last look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// One is refused, and changes nothing.
    Refused(usize),
    /// From one on all are refused: as if who asks had been killed.
    Gone(usize),
    /// One is carried out, and the answer is an error, after which it is asked again.
    Lost(usize),
}

/// The server; it lives as long as the process.
#[derive(Clone)]
pub(crate) struct Bucket {
    pub(crate) endpoint: String,
    contents: Arc<Mutex<Contents>>,
}

/// Fewer than real ones give, so that lists have several pages.
const LISTED_MAX: usize = 4;

impl Bucket {
    pub(crate) fn start() -> Bucket {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let contents = Arc::new(Mutex::new(Contents::default()));
        let bucket = Bucket { endpoint, contents };
        let served = bucket.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(served.serve(listener));
        });
        bucket
    }

    /// The place `s3://bucket/run`, in it.
    pub(crate) fn place(&self) -> Place {
        let variables: Vec<(&str, &str)> = Bucket::variables(&self.endpoint).to_vec();
        Place::open_with("s3://bucket/run", &variables).expect("a place")
    }

    /// What a client is to know.
    pub(crate) fn variables(endpoint: &str) -> [(&'static str, &str); 5] {
        [
            ("AWS_ENDPOINT", endpoint),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "someone"),
            ("AWS_SECRET_ACCESS_KEY", "something"),
        ]
    }

    pub(crate) fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().expect("nobody panics with it")
    }

    /// What was asked since the last time.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.contents().requests)
    }

    async fn serve(self, listener: TcpListener) {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let bucket = self.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let bucket = bucket.clone();
                    async move { Ok::<_, Infallible>(bucket.answer(request).await) }
                });
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        let path = decoded(head.uri.path());
        let key =
            path.trim_start_matches('/').strip_prefix("bucket").unwrap_or("other").trim_start_matches('/');
        let asked = Asked {
            method: head.method,
            key: key.to_owned(),
            query: query(head.uri.query().unwrap_or_default()),
            range: head.headers.get("range").and_then(|range| range.to_str().ok()).map(str::to_owned),
        };
        let mut contents = self.contents();
        contents.requests.push(format!("{} {}", asked.method, key.trim_start_matches("run/")));
        let number = contents.requests.len();
        match contents.fault {
            Some(Fault::Refused(at)) if number == at => refused(),
            Some(Fault::Gone(at)) if number >= at => refused(),
            Some(Fault::Lost(at)) if number == at => {
                contents.carry_out(&asked, body);
                answer(StatusCode::SERVICE_UNAVAILABLE, Vec::new())
            }
            _ => contents.carry_out(&asked, body),
        }
    }
}

struct Asked {
    method: Method,
    key: String,
    query: BTreeMap<String, String>,
    range: Option<String>,
}

impl Contents {
    fn carry_out(&mut self, asked: &Asked, body: Bytes) -> Response<Full<Bytes>> {
        let Asked { method, key, query, range } = asked;
        let upload = query.get("uploadId").cloned();
        match (method.as_str(), upload) {
            ("GET", _) if query.contains_key("list-type") => self.list(query),
            ("GET" | "HEAD", _) => self.get(key, range.as_deref()),
            ("PUT", Some(upload)) => {
                let part = query["partNumber"].parse().expect("a number");
                self.uploads.get_mut(&upload).expect("it was begun").insert(part, body.to_vec());
                answer(StatusCode::OK, Vec::new())
            }
            ("PUT", None) => {
                self.objects.insert(key.clone(), body.to_vec());
                answer(StatusCode::OK, Vec::new())
            }
            ("POST", Some(upload)) => {
                // Asked again after the answer was lost, it is there already.
                if let Some(parts) = self.uploads.remove(&upload) {
                    self.objects.insert(key.clone(), parts.into_values().flatten().collect());
                }
                let done =
                    "<CompleteMultipartUploadResult><ETag>\"e\"</ETag></CompleteMultipartUploadResult>";
                answer(StatusCode::OK, done.into())
            }
            ("POST", None) => {
                self.uploads_begun += 1;
                let upload = format!("u{}", self.uploads_begun);
                self.uploads.insert(upload.clone(), BTreeMap::new());
                let begun = format!(
                    "<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
                );
                answer(StatusCode::OK, begun.into())
            }
            ("DELETE", Some(upload)) => {
                self.uploads.remove(&upload);
                answer(StatusCode::NO_CONTENT, Vec::new())
            }
            ("DELETE", None) => {
                self.objects.remove(key);
                answer(StatusCode::NO_CONTENT, Vec::new())
            }
            _ => answer(StatusCode::METHOD_NOT_ALLOWED, Vec::new()),
        }
    }

    fn get(&self, key: &str, range: Option<&str>) -> Response<Full<Bytes>> {
        let Some(object) = self.objects.get(key) else {
            return answer(StatusCode::NOT_FOUND, b"<Error><Code>NoSuchKey</Code></Error>".to_vec());
        };
        let Some(range) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else {
            return answer(StatusCode::OK, object.clone());
        };
        let from: usize = range.0.parse().expect("a number");
        let to = (range.1.parse::<usize>().expect("a number") + 1).min(object.len());
        let mut part = answer(StatusCode::PARTIAL_CONTENT, object[from..to].to_vec());
        let what = format!("bytes {from}-{}/{}", to - 1, object.len());
        part.headers_mut().insert("content-range", what.parse().expect("a header"));
        part
    }

    /// A page of the names below a prefix; those with a further `/` in them are left out, as nobody looks at them.
    fn list(&self, query: &BTreeMap<String, String>) -> Response<Full<Bytes>> {
        let prefix = query.get("prefix").map_or("", String::as_str);
        let after = query.get("continuation-token").cloned().unwrap_or_default();
        let below =
            |key: &&String| key.starts_with(prefix) && !key[prefix.len()..].contains('/') && **key > after;
        let keys: Vec<&String> = self.objects.keys().filter(below).collect();
        let mut text = String::from("<ListBucketResult>");
        for key in keys.iter().take(LISTED_MAX) {
            let size = self.objects[*key].len();
            write!(
                text,
                "<Contents><Key>{key}</Key><Size>{size}</Size><ETag>\"e\"</ETag>\
                 <LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            )
            .expect("text takes everything");
        }
        if keys.len() > LISTED_MAX {
            let next = keys[LISTED_MAX - 1];
            write!(text, "<NextContinuationToken>{next}</NextContinuationToken>")
                .expect("text takes everything");
        }
        write!(text, "<IsTruncated>{}</IsTruncated></ListBucketResult>", keys.len() > LISTED_MAX)
            .expect("text takes everything");
        answer(StatusCode::OK, text.into())
    }
}

fn refused() -> Response<Full<Bytes>> {
    answer(StatusCode::FORBIDDEN, b"<Error><Code>AccessDenied</Code></Error>".to_vec())
}

fn answer(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    let builder = Response::builder().status(status).header("etag", "\"e\"");
    let builder = builder.header("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT");
    builder.body(Full::new(Bytes::from(body))).expect("a response")
}

fn query(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    };
    pairs.map(pair).collect()
}

/// Without percents.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = behind.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(code) if *first == b'%' => {
                bytes.push(code);
                rest = &behind[2..];
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}
