//! Answers: the few shapes there are, and the headers that go on every one of them.

use super::problem::Problem;
use futures_util::Stream;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use hyper::body::Body as _;
use serde::Serialize;
use warp::Reply as _;

/// What handlers give back.
pub type Answer = warp::reply::Response;

/// Nothing inline, nothing from elsewhere, nothing in frames.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'";
/// Nothing a watching page needs is on this list; full screen is (A4-9: no display capture).
const PERMISSIONS_POLICY: &str = "accelerometer=(), autoplay=(self), camera=(), display-capture=(), encrypted-media=(), \
     fullscreen=(self), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), \
     picture-in-picture=(), publickey-credentials-create=(self), publickey-credentials-get=(self), screen-wake-lock=(self), usb=(), xr-spatial-tracking=()";

/// The media type of problem documents.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An answer of this type and content.
pub fn content(status: StatusCode, media_type: &'static str, body: impl Into<Vec<u8>>) -> Answer {
    let mut answer = Response::new(body.into().into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}

/// An answer that leaves as it is made. What fails on the way breaks the connection off.
pub fn stream(
    media_type: &'static str,
    pieces: impl Stream<Item = std::io::Result<Vec<u8>>> + Send + Sync + 'static,
) -> Answer {
    let mut answer = warp::reply::stream(pieces).into_response();
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = status;
    answer
}

/// A page.
pub fn html(status: StatusCode, body: String) -> Answer {
    content(status, "text/html; charset=utf-8", body)
}

/// JSON.
///
/// # Errors
/// When the value cannot be written as JSON, which is our fault.
pub fn json(status: StatusCode, value: &impl Serialize) -> Result<Answer, Problem> {
    match serde_json::to_vec(value) {
        Ok(body) => Ok(content(status, "application/json", body)),
        Err(error) => Err(Problem::internal("an answer cannot be written", &error)),
    }
}

/// "See there", after a form (Post/Redirect/Get).
///
/// # Errors
/// When the target is no header value, which is our fault.
pub fn see_other(target: &str) -> Result<Answer, Problem> {
    let target = HeaderValue::from_str(target).map_err(|error| Problem::internal("a redirect", &error))?;
    let mut answer = empty(StatusCode::SEE_OTHER);
    answer.headers_mut().insert(header::LOCATION, target);
    Ok(answer)
}

/// A link in a mail: the browser holds our cookies back (SameSite=Strict). Asking again from here brings them. `None`: the
/// request does not come from elsewhere.
pub fn again_from_here(headers: &HeaderMap) -> Option<Answer> {
    let text = |name: &'static str| headers.get(name).and_then(|value| value.to_str().ok());
    let from_elsewhere = text("sec-fetch-site") == Some("cross-site") && text("sec-fetch-mode") == Some("navigate");
    let page = "<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=0><title>Écluse</title>";
    from_elsewhere.then(|| html(StatusCode::OK, page.to_owned()))
}

/// A problem as a document.
pub fn problem(problem: &Problem) -> Answer {
    let mut answer = content(problem.status, PROBLEM_JSON, problem.document());
    answer.headers_mut().extend(problem.headers.clone());
    answer
}

/// The same answer without its body, for `HEAD`. HTTP/2 takes a body on it for a breach of protocol.
pub fn head_of(answer: Answer) -> Answer {
    let (mut parts, body) = answer.into_parts();
    if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(parts, Answer::default().into_body())
}

/// Puts on what every answer carries. What a handler has set itself (caching of assets) stays.
pub fn finish(headers: &mut HeaderMap) {
    let fixed: [(HeaderName, &'static str); 8] = [
        (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not "no-referrer": with it browsers send `Origin: null` with our own forms, which is no proof of anything.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS_POLICY),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
