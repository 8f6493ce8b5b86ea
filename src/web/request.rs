//! One request, read within its limits before any handler sees it.

use super::problem::Problem;
use super::routes::{Carries, Route};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// The most bytes a form or a JSON body may have.
pub const MAX_SMALL_BODY_BYTES: usize = 16 * 1024;
/// What is too long is read and thrown away up to here, so that the sender gets to see the 413.
const MAX_DRAINED_BYTES: usize = 16 * 1024 * 1024;
/// Patience with a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// Patience with a body that nobody reads.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Who is at the other end of the TLS connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Address and port.
    pub address: SocketAddr,
    /// The client certificate, checked against the workstations' authority (A6-1); `None`: none was presented.
    pub certificate: Option<Arc<Certificate>>,
}

/// A workstation's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Common name: the workstation.
    pub name: String,
    /// SHA-256 of the certificate, hexadecimal.
    pub sha256: String,
}

impl Peer {
    /// What stands in the register as the place of viewing: the certificate's workstation, else the peer's address.
    pub fn workstation(&self) -> String {
        match &self.certificate {
            Some(certificate) => certificate.name.clone(),
            None => self.address.ip().to_canonical().to_string(),
        }
    }
}

/// A request whose route is known.
#[derive(Debug)]
pub struct Request {
    /// Its row in the table.
    pub route: &'static Route,
    /// Values of the `{name}`s of its path.
    pub values: Vec<String>,
    /// Path, undecoded.
    pub path: String,
    /// Query, undecoded, without the question mark.
    pub query: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Who is at the other end.
    pub peer: Peer,
    /// Body, whole.
    pub body: Bytes,
}

impl Request {
    /// The first `{name}` of the path, as an identifier.
    ///
    /// # Errors
    /// 404: what is no identifier names nothing.
    pub fn id<T: std::str::FromStr<Err = crate::domain::IdError>>(&self) -> Result<T, Problem> {
        Ok(self.values.first().ok_or_else(Problem::not_found)?.parse()?)
    }

    /// All values of a query parameter.
    pub fn query_all(&self, name: &str) -> Vec<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }

    /// The first value of a query parameter.
    pub fn query(&self, name: &str) -> Option<String> {
        self.query_all(name).into_iter().next()
    }

    /// A number from the query, within bounds.
    ///
    /// # Errors
    /// 400 names the parameter and the bounds.
    pub fn query_number(&self, name: &str, bounds: std::ops::RangeInclusive<u64>) -> Result<Option<u64>, Problem> {
        let Some(text) = self.query(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) if bounds.contains(&number) => Ok(Some(number)),
            _ => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "query-invalid",
                format!("{name}: expected a number from {} to {}", bounds.start(), bounds.end()),
            )),
        }
    }

    /// The body as a form.
    pub fn form(&self) -> Form {
        Form(form_urlencoded::parse(&self.body).into_owned().collect())
    }

    /// The body as JSON; an empty one counts as `{}`.
    ///
    /// # Errors
    /// 400 with line and column.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let body = if self.body.is_empty() { b"{}".as_slice() } else { &self.body };
        serde_json::from_slice(body).map_err(|error| {
            let what = error.to_string();
            Problem::new(StatusCode::BAD_REQUEST, "body-invalid", format!("the JSON body cannot be read: {what}"))
        })
    }

    /// The body of an act that needs no words: nothing, or a `why` that nobody asked for.
    ///
    /// # Errors
    /// 400 when it says anything else: whoever sends it means something by it.
    pub fn nothing(&self) -> Result<(), Problem> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {
            #[serde(default, rename = "why")]
            _why: String,
        }
        self.json::<Nothing>().map(|_| ())
    }

    /// The body as text.
    ///
    /// # Errors
    /// 400 when it is not UTF-8.
    pub fn text(&self) -> Result<&str, Problem> {
        std::str::from_utf8(&self.body).map_err(|error| {
            let detail = format!("the body is not UTF-8 at byte {}", error.valid_up_to());
            Problem::new(StatusCode::BAD_REQUEST, "body-invalid", detail)
        })
    }

    /// A cookie's value.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        cookie(&self.headers, name)
    }

    /// A header's value, when it is text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A cookie's value.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// A form's fields, in order.
#[derive(Debug, Clone)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// The first value of a field; empty when there is none.
    pub fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
    /// All values of a field.
    pub fn values(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }
}

/// The media type a body must have, and the most bytes it may have.
fn rule(carries: Carries) -> Option<(&'static str, usize)> {
    match carries {
        Carries::Nothing => None,
        Carries::Form => Some(("application/x-www-form-urlencoded", MAX_SMALL_BODY_BYTES)),
        Carries::Json => Some(("application/json", MAX_SMALL_BODY_BYTES)),
        Carries::Offer => Some(("application/sdp", crate::media::viewer::MAX_OFFER_BYTES)),
        Carries::Fragment => Some(("application/trickle-ice-sdpfrag", crate::media::viewer::MAX_FRAGMENT_BYTES)),
    }
}

