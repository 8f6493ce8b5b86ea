//! Asks a service for time stamps (RFC 3161 3.4: HTTP).

use super::TimestampError;
use super::token::Question;
use openssl::rand::rand_bytes;
use openssl::x509::X509;
use reqwest::header::CONTENT_TYPE;
use std::time::Duration;

/// How long one question may take: an export waits for it.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is asked before there is none.
const TRIES: usize = 2;
/// No answer of a service is longer: a signature and a chain of certificates.
const MAX_ANSWER_BYTES: usize = 128 << 10;

/// One time stamping service.
#[derive(Debug)]
pub struct TimestampService {
    url: String,
    authorities: Vec<X509>,
    http: reqwest::Client,
}

impl TimestampService {
    /// Gets ready to ask; nothing is asked yet, so that a service that is down delays no start. Plain HTTP will do: the answer
    /// is signed, the question a hash. `authorities` must have vouched for the certificate it signs with.
    ///
    /// # Errors
    /// [`TimestampError::Http`] when TLS cannot be set up.
    pub fn new(url: String, authorities: Vec<X509>) -> Result<Self, TimestampError> {
        // No redirects: the address is the administrator's to choose.
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT).build()?;
        Ok(Self { url, authorities, http })
    }

    /// The service's address, as configured.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A verified time stamp of `data`: the whole answer (`TimeStampResp`, DER).
    ///
    /// # Errors
    /// [`TimestampError`], after a second try where the service could not be reached.
    pub async fn stamp(&self, data: &[u8]) -> Result<Vec<u8>, TimestampError> {
        let mut nonce = [0; 8];
        rand_bytes(&mut nonce)?;
        let nonce = u64::from_be_bytes(nonce);
        let body = Question::about(data, Some(nonce))?.der()?;
        let mut answer = self.ask(body.clone()).await;
        for _ in 1..TRIES {
            if answer.is_ok() {
                break;
            }
            answer = self.ask(body.clone()).await;
        }
        let answer = answer?;
        // Made anew: OpenSSL's own may not be held across a wait.
        Question::about(data, Some(nonce))?.verify(&answer, true, Some(&self.authorities))?;
        Ok(answer)
    }

    async fn ask(&self, body: Vec<u8>) -> Result<Vec<u8>, TimestampError> {
        let request = self.http.post(&self.url).header(CONTENT_TYPE, "application/timestamp-query").body(body);
        let mut response = request.send().await?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(TimestampError::Answer(response.status().to_string()));
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if answer.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(TimestampError::Answer(format!("more than {MAX_ANSWER_BYTES} bytes")));
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}
