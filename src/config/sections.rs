//! Each section's keys: which must be there, their defaults, and what is expected of them.

use super::read::Fields;
use super::schema::{
    AuthConfig, CameraConfig, Config, ConventionConfig, HttpsConfig, LanguageConfig, LogConfig, LogFormat, MailConfig,
    MetricsConfig, OffsiteConfig, OidcConfig, RecorderConfig, RegisterConfig, RetentionConfig, RtspConfig,
    SecondFactorConfig, ServerConfig, ServiceConfig, SiteConfig, SmtpScheme, SmtpUrl, TimestampConfig, UdpPorts,
    WebrtcConfig,
};
use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

const ADDRESS: &str = "an IP address and port in quotes, such as \"0.0.0.0:443\"";
const CERTIFICATE: &str = "the path of a PEM certificate, its chain included";
const KEY: &str = "the path of its unencrypted PEM private key, mode 0600";
const AUTHORITY: &str = "the path of a PEM certificate authority";
const NAME: &str = "a name as people read it";
const ID: &str = "an id: 1 to 64 of a-z, 0-9 and \"-\", not starting with \"-\"";

/// Reads the whole document. What cannot be read is named in the findings and something harmless stands in for it: a
/// configuration with findings must not start a server.
pub(super) fn read(mut file: Fields<'_>) -> Config {
    let config = Config {
        server: server(file.table("server", "a [server] section with data_dir")),
        https: https(file.table("https", "an [https] section with certificate, key and public_url")),
        rtsp: rtsp(file.table("rtsp", "an [rtsp] section with certificate and key")),
        auth: file.optional_table("auth").map(auth).unwrap_or_default(),
        oidc: file.optional_table("oidc").map(oidc),
        webrtc: file.optional_table("webrtc").map(webrtc).unwrap_or_default(),
        mail: file.optional_table("mail").map(mail),
        register: file.optional_table("register").map(register).unwrap_or_default(),
        recorder: file.optional_table("recorder").map(recorder),
        retention: file.optional_table("retention").map(retention).unwrap_or_default(),
        metrics: file.optional_table("metrics").map(metrics),
        log: file.optional_table("log").map(log).unwrap_or_default(),
        service: file.tables("service").into_iter().map(service).collect(),
        site: file.tables("site").into_iter().map(site).collect(),
    };
    file.finish();
    config
}

fn server(mut fields: Fields<'_>) -> ServerConfig {
    let section = ServerConfig {
        data_dir: fields.required("data_dir", "the path of a directory", PathBuf::new),
        language: fields.or("language", "\"fr\" or \"en\"", LanguageConfig::Fr),
    };
    fields.finish();
    section
}

fn https(mut fields: Fields<'_>) -> HttpsConfig {
    let section = HttpsConfig {
        listen: fields.or("listen", ADDRESS, any(443)),
        certificate: fields.required("certificate", CERTIFICATE, PathBuf::new),
        key: fields.required("key", KEY, PathBuf::new),
        public_url: fields.required(
            "public_url",
            "the URL people type, such as \"https://ecluse.example.org\"",
            || "https://unreadable".to_owned(),
        ),
        workstation_ca: fields.optional("workstation_ca", AUTHORITY),
        allow_tls12: fields.or("allow_tls12", "true or false", false),
    };
    fields.finish();
    section
}

fn auth(mut fields: Fields<'_>) -> AuthConfig {
    let section = AuthConfig {
        second_factor: fields.or("second_factor", "\"required\" or \"off\"", SecondFactorConfig::Required),
        lockout_attempts: fields.or("lockout_attempts", "a number of attempts", 10),
        lockout_window_min: fields.or("lockout_window_min", "a whole number of minutes", 15),
        lockout_min: fields.or("lockout_min", "a whole number of minutes", 15),
    };
    fields.finish();
    section
}

