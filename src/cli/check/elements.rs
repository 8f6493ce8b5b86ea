//! Does this machine's GStreamer have what the product needs?

use crate::config::ConfigFault;
use gstreamer as gst;
use gstreamer::prelude::*;

/// Element, and the Debian package that has it.
const NEEDED: [(&str, &str); 12] = [
    ("appsrc", "gstreamer1.0-plugins-base"),
    ("appsink", "gstreamer1.0-plugins-base"),
    ("rtpbin", "gstreamer1.0-plugins-good"),
    ("rtph264pay", "gstreamer1.0-plugins-good"),
    ("rtph264depay", "gstreamer1.0-plugins-good"),
    ("h264parse", "gstreamer1.0-plugins-bad"),
    ("h264timestamper", "gstreamer1.0-plugins-bad"),
    ("webrtcbin", "gstreamer1.0-plugins-bad"),
    ("srtpenc", "gstreamer1.0-plugins-bad"),
    ("srtpdec", "gstreamer1.0-plugins-bad"),
    ("nicesrc", "gstreamer1.0-nice"),
    ("nicesink", "gstreamer1.0-nice"),
];

/// Every element that is missing, and an SRTP plugin that cannot do AES-256-GCM (A6-5).
pub(super) fn faults() -> Vec<ConfigFault> {
    if let Err(error) = gst::init() {
        return vec![ConfigFault::error(
            format!("GStreamer does not start: {error}"),
            "GStreamer 1.22 or newer",
            "scripts/install --run-only installs what the server needs",
        )];
    }
    let mut found: Vec<ConfigFault> = NEEDED
        .iter()
        .filter(|(element, _)| gst::ElementFactory::find(element).is_none())
        .map(|(element, package)| {
            ConfigFault::error(
                format!("the GStreamer element {element} is missing"),
                "all of the elements the server is built from",
                format!("apt-get install {package} (or scripts/install --run-only)"),
            )
        })
        .collect();
    if let Ok(srtpenc) = gst::ElementFactory::make("srtpenc").build() {
        let strong = srtpenc
            .find_property("rtp-cipher")
            .and_then(|property| gst::glib::EnumClass::with_type(property.value_type()))
            .is_some_and(|class| class.value_by_nick("aes-256-gcm").is_some());
        if !strong {
            found.push(ConfigFault::error(
                "this GStreamer's srtpenc has no aes-256-gcm",
                "an SRTP plugin built against a libsrtp with AES-GCM (A6-5)",
                "use Debian's own gstreamer1.0-plugins-bad and libsrtp2-1",
            ));
        }
    }
    // TLS for RTSPS is GIO's, from a module of its own.
    if !gio_has_tls() {
        found.push(ConfigFault::error(
            "GIO has no TLS: RTSPS cannot be served",
            "glib-networking",
            "apt-get install glib-networking",
        ));
    }
    found
}

fn gio_has_tls() -> bool {
    use gio::prelude::*;
    gio::TlsBackend::default().supports_tls()
}
