//! An S3 server on this machine, over TLS, with files behind it: what is in the bucket is in a directory.

#![allow(dead_code, reason = "each test uses its own part")]

use ecluse::archive::offsite::{OffsiteSettings, Secret};
use ecluse::pki::{Authority, Usage};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use openssl::ssl::{Ssl, SslAcceptor, SslFiletype, SslMethod};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use tokio::net::TcpListener;
use tokio_openssl::SslStream;

/// Its bucket.
pub const BUCKET: &str = "copies";
/// Its access key.
pub const KEY: &str = "ecluse";

/// An S3 server: another process would speak no other protocol.
pub struct Storage {
    dir: tempfile::TempDir,
    pub authority: Authority,
    acceptor: SslAcceptor,
    pub address: SocketAddr,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Storage {
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("files").join(BUCKET)).unwrap();
        let authority = Authority::open_or_create(dir.path(), "storage authority").unwrap();
        let issued = authority.issue("storage", Usage::Server, &["localhost"], 2).unwrap();
        let mut acceptor = SslAcceptor::mozilla_modern_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_certificate_chain_file(&issued.certificate).unwrap();
        acceptor.set_private_key_file(&issued.key, SslFiletype::PEM).unwrap();
        let address = "127.0.0.1:0".parse().unwrap();
        let mut storage = Self { dir, authority, acceptor: acceptor.build(), address, task: None };
        storage.listen().await;
        storage
    }

    /// Listens, on the same port as before if there was one.
    pub async fn listen(&mut self) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(self.address).unwrap();
        let listener: TcpListener = socket.listen(64).unwrap();
        self.address = listener.local_addr().unwrap();
        let mut service =
            s3s::service::S3ServiceBuilder::new(s3s_fs::FileSystem::new(self.dir.path().join("files")).unwrap());
        service.set_auth(s3s::auth::SimpleAuth::from_single(KEY, "a secret"));
        let (service, acceptor) = (service.build(), self.acceptor.clone());
        self.task = Some(tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (service, acceptor) = (service.clone(), acceptor.clone());
                connections.spawn(async move {
                    let mut tls = SslStream::new(Ssl::new(acceptor.context()).unwrap(), stream).unwrap();
                    if Pin::new(&mut tls).accept().await.is_ok() {
                        let _ =
                            auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(tls), service).await;
                    }
                });
            }
        }));
    }

    /// Goes away, with every connection.
    pub async fn stop(&mut self) {
        let task = self.task.take().unwrap();
        task.abort();
        let _ = task.await;
    }

    pub fn settings(&self) -> OffsiteSettings {
        OffsiteSettings {
            endpoint: format!("https://localhost:{}", self.address.port()),
            region: "eu-west-3".to_owned(),
            bucket: BUCKET.to_owned(),
            prefix: "charenton/3f".to_owned(),
            access_key_id: KEY.to_owned(),
            secret: Secret::new("a secret".to_owned()),
            ca_pem: Some(std::fs::read(self.authority.certificate_path()).unwrap()),
        }
    }

    /// What lies in the bucket, relative to the prefix, in order.
    pub fn files(&self) -> Vec<String> {
        fn walk(dir: &Path, into: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(dir).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, into) } else { into.push(path) }
            }
        }
        let root = self.dir.path().join("files").join(BUCKET).join("charenton/3f");
        let mut found = Vec::new();
        walk(&root, &mut found);
        let mut names: Vec<String> =
            found.iter().map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    pub fn has_of(&self, beginning: &str) -> bool {
        self.files().iter().any(|name| name.starts_with(beginning))
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.dir.path().join("files").join(BUCKET).join("charenton/3f").join(name)).unwrap()
    }
}