/// Reads a body as its route wants it.
///
/// # Errors
/// 413 too long, 415 another media type, 400 cut off on the way, 408 too slow.
pub async fn read_body<S, B, E>(route: &Route, headers: &HeaderMap, stream: S) -> Result<Bytes, Problem>
where
    S: Stream<Item = Result<B, E>> + Send,
    B: Buf,
    E: std::fmt::Display,
{
    let (expected, limit) = match rule(route.carries) {
        Some((media_type, limit)) => (Some(media_type), limit),
        None => (None, 0),
    };
    let body = tokio::time::timeout(BODY_TIMEOUT, collect(stream, limit)).await.map_err(|_| {
        let detail = format!("the body did not arrive within {} s", BODY_TIMEOUT.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", detail)
    })??;
    let Some(expected) = expected else { return Ok(body) };
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let given = given.split(';').next().unwrap_or_default().trim();
    if given.eq_ignore_ascii_case(expected) || (body.is_empty() && given.is_empty() && route.carries == Carries::Json) {
        return Ok(body);
    }
    let detail = format!("the body must be {expected}");
    let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong-content-type", detail);
    let name = match (route.carries, route.method == Method::PATCH) {
        (Carries::Offer, _) => HeaderName::from_static("accept-post"),
        (_, true) => HeaderName::from_static("accept-patch"),
        _ => return Err(problem),
    };
    Err(problem.with(name, HeaderValue::from_static(expected)))
}

/// Reads what is left of a body and throws it away, within limits of size and time.
pub async fn drain<B: Buf, E>(stream: impl Stream<Item = Result<B, E>> + Send) {
    let mut stream = pin!(stream);
    let mut total = 0_usize;
    let to_the_end = async {
        while let Some(Ok(chunk)) = stream.next().await {
            total += chunk.remaining();
            if total > MAX_DRAINED_BYTES {
                break;
            }
        }
    };
    // Too slow: the connection closes with the answer.
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, to_the_end).await;
}

async fn collect<B: Buf, E: std::fmt::Display>(
    stream: impl Stream<Item = Result<B, E>> + Send,
    limit: usize,
) -> Result<Bytes, Problem> {
    let mut stream = pin!(stream);
    let mut body = BytesMut::new();
    let mut total = 0_usize;
    while let Some(chunk) = stream.next().await {
        let mut chunk = chunk.map_err(|error| {
            tracing::debug!(%error, "a body was cut off");
            Problem::new(StatusCode::BAD_REQUEST, "body-cut-off", "the body ended before its announced length")
        })?;
        total += chunk.remaining();
        if total <= limit {
            body.extend_from_slice(&chunk.copy_to_bytes(chunk.remaining()));
        } else if total > MAX_DRAINED_BYTES {
            break;
        }
    }
    if total > limit {
        let detail = format!("the body has {total} bytes or more; at most {limit} are read here");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail));
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::routes::{Found, find};

    fn route(method: Method, path: &str) -> &'static Route {
        match find(&method, path) {
            Found::Route(route, _) => route,
            other => panic!("{path}: {other:?}"),
        }
    }

    async fn read(route: &Route, media_type: &'static str, body: Vec<Result<Bytes, String>>) -> Result<Bytes, Problem> {
        let mut headers = HeaderMap::new();
        if !media_type.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        read_body(route, &headers, futures_util::stream::iter(body)).await
    }

    #[tokio::test]
    async fn bodies_are_read_within_their_limits_and_types() {
        let login = route(Method::POST, "/login");
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let ok = read(login, form, vec![Ok("a=".into()), Ok("b".into())]).await.unwrap();
        assert_eq!(ok, "a=b");
        let big = vec![Ok(Bytes::from(vec![b'x'; MAX_SMALL_BODY_BYTES])), Ok("x".into())];
        assert_eq!(read(login, form, big).await.unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
        let wrong = read(login, "application/json", vec![Ok("{}".into())]).await.unwrap_err();
        assert_eq!(wrong.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let cut = read(login, form, vec![Ok("a=".into()), Err("reset".to_owned())]).await.unwrap_err();
        assert_eq!((cut.status, cut.code), (StatusCode::BAD_REQUEST, "body-cut-off"));
        let offer = route(Method::POST, "/whep/tickets/x");
        let wrong = read(offer, "text/plain", vec![Ok("v=0".into())]).await.unwrap_err();
        assert_eq!(wrong.header(&HeaderName::from_static("accept-post")).unwrap(), "application/sdp");
        let me = route(Method::GET, "/healthz");
        assert_eq!(read(me, "", vec![]).await.unwrap(), "");
    }

    #[test]
    fn cookies_and_forms_are_read() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; __Host-session=abc"));
        headers.append(header::COOKIE, HeaderValue::from_static("b=2"));
        assert_eq!(cookie(&headers, "__Host-session"), Some("abc"));
        assert_eq!(cookie(&headers, "b"), Some("2"));
        assert_eq!(cookie(&headers, "session"), None);
        let form = Form(form_urlencoded::parse(b"reasons=vols&reasons=x%C3%A9&why=a+b").into_owned().collect());
        assert_eq!(form.values("reasons"), ["vols", "xé"]);
        assert_eq!(form.value("why"), "a b");
        assert_eq!(form.value("absent"), "");
    }
}
