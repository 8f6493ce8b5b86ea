//! The landlord's identity provider as it is spoken to: discovery, the code's exchange, the ID token's control. Everything
//! it answers is bounded in size and time, and none of it is believed before signature, issuer, audience, times and nonce
//! have been checked by the `openidconnect` crate.

use crate::config::{Config, OidcConfig, Secret};
use crate::domain::Role;
use chrono::{DateTime, Utc};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreUserInfoClaims,
};
use openidconnect::{
    AccessToken, AsyncHttpClient, AuthenticationContextClass, AuthorizationCode, ClaimsVerificationError, ClientId,
    ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl,
    Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, SignatureVerificationError,
    TokenResponse,
};
use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Patience with one answer of the provider.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes an answer of the provider may have; a key set is some kilobytes.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// How long what discovery found is used; keys that were changed meanwhile are fetched at once when they are met.
const DISCOVERY_TTL: Duration = Duration::from_secs(3600);
/// A token's times may be off by so much: two machines, two clocks.
const SKEW: chrono::TimeDelta = chrono::TimeDelta::seconds(30);

/// Signatures made with the provider's own key. Those with the client's secret could be made by whoever reads our file.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// How people of the landlord may log in by its identity provider.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    /// The provider's name on the log-in page.
    pub name: String,
    /// Issuer, whose `/.well-known/openid-configuration` says the rest.
    pub issuer: IssuerUrl,
    /// What the provider knows this server as.
    pub client_id: String,
    /// The secret that goes with it.
    pub client_secret: Secret,
    /// PEM of the only authorities believed; `None`: the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// Who may log in this way; never the police.
    pub roles: BTreeSet<Role>,
    /// Values of `amr` any of which proves a second factor.
    pub second_factor_amr: Vec<String>,
    /// Values of `acr` any of which proves a second factor; they are asked for, too.
    pub second_factor_acr: Vec<String>,
    /// Where the provider sends people back to.
    pub redirect: RedirectUrl,
}

/// Why `[oidc]` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("oidc.{field}: {why}")]
pub struct OidcSettingsError {
    /// Which key.
    pub field: &'static str,
    /// What is wrong.
    pub why: String,
}

impl OidcSettings {
    /// The path people come back to.
    pub const RETURN_PATH: &str = "/login/oidc/callback";

    /// Reads the files `[oidc]` names; `None` when there is no such section.
    ///
    /// # Errors
    /// [`OidcSettingsError`] names the key. `ecluse check` says the same with more words.
    pub fn from_config(config: &Config) -> Result<Option<Self>, OidcSettingsError> {
        config.oidc.as_ref().map(|oidc| Self::read(oidc, &config.https.public_url)).transpose()
    }

    fn read(oidc: &OidcConfig, public_url: &str) -> Result<Self, OidcSettingsError> {
        let fault = |field| move |why: String| OidcSettingsError { field, why };
        let file = |path: &Path| std::fs::read(path).map_err(|why| format!("{}: {why}", path.display()));
        let secret = file(&oidc.client_secret_file).map_err(fault("client_secret_file"))?;
        let secret = String::from_utf8_lossy(&secret).lines().next().unwrap_or_default().trim().to_owned();
        let redirect = format!("{}{}", public_url.trim_end_matches('/'), Self::RETURN_PATH);
        Ok(Self {
            name: oidc.name.clone(),
            issuer: IssuerUrl::new(oidc.issuer.clone()).map_err(|why| fault("issuer")(why.to_string()))?,
            client_id: oidc.client_id.clone(),
            client_secret: Secret::new(secret),
            ca_pem: oidc.ca.as_deref().map(file).transpose().map_err(fault("ca"))?,
            roles: oidc.roles.iter().copied().filter(|role| !role.is_police()).collect(),
            second_factor_amr: oidc.second_factor_amr.clone(),
            second_factor_acr: oidc.second_factor_acr.clone(),
            redirect: RedirectUrl::new(redirect).map_err(|why| fault("issuer")(format!("public_url: {why}")))?,
        })
    }
}