fn oidc(mut fields: Fields<'_>) -> OidcConfig {
    let values = "a list of texts such as [\"mfa\"]";
    let section = OidcConfig {
        name: fields.required("name", "the provider's name as people know it", String::new),
        issuer: fields.required("issuer", "a URL such as \"https://id.example.org\"", String::new),
        client_id: fields.required("client_id", "what the provider knows this server as", String::new),
        client_secret_file: fields.required(
            "client_secret_file",
            "the path of a file whose first line is the client's secret",
            PathBuf::new,
        ),
        ca: fields.optional("ca", AUTHORITY),
        roles: fields.or("roles", "a list of roles such as [\"decider\", \"guard\"]", OidcConfig::ROLES.to_vec()),
        second_factor_amr: fields.or("second_factor_amr", values, Vec::new()),
        second_factor_acr: fields.or("second_factor_acr", values, Vec::new()),
    };
    fields.finish();
    section
}

fn rtsp(mut fields: Fields<'_>) -> RtspConfig {
    let section = RtspConfig {
        listen: fields.or("listen", ADDRESS, any(322)),
        certificate: fields.required("certificate", CERTIFICATE, PathBuf::new),
        key: fields.required("key", KEY, PathBuf::new),
        client_ca: fields.optional("client_ca", AUTHORITY),
        stall_timeout_s: fields.or("stall_timeout_s", "a whole number of seconds", 10),
    };
    fields.finish();
    section
}

fn webrtc(mut fields: Fields<'_>) -> WebrtcConfig {
    let section = WebrtcConfig {
        udp_ports: fields.or("udp_ports", "a range such as \"50000-50999\", low end first", UdpPorts::default()),
        external_address: fields.optional("external_address", "an IP address in quotes, such as \"203.0.113.10\""),
        stun_server: fields.optional("stun_server", "a URL such as \"stun://stun.example.org:3478\""),
        turn_servers: fields.or(
            "turn_servers",
            "a list of URLs such as [\"turns://user:password@turn.example.org:5349?transport=tcp\"]",
            Vec::new(),
        ),
    };
    fields.finish();
    section
}

fn mail(mut fields: Fields<'_>) -> MailConfig {
    let seconds = "a whole number of seconds";
    let section = MailConfig {
        from: fields.required("from", "the sender, such as \"Écluse <ecluse@example.org>\"", String::new),
        smtp: fields.required("smtp", "\"smtps://HOST:465\" or \"smtp://HOST:587\"", || SmtpUrl {
            scheme: SmtpScheme::Smtps,
            host: "unreadable".to_owned(),
            port: 465,
        }),
        user: fields.optional("user", "the user name the mail server knows this server by"),
        password_file: fields.optional("password_file", "the path of a file whose first line is the password"),
        ca: fields.optional("ca", AUTHORITY),
        hello_name: fields.optional("hello_name", "this machine's full name, such as \"ecluse.example.org\""),
        allow_plain: fields.or("allow_plain", "true or false", false),
        connect_timeout_s: fields.or("connect_timeout_s", seconds, 15),
        send_timeout_s: fields.or("send_timeout_s", seconds, 60),
    };
    fields.finish();
    section
}

fn register(mut fields: Fields<'_>) -> RegisterConfig {
    let section = RegisterConfig {
        origin: fields.optional("origin", "a name such as \"ecluse.example.org/register\""),
        witnesses: fields.or(
            "witnesses",
            "a list of e-mail addresses such as [\"prefecture@example.org\"]",
            Vec::new(),
        ),
    };
    fields.finish();
    section
}

fn recorder(mut fields: Fields<'_>) -> RecorderConfig {
    let keep_free_mib = fields.or("keep_free_mib", "a whole number of MiB", 1_024_u64);
    let hold_reserve_mib = fields.or("hold_reserve_mib", "a whole number of MiB", keep_free_mib);
    let floor_mib = keep_free_mib.saturating_add(hold_reserve_mib);
    let section = RecorderConfig {
        directory: fields.optional("directory", "the path of a directory"),
        retention_days: fields.or("retention_days", "a whole number of days, 1 to 30", 30),
        segment_s: fields.or("segment_s", "a whole number of seconds", 60),
        fragment_ms: fields.or("fragment_ms", "a whole number of milliseconds", 1_000),
        keep_free_mib,
        hold_reserve_mib,
        warn_free_mib: fields.or("warn_free_mib", "a whole number of MiB", floor_mib.saturating_mul(4)),
        master_key_file: fields.optional("master_key_file", "the path of a file that `ecluse recordings new-key` made"),
        master_key_credential: fields.optional("master_key_credential", "the name of a systemd credential"),
        master_key_env: fields.optional("master_key_env", "the name of an environment variable"),
        offsite: fields.optional_table("offsite").map(offsite),
        timestamp: fields.optional_table("timestamp").map(timestamp),
    };
    fields.finish();
    section
}

