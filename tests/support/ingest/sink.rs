//! rtspclientsink inside this process, where it can be given an authority to trust and a certificate to show.

use ecluse::pki::Issued;
use gio::prelude::*;
use gio::subclass::prelude::*;
use glib::translate::from_glib_none;
use gstreamer as gst;
use gstreamer::prelude::*;
use std::path::Path;

/// A pipeline that pushes; stopped when dropped.
pub struct Sink(gst::Pipeline);

impl Sink {
    /// Pushes `clip` to `url`, which may hold no credential; the server's certificate must be good for 127.0.0.1 under
    /// `ca`, and ours is `identity`.
    pub fn push(clip: &Path, url: &str, ca: &Path, identity: Option<&Issued>, user: Option<(&str, &str)>) -> Self {
        let description = format!(
            "filesrc location={} ! qtdemux ! h264parse ! identity sync=true ! rtspclientsink name=out protocols=tcp",
            clip.display()
        );
        let pipeline = gst::parse::launch(&description).unwrap().downcast::<gst::Pipeline>().unwrap();
        let out = pipeline.by_name("out").unwrap();
        out.set_property("location", url);
        if let Some((name, password)) = user {
            out.set_property("user-id", name);
            out.set_property("user-pw", password);
        }
        let trusted = gio::TlsFileDatabase::new(ca).unwrap();
        out.set_property("tls-database", trusted.upcast_ref::<gio::TlsDatabase>());
        if let Some(own) = identity {
            out.set_property("tls-interaction", ShowCertificate::new(own));
        }
        pipeline.set_state(gst::State::Playing).unwrap();
        Self(pipeline)
    }

    /// The error that ended it, if one did.
    pub fn error(&self) -> Option<String> {
        let bus = self.0.bus().unwrap();
        bus.pop_filtered(&[gst::MessageType::Error]).map(|message| format!("{message:?}"))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.0.set_state(gst::State::Null);
    }
}

glib::wrapper! {
    /// Answers GLib's question for a client certificate.
    pub struct ShowCertificate(ObjectSubclass<imp::ShowCertificate>) @extends gio::TlsInteraction;
}

impl ShowCertificate {
    fn new(own: &Issued) -> Self {
        let this: Self = glib::Object::new();
        this.imp().files.set((own.certificate.clone(), own.key.clone())).unwrap();
        this
    }
}

mod imp {
    use super::*;
    use std::path::PathBuf;
    use std::sync::OnceLock;

    #[derive(Default)]
    pub struct ShowCertificate {
        pub files: OnceLock<(PathBuf, PathBuf)>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for ShowCertificate {
        const NAME: &'static str = "TestShowCertificate";
        type Type = super::ShowCertificate;
        type ParentType = gio::TlsInteraction;
    }

    impl ObjectImpl for ShowCertificate {}

    // SAFETY: the one method that is overridden has the signature GLib's class structure asks for.
    unsafe impl IsSubclassable<ShowCertificate> for gio::TlsInteraction {
        fn class_init(class: &mut glib::Class<Self>) {
            Self::parent_class_init::<ShowCertificate>(class);
            class.as_mut().request_certificate = Some(request_certificate);
        }
    }

    unsafe extern "C" fn request_certificate(
        interaction: *mut gio::ffi::GTlsInteraction,
        connection: *mut gio::ffi::GTlsConnection,
        _flags: gio::ffi::GTlsCertificateRequestFlags,
        _cancellable: *mut gio::ffi::GCancellable,
        _error: *mut *mut glib::ffi::GError,
    ) -> gio::ffi::GTlsInteractionResult {
        // SAFETY: GLib calls this with two live objects.
        let (interaction, connection): (gio::TlsInteraction, gio::TlsConnection) =
            unsafe { (from_glib_none(interaction), from_glib_none(connection)) };
        let this = interaction.downcast::<super::ShowCertificate>().unwrap();
        let (certificate, key) = this.imp().files.get().unwrap();
        connection.set_certificate(&gio::TlsCertificate::from_files(certificate, key).unwrap());
        gio::ffi::G_TLS_INTERACTION_HANDLED
    }
}