/// What has to come back from the provider, or to be shown to it, for a log-in to be the one that was begun here.
pub struct Expected {
    /// Comes back in the URL.
    pub state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

/// Who the provider says has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// Their e-mail address, which the provider has verified.
    pub email: String,
    /// Whether the provider asked them for a second factor, in words that the configuration believes.
    pub with_second_factor: bool,
}

/// Why nobody is vouched for.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The provider does not answer, or not as a provider.
    #[error("the provider does not answer as one: {0}")]
    Down(String),
    /// What it answered does not fit this log-in, or is not signed by it.
    #[error("the provider's answer is not good: {0}")]
    Unfit(String),
    /// It names nobody by a verified e-mail address.
    #[error("the provider vouches for no e-mail address")]
    NoEmail,
}

/// The identity provider.
pub struct Provider {
    /// As configured.
    pub settings: OidcSettings,
    http: Http,
    found: Mutex<Option<(Instant, Arc<CoreProviderMetadata>)>>,
}

impl Provider {
    /// Gets ready to speak to it; nothing is asked yet, so that a provider that is down delays no start.
    ///
    /// # Errors
    /// When the authorities cannot be used.
    pub fn new(settings: OidcSettings) -> Result<Self, OidcSettingsError> {
        // No redirects: where the issuer says its endpoints are, they are.
        let mut builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT);
        let fault = |why: reqwest::Error| OidcSettingsError { field: "ca", why: innermost(&why) };
        if let Some(pem) = &settings.ca_pem {
            builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(pem).map_err(fault)?);
        }
        Ok(Self { http: Http(builder.build().map_err(fault)?), settings, found: Mutex::default() })
    }

    /// Where to send somebody to log in, and what to expect when they come back.
    ///
    /// # Errors
    /// [`ProviderError::Down`].
    pub async fn begin(&self) -> Result<(String, Expected), ProviderError> {
        let metadata = self.metadata(Duration::MAX).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.client(&metadata);
        let mut request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .add_scope(Scope::new("email".to_owned()))
            .set_pkce_challenge(challenge);
        for acr in &self.settings.second_factor_acr {
            request = request.add_auth_context_value(AuthenticationContextClass::new(acr.clone()));
        }
        let (url, state, nonce) = request.url();
        Ok((url.into(), Expected { state, nonce, verifier }))
    }

    /// Trades the code that came back for an ID token and reads who it vouches for, at `now`.
    ///
    /// # Errors
    /// [`ProviderError`]; the words are for the log.
    pub async fn finish(&self, code: String, expected: Expected, now: DateTime<Utc>) -> Result<Vouched, ProviderError> {
        let metadata = self.metadata(Duration::MAX).await?;
        let client = self.client(&metadata);
        let request = client.exchange_code(AuthorizationCode::new(code)).map_err(down)?;
        let tokens = request.set_pkce_verifier(expected.verifier).request_async(&self.http).await;
        let tokens = tokens.map_err(|error| match error {
            // "invalid_grant" and its like: it did answer.
            openidconnect::RequestTokenError::ServerResponse(told) => ProviderError::Unfit(told.error().to_string()),
            other => down(other),
        })?;
        let token = tokens.id_token().ok_or_else(|| ProviderError::Unfit("no ID token".to_owned()))?;
        let claims = match claims(&client, token, &expected.nonce, now) {
            // Signed with a key that is not known: it may be a new one.
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey | SignatureVerificationError::CryptoError(_),
            )) => {
                let fresh = self.metadata(Duration::from_secs(10)).await?;
                claims(&self.client(&fresh), token, &expected.nonce, now)
            }
            judged => judged,
        }
        .map_err(|error| ProviderError::Unfit(innermost(&error)))?;
        let email = match verified_email(claims.email(), claims.email_verified()) {
            Some(email) => email,
            // Many providers keep the address out of the token.
            None => self.ask_email(&client, tokens.access_token().clone(), claims).await?,
        };
        Ok(Vouched { email, with_second_factor: self.proves_second_factor(claims) })
    }

    async fn ask_email(
        &self,
        client: &Client,
        access: AccessToken,
        claims: &CoreIdTokenClaims,
    ) -> Result<String, ProviderError> {
        let Ok(request) = client.user_info(access, Some(claims.subject().clone())) else {
            return Err(ProviderError::NoEmail);
        };
        let told: CoreUserInfoClaims =
            request.request_async(&self.http).await.map_err(|error| ProviderError::Unfit(innermost(&error)))?;
        verified_email(told.email(), told.email_verified()).ok_or(ProviderError::NoEmail)
    }

    fn proves_second_factor(&self, claims: &CoreIdTokenClaims) -> bool {
        let acr = claims.auth_context_ref().map(|acr| acr.as_str());
        let by_acr = acr.is_some_and(|acr| self.settings.second_factor_acr.iter().any(|good| good == acr));
        let methods = claims.auth_method_refs().into_iter().flatten();
        let by_amr =
            methods.into_iter().any(|method| self.settings.second_factor_amr.iter().any(|good| *good == **method));
        by_acr || by_amr
    }

    fn client(&self, metadata: &CoreProviderMetadata) -> Client {
        let secret = ClientSecret::new(self.settings.client_secret.expose().to_owned());
        let id = ClientId::new(self.settings.client_id.clone());
        CoreClient::from_provider_metadata(metadata.clone(), id, Some(secret))
            .set_redirect_uri(self.settings.redirect.clone())
    }

    /// What discovery found, if that is not older than `at_most`; else it is asked again.
    async fn metadata(&self, at_most: Duration) -> Result<Arc<CoreProviderMetadata>, ProviderError> {
        let at_most = at_most.min(DISCOVERY_TTL);
        // The lock is never held across an await, and the value is replaced whole.
        let known = self.found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((since, metadata)) = known
            && since.elapsed() < at_most
        {
            return Ok(metadata);
        }
        let metadata =
            CoreProviderMetadata::discover_async(self.settings.issuer.clone(), &self.http).await.map_err(down)?;
        let metadata = Arc::new(metadata);
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), metadata.clone()));
        Ok(metadata)
    }
}

