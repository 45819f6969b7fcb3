//! What is answered to a request: decided from its method and path, and from nothing of the socket that it came by.

use super::{Metrics, Readiness};

/// The text format that Prometheus reads.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// What `/` shows.
const PAGES: &str = "\
ensue

/metrics   what the run counts, in Prometheus' text format
/healthz   200 while the process lives
/readyz    200 while the run consumes its inputs, else 503 with the reason
";

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The type of the body.
    pub content_type: &'static str,
    /// The methods that are allowed, where another was used.
    pub allow: Option<&'static str>,
    /// The body. It is not sent to who asked with HEAD.
    pub body: String,
}

impl Answer {
    /// The answer to a request.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use ensue::metrics::{Answer, Metrics, Readiness};
    ///
    /// let readiness = Readiness::starting(Arc::default());
    /// let answer = Answer::to("GET", "/readyz", &Metrics::new(), &readiness);
    /// assert_eq!(answer.status, 503);
    /// ```
    pub fn to(method: &str, path: &str, metrics: &Metrics, readiness: &Readiness) -> Answer {
        let unready = readiness.unready_because();
        let answer = match path {
            "/metrics" | "/healthz" | "/readyz" | "/" if !matches!(method, "GET" | "HEAD") => {
                let body = format!("{method} is not for {path}: use GET or HEAD\n");
                return Answer { allow: Some("GET, HEAD"), ..Answer::text(405, body) };
            }
            "/metrics" => {
                let body = metrics.text(unready.is_none());
                return Answer { content_type: METRICS_TYPE, ..Answer::text(200, body) };
            }
            "/healthz" => (200, "ok\n".to_owned()),
            "/readyz" => match unready {
                None => (200, "ready\n".to_owned()),
                Some(why) => (503, format!("{why}\n")),
            },
            "/" => (200, PAGES.to_owned()),
            _ => (404, format!("there is no such page; there are these:\n\n{PAGES}")),
        };
        Answer::text(answer.0, answer.1)
    }

    fn text(status: u16, body: String) -> Answer {
        Answer { status, content_type: TEXT_TYPE, allow: None, body }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_run_is_ready_between_its_beginning_and_its_end() {
        let metrics = Metrics::new();
        let stop = Arc::new(AtomicBool::new(false));
        let readiness = Readiness::starting(Arc::clone(&stop));
        let ready = || {
            let answer = Answer::to("GET", "/readyz", &metrics, &readiness);
            let gauge = Answer::to("GET", "/metrics", &metrics, &readiness).body;
            assert_eq!(gauge.contains("\nensue_ready 1\n"), answer.status == 200);
            (answer.status, answer.body)
        };
        assert_eq!(ready(), (503, "starting: the state is taken up and the inputs are opened\n".to_owned()));
        readiness.set_consuming();
        assert_eq!(ready(), (200, "ready\n".to_owned()));
        stop.store(true, Ordering::Relaxed);
        assert_eq!(ready(), (503, "stopping: a signal has come\n".to_owned()));
        stop.store(false, Ordering::Relaxed);
        readiness.set_ending();
        assert_eq!(ready(), (503, "ending: the inputs have come to their end\n".to_owned()));
    }

    #[test]
    fn what_is_not_there_or_not_allowed_is_said() {
        let (metrics, readiness) = (Metrics::new(), Readiness::starting(Arc::default()));
        let answer = |method: &str, path: &str| Answer::to(method, path, &metrics, &readiness);
        assert_eq!(answer("GET", "/").status, 200);
        assert_eq!(answer("HEAD", "/healthz").status, 200);
        assert_eq!(answer("GET", "/metric").status, 404);
        assert_eq!(answer("POST", "/nowhere").status, 404);
        let refused = answer("POST", "/metrics");
        assert_eq!((refused.status, refused.allow), (405, Some("GET, HEAD")));
        assert!(answer("GET", "/nowhere").body.contains("/readyz"));
    }
}
