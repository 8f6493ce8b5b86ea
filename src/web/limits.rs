//! Rate limits (fault 25): log-ins per address and per account, changes per person. Cuts are never limited.

use super::problem::Problem;
use super::routes::Name;
use super::settings::Rate;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use http::header::{HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering};

/// How often keys that are full again are forgotten: once in so many checks.
const SWEEP_EVERY: u32 = 1_024;

/// A limiter with a key per subject.
pub struct Limit<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    checks: AtomicU32,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    /// A limiter that gives each subject this rate.
    pub fn new(rate: Rate) -> Self {
        // `with_period` refuses only a period of zero: one per nanosecond is no limit anybody could feel.
        let quota = Quota::with_period(rate.one_every)
            .unwrap_or_else(|| Quota::per_second(std::num::NonZeroU32::MAX))
            .allow_burst(rate.burst);
        Self { limiter: RateLimiter::keyed(quota), checks: AtomicU32::new(0) }
    }

    /// Takes one off the subject's allowance.
    ///
    /// # Errors
    /// 429 with `Retry-After`.
    pub fn check(&self, subject: &K) -> Result<(), Problem> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        self.limiter.check_key(subject).map_err(|not_until| {
            let wait_s = not_until.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
            let detail = format!("too many attempts: wait {wait_s} s");
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-attempts", detail)
                .with(RETRY_AFTER, HeaderValue::from(wait_s))
        })
    }
}

/// What counts as one subscriber: an IPv4 address, or an IPv6 /64.
pub fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// Whether a change counts against the allowance of changes. Log-ins have allowances of their own. Everything that ends the flow of images is free: whoever floods must never
/// be able to keep a cut from arriving.
pub fn is_limited(method: &Method, name: Name) -> bool {
    let cuts = matches!(
        name,
        Name::TicketWithdraw
            | Name::TicketRefuse
            | Name::TicketEnd
            | Name::TicketInterrupt
            | Name::AdminSessionCut
            | Name::AdminTicketInterrupt
            | Name::ApiTicketWithdraw
            | Name::ApiTicketRefuse
            | Name::ApiTicketEnd
            | Name::ApiTicketInterrupt
            | Name::ApiSessionCut
            | Name::Logout
            | Name::ApiLogout
    );
    let log_ins = matches!(name, Name::Login | Name::SecondFactor | Name::ApiLogin);
    *method == Method::POST && !cuts && !log_ins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::routes::TABLE;
    use std::num::NonZeroU32;
    use std::time::Duration;

    #[test]
    fn fault_25_the_burst_passes_then_it_waits_and_others_are_not_hurt() {
        let rate = Rate { burst: NonZeroU32::new(3).unwrap(), one_every: Duration::from_secs(3600) };
        let limit = Limit::new(rate);
        for _ in 0..3 {
            limit.check(&"a").unwrap();
        }
        let refused = limit.check(&"a").unwrap_err();
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(refused.header(&RETRY_AFTER).is_some());
        limit.check(&"b").unwrap();
    }

    #[test]
    fn fault_25_no_way_to_cut_is_limited() {
        let words = ["withdraw", "refuse", "/end", "interrupt", "/cut", "logout"];
        for route in &TABLE {
            if words.iter().any(|word| route.path.ends_with(word)) || route.method == Method::DELETE {
                assert!(!is_limited(&route.method, route.name), "{}", route.path);
            }
        }
        assert!(is_limited(&Method::POST, Name::WhepPost));
        assert!(is_limited(&Method::POST, Name::ApiTicketsFile));
    }

    #[test]
    fn one_subscriber_is_one_subject() {
        let same = |a: &str, b: &str| subscriber(a.parse().unwrap()) == subscriber(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
    }
}
