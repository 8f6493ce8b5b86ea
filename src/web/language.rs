//! Which language a page is drawn in: the cookie's, else the person's, else the browser's, else the configured one.

use super::answer::{self, Answer};
use super::app::App;
use super::auth::{Caller, set_cookie};
use super::login::own_page;
use super::pages::{Language, Locale};
use super::problem::Problem;
use super::request::{Request, cookie};
use http::header::{ACCEPT_LANGUAGE, HeaderMap, SET_COOKIE};

const COOKIE: &str = "__Host-language";
const YEAR_S: u64 = 365 * 24 * 3600;

/// The language for this reader.
pub fn of(app: &App, headers: &HeaderMap, caller: &Caller) -> Locale {
    let language = cookie(headers, COOKIE)
        .and_then(Language::from_tag)
        .or_else(|| caller.person.as_ref().map(|person| person.language))
        .or_else(|| headers.get(ACCEPT_LANGUAGE).and_then(|value| accepted(value.to_str().ok()?)))
        .unwrap_or(app.settings.language);
    Locale { language }
}

/// The language a browser asks for most; French when it likes both alike.
fn accepted(header: &str) -> Option<Language> {
    let mut best: Option<(f32, Language)> = None;
    for range in header.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default().split('-').next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f32>().ok());
        let (Some(language), Some(weight)) = (Language::from_tag(&tag), weight) else { continue };
        let wins = best.is_none_or(|(before, _)| weight > before || (weight == before && language == Language::Fr));
        if weight > 0.0 && wins {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language)
}

/// `POST /language`: remembers the choice and goes back to the page it was made on.
pub fn choose(request: &Request) -> Result<Answer, Problem> {
    let form = request.form();
    let language = Language::from_tag(form.value("language")).ok_or_else(|| {
        Problem::new(http::StatusCode::UNPROCESSABLE_ENTITY, "unknown-language", "language: expected fr or en")
    })?;
    let mut answer = answer::see_other(&own_page(form.value("next")).unwrap_or_else(|| "/".to_owned()))?;
    answer.headers_mut().append(SET_COOKIE, set_cookie(COOKIE, language.as_str(), Some(YEAR_S))?);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_listened_to() {
        assert_eq!(accepted("en-GB,en;q=0.9,fr;q=0.8"), Some(Language::En));
        assert_eq!(accepted("de, fr-CH;q=0.7, en;q=0.7"), Some(Language::Fr));
        assert_eq!(accepted("en;q=0, fr;q=0.1"), Some(Language::Fr));
        assert_eq!(accepted("de;q=x,*"), None);
        assert_eq!(accepted(""), None);
    }
}
