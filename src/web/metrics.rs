//! Figures for Prometheus: requests by route and status, gates, sessions, cuts, cameras, the register's health.
//!
//! Labels hold route templates and words, never a path, a person or a ticket. The text is served to the administrator at
//! `/metrics`, and to anybody who reaches the separate metrics listener, which belongs on a management network.

use super::answer::{self, Answer};
use super::app::App;
use super::problem::Problem;
use crate::control::RegisterHealth;
use crate::domain::Event;
use http::{Method, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics::{counter, gauge, histogram};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::sync::broadcast::error::RecvError;

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Scrapers at the same time.
const MAX_SCRAPERS: usize = 8;
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);

/// Counts one answered request.
pub fn count_request(method: &Method, route: &'static str, status: StatusCode, elapsed: Duration) {
    let method = match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        // Whatever a stranger invents is one label.
        _ => "other",
    };
    counter!("ecluse_http_requests_total", "method" => method, "route" => route, "status" => status.as_u16().to_string())
        .increment(1);
    // A stream of events lasts as long as its page: its time to the head of the answer says nothing about load.
    histogram!("ecluse_http_request_seconds", "method" => method, "route" => route).record(elapsed.as_secs_f64());
}

/// The text, with gauges as they stand now.
fn render(app: &App) -> Option<String> {
    let handle = app.context.metrics.as_ref()?;
    let health = app.context.control.health();
    let (open, pending) = app.context.control.read(|state| {
        let open =
            state.live_tickets().filter(|ticket| matches!(ticket.state, crate::domain::TicketState::Open { .. }));
        let open = open.count();
        (open, state.live_tickets().count() - open)
    });
    let cameras = app.context.hub.health();
    let online = cameras.iter().filter(|(_, stream)| stream.online).count();
    let condition = match health.register {
        RegisterHealth::Sound => 0.0,
        RegisterHealth::OnReserve { .. } => 1.0,
        RegisterHealth::Unavailable { .. } => 2.0,
    };
    gauge!("ecluse_gates_open").set(health.live_grants as f64);
    gauge!("ecluse_sessions_live").set(app.context.viewers.live().len() as f64);
    gauge!("ecluse_tickets_open").set(open as f64);
    gauge!("ecluse_tickets_pending").set(pending as f64);
    gauge!("ecluse_ingest_online").set(online as f64);
    gauge!("ecluse_ingest_cameras").set(cameras.len() as f64);
    if let Some(recorder) = &app.context.recorder {
        for state in ["recording", "waiting", "stopped", "disk-full"] {
            let count = recorder.cameras().iter().filter(|camera| camera.state.as_str() == state).count();
            gauge!("ecluse_recorder_cameras", "state" => state).set(count as f64);
        }
    }
    gauge!("ecluse_register_entries").set(health.entries as f64);
    gauge!("ecluse_register_condition").set(condition);
    gauge!("ecluse_control_queued").set(health.queued as f64);
    handle.run_upkeep();
    Some(handle.render())
}

/// `GET /metrics`, for the administrator.
pub fn page(app: &App) -> Result<Answer, Problem> {
    let text = render(app).ok_or_else(Problem::not_found)?;
    Ok(answer::content(StatusCode::OK, TEXT_FORMAT, text))
}

/// Counts what the register says: sessions by how they end, cuts by how long they took (A4-4).
pub async fn watch_register(app: Arc<App>) {
    metrics::describe_histogram!("ecluse_cut_ms", "milliseconds from a command to the last media packet (A4-4)");
    metrics::describe_gauge!("ecluse_register_condition", "0 sound, 1 on its reserve, 2 cannot be written");
    let mut entries = app.context.control.subscribe();
    loop {
        let entry = tokio::select! {
            () = app.stop.cancelled() => return,
            entry = entries.recv() => entry,
        };
        match entry {
            Ok(entry) => match &entry.event {
                Event::SessionEnded { cause, cut_us, .. } => {
                    let cause = super::models::word_of(cause, "cause");
                    counter!("ecluse_sessions_ended_total", "cause" => cause).increment(1);
                    if let Some(cut_us) = cut_us {
                        histogram!("ecluse_cut_ms").record(*cut_us as f64 / 1_000.0);
                    }
                }
                Event::Closed { cause, .. } => {
                    let cause = super::models::word_of(cause, "cause");
                    counter!("ecluse_tickets_closed_total", "cause" => cause).increment(1);
                }
                Event::SessionGranted { .. } => counter!("ecluse_sessions_granted_total").increment(1),
                Event::Requested { .. } => counter!("ecluse_tickets_requested_total").increment(1),
                _ => {}
            },
            Err(RecvError::Lagged(missed)) => {
                counter!("ecluse_metrics_missed_entries_total").increment(missed);
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// The separate listener: plain HTTP/1, `GET /metrics` and nothing else.
pub async fn serve(app: Arc<App>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(MAX_SCRAPERS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = app.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let app = app.clone();
        tokio::spawn(async move {
            let _place = place;
            let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let app = app.clone();
                async move { Ok::<_, Infallible>(scrape(&app, request.method(), request.uri().path())) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(SCRAPE_TIMEOUT)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a scrape ended early");
            }
        });
    }
}

fn scrape(app: &App, method: &Method, path: &str) -> hyper::Response<String> {
    let text = (*method == Method::GET && path == "/metrics").then(|| render(app)).flatten();
    let mut answer = hyper::Response::new(text.clone().unwrap_or_default());
    if text.is_none() {
        *answer.status_mut() = StatusCode::NOT_FOUND;
    }
    answer.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(TEXT_FORMAT));
    answer
}