/// Requests as the crate wants them made.
struct Http(reqwest::Client);

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = CallError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, CallError>> + Send>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        // The client is a handle.
        Box::pin(call(self.0.clone(), request))
    }
}

async fn call(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, CallError> {
    let mut response = client.execute(reqwest::Request::try_from(request)?).await?;
    let mut answer = http::Response::new(Vec::new());
    *answer.status_mut() = response.status();
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    while let Some(chunk) = response.chunk().await? {
        if answer.body().len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(CallError::TooLong);
        }
        answer.body_mut().extend_from_slice(&chunk);
    }
    Ok(answer)
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("an answer of more than {MAX_ANSWER_BYTES} bytes")]
    TooLong,
}

fn claims<'t>(
    client: &Client,
    token: &'t CoreIdToken,
    nonce: &Nonce,
    now: DateTime<Utc>,
) -> Result<&'t CoreIdTokenClaims, ClaimsVerificationError> {
    let verifier: CoreIdTokenVerifier<'_> = client.id_token_verifier();
    let verifier = verifier.set_allowed_algs(ALGORITHMS).set_time_fn(move || now - SKEW).set_issue_time_verifier_fn(
        move |issued| match issued <= now + SKEW {
            true => Ok(()),
            false => Err("issued in the future: one of the two clocks is wrong".to_owned()),
        },
    );
    token.claims(&verifier, nonce)
}

fn verified_email(email: Option<&openidconnect::EndUserEmail>, verified: Option<bool>) -> Option<String> {
    email.filter(|_| verified == Some(true)).map(|email| email.as_str().to_owned())
}

fn down(error: impl Error) -> ProviderError {
    ProviderError::Down(innermost(&error))
}

/// An error's words with those of what caused it; the crate's own are short, and name neither tokens nor secrets.
fn innermost(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words.push_str(": ");
        words.push_str(&inner.to_string());
        cause = inner.source();
    }
    words
}
