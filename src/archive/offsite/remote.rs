//! The other side: a bucket of an S3-compatible storage, spoken to through the `object_store` crate.

use super::signer::OpenSsl;
use super::{OffsiteError, OffsiteSettings};
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::buffered::BufWriter;
use object_store::path::Path as Name;
use object_store::{BackoffConfig, Certificate, ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// What is sent in one request at most; a segment that is longer goes in parts.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Parts of one segment under way at once: bounds memory, and leaves the line to the cameras.
const PARTS_AT_ONCE: usize = 2;
/// What one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Patience with a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The bucket. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    store: Arc<dyn ObjectStore>,
    prefix: Name,
}

impl Remote {
    /// Settles how to reach it; nothing is sent yet.
    pub fn new(settings: &OffsiteSettings) -> Result<Self, OffsiteError> {
        let mut options = ClientOptions::new()
            .with_timeout(REQUEST_TIMEOUT)
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_user_agent(http::HeaderValue::from_static(concat!("ecluse/", env!("CARGO_PKG_VERSION"))));
        if let Some(pem) = &settings.ca_pem {
            let bundle = Certificate::from_pem_bundle(pem).map_err(OffsiteError::remote("ca_file"))?;
            options = bundle.into_iter().fold(options, ClientOptions::with_root_certificate);
        }
        let store = AmazonS3Builder::new()
            .with_endpoint(settings.endpoint.trim_end_matches('/'))
            .with_region(&settings.region)
            .with_bucket_name(&settings.bucket)
            .with_access_key_id(&settings.access_key_id)
            .with_secret_access_key(settings.secret.expose())
            .with_crypto_provider(Arc::new(OpenSsl))
            // The rules of the configuration allow it on this machine alone.
            .with_allow_http(settings.endpoint.starts_with("http://"))
            // The round comes again by itself; until then the fault should be on the page and not in a queue.
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: 2,
                retry_timeout: Duration::from_secs(20),
            })
            // Deleting many in one request is an extension that not every storage has.
            .with_disable_bulk_delete(true)
            .with_client_options(options)
            .build()
            .map_err(OffsiteError::remote("settings"))?;
        Ok(Self { store: Arc::new(store), prefix: Name::from(settings.prefix.as_str()) })
    }

    fn name(&self, name: &str) -> Name {
        self.prefix.parts().chain(Name::from(name).parts()).collect()
    }

    /// Puts a small file there, whole or not at all.
    pub async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), OffsiteError> {
        self.store.put(&self.name(name), bytes.into()).await.map(drop).map_err(OffsiteError::remote("put"))
    }

    /// Puts a file there as it lies on the disk, whole or not at all; its length in bytes.
    pub async fn put_file(&self, name: &str, path: &Path) -> Result<u64, OffsiteError> {
        let mut file = tokio::fs::File::open(path).await.map_err(OffsiteError::local(path))?;
        let mut writer = BufWriter::with_capacity(self.store.clone(), self.name(name), PART_BYTES)
            .with_max_concurrency(PARTS_AT_ONCE);
        let copied = match tokio::io::copy(&mut file, &mut writer).await {
            // It sees to its own parts from here on, and may not be aborted any more.
            Ok(bytes) => writer.shutdown().await.map(|()| bytes),
            Err(error) => {
                // Parts that wait for their end would cost, and keep footage, for ever. What is said is the first fault.
                let _ = writer.abort().await;
                Err(error)
            }
        };
        copied.map_err(OffsiteError::transfer)
    }

    /// Deletes; what is not there is gone already. Stops at the first that cannot be deleted; the names that are gone.
    pub async fn delete(&self, names: Vec<String>) -> (Vec<String>, Result<(), OffsiteError>) {
        let mut gone = Vec::with_capacity(names.len());
        for name in names {
            match self.store.delete(&self.name(&name)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => gone.push(name),
                Err(error) => return (gone, Err(OffsiteError::remote("delete")(error))),
            }
        }
        (gone, Ok(()))
    }

    /// Everything that is there, relative to the prefix, with its length in bytes.
    pub async fn list(&self) -> Result<Vec<(String, u64)>, OffsiteError> {
        let skip = self.prefix.parts().count();
        let listed = self.store.list(Some(&self.prefix)).map_ok(|object| {
            let name: Name = object.location.parts().skip(skip).collect();
            (name.to_string(), object.size)
        });
        listed.try_collect().await.map_err(OffsiteError::remote("list"))
    }

    /// Brings one file here, whole or not at all.
    pub async fn fetch(&self, name: &str, to: &Path) -> Result<(), OffsiteError> {
        let mut chunks = self.store.get(&self.name(name)).await.map_err(OffsiteError::remote("get"))?.into_stream();
        let part = to.with_extension("part");
        let mut file = tokio::fs::File::create(&part).await.map_err(OffsiteError::local(&part))?;
        while let Some(chunk) = chunks.next().await {
            file.write_all(&chunk.map_err(OffsiteError::remote("get"))?).await.map_err(OffsiteError::local(&part))?;
        }
        file.sync_all().await.map_err(OffsiteError::local(&part))?;
        tokio::fs::rename(&part, to).await.map_err(OffsiteError::local(to))
    }
}