fn offsite(mut fields: Fields<'_>) -> OffsiteConfig {
    let section = OffsiteConfig {
        endpoint: fields.required("endpoint", "a URL such as \"https://s3.example.org\"", String::new),
        region: fields.or("region", "the storage's region, such as \"eu-west-3\"", "us-east-1".to_owned()),
        bucket: fields.required("bucket", "the name of a bucket", String::new),
        prefix: fields.or("prefix", "what every name begins with", "ecluse".to_owned()),
        access_key_id: fields.required("access_key_id", "the id of an access key", String::new),
        secret_access_key_file: fields.required(
            "secret_access_key_file",
            "the path of a file whose first line is the access key's secret",
            PathBuf::new,
        ),
        ca: fields.optional("ca", AUTHORITY),
    };
    fields.finish();
    section
}

fn timestamp(mut fields: Fields<'_>) -> TimestampConfig {
    let section = TimestampConfig {
        url: fields.required("url", "the address of a time stamping service", String::new),
        ca: fields.required("ca", AUTHORITY, PathBuf::new),
    };
    fields.finish();
    section
}

fn retention(mut fields: Fields<'_>) -> RetentionConfig {
    let RetentionConfig { register_days, connections_days } = RetentionConfig::default();
    let section = RetentionConfig {
        register_days: fields.or("register_days", "a number of days from 365 to 3650", register_days),
        connections_days: fields.or("connections_days", "a number of days from 180 to 365", connections_days),
    };
    fields.finish();
    section
}

fn metrics(mut fields: Fields<'_>) -> MetricsConfig {
    let section = MetricsConfig { listen: fields.required("listen", ADDRESS, || any(0)) };
    fields.finish();
    section
}

fn log(mut fields: Fields<'_>) -> LogConfig {
    let section = LogConfig {
        format: fields.or("format", "\"text\" or \"json\"", LogFormat::Text),
        level: fields.optional("level", "a tracing filter such as \"info\" or \"info,ecluse::media=debug\""),
    };
    fields.finish();
    section
}

fn service(mut fields: Fields<'_>) -> ServiceConfig {
    let section = ServiceConfig {
        id: fields.required("id", ID, unreadable),
        name: fields.required("name", NAME, String::new),
        town: fields.required("town", "the town the service belongs to", String::new),
        address: fields.required("address", "its postal address", String::new),
    };
    fields.finish();
    section
}

fn site(mut fields: Fields<'_>) -> SiteConfig {
    let section = SiteConfig {
        id: fields.required("id", ID, unreadable),
        name: fields.required("name", NAME, String::new),
        addresses: fields.required("addresses", "a list of the convention's addresses", Vec::new),
        service: fields.required("service", "the id of a [[service]]", unreadable),
        convention: convention(fields.table("convention", "[site.convention] with town, valid_from and valid_until")),
        camera: fields.tables("camera").into_iter().map(camera).collect(),
    };
    fields.finish();
    section
}

fn convention(mut fields: Fields<'_>) -> ConventionConfig {
    let section = ConventionConfig {
        town: fields.required("town", "the town that signed", String::new),
        valid_from: fields.day("valid_from", chrono::NaiveDate::MIN),
        // The calendar's last day would have no next one.
        valid_until: fields.day("valid_until", chrono::NaiveDate::MIN),
    };
    fields.finish();
    section
}

fn camera(mut fields: Fields<'_>) -> CameraConfig {
    let section = CameraConfig {
        id: fields.required("id", ID, unreadable),
        name: fields.required("name", NAME, String::new),
        user: fields.optional("user", "the user name its encoder logs in with"),
        password_file: fields.optional("password_file", "the path of a file whose first line is the password"),
        client_certificate_sha256: fields
            .optional("client_certificate_sha256", "64 hexadecimal digits, with or without colons"),
    };
    fields.finish();
    section
}

fn any(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))
}

/// An identifier that stands in for one that cannot be read.
fn unreadable<T: FromStr<Err: Debug>>() -> T {
    // Cannot fail: every identifier here is a slug, and this literal is one.
    "unreadable".parse().expect("a slug")
}
